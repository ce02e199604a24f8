"""Ganging: the asker's side of a gang, from "where?" to "all of them are yours", or none.

Stage after stage, and a stage begins only when every member has ended the one before:

    our log: begun ─▶ holds ─▶ our log: committed ─▶ posts ─▶ parks
                                    ─▶ our log: completed ─▶ settles ─▶ the answer

Whatever goes wrong before the answer leaves ends all of it: our log says so first, then every owner
is told. There is no state in which some members are kept and others sought: whoever waits for room
holds nothing. What is confirmed is still believed in: a stage that takes longer than what the one
before it brought is an abort, and not a hope.

Two gangs that want the same room refuse each other. The first tries go to the freshest choice, all
at once, which is right nearly always and takes one round trip. After that each try asks the owners
one by one in the order of their ids, so that of two gangs one meets the other's hold early and
leaves the rest alone; and the pause before it grows, with dice, so that they do not meet again.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from ledger.books.gangs import Gang as Told
from ledger.books.gangs import GangStage
from ledger.commands import Answer, Command, Outcome, Post, Release
from ledger.commands.gangs import Park, Settle
from ledger.entries.gangs import GangCommitted, GangCompleted, GangEnded
from ledger.observations import GangStep
from mesh.identity import short_id
from mesh.instant import Instant
from node.core.gangs.gang import (
    COPY_WAIT,
    HOLD_SENDS_MAX,
    REST_BETWEEN_SENDS,
    SENDS_MAX,
    TRIED_MAX,
    AskMember,
    Disbanded,
    Formed,
    Gang,
    GangingEffect,
    Member,
    Record,
    Stage,
    belief,
    enlisting,
    is_for_good,
    is_later,
    is_leased,
    one_of,
)
from node.core.gangs.returning import ReturningGangs
from node.core.gangs.table import AT_ONCE_TRIES, forget, of_earlier
from node.core.requests import Refused
from node.core.reserving.wishes import hold_of

NEXT: Final = {
    Stage.HOLDING: Stage.POSTING, Stage.POSTING: Stage.PARKING, Stage.PARKING: Stage.SETTLING,
}  # fmt: skip
AFTER: Final = {
    "posting": Stage.POSTING, "settling": Stage.SETTLING, "standing": Stage.STANDING,
}  # fmt: skip
YES: Final = {
    Stage.HOLDING: Outcome.HELD, Stage.POSTING: Outcome.POSTED, Stage.PARKING: Outcome.PARKED,
    Stage.SETTLING: Outcome.SETTLED,
}  # fmt: skip


class Ganging(ReturningGangs):
    """All gangs of one asker that are under way."""

    # Doors -------------------------------------------------------------------------------------

    def disband(self, token: int, told: Told, now: Instant) -> list[GangingEffect]:
        """End a gang that stands, for the surface request `token`. May raise Refused."""
        self._check_room()
        if (why := self._books.cannot_write()) is not None:
            raise Refused("refused", f"nothing can be ended from here now: {why}", "ask again")
        self._leases.end(told.id)
        gang = of_earlier(told, token)
        gang.asked_back = True
        return self._end(self._enter(gang), "given back", now)

    def take_up(self, gangs: Iterable[Told], now: Instant, *, sure: bool) -> list[GangingEffect]:
        """What an earlier start left behind, now that our log can be written. `sure`: it forgot
        nothing; else what looks half done may have been completed, and is only let lapse."""
        effects: list[GangingEffect] = []
        known = {gang.id for gang in self._gangs.values()}
        for told in gangs:
            if not told.live or told.id in known:
                continue
            if self._leases.keeps(told.id):
                continue
            key = self._enter(of_earlier(told, None))
            if told.stage is GangStage.COMPLETED and self._books.is_leased(told):
                effects += self._end(key, "its asker was restarted", now)
            elif told.stage is GangStage.COMPLETED:
                self._gangs[key].stage = Stage.SETTLING
                effects += self.recorded(key, now)
            elif sure:
                effects += self._end(key, "its asker was restarted", now)
            else:
                del self._gangs[key]
                ended = GangEnded(told.id, "its asker forgot how far it was")
                effects.append(Record(key, GangStep(ended)))
        return effects

    def cancel(self, token: int, now: Instant) -> list[GangingEffect]:
        """Whoever asked is gone: nobody would use it."""
        effects: list[GangingEffect] = []
        for key in sorted(self._gangs):
            gang = self._gangs[key]
            if gang.token != token or gang.asked_back:
                continue
            gang.gone = True
            if gang.stage is Stage.WAITING or (gang.returned and gang.stage is Stage.SETTLING):
                effects += self._drop(key)[1]
            elif gang.stage is not Stage.ENDING:
                effects += self._end(key, "whoever asked has hung up", now)
        return effects

    def wake(self, now: Instant) -> list[GangingEffect]:
        """Try again, send again, whatever was put off until now."""
        renewed, lost = self._leases.wake(now)
        effects: list[GangingEffect] = [*self.kept.wake(now), *self._places.wake(now), *renewed]
        effects += [one for gang, why in lost for one in self._lost(gang, why, now)]
        for key in sorted(self._gangs):
            gang = self._gangs[key]
            if gang.wake_at is not None and gang.wake_at <= now:
                gang.wake_at = None
                waits = gang.stage is Stage.WAITING
                effects += self._try(key, now) if waits else self._go_on(key, now)
            for place, member in enumerate(gang.members):
                if member.wake_at is not None and member.wake_at <= now and key in self._gangs:
                    member.wake_at = None
                    effects += self._send(key, place, now)
        return effects

    def recorded(self, key: int, now: Instant) -> list[GangingEffect]:
        """Our log says it, signed: what waited for that may be sent."""
        gang = self._gangs.get(key)
        if gang is None:
            return []
        for member in gang.members:
            member.begin_stage()
            unasked = gang.stage is Stage.ENDING and not member.asked
            member.done = unasked or gang.stage is Stage.STANDING
        if gang.stage is Stage.HOLDING and gang.attempts > AT_ONCE_TRIES:
            return self._send(key, 0, now)
        effects: list[GangingEffect] = []
        for place, member in enumerate(gang.members):
            if not member.done:
                effects += self._send(key, place, now)
        return effects or self._go_on(key, now)

    def stored(self, now: Instant) -> list[GangingEffect]:
        """Somebody has more of our log on its disk."""
        waiting = [key for key in sorted(self._gangs) if self._gangs[key].copied_by is not None]
        return [effect for key in waiting for effect in self._go_on(key, now)]

    def answered(self, call: int, answer: Answer | None, now: Instant) -> list[GangingEffect]:
        """An owner's word on what it was last asked; None: none came in time."""
        if call in self._places:
            return self._told_in_line(call, answer, now)
        if call in self._leases:
            lost = self._leases.answered(call, answer, now)
            return [] if lost is None else self._lost(*lost, now)
        key, place = self._calls.pop(call)
        gang = self._gangs.get(key)
        if gang is None or place >= len(gang.members) or gang.members[place].call != call:
            return []  # Of a stage, or an attempt, that is over.
        member = gang.members[place]
        member.answer = answer
        if answer is not None and answer.outcome is Outcome.WRONG_SESSION:
            member.session = answer.session
        if gang.stage is Stage.ENDING:
            return self._end_answered(key, member, answer, now)
        if answer is not None and answer.outcome is YES[gang.stage]:
            return self._yes(key, place, now)
        stale = answer is None or answer.outcome is Outcome.WRONG_SESSION
        most = HOLD_SENDS_MAX if gang.stage is Stage.HOLDING else SENDS_MAX
        if stale and member.sends < most:
            if answer is not None:
                return self._send(key, place, now)
            member.wake_at = now + REST_BETWEEN_SENDS
            return []
        return self._failed(key, member, answer, now)

    # An attempt --------------------------------------------------------------------------------

    def _send(self, key: int, place: int, now: Instant) -> list[GangingEffect]:
        gang = self._gangs[key]
        member = gang.members[place]
        if member.believed is not None and now >= member.believed and gang.stage in NEXT:
            return self._failed(key, member, None, now)
        if not member.sends:
            member.first_sent = now
        member.sends += 1
        member.asked = True
        member.call = self._number()
        self._calls[member.call] = (key, place)
        until = None if gang.stage is Stage.ENDING else member.believed
        return [AskMember(member.call, member.owner, self._command(gang, member), until)]

    def _command(self, gang: Gang, member: Member) -> Command:
        match gang.stage:
            case Stage.HOLDING:
                reserve, choice = gang.reserve, member.choice
                assert reserve is not None and choice is not None  # noqa: PT018 - one fact: it is ours
                hold = hold_of(one_of(reserve), choice, member.hold, member.session)
                return replace(hold, gang=enlisting(reserve, gang.id), place=member.place)
            case Stage.POSTING:
                return Post(member.hold, member.session)
            case Stage.PARKING:
                return Park(member.hold, member.session)
            case Stage.SETTLING:
                return Settle(member.hold, member.session, self._books.completion(gang.id))
            case _:
                return Release(member.hold, member.session)

    def _yes(self, key: int, place: int, now: Instant) -> list[GangingEffect]:
        gang = self._gangs[key]
        member = gang.members[place]
        member.done = True
        if (span := belief(gang.stage, gang.reserve)) is not None:
            member.believed = member.first_sent + span
        following = place + 1
        if following < len(gang.members) and not gang.members[following].sends:
            return self._send(key, following, now)
        return self._go_on(key, now)

    def _go_on(self, key: int, now: Instant) -> list[GangingEffect]:
        """To the next stage, once every member has done with this one."""
        gang = self._gangs[key]
        if not all(member.done for member in gang.members):
            return []
        match gang.stage:
            case Stage.HOLDING:
                return self._step(key, GangCommitted(gang.id), "posting", now)
            case Stage.POSTING if gang.reserve is not None and is_leased(gang.reserve):
                return self._step(key, GangCompleted(gang.id), "standing", now)
            case Stage.POSTING if gang.reserve is not None and is_later(gang.reserve):
                return self._step(key, GangCompleted(gang.id), "settling", now)
            case Stage.POSTING:
                gang.stage = Stage.PARKING
                return self.recorded(key, now)
            case Stage.PARKING:
                return self._step(key, GangCompleted(gang.id), "settling", now)
            case Stage.SETTLING | Stage.STANDING:
                return self._formed(key, now)
            case _:
                return self._ended(key, now)

    def _step(
        self, key: int, entry: GangCommitted | GangCompleted, stage: str, now: Instant
    ) -> list[GangingEffect]:
        gang = self._gangs[key]
        if self._books.cannot_write() is not None:
            return self._stranded(key)
        late = any(one.believed is not None and now >= one.believed for one in gang.members)
        if late:
            return self._end(key, "it took too long", now)
        gang.stage = AFTER[stage]
        said = {
            "posting": "all hold: confirming each",
            "settling": "all are confirmed: telling each that all are",
            "standing": "all are confirmed, and kept up from here",
        }[stage]
        return [self._said(gang, stage, said), Record(key, GangStep(entry))]

    def _formed(self, key: int, now: Instant) -> list[GangingEffect]:
        gang = self._gangs[key]
        if gang.token is None:
            return self._drop(key)[1]
        assert gang.reserve is not None
        if is_leased(gang.reserve):
            # Nobody needs a copy: who forgets it is not renewed, and it ends by itself.
            _, left = self._drop(key)
            formed = Formed(
                gang.token, gang.id, gang.reserve, tuple(gang.members), tuple(gang.tried), ()
            )
            return [*left, forget(gang), *self._leases.begin(gang, now), formed]
        keepers = self._books.keepers(gang.id)
        if gang.copied_by is None:
            gang.copied_by = now + COPY_WAIT
        if keepers == () and now < gang.copied_by:
            gang.wake_at = gang.copied_by
            return []
        _, left = self._drop(key)
        formed = Formed(
            gang.token, gang.id, gang.reserve, tuple(gang.members), tuple(gang.tried),
            keepers or (),
        )  # fmt: skip
        return [*left, forget(gang), formed]

    def work_ended(self, gang: bytes, now: Instant) -> list[GangingEffect]:
        """The process for which a gang of leases was taken is gone."""
        return self._lost(gang, "its process ended", now) if self._leases.keeps(gang) else []

    def is_for_work(self, gang: bytes, pid: int, started: int) -> bool:
        """Whether a gang of leases lasts while that process runs."""
        return self._leases.process(gang) == (pid, started)

    def _lost(self, gang: bytes, why: str, now: Instant) -> list[GangingEffect]:
        """One of its leases is over, or what they were for: all of it ends."""
        self._leases.end(gang)
        told = self._books.standing(gang)
        return [] if told is None else self._end(self._enter(of_earlier(told, None)), why, now)

    # Its end -----------------------------------------------------------------------------------

    def _failed(
        self, key: int, member: Member, answer: Answer | None, now: Instant
    ) -> list[GangingEffect]:
        gang = self._gangs[key]
        if gang.token is None and gang.stage is Stage.SETTLING:
            # Of an earlier start: whoever asked may have been answered. Its owners see by each
            # other's logs whether one of them gave up.
            del self._gangs[key]
            return []
        if gang.returned and gang.stage is Stage.SETTLING:
            return self._let_stand(key, member, answer, now)
        name = self._books.name_of(member.owner)
        outcome = "no answer" if answer is None else answer.outcome.value
        detail = "the owner did not answer" if answer is None else answer.detail or outcome
        gang.shunned[member.owner] = is_for_good(gang.stage, answer)
        gang.tried.append(
            {"node": name, "id": short_id(member.owner), "outcome": outcome, "detail": detail}
        )
        del gang.tried[:-TRIED_MAX]
        return self._end(key, f"{name}: {detail}", now)

    def _end(self, key: int, why: str, now: Instant) -> list[GangingEffect]:
        """All of it: our log first, then every owner that was asked for anything."""
        gang = self._gangs[key]
        if self._books.cannot_write() is not None:
            return self._stranded(key)
        gang.stage, gang.why, gang.copied_by, gang.wake_at = Stage.ENDING, why, None, None
        return [Record(key, GangStep(GangEnded(gang.id, why[:200])))]

    def _end_answered(
        self, key: int, member: Member, answer: Answer | None, now: Instant
    ) -> list[GangingEffect]:
        wrong = answer is not None and answer.outcome is Outcome.WRONG_SESSION
        if (answer is None or wrong) and member.sends < HOLD_SENDS_MAX:
            if wrong:
                return self._send(key, self._gangs[key].members.index(member), now)
            member.wake_at = now + REST_BETWEEN_SENDS
            return []
        # Who cannot be reached reads it in our log, and lets it lapse where it cannot read that.
        member.done = True
        return self._go_on(key, now)

    def _ended(self, key: int, now: Instant) -> list[GangingEffect]:
        gang = self._gangs[key]
        if gang.token is None or gang.gone:
            return [*self._drop(key)[1], forget(gang)]
        if gang.asked_back:
            self._drop(key)
            return [Disbanded(gang.token, gang.id, tuple(gang.members))]
        effects: list[GangingEffect] = [forget(gang)]
        if gang.attempts < AT_ONCE_TRIES or now < gang.patience:
            return effects + self._rest(key, f"not all were granted ({gang.why})", now)
        return effects + self._refuse(key, self._none_granted(key, now))
