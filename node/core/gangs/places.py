"""The places of gangs that wait: one in the line of every owner that could serve one of its nodes.

A gang waits for several owners at one moment. So a place of its is never granted anything: its
owner says how long until its turn, and when enough of them say *now*, all are asked for holds at
once (`ganging.py`). Between two questions nothing is held anywhere.

Whoever could start now while another could not would be passed over meanwhile, for ever if need be.
So the asker reckons when the *last* of those that it would choose could start, and tells that to
each as its *claim*: until then they may serve whoever will be gone in time, and nobody else. Where
some owner cannot say when, there is nothing to reckon with; after BAR_AFTER it claims its room from
now on all the same, as everybody does who waits for what ends nobody knows when.

Two gangs can not wait for each other. Neither holds anything; and what is kept for them goes by one
order, which the number and the name of a wish give and which is therefore the same in every line:
the first of all gangs stands behind no gang anywhere, so what it waits for ends without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from ledger.commands import HOLD_ID_BYTES, Answer, Command, Inquire, Outcome, Void, Wait
from ledger.limits import PATIENCE_MAX
from mesh.identity import NONCE_BYTES, NodeId
from mesh.instant import MILLISECOND, MINUTE, SECOND, Duration, Instant, earliest
from node.core.effects import Progress
from node.core.gangs.gang import AskMember, Gang, enlisting, one_of
from node.core.outlook import Choice
from node.core.reserving.lines import NOT_NOW, roughly
from node.core.reserving.wishes import hold_of

SPARE_LINES_MAX: Final = 8
"""Lines in which a gang stands beyond as many as it needs. Each costs a question every 2 s."""
PLACES_MAX: Final = 2048
"""Of all gangs of one asker."""
ASK_EVERY: Final[Duration] = 2 * SECOND
ASK_SOON: Final[Duration] = SECOND // 2
"""The same when its turn is near."""
FRESH: Final[Duration] = 5 * SECOND
"""How long an owner's word about a turn counts."""
AGAIN_AFTER: Final[Duration] = 30 * SECOND
"""When an owner is asked again that gave no place, and may give one later."""
BAR_AFTER: Final[Duration] = MINUTE
"""How long a gang waits before it claims room that nobody knows to be enough."""
VOID_SENDS_MAX: Final = 3
NODES_TOLD_MAX: Final = 6
"""In the sentence; programs are given all of them."""


@dataclass(slots=True)
class Place:
    """One of them. `turn_in` counts from `told_at`."""

    key: int
    """Of its gang."""
    gang: Gang
    choice: Choice
    id: bytes
    session: bytes
    ask_at: Instant | None = None
    asked: bool = False
    """Whether a question is on its way."""
    place: tuple[int, int] | None = None
    turn_in: Duration | None = None
    told_at: Instant = 0
    told: str = ""
    """What its owner said last, when that was no place."""
    leaving: int = 0
    """How often the void went out; 0: it is wanted."""
    is_over: bool = False
    """Nobody wants it any more."""
    returns: bool = False
    """It stood there before a restart, and its owner was not heard of since: it is only asked
    whether it does, for whoever waits there anew would take back what it claimed."""

    def left(self, now: Instant) -> Duration | None:
        """How long until its turn, as far as that is known."""
        if self.turn_in is None or now - self.told_at > FRESH:
            return None
        return max(0, self.turn_in - (now - self.told_at))

    def is_ready(self, now: Instant) -> bool:
        """Whether its owner has said that it could start now."""
        return self.turn_in == 0 and self.left(now) == 0


class Places:
    """Every place of every gang of ours. `number` numbers the calls."""

    def __init__(
        self, random: Random, number: Callable[[], int],
        session_of: Callable[[NodeId], bytes | None],
    ) -> None:  # fmt: skip
        self._random = random
        self._number = number
        self._session_of = session_of
        self._places: dict[int, Place] = {}
        self._of: dict[int, list[int]] = {}
        """Gang → its places: thousands stand, and each answer looks at those of one gang."""
        self._calls: dict[int, int] = {}
        """Call → place."""
        self._last = 0

    def __contains__(self, call: int) -> bool:
        return call in self._calls

    @property
    def next_wake(self) -> Instant | None:
        if not self._places:
            return None
        return earliest(*(place.ask_at for place in self._places.values()))

    def of(self, key: int) -> list[Place]:
        """Where the gang `key` stands, in the order of joining."""
        found = (self._places[number] for number in self._of.get(key, ()))
        return [place for place in found if not place.is_over]

    def ready(self, key: int, now: Instant) -> list[Place]:
        """Those whose owners say that it is its turn."""
        return [place for place in self.of(key) if place.is_ready(now)]

    def turn_in(self, key: int, now: Instant) -> Duration | None:
        """How long until as many as it needs could start; None: nobody knows."""
        wanted = self._wanted(key, now)
        left = [place.left(now) for place in wanted]
        known = [one for one in left if one is not None]
        if not wanted or len(known) < _nodes(wanted[0].gang):
            return None
        return max(known)

    def join(
        self, key: int, gang: Gang, choices: tuple[Choice, ...], now: Instant
    ) -> list[AskMember]:
        """Stand with each of `choices` where the gang does not stand yet."""
        there = {place.choice.owner for place in self.of(key)}
        effects: list[AskMember] = []
        for choice in choices:
            full = len(there) >= _nodes(gang) + SPARE_LINES_MAX or len(self._places) >= PLACES_MAX
            if choice.owner in there or full or not choice.legs:
                continue
            there.add(choice.owner)
            name = self._random.randbytes(HOLD_ID_BYTES)
            effects.append(self._ask(self._stand(key, gang, choice, name), now))
        return effects

    def rejoin(
        self, key: int, gang: Gang, places: Sequence[tuple[Choice, bytes]], now: Instant
    ) -> list[AskMember]:
        """Stand where the gang stood before a restart, under the same ids."""
        effects: list[AskMember] = []
        for choice, name in places[: PLACES_MAX - len(self._places)]:
            number = self._stand(key, gang, choice, name)
            self._places[number].returns = True
            effects.append(self._ask(number, now))
        return effects

    def leave(self, key: int) -> list[AskMember]:
        """Give up every place of the gang `key`."""
        effects: list[AskMember] = []
        for number in tuple(self._of.get(key, ())):
            place = self._places[number]
            if not place.is_over:
                place.is_over, place.ask_at = True, None
                if not place.asked:
                    effects += self._void(number)
        return effects

    def wake(self, now: Instant) -> list[AskMember]:
        """Ask again, whoever is due."""
        effects: list[AskMember] = []
        for number in sorted(self._places):
            place = self._places[number]
            if place.ask_at is not None and place.ask_at <= now:
                effects += self._void(number) if place.is_over else [self._ask(number, now)]
        return effects

    def answered(
        self, call: int, answer: Answer | None, now: Instant
    ) -> tuple[int, list[AskMember]]:
        """An owner's word; None: none in time. The gang that it is for, and what follows."""
        number = self._calls.pop(call)
        place = self._places[number]
        place.asked = False
        if answer is not None and answer.outcome is Outcome.WRONG_SESSION:
            place.session = answer.session
        if place.is_over:
            return place.key, self._left(number, answer, now)
        self._heard(place, answer, now)
        return place.key, []

    # Small parts ---------------------------------------------------------------------------------

    def _stand(self, key: int, gang: Gang, choice: Choice, name: bytes) -> int:
        self._last += 1
        session = self._session_of(choice.owner) or bytes(NONCE_BYTES)
        self._places[self._last] = Place(key, gang, choice, name, session)
        self._of.setdefault(key, []).append(self._last)
        return self._last

    def _heard(self, place: Place, answer: Answer | None, now: Instant) -> None:
        place.turn_in, place.told_at, place.ask_at = None, now, now + ASK_EVERY
        if answer is None:
            place.place, place.told = None, "does not answer"
        elif answer.outcome is Outcome.WAITING:
            place.place, place.turn_in, place.told = answer.place, answer.remaining, ""
            # When all are heard of that it asked at once, it is known what to claim.
            claim = 0 if place.returns else self._claim(place, now)
            place.returns = False
            place.ask_at = now + min(
                ASK_EVERY, max(ASK_SOON, ASK_EVERY if claim is None else claim)
            )
        elif answer.outcome is Outcome.WRONG_SESSION:
            place.ask_at = now  # it restarted since we last heard of it
        elif place.returns and answer.outcome is Outcome.NOT_FOUND:
            place.returns, place.ask_at = False, now  # it was silent for too long
        else:
            place.place, place.told = None, answer.detail or answer.outcome.value
            if answer.outcome not in NOT_NOW:
                # That no is remembered under its name.
                place.id, place.returns = self._random.randbytes(HOLD_ID_BYTES), False
                place.ask_at = now + AGAIN_AFTER if answer.outcome.may_change_on_retry else None

    def _wanted(self, key: int, now: Instant) -> list[Place]:
        """Those that it would choose as things stand: whose turn comes first."""

        def nearness(place: Place) -> tuple[bool, Duration, bool, bytes]:
            left = place.left(now)
            return left is None, left or 0, place.place is None, place.choice.owner

        places = sorted(self.of(key), key=nearness)
        return places[: _nodes(places[0].gang)] if places else []

    def _claim(self, place: Place, now: Instant) -> Duration | None:
        """From when on its owner is to keep the room; None: not at all."""
        if all(one is not place for one in self._wanted(place.key, now)):
            return None
        turn_in = self.turn_in(place.key, now)
        if turn_in is None and now - place.gang.since >= BAR_AFTER:
            return 0
        return turn_in

    def _ask(self, number: int, now: Instant) -> AskMember:
        place = self._places[number]
        gang, reserve = place.gang, place.gang.reserve
        assert reserve is not None, "only what was asked for here waits"
        place.ask_at, place.asked = None, True
        if place.returns:
            return self._send(number, Inquire(place.id, place.session))
        hold = hold_of(one_of(reserve), place.choice, place.id, place.session)
        hold = replace(hold, gang=enlisting(reserve, gang.wish))
        patience = min(max(gang.patience - now, MILLISECOND), PATIENCE_MAX)
        claim = self._claim(place, now)
        return self._send(
            number,
            Wait(
                place.id, place.session, hold, patience, reserve.priority, gang.rank, claim
            ),
        )  # fmt: skip

    def _send(self, number: int, command: Command) -> AskMember:
        call = self._number()
        self._calls[call] = number
        return AskMember(call, self._places[number].choice.owner, command)

    def _void(self, number: int) -> list[AskMember]:
        place = self._places[number]
        if place.leaving == VOID_SENDS_MAX or place.place is None:
            self._forget(number)  # it has none; or it is lost by silence
            return []
        place.leaving += 1
        place.ask_at, place.asked = None, True
        return [self._send(number, Void(place.id, place.session))]

    def _left(self, number: int, answer: Answer | None, now: Instant) -> list[AskMember]:
        place = self._places[number]
        if place.leaving == 0:
            if answer is not None and answer.outcome is Outcome.WAITING:
                place.place = answer.place
            return self._void(number)  # the question was still on its way: now comes the void
        if answer is None or answer.outcome is Outcome.WRONG_SESSION:
            place.ask_at = now + ASK_EVERY
            return []
        self._forget(number)
        return []

    def _forget(self, number: int) -> None:
        key = self._places.pop(number).key
        self._of[key].remove(number)
        if not self._of[key]:
            del self._of[key]


def _nodes(gang: Gang) -> int:
    assert gang.reserve is not None, "only what was asked for here waits"
    return gang.reserve.nodes


def progress(
    gang: Gang, places: list[Place], turn_in: Duration | None, why: str, now: Instant
) -> Progress:  # fmt: skip
    """Where each of its nodes stands, when all could start, and for how long it would wait."""
    rows = [_row(place, now) for place in places]
    left = max(0, gang.patience - now)
    ready = sum(place.is_ready(now) for place in places)
    together = "nobody knows when" if turn_in is None else f"within {roughly(turn_in)}"
    sentence = f"{why}: {ready} of {_nodes(gang)} have room, all together {together}"
    sentence += f"; nothing is held meanwhile; waits {roughly(left)} more"
    told = [_worded(row) for row in rows[:NODES_TOLD_MAX]]
    more = len(rows) - len(told)
    sentence += f" ({', '.join(told)}{f', and {more} more' if more > 0 else ''})"
    body: dict[str, Any] = {
        "stage": "in line", "sentence": sentence, "lines": rows, "ready": ready,
        "nodes": _nodes(gang), "remaining_ms": left // MILLISECOND,
        "turn_in_ms": None if turn_in is None else turn_in // MILLISECOND,
    }  # fmt: skip
    return Progress(gang.token or 0, body)


def _worded(row: dict[str, Any]) -> str:
    """One of its nodes: `elm place 1 of 2 within 40s`."""
    if row["place"] is None:
        return f"{row['node']} {row['note'] or 'is asked'}"
    if row["turn_in_ms"] == 0:
        return f"{row['node']} now"
    where = f"{row['node']} place {row['place']} of {row['of']}"
    turn = row["turn_in_ms"]
    return where if turn is None else f"{where} within {roughly(turn * MILLISECOND)}"


def _row(place: Place, now: Instant) -> dict[str, Any]:
    stands = place.place or (None, None)
    left = place.left(now)
    return {
        "node": place.choice.name, "place": stands[0], "of": stands[1],
        "turn_in_ms": None if left is None else left // MILLISECOND, "note": place.told,
    }  # fmt: skip
