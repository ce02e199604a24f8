"""Returning: whoever waited for a gang asks again under its name, after a restart of our agent.

What our log says of the wish comes first, and by the rules for any gang whose asker was restarted
(`Ganging.take_up`): what was not complete is ended, and until that is done nothing new is tried, so
that there are never two gangs for one wish. What is complete stands, is told again, and is never
ended from here: whoever asks may have been answered once before.

Then it waits on: its places are looked at under the ids that they had. The first question after a
restart only asks (`Places.rejoin`), for what it claims can't be reckoned before owners have said
when its turns are, and a claim that is not told again would be taken back by its own asker.
"""

from collections.abc import Callable
from typing import Final

from ledger.books.gangs import Gang as Told
from ledger.books.gangs import GangStage
from ledger.commands import HOLD_ID_BYTES, Answer
from mesh.instant import MILLISECOND, Duration, Instant
from node.core.gangs import kept
from node.core.gangs.gang import Gang, GangingEffect, Member, Stage
from node.core.gangs.table import of_earlier
from node.core.gangs.waiting import WaitingGangs
from node.core.outlook import Outlook
from node.core.requests import Refused
from node.core.requests.gangs import ReserveGang
from node.core.reserving.unclaimed import name_of

LOOK_AGAIN: Final[Duration] = 250 * MILLISECOND
"""How often it is looked whether what an earlier start began is given back."""


class ReturningGangs(WaitingGangs):
    """Those whose asker may have been here before."""

    def begin(
        self, token: int, reserve: ReserveGang, look: Callable[[], Outlook], now: Instant
    ) -> list[GangingEffect]:
        """Form a gang for the surface request `token`. May raise Refused."""
        self._check_room()
        name = name_of(reserve.wish)
        if name and any(gang.wish == name for gang in self._gangs.values()):
            raise Refused("refused", "a gang is under way under that name", "ask again later")
        before = self.kept.claim(reserve)
        gang = Gang(token, reserve, look, now + reserve.wait_ms * MILLISECOND)
        gang.wish, gang.since = name or self._random.randbytes(HOLD_ID_BYTES), now
        gang.rank = self._books.beat(now)
        key = self._enter(gang)
        if before is None:
            return [*self._keep(key, now), *self._try(key, now)]
        gang.rank, gang.since = before.rank, now - before.waited
        places = [(one.choice, one.hold) for one in before.places]
        return [*self._places.rejoin(key, gang, places, now), *self._try(key, now)]

    def _try(self, key: int, now: Instant) -> list[GangingEffect]:
        before = self._earlier(key, now)
        return super()._try(key, now) if before is None else before

    def _earlier(self, key: int, now: Instant) -> list[GangingEffect] | None:
        """What an earlier start, or an earlier asking, did for this wish; None: nothing stands in
        the way of another try."""
        gang = self._gangs[key]
        assert gang.reserve is not None, "only what was asked for here is tried"
        if not gang.reserve.wish or self._books.cannot_write() is not None:
            return None  # nobody else asks for it; or our log does not say, and nothing is tried
        told = self._books.formed_for(kept.mark(gang.wish))
        stands = told is not None and told.stage is GangStage.COMPLETED
        if told is not None and stands and self._leases.keeps(told.id):
            hint = "its asker was answered; `holdfast release` gives it back"
            return self._refuse(key, Refused("refused", "that gang of leases stands", hint))
        attended = [
            other for other, one in self._gangs.items()
            if other != key and told is not None and one.id == told.id
        ] + self._ending(gang.wish)  # fmt: skip
        if told is None and not attended:
            return None
        if told is not None and stands and not self._books.is_leased(told):
            return self._tell_again(key, told, now)
        if now >= gang.patience and not attended:
            return self._unsure(key, told)
        why = "what was begun for it before a restart is being given back"
        return self._wait(key, why, LOOK_AGAIN, now)

    def _ending(self, wish: bytes) -> list[int]:
        """Gangs of that wish that are over in our log, and that owners are being told of."""
        ends = kept.mark(wish)
        return [
            key for key, one in self._gangs.items()
            if one.stage is Stage.ENDING and one.id.endswith(ends)
        ]  # fmt: skip

    def _tell_again(self, key: int, told: Told, now: Instant) -> list[GangingEffect]:
        """Show every owner once more that it is complete: each says that it has settled."""
        gang = self._gangs[key]
        assert gang.reserve is not None, "only what was asked for here is told"
        choices = [self._books.choice_of(member) for member in told.members]
        if len(choices) != gang.reserve.nodes:
            refused = Refused("refused", "under that name something else was asked for")
            return self._refuse(key, refused)
        if now >= gang.patience and (gang.returned or None in choices):
            return self._unsure(key, told)
        if None in choices:
            return self._wait(key, "it stands, and not every owner has said so", LOOK_AGAIN, now)
        for other in [at for at, one in self._gangs.items() if one.id == told.id and at != key]:
            del self._gangs[other]  # what an earlier start left behind is attended to from here
        gang.id, gang.stage, gang.wake_at, gang.returned = told.id, Stage.SETTLING, None, True
        gang.members = of_earlier(told, None).members
        for member, choice in zip(gang.members, choices, strict=True):
            member.choice, member.wake_at = choice, now
            member.session = self._books.session_of(member.owner) or member.session
        return [self._said(gang, "settling", "all are confirmed: asking each once more")]

    def _let_stand(
        self, key: int, member: Member, answer: Answer | None, now: Instant
    ) -> list[GangingEffect]:
        """An owner does not say that it has settled. It may yet, or was there before: all of it is
        left as it is, and looked at again."""
        gang = self._gangs[key]
        gang.id = b""
        outcome = "no answer" if answer is None else answer.outcome.value
        name = self._books.name_of(member.owner)
        return self._rest(key, f"it stands, but {name} says: {outcome}", now)

    def _unsure(self, key: int, told: Told | None) -> list[GangingEffect]:
        name = "" if told is None else f" {told.id.hex()[:10]}"
        sentence = f"a gang{name} was formed for this, and not every owner says that it stands"
        refused = Refused("unknown", sentence, "`holdfast holds` shows what stands of it")
        return self._refuse(key, refused)
