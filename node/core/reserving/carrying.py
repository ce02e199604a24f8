"""Carrying: renewing a lease for as long as something of ours runs.

`reserve --pid` ties a carried lease to a process of this machine. The agent renews it three times
per term and lets it go when the process is gone. Carrier and owner are one agent here, so they
share a clock and a disk, and after a restart the process itself is the proof: if it still runs, the
lease is re-presented (`Resume`) or simply renewed; if not, it is released.

A lease may have a latest end. Then it is given back in its time though the process goes on, which
is nobody's business but its owner's from then on: we end nothing that we did not start. What is
left is counted as of bookings: noted every minute, and not while the machine is off.
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from ledger.commands import TTL_MAX, Answer, Outcome, Release, Renew, Resume
from ledger.limits import REMAINING_EVERY
from mesh.instant import Duration, Instant, earliest
from mesh.persistence import SPACE_CARRY, Persist, Write
from node.core.effects import Watch

RENEW_EVERY: Final[Duration] = TTL_MAX // 3
"""Three sends per term: two may be lost or late before the lease is in danger."""
PLEDGES_MAX: Final = 64
"""Leases that are held for a process and not confirmed; the oldest has lapsed long ago."""


class Carried(msgspec.Struct, frozen=True):
    """What must survive our own restart: which process, and the receipts that prove the lease."""

    hold: bytes
    pid: int
    started: int
    receipts: tuple[bytes, ...]
    lasts: Duration = 0
    """How long it lasts at the most; 0: as long as the process."""
    left: Duration = 0
    """What was left of that when this was written."""


@dataclass(slots=True)
class Carrying:
    """The leases that this agent renews, and when each is due."""

    _carried: dict[bytes, Carried] = field(default_factory=dict)
    _due: dict[bytes, Instant] = field(default_factory=dict)
    _pledged: dict[bytes, Carried] = field(default_factory=dict)
    ends: dict[bytes, tuple[Instant, Duration]] = field(default_factory=dict)
    """Leases with a latest end: when that is, and how long they lasted in all."""
    _note_at: Instant = 0
    _over: set[bytes] = field(default_factory=set)
    """Those whose process is gone or whose time is over: given back at each turn until the owner
    has heard it. One word is not enough, for an owner in quarantine hears none."""

    @property
    def next_wake(self) -> Instant | None:
        if not self._due:
            return None
        ends = [at for hold, (at, _) in self.ends.items() if hold not in self._over]
        return earliest(*self._due.values(), *ends)

    def holds(self) -> dict[bytes, Carried]:
        """Hold id → what we carry, for the probes that match use to holds."""
        return dict(self._carried)

    def begin(self, carried: Carried, now: Instant) -> list[Persist | Watch]:
        """Carry a lease that was just granted."""
        self._carried[carried.hold] = carried
        self._due[carried.hold] = now + RENEW_EVERY
        self._count_down(carried, now)
        row = Write(SPACE_CARRY, carried.hold, msgspec.msgpack.encode(carried))
        return [Persist((row,)), Watch(carried.hold, carried.pid, carried.started)]

    def pledge(self, carried: Carried) -> None:
        """Carry a lease once it is confirmed: so far it is held, and lapses soon if it is not."""
        self._pledged[carried.hold] = carried
        while len(self._pledged) > PLEDGES_MAX:
            del self._pledged[next(iter(self._pledged))]

    def confirmed(self, answer: Answer, now: Instant) -> list[Persist | Watch]:
        """An owner's answer to a confirmation: what was pledged begins."""
        pledged = self._pledged.pop(answer.id, None)
        if pledged is None or answer.outcome is not Outcome.POSTED:
            return []
        return self.begin(msgspec.structs.replace(pledged, receipts=answer.receipts), now)

    def restore(self, rows: dict[bytes, bytes], now: Instant) -> list[Watch]:
        """Take up what an earlier start carried. `Watch` reports at once what no longer runs."""
        watches: list[Watch] = []
        for key in sorted(rows):
            try:
                carried = msgspec.msgpack.decode(rows[key], type=Carried)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue  # damaged on the disk: its lease runs out, as if its carrier had died
            self._carried[carried.hold] = carried
            self._due[carried.hold] = now
            self._count_down(carried, now)
            watches.append(Watch(carried.hold, carried.pid, carried.started))
        return watches

    def _count_down(self, carried: Carried, now: Instant) -> None:
        if carried.left:
            self.ends[carried.hold] = now + carried.left, carried.lasts

    def note(self, now: Instant) -> list[Persist]:
        """What is left of those that have an end, for the disk, once a minute."""
        if not self.ends or now < self._note_at:
            return []
        self._note_at = now + REMAINING_EVERY
        writes = []
        for hold, (at, _) in self.ends.items():
            kept = msgspec.structs.replace(self._carried[hold], left=max(1, at - now))
            writes.append(Write(SPACE_CARRY, hold, msgspec.msgpack.encode(kept)))
        return [Persist(tuple(writes))]

    def wake(
        self, session: bytes, quarantined: bool, now: Instant
    ) -> list[Renew | Resume | Release]:
        """What to send to the owner now, under its current `session`."""
        commands: list[Renew | Resume | Release] = []
        for hold, (at, _) in self.ends.items():
            if at <= now and hold not in self._over:
                self._over.add(hold)
                self._due[hold] = now
        for hold in sorted(self._due):
            if self._due[hold] > now:
                continue
            self._due[hold] = now + RENEW_EVERY
            carried = self._carried[hold]
            if hold in self._over:
                commands.append(Release(hold, session))
            elif quarantined:
                commands.append(Resume(hold, session, carried.receipts))
            else:
                commands.append(Renew(hold, session, hold))
        return commands

    def answered(self, answer: Answer) -> list[Persist]:
        """The owner's word on a renewal: anything but yes or `wait` means the lease is over."""
        fine = {Outcome.RENEWED, Outcome.RESUMED, Outcome.QUARANTINED, Outcome.WRONG_SESSION}
        return [] if answer.outcome in fine else self.end(answer.id)

    def ended(self, hold: bytes, session: bytes) -> list[Release]:
        """The process is gone: give the lease back under `session`."""
        if hold not in self._carried:
            return []
        self._over.add(hold)
        return [Release(hold, session)]

    def outlived(self, hold: bytes) -> bool:
        """The owner says that the lease ran out. Whether its process goes on: if so it is watched
        still, and renewed no more."""
        if hold not in self._carried or hold in self._over:
            return False
        self._due.pop(hold, None)
        return True

    def end(self, hold: bytes) -> list[Persist]:
        """Stop carrying `hold`; forget it on disk too."""
        if self._carried.pop(hold, None) is None:
            return []
        self._due.pop(hold, None)
        self.ends.pop(hold, None)
        self._over.discard(hold)
        return [Persist((Write(SPACE_CARRY, hold, None),))]
