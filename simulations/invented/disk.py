"""An invented disk: what was synced survives a crash, what was not may not.

One transaction at a time, all or nothing, as the journal promises (`node/shell/disk/journal.py`).
The batch under way at a crash is whole on the disk or not there at all: a coin decides, as a real
power cut would. What else may go wrong:

- **a sync fails**: nobody can tell whether the batch is there (a coin), and the journal refuses
  everything after, so the process must end;
- **full**: the batch is surely not there, and the process ends as well;
- **torn**: the batch under way at the next crash is cut in the middle. Checksums show it, so the
  next start finds it gone whole;
- **damaged**: a flipped bit under old rows. The next start finds a broken seal, sets the journal
  aside and begins with an empty one;
- **lying**: what was said to be synced sits in the drive's own memory for a while, and a power cut
  takes the last of it. No rule of ours makes up for that alone; `honest` is False;
- **set back** or **lost**: by people.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from mesh.instant import MILLISECOND, Duration
from mesh.persistence import Write
from simulations.invented.shared import row

Spaces = dict[str, dict[bytes, bytes]]


class Synced(Enum):
    """How a transaction ended."""

    DURABLE = "durable"
    FULL = "full"
    """Surely not on the disk."""
    FAILED = "failed"
    """Nobody can tell."""


@dataclass(slots=True)
class Disk:
    """One node's journal, and what it lies on."""

    random: Random
    sync: Duration = 2 * MILLISECOND
    durable: Spaces = field(default_factory=dict)
    """What the journal says. Anyone may read it; only a start and a transaction write it."""
    commits: int = 0
    torn: int = 0
    """Batches that a crash cut in the middle, so far."""
    honest: bool = True
    misfortunes: int = 0
    """How often it lost, or went back on, what it had acknowledged; not counting lies."""
    unheard: list[list[Write]] = field(default_factory=list)
    """Transactions that were carried out and of which nobody was told, in order: at most one for
    each end of an agent. A start finds what they did all the same."""
    _factor: float = 1.0
    _failing: int = 0
    _full: bool = False
    _tearing: bool = False
    _damaged: bool = False
    _cached_max: int = 0
    _cached: deque[list[tuple[str, bytes, bytes | None]]] = field(default_factory=deque)
    _under_way: list[Write] | None = None

    # Transactions --------------------------------------------------------------------------------

    def begin(self, writes: list[Write]) -> Duration:
        """Start a transaction; after the returned time call `finish`."""
        assert self._under_way is None, "one transaction at a time"
        self._under_way = writes
        took = self.sync + int(self.random.random() * (self.sync + 1))
        return took if self._factor == 1.0 else int(took * self._factor)

    def finish(self) -> Synced:
        """The end of the transaction, and how it went."""
        assert self._under_way is not None
        writes, self._under_way = self._under_way, None
        if self._full:
            return Synced.FULL
        if self._failing:
            self._failing -= 1
            if self.random.random() < 0.5:
                self._apply(writes)
            return Synced.FAILED
        self._apply(writes)
        self.commits += 1
        return Synced.DURABLE

    def write(self, writes: list[Write]) -> Synced:
        """One whole transaction, for a start that can't go on before it."""
        self.begin(writes)
        synced = self.finish()
        if synced is Synced.DURABLE:
            self.heard()
        return synced

    def heard(self) -> None:
        """The agent has been told that its last transaction is durable."""
        self.unheard.pop()

    def crash(self, *, power: bool = False) -> str:
        """The process is gone, with `power` the machine. What became of the batch under way:
        "none" was, or "whole", "gone" or "torn"."""
        became = self._end_of_batch()
        if power:
            self._forget_cached()
        return became

    def open(self) -> Spaces:
        """What a start finds; a damaged journal is set aside, and it finds an empty one."""
        if self._damaged:
            self._damaged = False
            self.misfortunes += 1
            self.durable = {}
            self._cached.clear()
        return self.snapshot()

    # What goes wrong -----------------------------------------------------------------------------

    def fail_sync(self, transactions: int = 1) -> None:
        """The next `transactions` fail."""
        self._failing = transactions

    def fill(self, full: bool) -> None:
        """No space from here on, or space again."""
        self._full = full

    def tear(self) -> None:
        """If a batch is under way at the next crash, it is cut in the middle."""
        self._tearing = True

    def damage(self) -> None:
        """A bit flips among the old rows: the next start will see it."""
        self._damaged = True

    def lie(self, transactions: int) -> None:
        """From now on the last `transactions` said to be durable are not, should power fail."""
        self._cached_max = transactions
        self.honest = self.honest and not transactions
        if not transactions:
            self._cached.clear()

    def slow(self, factor: float) -> None:
        """Every transaction takes `factor` times as long; 1 is as it was."""
        self._factor = factor

    def lose(self) -> None:
        """Another disk, empty."""
        self.misfortunes += 1
        self.durable = {}
        self._cached.clear()
        self._damaged = False

    def snapshot(self) -> Spaces:
        """A backup."""
        return {space: dict(rows) for space, rows in self.durable.items()}

    def set_back(self, snapshot: Spaces) -> None:
        """A backup, put back by a careless person while nothing ran."""
        self.misfortunes += 1
        self.durable = {space: dict(rows) for space, rows in snapshot.items()}
        self._cached.clear()
        self._damaged = False

    # Inside --------------------------------------------------------------------------------------

    def _end_of_batch(self) -> str:
        writes, self._under_way = self._under_way, None
        if writes is None:
            return "none"
        if self._tearing:
            self._tearing = False
            self.torn += 1
            return "torn"
        if self._full or self.random.random() >= 0.5:
            return "gone"
        self._apply(writes)
        return "whole"

    def _forget_cached(self) -> None:
        if not self._cached:
            return
        for _ in range(1 + self.random.randrange(len(self._cached))):
            for space, key, value in reversed(self._cached.pop()):
                rows = self.durable.setdefault(space, {})
                if value is None:
                    rows.pop(key, None)
                else:
                    rows[key] = value
        self._cached.clear()

    def _apply(self, writes: list[Write]) -> None:
        self.unheard.append(writes)
        undo = []
        for write in writes:
            rows = self.durable.setdefault(write.space, {})
            if self._cached_max:
                undo.append((write.space, write.key, rows.get(write.key)))
            if write.value is None:
                rows.pop(write.key, None)
            else:
                rows[write.key] = row(write.value)
        if self._cached_max:
            self._cached.append(undo)
            while len(self._cached) > self._cached_max:
                self._cached.popleft()
