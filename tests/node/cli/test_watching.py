"""An answer that is shown again and again, and an event stream that goes on."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.instant import SECOND
from node.cli.exits import NO, NO_AGENT, Unable
from node.cli.render import Ink
from node.cli.watching import Last, watch
from tests.node.cli.conftest import ROOT, Ran
from tests.support.fake_agent import STATUS, FakeAgent, ok, peer

Run = Callable[..., Ran]


def flags(**changed: object) -> Namespace:
    return Namespace(**{"json": False, "every": None, "watch": True, **changed})


def stopping_after(looks: int) -> Callable[[float], None]:
    """A rest from which somebody presses Ctrl-C after so many looks."""
    left = [looks]

    def rest(_seconds: float) -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise KeyboardInterrupt

    return rest


def test_without_a_terminal_each_answer_is_printed_and_ctrl_c_is_a_good_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers: Iterator[int] = iter(range(9))
    status = watch(flags(), lambda: {"n": next(numbers)}, lambda body, _ink: [f"n {body['n']}"],
                   stopping_after(3))  # fmt: skip
    assert status == 0
    assert capsys.readouterr().out == "n 0\n\nn 1\n\nn 2\n\n"


def test_with_json_each_answer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    watch(flags(json=True), lambda: {"n": 1}, lambda _body, _ink: [], stopping_after(2))
    assert capsys.readouterr().out == '{"n": 1}\n{"n": 1}\n'


@pytest.mark.parametrize("every", ["1ms", "3d", "soon"])
def test_how_often_has_its_limits(every: str) -> None:
    with pytest.raises(Unable) as no:
        watch(flags(every=every), dict, lambda _body, _ink: [])
    assert no.value.status == 2


def test_a_last_answer_stays_with_its_age_while_the_agent_is_away() -> None:
    seconds = [0]
    last = Last(lambda: seconds[0] * SECOND)
    away = Unable("no_agent", "no agent runs here", "", NO_AGENT)

    def gone() -> dict[str, Any]:
        raise away

    draw = lambda body, _ink: [f"n {body['n']}"]  # noqa: E731
    with pytest.raises(Unable):
        last.page(gone, draw, Ink(False))
    assert last.page(lambda: {"n": 1}, draw, Ink(False)) == ["n 1"]
    seconds[0] = 7
    page = last.page(gone, draw, Ink(False))
    assert page == ["no agent runs here; what follows is from 7 s ago", "", "n 1"]


def test_a_refusal_ends_a_watch() -> None:
    last = Last()
    last.page(dict, lambda _body, _ink: [], Ink(False))

    def refused() -> dict[str, Any]:
        raise Unable("policy", "not you", "", NO)

    with pytest.raises(Unable):
        last.page(refused, lambda _body, _ink: [], Ink(False))


def test_on_a_terminal_status_is_redrawn_until_ctrl_c(state: Path) -> None:
    ours, theirs = pty.openpty()
    with FakeAgent(state) as agent:
        agent.say("status", {**STATUS, "peers": [peer(round_trip_ms=1.25, version="0.3")]})
        command = [sys.executable, "-P", "-m", "node.cli", "status", "--watch", "--every", "200ms"]
        watching = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "160",
                 "LINES": "50"},
        )  # fmt: skip
        os.close(theirs)
        pieces: list[bytes] = []
        reading = threading.Thread(target=_read_all, args=(ours, pieces))
        reading.start()
        try:
            _until(lambda: len(agent.heard) >= 3)
            watching.send_signal(signal.SIGINT)
            assert watching.wait(10) == 0
        finally:
            watching.kill()
            watching.wait()
            reading.join()
        shown = b"".join(pieces).decode()
    assert "bob" in shown
    assert "1.2 ms" in shown
    assert "UDP port 5353 is taken" in shown
    assert "\x1b[?1049l" in shown  # the terminal is given back as it was


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _read_all(terminal: int, pieces: list[bytes]) -> None:
    """What a terminal would show: a screen that nobody reads would stop the program."""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(terminal)


def test_peers_show_how_each_is_reached(state: Path, run: Run) -> None:
    rows = [
        peer(address_kind="wifi", round_trip_ms=0.25, version="0.3", region="attic"),
        peer(id="x" * 26, name="cyd", reachable_by="bob"),
    ]
    with FakeAgent(state, {"status": {**STATUS, "peers": rows}}):
        ran = run("peers")
    for part in ("10.0.0.2:4653 (wifi)", "0.2 ms", "0.3", "attic",
                 "cyd is reachable only by helper bob"):  # fmt: skip
        assert part in ran.out


def event(number: int, kind: str) -> bytes:
    body = {"number": number, "at": "2020-02-03T04:05:06.789+00:00", "age_ms": 5_000, "kind": kind,
            "sentence": f"event {number}", "body": {}}  # fmt: skip
    return json.dumps({"progress": body}).encode() + b"\n"


PAST = [event(1, "peer.alive"), event(2, "standing"), ok({"events": 2})]


def test_events_are_told_with_their_time_and_age(state: Path, run: Run) -> None:
    with FakeAgent(state, {"events": PAST}) as agent:
        ran = run("events", "--since", "10m")
    assert agent.heard == [{"type": "events", "since_ms": 600_000, "follow": False}]
    assert ran.status == 0
    first, second = ran.out.splitlines()
    assert first == "2020-02-03 04:05:06Z  peer.alive        event 1  (5 s ago)"
    assert "standing" in second


def test_events_in_json_are_one_object_per_line_and_may_be_chosen_by_kind(
    state: Path, run: Run
) -> None:
    with FakeAgent(state, {"events": PAST}) as agent:
        ran = run("events", "--json", "--kind", "peer")
    assert agent.heard[0]["since_ms"] is None
    (line,) = ran.out.splitlines()
    assert json.loads(line)["kind"] == "peer.alive"


def test_who_follows_is_told_when_the_agent_stops(state: Path, run: Run) -> None:
    with FakeAgent(state, {"events": [event(3, "peer.dead")]}) as agent:
        ran = run("events", "--follow")
    assert agent.heard == [{"type": "events", "since_ms": 0, "follow": True}]
    assert "peer.dead" in ran.out
    assert (ran.status, ran.err.splitlines()[0]) == (1, "holdfast: the agent has stopped")


def test_a_kind_of_event_that_there_is_not_is_wrong_usage_and_not_an_empty_answer(run: Run) -> None:
    ran = run("events", "--kind", "peers")
    assert (ran.status, ran.out) == (2, "")
    assert "'peers' is no kind of event" in ran.err
    assert "peer" in ran.err.splitlines()[-1]
