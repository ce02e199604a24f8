"""Waiting in several lines at once, for one wish: the first grant withdraws the rest.

A *stand* is one place with one owner. It asks every two seconds ("is it my turn?"), and that is
also how the owner knows that somebody is still there. An owner that restarted, forgot its line or
cannot be reached just now is asked again; one that says no for good is left. Nothing is held while
waiting.

What wins here is a hold like any other, and goes on as any other: it is confirmed, or given back. A
second grant that raced with the first is voided at once; should even that not arrive, it was never
posted and lapses by itself. The void goes out only when no question of ours is on its way any more,
so that it is the last word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from ledger.commands import HOLD_ID_BYTES, Answer, Outcome, Void, Wait
from ledger.leases import owner_span
from ledger.limits import PATIENCE_MAX, PENDING_TTL
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, MINUTE, SECOND, Duration, Instant, earliest
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.effects import Progress
from node.core.outlook import Choice
from node.core.requests import Refused, Reserve
from node.core.reserving.wishes import AskInLine, Wish, forget, hold_of, in_words
from placement.amounts import format_duration

LINES_MAX: Final = 8
"""Owners in whose lines one wish stands. Each costs a question every two seconds."""
STANDS_MAX: Final = 2048
ASK_EVERY: Final[Duration] = 2 * SECOND
VOID_SENDS_MAX: Final = 3
NOT_NOW: Final = (Outcome.QUARANTINED, Outcome.BOOKINGS_CLOSED, Outcome.DISK_FULL)
"""An owner that says this may say yes later, and keeps the place."""


HINT: Final = "ask for less, or wait longer: `holdfast holds --waiting` shows who else waits"
HINT_THEN: Final = "ask for another time: `holdfast where` with the same words and --start shows it"


class Won(NamedTuple):
    """The turn of `wish` has come. `since`: what belief in the hold is counted from."""

    wish: int
    choice: Choice
    hold: bytes
    session: bytes
    since: Instant
    answer: Answer


class Turned(NamedTuple):
    """An owner lets `wish` wait no more, and why."""

    wish: int
    choice: Choice
    answer: Answer


LinesEffect: TypeAlias = AskInLine | Won | Turned | Persist


@dataclass(slots=True)
class Stand:
    """One place. `place` and `turn_in` are as last heard, `turn_in` counted from `told_at`."""

    wish: int
    reserve: Reserve
    choice: Choice
    hold: bytes
    session: bytes
    until: Instant
    ask_at: Instant | None
    asked_at: Instant | None = None
    """When the question went out that is not answered yet."""
    place: tuple[int, int] | None = None
    turn_in: Duration | None = None
    told_at: Instant = 0
    told: str = ""
    """What its owner said last, when that was no place."""
    leaving: int = 0
    """How often the void went out; 0: we stand here."""
    is_over: bool = False
    """Nobody wants it any more."""


class Lines:
    """Every stand of every wish. `session_of` gives an owner's current session, or None."""

    def __init__(self, random: Random, session_of: Callable[[NodeId], bytes | None]) -> None:
        self._random = random
        self._session_of = session_of
        self._stands: dict[int, Stand] = {}
        self._last = 0

    @property
    def next_wake(self) -> Instant | None:
        if not self._stands:
            return None
        return earliest(*(stand.ask_at for stand in self._stands.values()))

    def of(self, wish: int) -> list[Stand]:
        """Where `wish` stands, in the order of joining."""
        found = (self._stands[key] for key in sorted(self._stands))
        return [stand for stand in found if stand.wish == wish and not stand.is_over]

    def wishes(self) -> list[int]:
        """Who stands anywhere."""
        return sorted({stand.wish for stand in self._stands.values() if not stand.is_over})

    def join(
        self, wish: int, reserve: Reserve, choices: list[Choice], until: Instant, now: Instant
    ) -> list[LinesEffect]:
        """Stand with each of `choices` where `wish` does not stand yet."""
        there = {stand.choice.owner for stand in self.of(wish)}
        effects: list[LinesEffect] = []
        for choice in choices:
            full = len(there) >= LINES_MAX or len(self._stands) >= STANDS_MAX
            if choice.owner in there or full:
                continue
            there.add(choice.owner)
            self._last += 1
            stand = Stand(
                wish, reserve, choice, self._random.randbytes(HOLD_ID_BYTES),
                self._session_of(choice.owner) or b"", until, None,
            )  # fmt: skip
            self._stands[self._last] = stand
            # Kept before the first send: after a crash there is a name to ask about.
            effects.append(Persist((Write(SPACE_ASK, stand.hold, choice.owner),)))
            effects.append(self._ask(self._last, stand, now))
        return effects

    def rejoin(
        self, wish: int, errand: Wish, places: Sequence[tuple[Choice, bytes]], now: Instant
    ) -> list[LinesEffect]:
        """Stand where `wish` stood before a restart, under the same ids."""
        assert errand.until is not None, "who waits knows for how long"
        effects: list[LinesEffect] = []
        for choice, hold in places[: STANDS_MAX - len(self._stands)]:
            session = self._session_of(choice.owner) or b""
            self._last += 1
            stand = Stand(wish, errand.reserve, choice, hold, session, errand.until, None)
            self._stands[self._last] = stand
            effects.append(self._ask(self._last, stand, now))
        return effects

    def leave(self, wish: int) -> list[LinesEffect]:
        """Give up every place of `wish`."""
        effects: list[LinesEffect] = []
        for key in sorted(self._stands):
            stand = self._stands[key]
            if stand.wish == wish and not stand.is_over:
                effects.append(self._end(stand))
                if stand.asked_at is None:
                    effects += self._void(key, stand)
        return effects

    def wake(self, now: Instant) -> list[LinesEffect]:
        """Ask again, whoever is due."""
        effects: list[LinesEffect] = []
        for key in sorted(self._stands):
            stand = self._stands[key]
            if stand.ask_at is not None and stand.ask_at <= now:
                effects += self._void(key, stand) if stand.is_over else [self._ask(key, stand, now)]
        return effects

    def answered(self, key: int, answer: Answer | None, now: Instant) -> list[LinesEffect]:
        """What the owner said to stand `key`; None: nothing, in time."""
        stand = self._stands.get(key)
        if stand is None:
            return []
        sent, stand.asked_at = stand.asked_at, None
        if answer is not None and answer.outcome is Outcome.WRONG_SESSION:
            stand.session = answer.session
        if stand.is_over:
            return self._left(key, stand, answer, now)
        if answer is not None and answer.outcome is Outcome.HELD and sent is not None:
            del self._stands[key]
            since = min(sent, sent - _passed(answer))
            return [Won(stand.wish, stand.choice, stand.hold, stand.session, since, answer)]
        stand.ask_at = now + ASK_EVERY
        if answer is None:
            stand.told = "does not answer"
        elif answer.outcome is Outcome.WRONG_SESSION:
            stand.ask_at = now  # it restarted since we last heard of it
        elif answer.outcome is Outcome.WAITING:
            stand.place, stand.turn_in, stand.told_at = answer.place, answer.remaining, now
            stand.told = ""
        elif answer.outcome in NOT_NOW:
            stand.told = answer.outcome.value
        else:
            del self._stands[key]
            return [self._end(stand), Turned(stand.wish, stand.choice, answer)]
        return []

    # Small parts ---------------------------------------------------------------------------------

    def _ask(self, key: int, stand: Stand, now: Instant) -> AskInLine:
        stand.ask_at, stand.asked_at = None, now
        hold = hold_of(stand.reserve, stand.choice, stand.hold, stand.session)
        patience = min(max(stand.until - now, MILLISECOND), PATIENCE_MAX)
        wait = Wait(stand.hold, stand.session, hold, patience, stand.reserve.priority)
        return AskInLine(key, stand.choice.owner, wait)

    def _end(self, stand: Stand) -> Persist:
        stand.is_over = True
        stand.ask_at = None
        return forget(stand.hold)

    def _void(self, key: int, stand: Stand) -> list[LinesEffect]:
        if stand.leaving == VOID_SENDS_MAX:
            del self._stands[key]  # its place is lost by silence, and a bare hold lapses
            return []
        stand.leaving += 1
        stand.ask_at = None
        return [AskInLine(key, stand.choice.owner, Void(stand.hold, stand.session))]

    def _left(
        self, key: int, stand: Stand, answer: Answer | None, now: Instant
    ) -> list[LinesEffect]:
        if stand.leaving == 0:
            return self._void(key, stand)  # the question was still on its way: now comes the void
        if answer is None or answer.outcome is Outcome.WRONG_SESSION:
            stand.ask_at = now + ASK_EVERY
            return []
        del self._stands[key]
        return []


def told(stand: Stand, now: Instant) -> dict[str, Any]:
    """One place, for people."""
    place = stand.place or (None, None)
    left = None if stand.turn_in is None else max(0, stand.turn_in - (now - stand.told_at))
    return {
        "node": stand.choice.name,
        "place": place[0],
        "of": place[1],
        "turn_in_ms": None if left is None else left // MILLISECOND,
        "note": stand.told,
    }


def progress(wish: Wish, stands: list[Stand], now: Instant) -> Progress:
    """Where a wish stands, and for how long it would still wait."""
    rows = [told(stand, now) for stand in stands]
    best = min(rows, key=_nearness)
    others = [row["node"] for row in rows if row is not best]
    assert wish.until is not None, "who stands in a line knows for how long"
    left = max(0, wish.until - now)
    sentence = f"{_worded(best)}; waits {roughly(left)} more"
    if others:
        sentence += f"; also in the lines of {', '.join(others)}"
    body = {
        "stage": "in line", "sentence": sentence, "lines": rows,
        "remaining_ms": left // MILLISECOND,
    }  # fmt: skip
    return Progress(wish.token, body)


def no_line(wish: Wish, now: Instant) -> Progress:
    """That no owner gave it a place, and why; it asks again."""
    assert wish.until is not None, "who would stand in a line knows for how long"
    left = max(0, wish.until - now)
    sentence = f"{in_words(wish.tried)}; asks again, for {roughly(left)} more"
    body = {"stage": "waiting", "sentence": sentence, "remaining_ms": left // MILLISECOND}
    return Progress(wish.token, body)


def in_vain(wish: Wish, stands: list[Stand], now: Instant) -> Refused:
    """It waited as long as it would."""
    what, hint = "no room became free", HINT
    if wish.reserve.start_at_ms is not None:
        what, hint = "no calendar had room for it then", HINT_THEN
    sentence = f"{what} in {roughly(wish.reserve.wait_ms * MILLISECOND)} of waiting"
    if stands:
        best = min((told(stand, now) for stand in stands), key=_nearness)
        sentence += f" ({_worded(best)})"
    elif told_so := in_words(wish.tried or wish.tried_before):
        sentence += f" ({told_so})"
    return Refused("timeout", sentence, hint)


def _nearness(row: dict[str, Any]) -> tuple[bool, int, bool, int, str]:
    turn, place = row["turn_in_ms"], row["place"]
    return turn is None, turn or 0, place is None, place or 0, row["node"]


def _worded(row: dict[str, Any]) -> str:
    if row["place"] is None:
        return f"asks {row['node']} for a place in its line {row['note']}".rstrip()
    place = f"place {row['place']} of {row['of']} in the line of {row['node']}"
    if row["turn_in_ms"] is None:
        return f"{place}, behind what ends nobody knows when"
    return f"{place}, its turn within {roughly(row['turn_in_ms'] * MILLISECOND)}"


def roughly(duration: Duration) -> str:
    """To the second below a few minutes, else to the minute."""
    unit = SECOND if duration < 5 * MINUTE else MINUTE
    return format_duration(max(SECOND, -(-duration // unit) * unit))


def _passed(answer: Answer) -> Duration:
    """How much of the hold's time is gone already: a grant whose first answer was lost is older
    than the question that found out."""
    full = owner_span(PENDING_TTL)
    return 0 if answer.remaining is None else max(0, full - answer.remaining)
