"""`--detach`, and the steps of a joining, against agents that live for one test."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.cli import detached
from node.cli.exits import Unable
from node.cli.following import follow
from node.cli.parser import build, parse
from node.cli.settings import up_options
from tests.node.cli.conftest import ROOT
from tests.support.fake_agent import STATUS, FakeAgent, peer

AGENT = """
import sys, threading
from pathlib import Path
from tests.support.fake_agent import FakeAgent
print("began with", sys.argv[1:], flush=True)
with FakeAgent(Path(sys.argv[sys.argv.index("--state") + 1])):
    threading.Event().wait(60)
"""
REFUSES = """
import sys
print("an event before it")
print("holdfast: UDP port 4653 is taken; choose another with --port", file=sys.stderr)
sys.exit(4)
"""


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pids: list[int] = []

    def start(state: Path, program: str, *words: str) -> detached.Started:
        flags = parse(build(), ["up", "--detach", *words])
        options = up_options(state, flags)
        started = detached.start(options, flags, (sys.executable, "-c", program))
        pids.append(started.pid)
        return started

    yield start
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_detach_returns_once_the_agent_answers_and_names_its_log(state: Path, command: Any) -> None:
    started = command(state, AGENT, "--name", "ann", "--seed", "a:1", "--seed", "b", "--first")
    said = started.log.read_text()
    assert f"['up', '--state', '{state}', " in said
    for word in ("'--name=ann'", "'--seed=a:1'", "'--seed=b'", "'--first'"):
        assert word in said
    assert "--detach" not in said
    assert started.log.stat().st_mode & 0o777 == 0o600
    assert os.getsid(started.pid) == started.pid


def test_an_agent_that_refuses_to_start_is_reported_in_its_own_words(
    state: Path, command: Any
) -> None:
    (state / "agent.log").write_text("holdfast: an older reason\n")
    with pytest.raises(Unable) as no:
        command(state, REFUSES)
    assert no.value.sentence == (
        "the agent stopped while starting (exit 4): "
        "UDP port 4653 is taken; choose another with --port"
    )
    assert str(state / "agent.log") in no.value.hint
    assert no.value.status == 4


def test_an_agent_that_dies_speechless_or_crashes_is_reported_too(
    state: Path, command: Any
) -> None:
    with pytest.raises(Unable, match=r"exit 1\): it said nothing"):
        command(state, "import sys; sys.exit(1)")
    with pytest.raises(Unable, match="ZeroDivisionError"):
        command(state, "1 / 0")


def test_a_log_that_cannot_be_written_is_named(state: Path, command: Any) -> None:
    (state / "agent.log").symlink_to("/dev/null")
    with pytest.raises(Unable, match="cannot be written"):
        command(state, AGENT)


# Following a joining ------------------------------------------------------------------------------


def _followed(state: Path, *rolls: list[dict[str, Any]]) -> tuple[bool, list[str]]:
    """What is told while the roll goes through `rolls`, one look after the other."""
    told: list[str] = []
    waiting = list(rolls)
    with FakeAgent(state, {"status": {**STATUS, "peers": waiting.pop(0)}}) as agent:

        def rest(_seconds: float) -> None:
            if waiting:
                agent.say("status", {**STATUS, "peers": waiting.pop(0)})

        return follow(state, told.append, rest), told


def test_a_joining_is_told_step_by_step_and_each_step_once(state: Path) -> None:
    met = peer(trust="discovered", facts={}, log=None, name=None)
    proven = peer(facts={}, log=None)
    seen, told = _followed(state, [], [met], [met], [proven], [peer(log=None)], [peer()])
    assert seen
    assert told == [
        "found eeeeeeeeff at 10.0.0.2:4653",
        "verified bob (eeeeeeeeff): it answered our challenge with its own key",
        "heard the facts of bob (eeeeeeeeff): inventory, live, standing",
        "keep the ledger of bob (eeeeeeeeff)",
        "joined: bob and this node see each other",
    ]


def test_a_peer_is_found_once_it_has_an_address(state: Path) -> None:
    met = peer(trust="discovered", facts={}, log=None, name=None)
    _seen, told = _followed(state, [{**met, "address": None}], [met], [peer()])
    assert [line for line in told if "found" in line] == ["found eeeeeeeeff at 10.0.0.2:4653"]


def test_a_peer_that_is_gone_does_not_hold_up_the_joining(state: Path) -> None:
    gone = peer(id="z" * 26, name="old", liveness="dead", facts={}, log=None)
    seen, _told = _followed(state, [gone, peer()])
    assert seen


def test_a_peer_in_its_first_quarantine_has_no_ledger_to_wait_for(state: Path) -> None:
    seen, told = _followed(state, [peer(log=None, standing="quarantine")])
    assert seen
    assert not any("ledger" in line for line in told)


@pytest.mark.parametrize(
    ("roll", "said"),
    [
        ([], "no other node has been heard"),
        ([peer(trust="discovered", facts={}, log=None)], "another secret, or a firewall"),
        ([peer(facts={})], "goes on in the background"),
    ],
    ids=["nobody", "unproven", "slow"],
)
def test_a_joining_that_does_not_come_about_says_why(
    roll: list[dict[str, Any]], said: str, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.cli.following.LOOKS_MAX", 3)
    seen, told = _followed(state, roll)
    assert not seen
    assert said in told[-1]


def test_following_an_agent_that_is_not_there_tells_and_never_raises(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.cli.following.LOOKS_MAX", 2)
    told: list[str] = []
    assert not follow(state, told.append, lambda _seconds: None)
    assert "holdfast doctor" in told[-1]
