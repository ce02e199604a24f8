"""People at each node: they ask for room, confirm, give back, and write down every answer."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from ledger.commands import HOLD_ID_BYTES
from mesh.instant import SECOND, Duration
from node.shell import clock
from simulations.demo.nodes import Node, StepFailed
from simulations.truth.history import Asked, Membership, Shown

MIB: Final = 1 << 20
SHARE_MIB: Final = 512
AMOUNTS_MIB: Final = (60, 120, 200, 300, 400)
TERMS_SECONDS: Final = (5, 20, 600, 600)
PAUSE_SECONDS_MAX: Final = 0.1
AWAY: Final[dict[str, Any]] = {}
"""No agent was there to be asked."""
REFUSED_SECONDS: Final = 0.1
GANGS_SHARE: Final = 0.2
WAITS_MS: Final = (1_000, 4_000)
AGAIN_MAX: Final = 30
"""How often who waits asks an agent again that is away."""
AWAY_SECONDS: Final = 0.1
"""How long to wait before asking an agent again that is not there."""


class Had(NamedTuple):
    """What one yes was about, and by which id it is given back."""

    id: str
    rows: tuple[Asked, ...]


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
        self._mine: list[Had] = []
        """What was granted here and not given back."""
        self._enough = threading.Event()

    def stop(self) -> None:
        """Finish what was begun, and ask no more."""
        self._enough.set()

    def run(self) -> None:
        while not self._enough.wait(self._dice.random() * PAUSE_SECONDS_MAX):
            if self._mine and self._dice.random() < 0.55:
                self._release(self._mine.pop(self._dice.randrange(len(self._mine))))
            elif self._dice.random() < GANGS_SHARE:
                self._gang()
            else:
                self._reserve(hold_only=self._dice.random() < 0.25)

    def _reserve(self, *, hold_only: bool) -> None:
        amount = self._dice.choice(AMOUNTS_MIB)
        term = self._dice.choice(TERMS_SECONDS) * SECOND
        owner = self._dice.choice(self._owners)
        ask = {"ram": f"{amount}MiB"} | ({"node": owner} if self._dice.random() < 0.8 else {})
        began = clock.now()
        answer = self._in_time(
            type="reserve", ask=ask, term_ms=term * 1000 // SECOND, hold_only=hold_only,
            wait_for_opening=False, **self._patience(),
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
            self._mine.append(Had(one.hold, (one,)))

    def _gang(self) -> None:
        """The same on several nodes at once: each of them is relied on, or none."""
        amount, term = self._dice.choice(AMOUNTS_MIB[:3]), max(TERMS_SECONDS) * SECOND
        nodes = self._dice.randint(2, len(self._owners))
        began = clock.now()
        answer = self._in_time(
            type="reserve_gang", ask={"ram": f"{amount}MiB"}, nodes=nodes,
            term_ms=term * 1000 // SECOND, wait_for_opening=False, **self._patience(),
        )  # fmt: skip
        if "ok" not in answer:
            self._noted("gang", began, answer, amount * MIB, term)
            time.sleep(REFUSED_SECONDS)
            return
        rows = [
            self._noted("gang", began, {"ok": member}, amount * MIB, term)
            for member in answer["ok"]["members"]
        ]
        self._mine.append(Had(answer["ok"]["id"], tuple(rows)))

    def _patience(self) -> dict[str, Any]:
        """Nearly half of the people wait for room, under a name to ask again by."""
        if self._dice.random() < 0.6:
            return {}
        name = self._dice.randbytes(HOLD_ID_BYTES).hex()
        return {"wait_ms": self._dice.choice(WAITS_MS), "wish": name}

    def _release(self, had: "Had") -> None:
        began = clock.now()
        answer = self._ask(type="release", id=had.id)
        told = {row["id"]: row for row in answer.get("ok", {}).get("members", ())}
        for one in had.rows:
            silent = told.get(one.hold, {}).get("outcome") == "no answer"
            self._noted(
                "release", began, {} if silent else answer, one.amount, one.term, one.hold,
                of=had.id,
            )  # fmt: skip

    def _noted(
        self, kind: str, began: int, answer: dict[str, Any], amount: int, term: Duration,
        hold: str = "", of: str = "",
    ) -> Asked:  # fmt: skip
        """One line in the diary, unless nobody was there to hear the request."""
        body = answer.get("ok") or {}
        outcome = "granted" if body else "refused" if _surely_not(answer) else "unknown"
        one = Asked(
            self._node.name, kind, began, clock.now(), outcome,
            hold if of else body.get("id", hold),
            body.get("owner", {}).get("name", ""), amount, term,
        )  # fmt: skip
        if answer is not AWAY:
            self._diary.asked.append(one)
        return one

    def _in_time(self, **request: Any) -> dict[str, Any]:
        """As `_ask`; who waits asks again under its name when the agent died, as `reserve` does."""
        answer = self._ask(**request)
        for _ in range(AGAIN_MAX if "wish" in request else 0):
            if answer:
                return answer
            time.sleep(AWAY_SECONDS)
            again = self._ask(**request)
            answer = again if again is not AWAY else answer
        return answer

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
        own = {row["id"]: row for row in holds if row["owner"]["name"] == node.name}
        gangs = {
            hold: Membership(row["gang"]["id"], row["gang"]["members"])
            for hold, row in own.items() if row["gang"]
        }  # fmt: skip
        states = {hold: row["state"] for hold, row in own.items()}
        diary.shown.append(Shown(node.name, began, ended, states, gangs))
