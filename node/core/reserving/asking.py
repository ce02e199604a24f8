"""Asking: the asker's side of a reservation, from "where?" to "it is yours".

One *errand* per reservation. It decides over the picture, asks the best owner for a hold, posts it,
and on a refusal goes to the runner-up by itself. The id of every hold is drawn and kept on disk
before the first send, so a retry is the same request, and a crash leaves a name to ask about.

A call ends in exactly one of three ways: done, refused (why), or unknown (id). No answer to a hold
is harmless, since nothing was posted and it lapses by itself: the errand moves on. No answer to a
post is not, since it may have been granted: the errand keeps asking, then says `unknown`, and the
id.

Few sends make a short errand, unless this machine slept in the middle of it. So before a hold is
confirmed its age is looked at: one that is older than the belief in it is given back, and the
errand begins anew.

Who would wait for room stands in the lines of several owners meanwhile (lines.py): the turn that
comes first is the grant, and goes on like any other hold.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from ledger.commands import (
    HOLD_ID_BYTES,
    Answer,
    Inquire,
    Outcome,
    Void,
)
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND, Duration, Instant, earliest
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.effects import Progress, Reply
from node.core.outlook import Choice, Outlook
from node.core.processes import Process
from node.core.requests import Refused, Reserve
from node.core.reserving import kept, later, lines
from node.core.reserving.lines import Lines, LinesEffect, Stand, Turned, Won
from node.core.reserving.refusals import all_refused, unconfirmed, without_a_copy
from node.core.reserving.wishes import (
    BELIEF,
    ERRANDS_MAX,
    HOLD_SENDS_MAX,
    POST_SENDS_MAX,
    REST_BETWEEN_SENDS,
    WAIT_TICK,
    Ask,
    AskingEffect,
    Stage,
    Wish,
    command_of,
    forget,
    granted,
    tried,
    waiting_progress,
)

LOOK_AGAIN: Final[Duration] = 5 * SECOND
"""How often somebody in a line looks whether there is room elsewhere."""


class Asking:
    """All errands under way. `session_of` gives an owner's current session, or None."""

    def __init__(self, random: Random, session_of: Callable[[NodeId], bytes | None]) -> None:
        self._random = random
        self._session_of = session_of
        self._lines = Lines(random, session_of)
        self.kept = kept.KeptWishes()
        self._errands: dict[int, Wish] = {}
        self._next = 0

    @property
    def next_wake(self) -> Instant | None:
        waking = (errand.wake_at for errand in self._errands.values())
        return earliest(self._lines.next_wake, self.kept.next_wake, *waking)

    @property
    def waiting(self) -> dict[int, tuple[Wish, list[Stand]]]:
        """Every wish that stands in lines, and where."""
        return {key: (self._errands[key], self._lines.of(key)) for key in self._lines.wishes()}

    @property
    def processes(self) -> tuple[Process, ...]:
        """For which a lease is being asked."""
        wishes = [self._errands[key].reserve for key in sorted(self._errands)]
        return tuple(Process(w.pid, w.pid_started) for w in wishes if w.pid and w.pid_started)

    def begin(
        self, token: int, reserve: Reserve, look: Callable[[], Outlook], now: Instant
    ) -> list[AskingEffect]:
        """Run an errand for the surface request `token`. Raises Refused when there are too many."""
        if len(self._errands) >= ERRANDS_MAX:
            raise Refused("refused", f"{ERRANDS_MAX} requests are under way here already", "wait")
        before = self.kept.claim(reserve)
        self._next += 1
        until = now + reserve.wait_ms * MILLISECOND if reserve.wait_ms else None
        errand = self._errands[self._next] = Wish(token, reserve, look, until=until)
        if before is None or until is None:
            return self._choose(self._next, now)
        return self._take_up(self._next, errand, before, now)

    def _take_up(
        self, key: int, errand: Wish, before: kept.KeptWish, now: Instant
    ) -> list[AskingEffect]:
        """Go on where an earlier start of ours was with it."""
        if (chosen := before.posting) is not None:
            # It may have been confirmed, and nobody knows for how long it was believed in: ask.
            errand.choice, errand.hold = chosen.choice, chosen.hold
            errand.session = self._session_of(chosen.choice.owner) or b""
            errand.stage, errand.first_sent = Stage.POSTING, now - BELIEF
            return self._send(key, now)
        errand.stage, errand.wake_at = Stage.IN_LINE, now + WAIT_TICK
        return self._heard(self._lines.rejoin(key, errand, before.places, now), now)

    def cancel(self, token: int) -> list[AskingEffect]:
        """Whoever asked is gone, and nobody would use it: give back what is held."""
        effects: list[AskingEffect] = []
        for key in sorted(self._errands):
            errand = self._errands[key]
            if errand.token != token:
                continue
            errand.gone = True
            effects += self._heard(self._lines.leave(key), 0)
            if errand.stage is Stage.HOLDING and errand.choice is not None:
                effects.append(Ask(0, errand.choice.owner, Void(errand.hold, errand.session)))
            if errand.stage in (Stage.WAITING, Stage.IN_LINE, Stage.HOLDING):
                effects.extend(self._drop(key))
        return effects  # a post under way is seen through: it may have been granted already

    def wake(self, now: Instant) -> list[AskingEffect]:
        """Look again, or send again, whatever was put off until now."""
        effects = [*self.kept.wake(now), *self._heard(self._lines.wake(now), now)]
        for key in sorted(self._errands):
            errand = self._errands[key]
            if errand.wake_at is None or errand.wake_at > now:
                continue
            errand.wake_at = None
            if errand.stage in (Stage.WAITING, Stage.IN_LINE):
                effects.extend(self._choose(key, now))
            else:
                effects.extend(self._send(key, now))
        return effects

    def answered(self, key: int, answer: Answer | None, now: Instant) -> list[AskingEffect]:
        """The owner's answer to what errand `key` last asked; None: no answer came in time."""
        errand = self._errands.get(key)
        if errand is None:
            return []
        match errand.stage:
            case Stage.HOLDING:
                return self._hold_answered(key, errand, answer, now)
            case Stage.POSTING:
                return self._post_answered(key, errand, answer, now)
            case Stage.RETURNING:
                return self._returned(key, errand, answer, now)
            case Stage.WAITING | Stage.IN_LINE:
                return []

    def told_in_line(self, stand: int, answer: Answer | None, now: Instant) -> list[AskingEffect]:
        """An owner's word to one who waits; None: no answer came in time."""
        return self._heard(self._lines.answered(stand, answer, now), now)

    # The stages, in order ----------------------------------------------------------------------

    def _choose(self, key: int, now: Instant) -> list[AskingEffect]:
        errand = self._errands[key]
        if errand.until is not None and now >= errand.until:
            return self._waited_in_vain(key, errand, now)
        outlook, errand.looked_at = errand.look(), now
        # Where it stands in line it is served in its turn; it need not push in.
        passed = {stand.choice.owner for stand in self._lines.of(key)} | {*errand.hopeless}
        errand.lines = outlook.lines
        errand.choices = [one for one in outlook.choices if one.owner not in passed]
        if errand.choices:
            return self._try_next(key, now)
        if lined_up := self._line_up(key, errand, now):
            return lined_up
        if outlook.choices and errand.tried:
            return self._refuse(key, all_refused(errand))  # there is room, and nobody gives it
        if outlook.soon is None or not errand.reserve.wait_for_opening:
            hint = outlook.hint
            if outlook.soon is not None:
                hint = f"{outlook.soon}; without --no-wait this would have waited"
            return self._refuse(key, Refused("not_possible", outlook.why_not, hint))
        errand.stage = Stage.WAITING
        errand.wake_at = now + WAIT_TICK
        return [waiting_progress(errand, outlook)]

    def _try_next(self, key: int, now: Instant) -> list[AskingEffect]:
        errand = self._errands[key]
        if not errand.choices:
            return self._none_left(key, errand, now)
        errand.choice = errand.choices.pop(0)
        errand.hold = self._random.randbytes(HOLD_ID_BYTES)
        errand.session = self._session_of(errand.choice.owner) or b""
        errand.stage, errand.sends, errand.first_sent = Stage.HOLDING, 0, now
        # Kept before the first send: after a crash there is a name to ask about.
        kept = Persist((Write(SPACE_ASK, errand.hold, errand.choice.owner),))
        said = Progress(
            errand.token,
            {
                "stage": "holding",
                "node": errand.choice.name,
                "sentence": f"asking {errand.choice.name} for a hold",
            },
        )
        return [kept, said, *self._send(key, now)]

    def _send(self, key: int, now: Instant) -> list[AskingEffect]:
        errand = self._errands[key]
        assert errand.choice is not None
        errand.sends += 1
        if errand.stage is not Stage.POSTING:
            return [Ask(key, errand.choice.owner, command_of(errand, errand.choice))]
        until = errand.first_sent + BELIEF
        if now < until:
            return [Ask(key, errand.choice.owner, command_of(errand, errand.choice), until)]
        # Nobody confirms what nobody may believe in; whether an earlier word arrived can be asked.
        return [Ask(key, errand.choice.owner, Inquire(errand.hold, errand.session))]

    def _hold_answered(
        self, key: int, errand: Wish, answer: Answer | None, now: Instant
    ) -> list[AskingEffect]:
        assert errand.choice is not None
        if answer is None:
            return self._no_answer(key, errand, now)
        if answer.outcome is Outcome.WRONG_SESSION and errand.sends < HOLD_SENDS_MAX:
            errand.session = answer.session  # the owner restarted since we last heard of it
            return self._send(key, now)
        if answer.outcome is not Outcome.HELD:
            return self._refused_here(key, errand, answer, now)
        if now - errand.first_sent >= BELIEF:
            return self._begin_anew(key, errand, errand.choice, now)
        errand.tried.append(tried(errand.choice, answer.outcome.value, ""))
        if errand.reserve.hold_only:
            return self._granted(key, errand, answer)
        errand.stage, errand.sends = Stage.POSTING, 0
        return [*kept.posting(errand), *self._send(key, now)]

    def _begin_anew(
        self, key: int, errand: Wish, choice: Choice, now: Instant
    ) -> list[AskingEffect]:  # fmt: skip
        """The belief in this hold is over, and it was never confirmed."""
        void = Ask(0, choice.owner, Void(errand.hold, errand.session))
        return [void, forget(errand.hold), *self._choose(key, now)]

    def _refused_here(
        self, key: int, errand: Wish, answer: Answer, now: Instant
    ) -> list[AskingEffect]:
        assert errand.choice is not None
        detail = answer.detail or answer.outcome.value
        errand.tried.append(tried(errand.choice, answer.outcome.value, detail))
        sentence = f"{errand.choice.name} refused: {detail}"
        if errand.choices:
            sentence += f"; going to the runner-up, {errand.choices[0].name}"
        body = {"stage": "refused", "node": errand.choice.name, "sentence": sentence}
        return [forget(errand.hold), Progress(errand.token, body), *self._try_next(key, now)]

    def _no_answer(self, key: int, errand: Wish, now: Instant) -> list[AskingEffect]:
        assert errand.choice is not None
        if errand.sends < HOLD_SENDS_MAX:
            errand.wake_at = now + REST_BETWEEN_SENDS
            return []
        # Never posted, so it can't have become a grant: it lapses on the owner's side by itself.
        errand.tried.append(tried(errand.choice, "no answer", "the owner did not answer"))
        name = errand.choice.name
        body = {"stage": "no answer", "node": name, "sentence": f"{name} did not answer"}
        return [forget(errand.hold), Progress(errand.token, body), *self._try_next(key, now)]

    def _post_answered(
        self, key: int, errand: Wish, answer: Answer | None, now: Instant
    ) -> list[AskingEffect]:
        assert errand.choice is not None
        if answer is not None and answer.outcome is Outcome.POSTED:
            if errand.gone or (errand.reserve.require_copy and not answer.stored_on):
                errand.stage, errand.sends = Stage.RETURNING, 0
                return self._send(key, now)
            return self._granted(key, errand, answer)
        if answer is not None and answer.outcome is Outcome.HELD:
            return self._begin_anew(key, errand, errand.choice, now)
        if answer is not None and answer.outcome is Outcome.WRONG_SESSION:
            errand.session = answer.session
        elif answer is not None and not answer.outcome.may_change_on_retry:
            return self._refused_here(key, errand, answer, now)
        if errand.sends < POST_SENDS_MAX:
            errand.wake_at = now + REST_BETWEEN_SENDS
            return []
        return self._refuse(key, unconfirmed(errand, errand.choice))

    def _returned(
        self, key: int, errand: Wish, answer: Answer | None, now: Instant
    ) -> list[AskingEffect]:
        assert errand.choice is not None
        if answer is not None and answer.outcome is Outcome.WRONG_SESSION:
            errand.session = answer.session
        if (answer is None or not answer.outcome.positive) and errand.sends < POST_SENDS_MAX:
            errand.wake_at = now + REST_BETWEEN_SENDS
            return []
        given_up = answer is not None and answer.outcome.positive
        return self._refuse(key, without_a_copy(errand, errand.choice, given_up=given_up))

    def _none_left(self, key: int, errand: Wish, now: Instant) -> list[AskingEffect]:
        opening = {Outcome.QUARANTINED.value, Outcome.BOOKINGS_CLOSED.value}
        if errand.reserve.wait_for_opening and any(t["outcome"] in opening for t in errand.tried):
            # Its standing was news to us; by the next tick the picture has caught up.
            errand.tried.clear()
            errand.stage, errand.wake_at = Stage.WAITING, now + WAIT_TICK
            return []
        if errand.until is not None and now >= errand.until:
            return self._waited_in_vain(key, errand, now)
        if lined_up := self._line_up(key, errand, now):
            errand.tried_before, errand.tried = errand.tried, []
            return lined_up
        return self._refuse(key, all_refused(errand))

    # In line -----------------------------------------------------------------------------------

    def _line_up(self, key: int, errand: Wish, now: Instant) -> list[AskingEffect]:
        """Stand wherever it may be served some day. Nothing: it would not wait, or nowhere."""
        if errand.until is None:
            return []
        if errand.reserve.start_at_ms is not None:
            return [*later.wait(errand, now)]
        able = [one for one in errand.lines if one.owner not in errand.hopeless]
        joined = self._lines.join(key, errand.reserve, able, errand.until, now)
        stands = self._lines.of(key)
        if not stands:
            return []
        errand.stage = Stage.IN_LINE
        errand.wake_at = min(now + LOOK_AGAIN, errand.until)
        row = kept.standing(errand, stands) if joined else []
        return [*row, *self._heard(joined, now), lines.progress(errand, stands, now)]

    def _heard(self, effects: Sequence[LinesEffect], now: Instant) -> list[AskingEffect]:
        """What came of standing in lines."""
        out: list[AskingEffect] = []
        for effect in effects:
            match effect:
                case Won():
                    out += self._won(effect, now)
                case Turned(key, choice, answer):
                    out += self._turned(key, choice, answer, now)
                case _:
                    out.append(effect)
        return out

    def _won(self, won: Won, now: Instant) -> list[AskingEffect]:
        errand = self._errands.get(won.wish)
        if errand is None or errand.gone or errand.stage not in (Stage.IN_LINE, Stage.WAITING):
            # Another one was first: this one goes back at once.
            return [Ask(0, won.choice.owner, Void(won.hold, won.session)), forget(won.hold)]
        others = self._heard(self._lines.leave(won.wish), now)
        errand.choice, errand.hold, errand.session = won.choice, won.hold, won.session
        errand.stage, errand.sends, errand.first_sent = Stage.HOLDING, 1, won.since
        errand.choices, errand.wake_at = [], None
        return [*others, *self._hold_answered(won.wish, errand, won.answer, now)]

    def _turned(
        self, key: int, choice: Choice, answer: Answer, now: Instant
    ) -> list[AskingEffect]:  # fmt: skip
        errand = self._errands.get(key)
        if errand is None:
            return []
        errand.tried.append(tried(choice, answer.outcome.value, answer.detail))
        if not answer.outcome.may_change_on_retry or answer.outcome is Outcome.NO_ROOM:
            errand.hopeless.append(choice.owner)
            pause = WAIT_TICK
        else:
            pause = later.AGAIN
        if errand.stage is not Stage.IN_LINE or self._lines.of(key) or errand.until is None:
            return []
        errand.wake_at = min(now + pause, errand.until)
        return [lines.no_line(errand, now)]

    def _waited_in_vain(self, key: int, errand: Wish, now: Instant) -> list[AskingEffect]:
        stands = self._lines.of(key)
        left = self._heard(self._lines.leave(key), now)
        return [*left, *self._refuse(key, lines.in_vain(errand, stands, now))]

    # How an errand ends --------------------------------------------------------------------------

    def _granted(self, key: int, errand: Wish, answer: Answer) -> list[AskingEffect]:
        # What is kept of it goes behind the answer: a crash between the two would have it granted
        # once more to whoever asks again, having heard nothing.
        left = self._heard(self._lines.leave(key), 0)
        return [granted(errand, answer), *left, *self._drop(key)]

    def _refuse(self, key: int, refused: Refused) -> list[AskingEffect]:
        errand = self._errands[key]
        left = self._heard(self._lines.leave(key), 0)
        body = {**refused.body, "tried": list(errand.tried)}
        return [*left, *self._drop(key), Reply(errand.token, ok=False, body=body)]

    def _drop(self, key: int) -> list[AskingEffect]:
        errand = self._errands.pop(key)
        return [*([forget(errand.hold)] if errand.hold else []), *kept.over(errand.reserve)]
