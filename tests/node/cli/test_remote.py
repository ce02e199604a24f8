"""`--peer`: the same question to another node, over real TLS, with or without an agent here."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from mesh.keys.secret import Secret
from tests.node.cli.conftest import Ran
from tests.support.fake_agent import BODIES, FACTS, STATUS, FakeAgent, peer
from tests.support.fake_member import FakeMember

Run = Callable[..., Ran]

SECRET = Secret(Random(7).randbytes(32))
OTHER = Secret(Random(8).randbytes(32))


@pytest.fixture
def member() -> Iterator[FakeMember]:
    with FakeMember(SECRET) as member:
        yield member


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    file = tmp_path / "secret"
    file.write_text(SECRET.text)
    return str(file)


def _at(member: FakeMember) -> str:
    return f"{member.address.host}:{member.address.port}"


@pytest.mark.parametrize("words", [("status",), ("facts",), ("holds",), ("where", "--ram", "1GiB")])
def test_a_machine_without_an_agent_asks_a_peer_with_the_secret_alone(
    words: tuple[str, ...], member: FakeMember, secret_file: str, state: Path, run: Run
) -> None:
    member.answer = json.dumps({"ok": BODIES[words[0]]}).encode()
    ran = run(*words, "--peer", _at(member), "--secret-file", secret_file, "--json")
    assert ran.status == 0
    assert json.loads(ran.out) == BODIES[words[0]]
    assert [request["type"] for request in member.asked] == [words[0]]
    assert member.guests[0] is not None
    assert list(state.iterdir()) == []


def test_the_secret_may_come_from_the_environment_or_the_state_folder(
    member: FakeMember, secret_file: str, state: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    member.answer = json.dumps({"ok": FACTS}).encode()
    missing = run("facts", "--peer", _at(member))
    assert missing.status == 1
    assert "--peer needs the mesh's secret" in missing.err
    monkeypatch.setenv("HOLDFAST_SECRET_FILE", secret_file)
    assert run("facts", "--peer", _at(member)).status == 0
    monkeypatch.delenv("HOLDFAST_SECRET_FILE")
    (state / "secret").write_text(SECRET.text)
    (state / "secret").chmod(0o600)
    assert run("facts", "--peer", _at(member)).status == 0


def test_a_name_is_looked_up_on_the_roll_of_the_agent_here(
    member: FakeMember, secret_file: str, state: Path, run: Run
) -> None:
    member.answer = json.dumps({"ok": FACTS}).encode()
    roll = [peer(name="Bob", address=_at(member)), peer(name="cid", id="zzzz" * 6, address=None)]
    with FakeAgent(state, {"status": {**STATUS, "peers": roll}}) as agent:
        assert run("facts", "--peer", "bob", "--secret-file", secret_file).status == 0
        assert run("facts", "--peer", "eeee", "--secret-file", secret_file).status == 0
        lost = run("facts", "--peer", "cid", "--secret-file", secret_file)
    assert lost.status == 1
    assert "not at which address" in lost.err
    assert {request["type"] for request in agent.heard} == {"status"}
    assert len(member.asked) == 2


def test_two_nodes_of_one_name_must_be_told_apart(secret_file: str, state: Path, run: Run) -> None:
    roll = [peer(name="bob"), peer(name="bob", id="zzzz" * 6)]
    with FakeAgent(state, {"status": {**STATUS, "peers": roll}}):
        ran = run("facts", "--peer", "bob", "--secret-file", secret_file)
    assert ran.status == 2
    assert "could be any of" in ran.err


def test_another_secret_gets_no_answer_and_a_reason(
    member: FakeMember, tmp_path: Path, state: Path, run: Run
) -> None:
    file = tmp_path / "other"
    file.write_text(OTHER.text)
    ran = run("facts", "--peer", _at(member), "--secret-file", str(file))
    assert ran.status == 1
    assert "no answer from" in ran.err
    assert "same mesh" in ran.err
    assert member.asked == []


def test_nobody_at_the_address_is_exit_1(secret_file: str, state: Path, run: Run) -> None:
    ran = run("facts", "--peer", "127.0.0.1:9", "--secret-file", secret_file)
    assert ran.status == 1
    assert "no answer from '127.0.0.1:9'" in ran.err


def test_a_text_that_is_no_address_is_named(secret_file: str, state: Path, run: Run) -> None:
    ran = run("facts", "--peer", "no such/host", "--secret-file", secret_file)
    assert ran.status == 1
    assert "neither a node" in ran.err


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (b'{"refused": {"code": "policy", "sentence": "not you", "hint": ""}}', 4, "not you"),
        (b"{]", 1, "cannot be read"),
        (b"", 1, "cannot be read"),
        (b"[]", 1, "cannot be read"),
        (b"{}", 1, "neither a yes nor a no"),
        (b'{"ok": {"knots": []}}', 1, "the answer to `facts` lacks nodes"),
    ],
    ids=str,
)
def test_a_peers_no_is_shown_like_our_own_agents(
    answer: bytes, status: int, said: str, member: FakeMember, secret_file: str, state: Path,
    run: Run,
) -> None:  # fmt: skip
    member.answer = answer
    ran = run("facts", "--peer", _at(member), "--secret-file", secret_file)
    assert ran.status == status
    assert said in ran.err
