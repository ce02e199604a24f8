"""Joining by invite, over real TLS: each step said, and each way in which it does not work."""

import socket
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

import node
from mesh.effects import Address
from mesh.keys.secret import Secret
from node.cli import detached
from node.cli.welcome import HINT, join_lines, welcome
from node.config import UpOptions
from node.core.requests import Refused
from tests.node.cli.conftest import Ran
from tests.support.fake_agent import BODIES, FakeAgent
from tests.support.fake_member import FakeMember

Run = Callable[..., Ran]

SECRET = Secret(Random(7).randbytes(32))
OTHER = Secret(Random(8).randbytes(32))
NOBODY = Address("127.0.0.1", 9)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[UpOptions]:
    """Agents started in this process: none runs, each is only noted."""
    notes: list[UpOptions] = []
    app = types.ModuleType("node.process")

    def main(options: UpOptions) -> int:
        notes.append(options)
        return 0

    app.main = main  # type: ignore[attr-defined] # a stand-in module
    monkeypatch.setitem(sys.modules, "node.process", app)
    monkeypatch.setattr(node, "process", app, raising=False)
    monkeypatch.setattr("node.cli.commands.join.follow", lambda *_args: True)
    return notes


@pytest.fixture
def member() -> Iterator[FakeMember]:
    with FakeMember(SECRET) as member:
        yield member


def test_an_invite_brings_the_secret_and_the_agent_starts(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    ran = run("join", member.invite(), "--name", "bob", "--port", "5000")
    assert ran.status == 0
    secret_file = state / "secret"
    assert secret_file.read_text().strip() == SECRET.text
    assert secret_file.stat().st_mode & 0o777 == 0o600
    assert [(options.name, options.port) for options in started] == [("bob", 5000)]
    assert started[0].seeds == (tuple(member.address),)
    for step in ("the invite is whole", "dialling 127.0.0.1", "answered with its own key",
                 "took the token", "made this node's key", "kept the secret"):  # fmt: skip
        assert step in ran.err
    assert SECRET.text not in ran.out + ran.err
    assert member.guests == [None]


def test_what_a_start_would_refuse_is_refused_before_the_invite_is_spent(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    invite = member.invite()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, sentence in (
            (("--offer", "ram=900TiB,cores=1"), "is more than"),
            (("--offer", "ram=64MiB,cores=0.1,gpu=GPU-none"), "GPU-none"),
            (("--port", str(port), "--offer", "ram=64MiB,cores=0.1"), str(port)),
            (("--interface", "hf-none0"), "hf-none0"),
        ):
            ran = run("join", invite, *words)
            assert ran.status == 1
            assert sentence in ran.err
            assert "the invite was not used" in ran.err
    assert member.guests == []
    assert not (state / "secret").exists()
    assert run("join", invite, "--offer", "ram=64MiB,cores=0.1").status == 0


def test_an_invite_works_once(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    invite = member.invite()
    assert run("join", invite).status == 0
    again = run("join", invite, "--state", str(state / "b"))
    assert again.status == 1
    assert "used already" in again.err
    assert again.err.count("holdfast invite") == 1
    assert "took the token" not in again.err
    assert not (state / "b" / "secret").exists()
    assert len(started) == 1


def test_an_invite_that_has_expired_or_was_never_made_says_so(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    late = member.invite()
    member.now = 2 * 3_600 * 10**9
    for invite in (late, member.unknown_invite()):
        ran = run("join", invite)
        assert ran.status == 1
        assert "expired" in ran.err
    assert not (state / "secret").exists()
    assert started == []


def test_the_next_address_is_tried_when_nobody_answers_at_the_first(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    ran = run("join", member.invite(NOBODY, member.address))
    assert ran.status == 0
    assert "dialling 127.0.0.1:9" in ran.err
    assert len(started) == 1
    assert (state / "secret").exists()


def test_nobody_at_any_address_is_said_with_what_to_check(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    ran = run("join", member.invite(NOBODY))
    assert ran.status == 1
    assert "cannot be reached" in ran.err
    assert "firewall" in ran.err
    assert started == []
    assert not (state / "secret").exists()


def test_another_key_at_the_address_hears_no_token(
    member: FakeMember, run: Run, state: Path, started: list[UpOptions]
) -> None:
    with FakeMember(SECRET, seed=2) as impostor:
        ran = run("join", member.invite(impostor.address))
        assert impostor.guests == []
    assert ran.status == 1
    assert "the key there is not that of" in ran.err
    assert started == []


def test_a_secret_of_another_mesh_is_not_kept(
    state: Path, run: Run, started: list[UpOptions]
) -> None:
    with FakeMember(SECRET, told=OTHER) as liar:
        ran = run("join", liar.invite())
    assert ran.status == 1
    assert "of another mesh than the invite" in ran.err
    assert not (state / "secret").exists()
    assert started == []


def test_a_mistyped_invite_is_found_before_anybody_is_dialled(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    invite = member.invite()
    slip = invite[:-3] + ("a" if invite[-3] != "a" else "b") + invite[-2:]
    ran = run("join", slip)
    assert ran.status == 1
    assert "mistyped" in ran.err
    assert member.guests == []


def test_a_node_of_another_mesh_is_not_moved_by_an_invite(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    (state / "secret").write_text(OTHER.text + "\n")
    (state / "secret").chmod(0o600)
    ran = run("join", member.invite())
    assert ran.status == 1
    assert "already belongs to another mesh" in ran.err
    assert "--state" in ran.err
    assert member.guests == []
    assert (state / "secret").read_text().strip() == OTHER.text


def test_a_node_that_is_in_the_mesh_already_spends_no_token(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    (state / "secret").write_text(SECRET.text + "\n")
    (state / "secret").chmod(0o600)
    ran = run("join", member.invite())
    assert ran.status == 0
    assert "the invite was not used" in ran.err
    assert [asked["type"] for asked in member.asked] == ["status"], "does the mesh know our key?"
    assert len(started) == 1


def test_join_and_up_refuse_where_an_agent_already_runs(
    member: FakeMember, state: Path, run: Run, started: list[UpOptions]
) -> None:
    with FakeAgent(state):
        for words in (("join", member.invite()), ("up",)):
            ran = run(*words)
            assert ran.status == 1
            assert f"an agent already runs on this state folder ({state})" in ran.err
    assert member.guests == []
    assert started == []


def test_a_secret_file_joins_without_an_invite(
    state: Path, tmp_path: Path, run: Run, started: list[UpOptions],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "secret"
    file.write_text(SECRET.text)
    assert run("join", "--secret-file", str(file)).status == 0
    monkeypatch.setenv("HOLDFAST_SECRET_FILE", str(file))
    assert run("join", "--state", str(state / "b")).status == 0
    for folder in (state, state / "b"):
        assert (folder / "secret").read_text().strip() == SECRET.text
    assert [options.secret_file for options in started] == [None, None]


def test_a_typed_secret_is_unechoed_and_a_typed_passphrase_is_stretched(
    state: Path, run: Run, started: list[UpOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    phrase = "correct horse battery staple paperclip umbrella"
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: SECRET.text)
    assert run("join").status == 0
    monkeypatch.setattr("getpass.getpass", lambda _prompt: phrase)
    assert run("join", "--state", str(state / "b")).status == 0
    assert (state / "secret").read_text().strip() == SECRET.text
    kept = (state / "b" / "secret").read_text().strip()
    assert kept == Secret.from_passphrase(phrase).text


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        (SECRET.text[:-2], 1, "secret"),
        (SECRET.text[:-3] + "zzz", 1, "mistyped"),
        ("password", 1, "could be guessed"),
        ("", 2, "the secret is empty"),
    ],
    ids=str,
)
def test_a_wrong_or_weak_secret_is_refused_and_never_quoted(
    typed: str, status: int, said: str, state: Path, tmp_path: Path, run: Run,
    started: list[UpOptions],
) -> None:  # fmt: skip
    file = tmp_path / "secret"
    file.write_text(typed)
    ran = run("join", "--secret-file", str(file))
    assert ran.status == status
    assert said in ran.err
    assert not typed or typed not in ran.err
    assert started == []
    assert list(state.iterdir()) == []


def test_a_first_up_makes_key_and_secret_and_says_how_the_next_machine_joins(
    state: Path, run: Run, started: list[UpOptions]
) -> None:
    ran = run("up", "--name", "ann")
    assert ran.status == 0
    text = (state / "secret").read_text().strip()
    assert Secret.parse(text).text == text
    assert "made this node's key" in ran.out
    assert "made a new mesh" in ran.out
    assert "holdfast invite" in ran.out
    assert text not in ran.out + ran.err
    again = run("up")
    assert "made" not in again.out
    assert (state / "secret").read_text().strip() == text
    assert [options.name for options in started] == ["ann", "ann"]


def test_on_a_terminal_the_first_up_of_a_mesh_prints_the_join_line_and_a_log_never_does(
    state: Path, run: Run, started: list[UpOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[Path] = []
    monkeypatch.setattr("node.cli.commands.up.welcome", lambda path, _tell: watched.append(path))
    assert "holdfast invite" in run("up").out
    assert watched == []
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ran = run("up", "--state", str(state / "b"))
    assert "holdfast invite" not in ran.out
    run("up", "--state", str(state / "b"))
    assert watched == [state / "b"], "a mesh that is there already needs no welcome"


def test_detached_the_join_line_comes_with_the_answer_but_not_into_json(
    state: Path, run: Run, started: list[UpOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = detached.Started(7, state / "agent.log")
    monkeypatch.setattr("node.cli.detached.start", lambda *_args: ready)
    monkeypatch.setattr("node.cli.starting.client.running", lambda _state: False)
    with FakeAgent(state) as agent:
        first = run("up", "--detach").out
        again = run("up", "--detach").out
    assert first.endswith(
        "on the next machine: holdfast join hfi1-abcd-efgh\n"
        "  good once, within 1 h; another one any time: holdfast invite\n"
    )
    assert "hfi1" not in again
    assert len(agent.heard) == 1
    with FakeAgent(state / "b") as agent:
        assert "hfi1" not in run("up", "--detach", "--json", "--state", str(state / "b")).out
    assert agent.heard == []


def test_the_join_line_waits_for_the_agent_and_gives_way_to_a_hint(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("node.cli.welcome.LOOKS_MAX", 3)
    rests: list[float] = []
    welcome(state, told.append, rests.append)
    assert len(rests) == 3
    assert told == [HINT]
    told.clear()
    here = ["127.0.0.1:4653", "[::1]:4653"]
    with FakeAgent(state, {"invite": {**BODIES["invite"], "addresses": here}}):
        welcome(state, told.append, rests.append)
    assert told[0] == "for the next agent on this machine: holdfast join hfi1-abcd-efgh"
    with FakeAgent(state / "b", {"invite": Refused("not_possible", "no address")}):
        assert join_lines(state / "b") == [HINT]


def test_a_secret_file_of_another_mesh_changes_nothing(
    state: Path, tmp_path: Path, run: Run, started: list[UpOptions]
) -> None:
    run("up")
    kept = (state / "secret").read_text()
    file = tmp_path / "secret"
    file.write_text(OTHER.text)
    ran = run("up", "--secret-file", str(file))
    assert ran.status == 1
    assert "another mesh" in ran.err
    assert (state / "secret").read_text() == kept
    assert len(started) == 1


def test_a_state_folder_that_others_may_write_to_is_refused(
    state: Path, run: Run, started: list[UpOptions]
) -> None:
    state.chmod(0o777)
    ran = run("up")
    assert ran.status == 1
    assert "chmod 700" in ran.err
    assert started == []


def test_keys_show_names_the_mesh_and_reveals_only_on_demand(
    state: Path, run: Run, started: list[UpOptions]
) -> None:
    none = run("keys", "show")
    assert none.status == 1
    assert "no mesh secret" in none.err
    run("up")
    text = (state / "secret").read_text().strip()
    plain = run("keys", "show")
    assert plain.status == 0
    assert text not in plain.out
    hidden = run("keys", "show", "--reveal")
    assert hidden.status == 2
    assert text not in hidden.out + hidden.err
    assert text in run("keys", "show", "--reveal", "--yes").out
    assert text not in run("keys", "show", "--json").out
