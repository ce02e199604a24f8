"""What many runs add up to. Two tallies of different seeds can be added, in any order.

`history` is one number for all that happened: each run's seed and trace hash, hashed and added up.
Addition forgets the order, so however many workers there were, and however often a campaign was
interrupted, the same seeds of the same code have the same number.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from simulations.results import Result

Counts = dict[str, int]

_HISTORY_BITS: Final = 128


class Tally(msgspec.Struct, forbid_unknown_fields=True):
    """Counts of runs, and of what happened in them."""

    seeds: int = 0
    verdicts: Counts = msgspec.field(default_factory=dict)
    modes: Counts = msgspec.field(default_factory=dict)
    operations: Counts = msgspec.field(default_factory=dict)
    """Answered ones: granted, refused, unknown."""
    kinds: Counts = msgspec.field(default_factory=dict)
    """`kind: granted, or why not` → how often."""
    changed: int = 0
    """Answered operations behind which a book changed."""
    unheard: int = 0
    """Operations whose asker's agent died first: no answer, and not counted as one."""
    faults: Counts = msgspec.field(default_factory=dict)
    states: Counts = msgspec.field(default_factory=dict)
    """Rare state → how often it was reached."""
    checks: Counts = msgspec.field(default_factory=dict)
    """Promise → how often it was looked at."""
    broken: Counts = msgspec.field(default_factory=dict)
    """Promise → how many runs broke it."""
    lived_twice: int = 0
    virtual_seconds: float = 0.0
    history: str = "0" * (_HISTORY_BITS // 4)

    def add(self, result: Result) -> None:
        """One run more."""
        broken = [violation.partition(":")[0] for violation in result.violations]
        digest = hashlib.blake2b(
            f"{result.seed}/{result.trace_hash}".encode(), digest_size=_HISTORY_BITS // 8
        )
        self.merge(
            Tally(
                seeds=1,
                verdicts={result.verdict: 1},
                modes={result.options.mode: 1},
                operations=result.operations,
                kinds=result.kinds,
                changed=result.changed,
                unheard=result.unheard,
                faults=result.faults,
                states=result.states,
                checks=result.checks,
                broken=dict.fromkeys(broken, 1),
                virtual_seconds=result.virtual_seconds,
                history=digest.hexdigest(),
            )
        )

    def merge(self, other: "Tally") -> None:
        """All the runs of `other`, none of which is in this one."""
        for name in _COUNTS:
            mine, theirs = getattr(self, name), getattr(other, name)
            more = _more(mine, theirs) if isinstance(mine, dict) else mine + theirs
            setattr(self, name, more)
        total = int(self.history, 16) + int(other.history, 16)
        self.history = f"{total % (1 << _HISTORY_BITS):0{_HISTORY_BITS // 4}x}"

    @property
    def answered(self) -> int:
        """Operations that were answered."""
        return sum(self.operations.values())

    @property
    def share_changed(self) -> float:
        """Of all answered operations, the share behind which a book changed."""
        return self.changed / self.answered if self.answered else 0.0


_COUNTS: Final = tuple(name for name in Tally.__struct_fields__ if name != "history")


def _more(mine: Mapping[str, int], theirs: Mapping[str, int]) -> Counts:
    names: Iterable[str] = sorted({**mine, **theirs})
    return {name: mine.get(name, 0) + theirs.get(name, 0) for name in names}
