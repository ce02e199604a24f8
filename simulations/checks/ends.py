"""B3, B4, V6, B13: how a grant may end, and that it does not end in any other way."""

from collections.abc import Sequence
from typing import Final

from ledger.commands import TTL_MAX
from ledger.entries import EndedBy, Entry, EraOpened, Expired, Reclaimed, Released, Voided
from ledger.leases import holder_span
from ledger.lifecycle import HoldState
from mesh.persistence import SPACE_CARRY, Persist
from node.core.effects import Effect
from node.core.reserving.carrying import RENEW_EVERY
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.checks.promises import Promise, runs
from simulations.invented.host import Host
from simulations.invented.world import World

SILENCE_MIN = holder_span(TTL_MAX) - RENEW_EVERY
"""An agent that was never silent for so long has renewed what it carries."""


KEPT_THROUGH: Final = "kept through a quarantine"
FORGOTTEN: Final = "forgotten with every copy that could be asked"
FOUND_AGAIN: Final = "forgotten by its owner, and found again later"


class EndsInTime(Check):
    """An end is written only when nobody can rely on the hold any more, or by word of somebody who
    may say so; and a carrier that was awake loses nothing to its own owner."""

    promises = ("B3", "B4", "V6")

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._let_go: dict[bytes, None] = {}

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        """Which leases the agent stops carrying, until the block that says why."""
        for effect in effects:
            if type(effect) is Persist:
                for write in effect.writes:
                    if write.space == SPACE_CARRY and write.value is None:
                        self._let_go[write.key] = None

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        for reading in readings:
            for entry in reading.entries or ():
                if isinstance(entry, Expired | Reclaimed | Released | Voided):
                    promise = self.evidence.promises.get(entry.id)
                    if promise is not None and promise.owner == host.name:
                        self.looks("B3")
                        self._ended(host, entry, promise)
                    self._let_go.pop(entry.id, None)

    def _ended(self, host: Host, entry: Entry, promise: Promise) -> None:
        if promise.excused or self.evidence.is_cloned(host):
            return
        if isinstance(entry, Expired | Voided) and promise.posted:
            return  # Its post is gone from the log: whether it may be, AnswersAreKept says.
        if isinstance(entry, Released) and entry.why is EndedBy.ELSEWHERE:
            if not promise.given_back and self._relied_on(host, promise):
                raise self.broken("B3", f"{promise} ended, as if it had elsewhere")
        elif isinstance(entry, Voided) or (
            isinstance(entry, Released) and entry.why is EndedBy.ASKED
        ):
            self._by_word(host, promise)
        elif promise.pid is not None:
            self._carried_here(host, promise)
        elif self._relied_on(host, promise):
            left = (promise.until - self.world.now) / 1e9
            raise self.broken("B3", f"{promise} ended {left:.3f} s before its asker's belief")

    def _by_word(self, host: Host, promise: Promise) -> None:
        """Released or voided: somebody said so, or the work is gone."""
        if promise.pid is not None and runs(promise, host) and not promise.given_back:
            raise self.broken("B4", f"{promise} was released while its process runs")
        if promise.pid is None and not promise.given_back and self._relied_on(host, promise):
            raise self.broken("B3", f"{promise} was given back, and nobody had said so")

    def _carried_here(self, host: Host, promise: Promise) -> None:
        """Nobody renewed it; its carrier is this very agent."""
        if not runs(promise, host) or promise.hold not in self._let_go:
            return  # the process is gone, or its row was lost with a disk: nobody carried it
        woke, length = self.evidence.circumstances.slept(host)
        recent = self.world.now - woke <= TTL_MAX
        if host.clock.honest and not (recent and length >= SILENCE_MIN):
            raise self.broken("V6", f"{promise} was reclaimed from a carrier that was awake")

    def _relied_on(self, host: Host, promise: Promise) -> bool:
        """Whether its asker may still believe; a clock beyond the margin excuses its owner."""
        if not host.clock.honest or promise.given_back:
            return False
        holder = self.evidence.machine_of(promise.holder)
        if holder is not None and not holder.clock.honest:
            return False
        return self.world.now < promise.until


class AnswersAreKept(Check):
    """B13: what was answered and neither given back nor over is in its owner's log.

    Looked at whenever the owner is open. The one excuse: the owner's disk forgot it, and nobody who
    was up, within reach and of one life all through the owner's quarantine had a copy.
    """

    promises = ("B13",)

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        # What an opening has settled is settled before anything is granted on it.
        entries = (entry for reading in readings for entry in reading.entries or ())
        if any(isinstance(entry, EraOpened) for entry in entries):
            self._look_at(host)

    def second(self, world: object) -> None:
        for host in self.world.up():
            self._look_at(host)

    def _look_at(self, host: Host) -> None:
        if not host.clock.honest or not self.evidence.circumstances.is_open(host):
            return
        cloned = self.evidence.is_cloned(host)
        company = self.evidence.circumstances.companies.pop(host.name, None)
        lives = None if company is None else company.lives
        for promise in self.evidence.promises.relied_on(host, self.world.now):
            if cloned:
                self._forgive(host, promise, lives)
                continue
            self.looks("B13")
            self._look(host, promise, lives)

    def _forgive(self, host: Host, promise: Promise, company: dict[str, int] | None) -> None:
        """Of a machine with a twin nothing is demanded, for both stand closed as soon as they know.
        But one whose disk is lost as well knows of no twin, and has nobody to be told by."""
        archive = self.evidence.archive
        if company is None or archive.signed[host.name].state(promise.hold).live:
            return
        if not any(archive.has_copy(name, promise.hold) for name in company):
            promise.excused = True

    def _look(self, host: Host, promise: Promise, company: dict[str, int] | None) -> None:
        state = self.evidence.archive.signed[host.name].state(promise.hold)
        # A start that no other disk had may be lost: what was planned stands, and starts again.
        kept = state in (HoldState.POSTED, HoldState.PLANNED) if promise.posted else state.live
        if kept:
            if company is not None and promise.posted:
                self.evidence.seen[KEPT_THROUGH] += 1
            if promise.excused:
                self.evidence.seen[FOUND_AGAIN] += 1
            promise.excused = False
        elif not promise.excused:
            self._missing(host, promise, state, company)

    def _missing(
        self, host: Host, promise: Promise, state: HoldState, company: dict[str, int] | None
    ) -> None:
        holder = self.evidence.machine_of(promise.holder)
        if holder is not None and not holder.clock.honest:
            return
        if promise.pid is not None:
            promise.excused = True  # how such a lease may end is for EndsInTime to say
            return
        if state is HoldState.BROKEN and self._shrunk(host, promise):
            promise.excused = True  # told by name, to its holder and to everyone
            return
        if company is None or not promise.posted:
            raise self.broken("B13", f"{promise} was answered, and is {state.value}")
        keepers = [name for name in company if self.evidence.archive.has_copy(name, promise.hold)]
        if keepers:
            raise self.broken("B13", f"{promise} is forgotten, and {keepers} could have told")
        promise.excused = True
        self.evidence.seen[FORGOTTEN] += 1

    def _shrunk(self, host: Host, promise: Promise) -> bool:
        relied_on = self.evidence.promises.relied_on(host, self.world.now)
        for leg in promise.legs:
            needed = sum(
                two.amount for one in relied_on for two in one.legs if two.pool == leg.pool
            )
            if self.evidence.circumstances.is_short(host, leg.pool, needed):
                return True
        return False


class CopiesAreHeard(Check):
    """B13 at the end: a booking that somebody still has a copy of is known to its owner, which has
    been shown it by then, however it started."""

    promises = ("B13",)

    def at_last(self, world: World) -> None:
        """Everybody is up and in touch: whoever has a copy has shown it to the owner by now."""
        for host in world.up():
            if self.evidence.is_cloned(host) or not self.evidence.circumstances.is_open(host):
                continue
            for promise in self.evidence.promises.relied_on(host, world.now):
                if promise.posted and promise.pid is None and not promise.carried:
                    self._look_at_copies(host, promise, world)

    def _look_at_copies(self, host: Host, promise: Promise, world: World) -> None:
        if self.evidence.archive.signed[host.name].state(promise.hold) is not HoldState.ABSENT:
            return
        keepers = [
            one.name for one in world.up() if self.evidence.archive.has_copy(one.name, promise.hold)
        ]
        self.looks("B13")
        if keepers:
            raise self.broken("B13", f"{promise} is forgotten, and {keepers} still have it")
