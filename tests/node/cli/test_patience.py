"""`reserve --wait`, over a restart of the agent that was asked."""

from argparse import Namespace
from typing import Any

import pytest

from mesh.instant import SECOND
from node.cli import patience
from node.cli.client import no_agent
from node.cli.exits import Unable

FLAGS = Namespace(json=False, state=None)
CUT = Unable("cut_short", "the agent stopped before it had answered")


class Door:
    """An agent's door: what comes of each time it is asked, and when that was."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ends: Any) -> None:
        self.ends = list(ends)
        self.asked: list[dict[str, Any]] = []
        self.now = 0
        monkeypatch.setattr(patience, "answer", self.answer)
        monkeypatch.setattr(patience, "now", lambda: self.now)
        monkeypatch.setattr(patience, "sleep", self.sleep)

    def answer(self, _flags: Namespace, request: dict[str, Any], _silence: float) -> Any:
        self.asked.append(dict(request))
        self.now += 10 * SECOND
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, Unable):
            raise end
        return end

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def wait(self, minutes: int = 5) -> Any:
        request = {"type": "reserve", "wait_ms": minutes * 60_000}
        return patience.answer_in_time(FLAGS, request, 120.0)


def away(tmp_path: Any) -> Unable:
    return no_agent(tmp_path)


def test_it_asks_again_under_the_same_name_for_what_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    door = Door(monkeypatch, CUT, away(tmp_path), away(tmp_path), {"id": "1"})
    assert door.wait() == {"id": "1"}
    assert len({request["wish"] for request in door.asked}) == 1
    assert [request["wait_ms"] for request in door.asked] == [300_000, 289_500, 279_000, 268_500]


def test_who_finds_no_agent_at_first_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    door = Door(monkeypatch, away(tmp_path))
    with pytest.raises(Unable, match="no agent runs"):
        door.wait()
    assert len(door.asked) == 1


def test_an_agent_that_stays_away_ends_it_and_says_that_its_places_are_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    door = Door(monkeypatch, CUT, away(tmp_path))
    with pytest.raises(Unable, match="its places in lines are gone") as ended:
        door.wait()
    assert ended.value.status == 3
    assert door.now < 2 * patience.AWAY_MAX


def test_a_no_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(monkeypatch, CUT, Unable("timeout", "no room became free"))
    with pytest.raises(Unable, match="no room became free"):
        door.wait()
