"""The diary: every operation that somebody asked for, and how it ended.

An operation is what may change a book: reserve, hold, post, renew, resume, release, void. A call
ends in one of three ways: granted, refused (and why), unknown. What nobody heard an answer to,
because the asker's own agent died first, is counted apart: it is no answer.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ledger.commands import Answer, Outcome
from node.core.effects import Reply

CHANGING: Final = frozenset(
    {"plan", "reserve", "gang", "hold", "post", "release", "void", "extend", "shrink", "transfer"}
)
"""Granted for the first time, each of these writes to a log. A renewal moves a deadline only."""
NO_CHANGE: Final = frozenset({Outcome.ENDING, Outcome.EXPIRED})


class Ending(Enum):
    """How a call ended."""

    GRANTED = "granted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Diary:
    """Counts only: what was promised to whom the checkers remember for themselves."""

    endings: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """`kind: ending or reason` → how often."""
    changed: int = 0
    """Answers behind which something was written to a book."""
    unheard: int = 0

    @property
    def answered(self) -> int:
        return self.endings.total()

    def replied(self, kind: str, reply: Reply | None, *, again: bool = False) -> None:
        """A local door's answer. `again`: it was asked before, so nothing changed by it."""
        if reply is None:
            self.unheard += 1
        elif reply.ok:
            self._note(kind, Ending.GRANTED, "", changed=not again)
        elif (code := reply.body["code"]) in ("unknown", "timeout"):
            self._note(kind, Ending.UNKNOWN, "", changed=False)
        else:
            self._note(kind, Ending.REFUSED, code, changed=False)

    def told(self, kind: str, answer: Answer | None, *, again: bool = False) -> None:
        """An owner's answer to a command; None: there was none, however often it was sent."""
        if answer is None:
            self._note(kind, Ending.UNKNOWN, "", changed=False)
        elif answer.outcome.positive:
            changed = not again and answer.outcome not in NO_CHANGE
            self._note(kind, Ending.GRANTED, "", changed=changed)
        else:
            self._note(kind, Ending.REFUSED, answer.outcome.value, changed=False)

    def _note(self, kind: str, ending: Ending, why: str, *, changed: bool) -> None:
        self.endings[ending.value] += 1
        self.kinds[f"{kind}: {why or ending.value}"] += 1
        self.changed += changed and kind in CHANGING
