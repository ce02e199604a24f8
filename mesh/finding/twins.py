"""Twins: whether another machine speaks with our voice just now.

A copied home, a cloned virtual machine: two machines with one key, each of which may take itself
for the only one. From words alone neither can tell. A record that we signed and do not remember may
be of a run that our own disk forgot, and a beacon under our name that we did not send may be an old
one that somebody plays back. So a sign earns what any sign of a node earns: a hello to where it
came from, and a few more if nothing comes back. Only who answers *our own fresh nonce* under our
own key is alive besides us. One exchange settles it for both: who asked confirms, and so has
answered the other's nonce as well.

What to do about it is decided above (`node/core/selves.py`): neither may grant.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mesh.door.judgements import CloneSeen
from mesh.effects import Address, MeshEffect, Send, TwinSeen
from mesh.finding.greeter import Greeter
from mesh.instant import MILLISECOND, SECOND, Duration, Instant, earliest

KNOCKED_MAX: Final = 64
"""Addresses knocked at that we remember; the one knocked at longest ago gives way."""
KNOCK_EVERY: Final[Duration] = SECOND
"""A further sign from one address earns no further hello before that."""
AGAIN_AFTER: Final[tuple[Duration, ...]] = (250 * MILLISECOND, 250 * MILLISECOND, 500 * MILLISECOND)
"""What is said again where nothing came back, for beacons may be half a minute apart."""


@dataclass(slots=True)
class _Knock:
    at: Instant
    """When it was last knocked because of a sign."""
    again: list[Instant]


class Twins:
    """The looks at ourselves elsewhere."""

    def __init__(self, greeter: Greeter) -> None:
        self._greeter = greeter
        self._knocked: dict[Address, _Knock] = {}

    @property
    def next_wake(self) -> Instant | None:
        if not self._knocked:
            return None
        return earliest(*(knock.again[0] for knock in self._knocked.values() if knock.again))

    def knock(self, addresses: Iterable[Address], now: Instant) -> list[MeshEffect]:
        """A run of ours that is not this one may be there: ask it to prove that it lives."""
        due = [address for address in addresses if self._is_due(address, now)]
        for address in due:
            self._knocked.pop(address, None)
            if len(self._knocked) >= KNOCKED_MAX:
                del self._knocked[next(iter(self._knocked))]
            at, again = now, []
            for wait in AGAIN_AFTER:
                at += wait
                again.append(at)
            self._knocked[address] = _Knock(now, again)
        return self._greeter.greet_ourselves(due, now)

    def wake(self, now: Instant) -> list[MeshEffect]:
        """Nothing has come back: once more."""
        due = [a for a, knock in self._knocked.items() if knock.again and knock.again[0] <= now]
        for address in due:
            knock = self._knocked[address]
            knock.again = [at for at in knock.again if at > now]
        return self._greeter.greet_ourselves(due, now)

    def seen(self, clone: CloneSeen) -> list[MeshEffect]:
        """It has proven that it lives; and it is shown that we do."""
        knock = self._knocked.get(clone.source)
        if knock is not None:
            knock.again.clear()
        told: list[MeshEffect] = [TwinSeen(clone.epoch, clone.source)]
        return [*told, Send(clone.source, clone.proof, urgent=True)] if clone.proof else told

    def _is_due(self, address: Address, now: Instant) -> bool:
        knock = self._knocked.get(address)
        return knock is None or now - knock.at >= KNOCK_EVERY
