"""Waiting: a gang between two tries, and how a try begins.

The first try goes to whoever the picture says has room. Whoever would wait stands in lines from
then on (`places.py`), and is asked for holds again when enough owners say that it is its turn, or
when others than those have room.

One that starts later stands in no line, for what is planned ends by a person's word, which nobody
foresees (`node/core/reserving/later.py`). It tries again now and then, until enough calendars have
room for it at once, its time is over, or its start is past.
"""

from collections.abc import Sequence
from typing import Final

from ledger.commands import HOLD_ID_BYTES, Answer
from ledger.entries.gangs import GangBegun
from ledger.limits import REMAINING_EVERY
from ledger.observations import GangStep
from mesh.identity import NONCE_BYTES
from mesh.instant import SECOND, Duration, Instant, in_seconds
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.gangs import kept
from node.core.gangs.gang import Gang, GangingEffect, Member, Record, Stage, is_later
from node.core.gangs.places import progress
from node.core.gangs.table import AT_ONCE_TRIES, GangTable
from node.core.outlook import Choice, Outlook
from node.core.requests import Refused
from node.core.reserving import later
from node.core.reserving.lines import roughly
from node.core.reserving.refusals import BY_POLICY, POLICY_HINT
from node.core.reserving.wishes import in_words

KEEP_EVERY: Final[Duration] = REMAINING_EVERY
"""How often the age of one that waits is put on disk: as seldom as what is left of a booking."""
WORDS_MAX: Final = 4
"""Refusals that a sentence names; programs are given more of them."""


class WaitingGangs(GangTable):
    """Those that look for owners, or wait for them."""

    @property
    def tried_in_vain(self) -> list[bytes]:
        """The last try of each that waits: over, and nothing of it is kept."""
        waiting = [gang for gang in self._gangs.values() if gang.stage is Stage.WAITING]
        return [gang.id for gang in waiting if gang.attempts and gang.id]

    def _try(self, key: int, now: Instant) -> list[GangingEffect]:
        gang = self._gangs[key]
        assert gang.look is not None and gang.reserve is not None  # noqa: PT018 - one fact: it is ours
        outlook = gang.look()
        if gang.attempts and is_hopeless(gang, outlook):
            return self._refuse(key, did_not_grant(gang, "waiting would not change that"))
        if is_later(gang.reserve) and gang.attempts >= AT_ONCE_TRIES and now >= gang.patience:
            return self._refuse(key, self._in_vain(key, last_words(gang), now))
        lined_up = self._line_up(key, outlook, now) if gang.attempts else []
        chosen = self._chosen(key, outlook, now)
        shut = self._books.cannot_begin()
        if shut is not None or len(chosen) < gang.reserve.nodes:
            return [*lined_up, *self._not_now(key, outlook, shut, now)]
        return [*lined_up, *self._attempt(key, chosen)]

    def _attempt(self, key: int, chosen: Sequence[Member]) -> list[GangingEffect]:
        """Ask all of `chosen` for holds; our log says so first."""
        gang = self._gangs[key]
        gang.attempts += 1
        gang.id, gang.returned = kept.name_try(gang.wish, self._random), False
        gang.members = sorted(chosen, key=lambda member: member.owner)
        gang.stage, gang.wake_at = Stage.HOLDING, None
        names = ", ".join(self._books.name_of(member.owner) for member in gang.members)
        begun = GangBegun(gang.id, tuple(member.entry for member in gang.members))
        return [
            # A crash leaves a name to ask about, whatever our own log still says by then.
            Persist((Write(SPACE_ASK, gang.id, gang.members[0].owner),)),
            self._said(gang, "holding", f"asking {names} for a hold each"),
            Record(key, GangStep(begun)),
        ]

    def _chosen(self, key: int, outlook: Outlook, now: Instant) -> list[Member]:
        """Whom to ask now: where it stands in line it is served in its turn, and does not push in;
        who refused of late comes behind all others, and who did for good behind those."""
        gang = self._gangs[key]
        assert gang.reserve is not None, "only what was asked for here looks for owners"
        lined = {place.choice.owner for place in self._places.of(key)}
        free = [(one, b"") for one in outlook.choices if one.owner not in lined]
        able = [(one.choice, one.id) for one in self._places.ready(key, now)] + free
        able.sort(key=lambda one: gang.shunned.get(one[0].owner, -1))
        return [self._member(choice, place) for choice, place in able[: gang.reserve.nodes]]

    def _member(self, choice: Choice, place: bytes) -> Member:
        session = self._books.session_of(choice.owner) or bytes(NONCE_BYTES)
        name = self._random.randbytes(HOLD_ID_BYTES)
        return Member(choice.owner, name, choice, session, place)

    # Nothing for it now --------------------------------------------------------------------------

    def _not_now(
        self, key: int, outlook: Outlook, shut: str | None, now: Instant
    ) -> list[GangingEffect]:
        gang = self._gangs[key]
        assert gang.reserve is not None, "as above"
        opens = gang.reserve.wait_for_opening and (shut is not None or outlook.soon is not None)
        if not gang.gone and (opens or now < gang.patience):
            why = shut or outlook.soon or f"{len(outlook.choices)} of {gang.reserve.nodes} fit"
            pause = later.AGAIN if is_later(gang.reserve) and not opens else SECOND
            return [*self._line_up(key, outlook, now), *self._wait(key, why, pause, now)]
        if shut is not None:
            refused = Refused("refused", f"a gang needs our own log: {shut}", "ask again later")
            return self._refuse(key, refused)
        if gang.reserve.wait_ms:
            ready = len(self._places.ready(key, now))
            why = outlook.why_not or f"{ready} of {gang.reserve.nodes} nodes had room"
            why = f"{why}; {last_words(gang)}" if gang.tried else why
            return self._refuse(key, self._in_vain(key, why, now))
        return self._refuse(key, Refused("not_possible", outlook.why_not, outlook.hint))

    def _line_up(self, key: int, outlook: Outlook, now: Instant) -> list[GangingEffect]:
        """Stand wherever one of its nodes may be served some day."""
        gang = self._gangs[key]
        if gang.gone or now >= gang.patience:
            return []
        joined = self._places.join(key, gang, outlook.lines, now)
        return [*(self._keep(key, now) if joined else ()), *joined]

    def _keep(self, key: int, now: Instant) -> list[Persist]:
        gang = self._gangs[key]
        gang.kept_at = now
        return kept.standing(gang, self._places.of(key), now)

    def _rest(self, key: int, why: str, now: Instant) -> list[GangingEffect]:
        """A try failed: pause, with dice, and then look again."""
        gang = self._gangs[key]
        pause = self._pause(gang)
        if gang.attempts >= AT_ONCE_TRIES and gang.reserve is not None and is_later(gang.reserve):
            pause += later.AGAIN
        gang.rests_until = now + pause
        return self._wait(key, why, pause, now)

    def _wait(self, key: int, why: str, pause: Duration, now: Instant) -> list[GangingEffect]:
        gang = self._gangs[key]
        gang.stage, gang.members, gang.wake_at = Stage.WAITING, [], now + pause
        if now < gang.patience:
            gang.wake_at = min(gang.wake_at, gang.patience)
        aged = self._keep(key, now) if now - gang.kept_at >= KEEP_EVERY else []
        if places := self._places.of(key):
            return [*aged, progress(gang, places, self._places.turn_in(key, now), why, now)]
        left = max(0, gang.patience - now)
        sentence = f"{why}: nothing is held meanwhile"
        if left:
            sentence += f"; trying for {in_seconds(left):.0f} s more"
        return [*aged, self._said(gang, "waiting", sentence)]

    def _told_in_line(
        self, call: int, answer: Answer | None, now: Instant
    ) -> list[GangingEffect]:  # fmt: skip
        """An owner's word about a place; None: none in time."""
        key, effects = self._places.answered(call, answer, now)
        gang = self._gangs.get(key)
        if gang is None or gang.stage is not Stage.WAITING or now < gang.rests_until:
            return [*effects]
        assert gang.reserve is not None, "only what was asked for here waits"
        if len(self._places.ready(key, now)) < gang.reserve.nodes:
            return [*effects]
        return [*effects, *self._try(key, now)]

    def _none_granted(self, key: int, now: Instant) -> Refused:
        """Not enough owners granted at once, as often as they were asked."""
        gang = self._gangs[key]
        if gang.reserve is not None and gang.reserve.wait_ms:
            return self._in_vain(key, last_words(gang), now)
        return did_not_grant(gang, "`--wait 30m` keeps trying, `holdfast where --nodes` tells more")

    def _in_vain(self, key: int, why: str, now: Instant) -> Refused:
        """It waited as long as it would."""
        gang = self._gangs[key]
        assert gang.reserve is not None, "only what was asked for here waits"
        waited, nodes = roughly(now - gang.since), gang.reserve.nodes
        if is_later(gang.reserve):
            sentence = f"no {nodes} calendars had room for it then, all at once, in {waited}: {why}"
            hint = "nothing is planned; `holdfast where --start` tells if another time would do"
            return Refused("timeout", sentence, hint)
        sentence = f"no {nodes} nodes had room at once in {waited}: {why}"
        hint = "nothing is held; ask for less, or wait longer: `holdfast holds --waiting`"
        return Refused("timeout", sentence, hint)


def is_hopeless(gang: Gang, outlook: Outlook) -> bool:
    """Whether so many owners have said no for good that too few are left."""
    assert gang.reserve is not None, "only what was asked for here looks for owners"
    able = {one.owner for one in (*outlook.lines, *outlook.choices)}
    left = [owner for owner in able if not gang.shunned.get(owner, False)]
    return len(left) < gang.reserve.nodes <= len(able)


def did_not_grant(gang: Gang, hint: str) -> Refused:
    """What its owners said to it. `hint`: what helps, where rules do not forbid it."""
    assert gang.reserve is not None, "only what was asked for here is refused"
    sentence = f"{gang.reserve.nodes} nodes did not grant together ({last_words(gang)})"
    if gang.tried and {str(tried["outcome"]) for tried in gang.tried} <= BY_POLICY:
        return Refused("policy", sentence, f"nothing is held; {POLICY_HINT}")
    return Refused("refused", sentence, f"nothing is held; {hint}")


def last_words(gang: Gang) -> str:
    """Who refused of late, and in what words."""
    return in_words(gang.tried[-WORDS_MAX:]) or gang.why
