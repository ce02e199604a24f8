"""People at each node: they ask for room, confirm, give back, and write down every answer."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from mesh.instant import SECOND, Duration
from node.shell import clock
from simulations.demo.nodes import Node, StepFailed
from simulations.truth.history import Asked, Shown

MIB: Final = 1 << 20
SHARE_MIB: Final = 512
AMOUNTS_MIB: Final = (60, 120, 200, 300, 400)
TERMS_SECONDS: Final = (5, 20, 600, 600)
PAUSE_SECONDS_MAX: Final = 0.1
AWAY: Final[dict[str, Any]] = {}
"""No agent was there to be asked."""
REFUSED_SECONDS: Final = 0.1
AWAY_SECONDS: Final = 0.1
"""How long to wait before asking an agent again that is not there."""


@dataclass(slots=True)
class Diary:
    """All that was asked and shown, by everyone. Each list only grows."""

    asked: list[Asked] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)

    def write(self, file: Path) -> None:
        """All of it as JSON lines, in the order of beginning, for whoever must find out why."""
        both: list[Asked | Shown] = [*self.asked, *self.shown]
        rows = sorted(both, key=lambda one: one.began)
        file.write_bytes(b"".join(msgspec.json.encode(row._asdict()) + b"\n" for row in rows))


class Person(threading.Thread):
    """Asks one agent, one thing after the other, until told to stop."""

    def __init__(self, node: Node, owners: list[str], diary: Diary, seed: str) -> None:
        super().__init__(name=seed, daemon=True)
        self._node = node
        self._owners = owners
        self._diary = diary
        self._dice = Random(seed)
        self._mine: list[Asked] = []
        """What was granted here and not given back."""
        self._enough = threading.Event()

    def stop(self) -> None:
        """Finish what was begun, and ask no more."""
        self._enough.set()

    def run(self) -> None:
        while not self._enough.wait(self._dice.random() * PAUSE_SECONDS_MAX):
            if self._mine and self._dice.random() < 0.55:
                self._release(self._mine.pop(self._dice.randrange(len(self._mine))))
            else:
                self._reserve(hold_only=self._dice.random() < 0.25)

    def _reserve(self, *, hold_only: bool) -> None:
        amount = self._dice.choice(AMOUNTS_MIB)
        term = self._dice.choice(TERMS_SECONDS) * SECOND
        owner = self._dice.choice(self._owners)
        ask = {"ram": f"{amount}MiB"} | ({"node": owner} if self._dice.random() < 0.8 else {})
        began = clock.now()
        answer = self._ask(
            type="reserve", ask=ask, term_ms=term * 1000 // SECOND, hold_only=hold_only,
            wait_for_opening=False,
        )  # fmt: skip
        one = self._noted("hold" if hold_only else "reserve", began, answer, amount * MIB, term)
        if one.outcome != "granted":
            time.sleep(REFUSED_SECONDS)
            return
        if hold_only:
            if self._dice.random() < 0.3:
                return  # Changed its mind, and says so to nobody: the hold lapses.
            began = clock.now()
            posted = self._ask(type="post", id=one.hold)
            one = self._noted("post", began, posted, one.amount, term, one.hold)
        if one.outcome == "granted":
            self._mine.append(one)

    def _release(self, one: Asked) -> None:
        began = clock.now()
        answer = self._ask(type="release", id=one.hold)
        self._noted("release", began, answer, one.amount, one.term, one.hold)

    def _noted(
        self, kind: str, began: int, answer: dict[str, Any], amount: int, term: Duration,
        hold: str = "",
    ) -> Asked:  # fmt: skip
        """One line in the diary, unless nobody was there to hear the request."""
        body = answer.get("ok") or {}
        outcome = "granted" if body else "refused" if _surely_not(answer) else "unknown"
        one = Asked(
            self._node.name, kind, began, clock.now(), outcome, body.get("id", hold),
            body.get("owner", {}).get("name", ""), amount, term,
        )  # fmt: skip
        if answer is not AWAY:
            self._diary.asked.append(one)
        return one

    def _ask(self, **request: Any) -> dict[str, Any]:
        try:
            return self._node.ask(**request)
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(AWAY_SECONDS)
            return AWAY
        except (OSError, StepFailed, json.JSONDecodeError):
            return {}  # The door was shut in the middle: done or not, who knows.


def _surely_not(answer: dict[str, Any]) -> bool:
    refused = answer.get("refused")
    return refused is not None and refused["code"] not in ("unknown", "timeout")


def look_at_books(node: Node, diary: Diary) -> None:
    """Write down an owner's own books, if it is open before and after in one life."""
    try:
        began = clock.now()
        before = node.granted(type="status")
        holds = node.granted(type="holds")["holds"]
        after = node.granted(type="status")
        ended = clock.now()
    except (OSError, StepFailed, json.JSONDecodeError):
        return
    one_life = before["node"]["epoch"] == after["node"]["epoch"]
    if one_life and all(seen["standing"]["state"] == "open" for seen in (before, after)):
        own = {row["id"]: row["state"] for row in holds if row["owner"]["name"] == node.name}
        diary.shown.append(Shown(node.name, began, ended, own))
