"""What many runs add up to. Two tallies of different seeds can be added, in any order.

`history` is one number for all that happened: each run's seed and trace hash, hashed and added up.
Addition forgets the order, so however many workers there were, and however often a campaign was
interrupted, the same seeds of the same code have the same number.
"""

import hashlib
from collections import Counter
from typing import Final

import msgspec

from simulations.results import Result

_HISTORY_BITS: Final = 128


class Tally(msgspec.Struct, forbid_unknown_fields=True):
    """Counts of runs, and of what happened in them."""

    seeds: int = 0
    verdicts: Counter[str] = msgspec.field(default_factory=Counter)
    modes: Counter[str] = msgspec.field(default_factory=Counter)
    operations: Counter[str] = msgspec.field(default_factory=Counter)
    """Answered ones: granted, refused, unknown."""
    kinds: Counter[str] = msgspec.field(default_factory=Counter)
    """`kind: granted, or why not` → how often."""
    changed: int = 0
    """Answered operations behind which a book changed."""
    unheard: int = 0
    """Operations whose asker died waiting: no answer, and not counted as one."""
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    states: Counter[str] = msgspec.field(default_factory=Counter)
    """Rare state → how often it was reached."""
    checks: Counter[str] = msgspec.field(default_factory=Counter)
    """Promise → how often it was looked at."""
    lived_twice: int = 0
    virtual_seconds: float = 0.0
    wall_seconds: float = 0.0
    history: str = "0" * (_HISTORY_BITS // 4)

    def add(self, result: Result) -> None:
        """One run more."""
        self.seeds += 1
        self.verdicts[result.verdict] += 1
        self.modes[result.options.mode] += 1
        self.operations.update(result.operations)
        self.kinds.update(result.kinds)
        self.changed += result.changed
        self.unheard += result.unheard
        self.faults.update(result.faults)
        self.states.update(result.states)
        self.checks.update(result.checks)
        self.virtual_seconds += result.virtual_seconds
        self.wall_seconds += result.wall_seconds
        self._remember(f"{result.seed}/{result.trace_hash}")

    @property
    def answered(self) -> int:
        """Operations that were answered."""
        return self.operations.total()

    @property
    def share_changed(self) -> float:
        """Of all answered operations, the share behind which a book changed."""
        return self.changed / self.answered if self.answered else 0.0

    def _remember(self, life: str) -> None:
        digest = hashlib.blake2b(life.encode(), digest_size=_HISTORY_BITS // 8).digest()
        total = int(self.history, 16) + int.from_bytes(digest, "big")
        self.history = f"{total % (1 << _HISTORY_BITS):0{_HISTORY_BITS // 4}x}"
