"""The commands about who is one of us, against an agent that speaks the contract."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.config import ConfigError, settle
from node.core.requests import decode_request
from tests.node.cli.conftest import Ran
from tests.support.fake_agent import HOLD_ID, PEER_ID, STATUS, FakeAgent, peer

Run = Callable[..., Ran]
TRUSTED: dict[str, Any] = {
    "id": PEER_ID, "name": "bob", "trusted": True, "policy": "allow-list", "counts": False,
    "why_not": "it has not been met yet",
}  # fmt: skip
PINS = {
    "policy": "tofu",
    "pins": [{"name": "bob", "id": PEER_ID}],
    "listed": [{"id": PEER_ID, "name": "cyd", "trusted": False, "by": "a person"}],
}
FORGOT = {"id": PEER_ID, "name": "bob", "reason": "it burnt", "given_up": [HOLD_ID]}
GONE = {"forgotten": [{"id": PEER_ID, "name": "bob", "by": "ann", "reason": "it burnt"}]}
ANSWERS = {"trust": TRUSTED, "pins": PINS, "forget": FORGOT, "forgotten": GONE}

ASKED: list[tuple[tuple[str, ...], dict[str, Any], list[str]]] = [
    (("peers", "trust", "bob"), {"type": "trust", "node": "bob", "trusted": True},
     ["bob", "allow-list", "no: it has not been met yet"]),
    (("peers", "untrust", "bob"), {"type": "trust", "node": "bob", "trusted": False}, ["bob"]),
    (("peers", "pins"), {"type": "pins"}, ["policy tofu", "not trusted", "a person", "seen first"]),
    (("peers", "forgotten"), {"type": "forgotten"}, ["bob", "ann", "it burnt"]),
    (("forget", "bob", "--force", "--reason", "it burnt"),
     {"type": "forget", "node": "bob", "force": True, "reason": "it burnt"},
     ["bob", "it burnt", HOLD_ID[:12]]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "asked", "shown"), ASKED, ids=lambda value: str(value)[:30])
def test_each_asks_what_the_agent_understands_and_shows_what_came_of_it(
    words: tuple[str, ...], asked: dict[str, Any], shown: list[str], state: Path, run: Run
) -> None:
    with FakeAgent(state, ANSWERS) as agent:
        ran = run(*words)
    assert ran.status == 0
    assert agent.heard == [asked]
    assert decode_request(json.dumps(asked).encode())
    for part in shown:
        assert part in ran.out


@pytest.mark.parametrize(
    "words",
    [("peers", "trust"), ("peers", "untrust", "bob", "--reason", "x"), ("peers", "pins", "bob"),
     ("peers", "forgotten", "bob"), ("forget", "bob", "--force"), ("forget",)],
)  # fmt: skip
def test_what_is_written_wrongly_asks_nothing(
    words: tuple[str, ...], state: Path, run: Run
) -> None:
    with FakeAgent(state, ANSWERS) as agent:
        assert run(*words).status == 2
    assert agent.heard == []


@pytest.mark.parametrize(("already", "shown"), [(False, "succeeded"), (True, "done already")])
def test_a_succession_that_is_said_twice_ends_well_and_says_so(
    already: bool, shown: str, state: Path, run: Run
) -> None:
    body = {
        "predecessor": {"id": PEER_ID, "name": "oak"}, "denied": False, "already": already,
        "kept": [], "broken": [], "planned": [], "silent": [],
    }  # fmt: skip
    with FakeAgent(state, {"succeed": body}):
        ran = run("succeed", "oak", "--reason", "the disk broke")
    assert ran.status == 0
    assert shown in ran.out
    assert ("its old key is refused" in ran.err) is not already


def test_who_does_not_count_is_listed_with_the_reason_and_status_shows_the_policy(
    state: Path, run: Run
) -> None:
    roll = [peer(trust="verified", objection="it is not on the list of those this node trusts")]
    body = {**STATUS, "peers": roll, "mesh": {**STATUS["mesh"], "trust": "allow-list"}}
    with FakeAgent(state, {"status": body}):
        peers, status = run("peers"), run("status")
    for ran in (peers, status):
        assert "bob: it is not on the list of those this node trusts" in ran.out
    assert "trust     allow-list" in status.out


def test_the_policy_and_the_list_are_settings_like_any_other() -> None:
    ids = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
    said = settle({}, {"HOLDFAST_TRUST": "allow-list", "HOLDFAST_TRUSTED": ids}, {})
    assert (said["trust"].value, said["trusted"].value) == ("allow-list", (ids,))
    assert settle({}, {}, {})["trust"].value == "secret"
    with pytest.raises(ConfigError, match="no policy of trust: secret, tofu, allow-list"):
        settle({"trust": "anybody"}, {}, {})
    with pytest.raises(ConfigError, match="whole id"):
        settle({"trusted": ["bob"]}, {}, {})
