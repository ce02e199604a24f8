"""An invented disk: what was synced survives a crash, what was not may not.

One transaction at a time, all or nothing, as the journal promises. The batch under way at a crash
is either whole on the disk or not there at all: a coin decides, as a real power cut would.
"""

import copy
from dataclasses import dataclass, field
from random import Random

from mesh.instant import MILLISECOND, Duration
from mesh.persistence import Write

Spaces = dict[str, dict[bytes, bytes]]


@dataclass(slots=True)
class Disk:
    """One node's journal."""

    random: Random
    sync: Duration = 2 * MILLISECOND
    durable: Spaces = field(default_factory=dict)
    commits: int = 0
    _under_way: list[Write] | None = None

    def begin(self, writes: list[Write]) -> Duration:
        """Start a transaction; it is durable after the returned time, when `finish` is called."""
        assert self._under_way is None, "one transaction at a time"
        self._under_way = writes
        return self.sync + self.random.randrange(self.sync + 1)

    def finish(self) -> None:
        """The transaction is durable."""
        assert self._under_way is not None
        _apply(self.durable, self._under_way)
        self._under_way = None
        self.commits += 1

    def crash(self) -> None:
        """Power fails: the batch under way made it, or it did not."""
        if self._under_way is not None and self.random.random() < 0.5:
            _apply(self.durable, self._under_way)
        self._under_way = None

    def snapshot(self) -> Spaces:
        """A backup, to be restored later by a careless person."""
        return copy.deepcopy(self.durable)


def _apply(spaces: Spaces, writes: list[Write]) -> None:
    for write in writes:
        space = spaces.setdefault(write.space, {})
        if write.value is None:
            space.pop(write.key, None)
        else:
            space[write.key] = write.value
