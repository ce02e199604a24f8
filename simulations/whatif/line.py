"""Everybody who asks, in the order in which they come. There is no line but this.

The ledger keeps no waiting line yet: who finds no room asks again, `ask_again` after `ask_again`
counted from its arrival, and whoever asks first after room came back gets it, whether or not it
came first. That is what a shell loop around `holdfast reserve` does.

A no is a function of the picture alone. So where the ground says when room comes back, an asker
that was refused need not ask again before: it is woken at its own next turn after that, and the
asks between, which could only have been the same no, are counted and not carried out. The result
is the same to the last byte, and a night in which nothing ends costs nothing (`patient=False`
carries out every one; a test compares).
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from mesh.instant import Instant
from simulations.whatif.asker import Asker, State
from simulations.whatif.demand import Job
from simulations.whatif.ground import ASKS, ENDS, Ground, NoRoom, Placed

LEAVES: Final = ASKS + 1
"""Who gives up asks once more at that very instant, if it is its turn."""


class Line:
    """All askers on one ground. Build it, then let the ground's time pass."""

    def __init__(
        self, ground: Ground, jobs: Iterable[Job], never: Mapping[str, str], *, patient: bool = True
    ) -> None:
        """`never`: kind → why no machine could ever take it, even with nothing else on it."""
        self.askers = [Asker(job) for job in jobs]
        self.settled = 0
        self._ground = ground
        self._never = never
        self._patient = patient
        self._parked: dict[int, Asker] = {}
        self._turn_set: set[int] = set()
        ground.changed = self._room_came_back
        for asker in self.askers:
            self._at(asker.job.arrives, ASKS, asker, partial(self._arrive, asker))

    def finish(self, now: Instant) -> None:
        """The study ends at `now`: whoever waits has asked so often by then."""
        if not self._patient:
            return
        for asker in self.askers:
            if asker.state is State.WAITING:
                asker.asks = asker.asks_until(now - 1)

    # One asker -----------------------------------------------------------------------------------

    def _at(self, when: Instant, rank: int, asker: Asker, what: Callable[[], None]) -> None:
        self._ground.at(when, rank, asker.job.number, what)

    def _arrive(self, asker: Asker) -> None:
        why = self._never.get(asker.job.kind.name)
        if why is not None:
            asker.asks, asker.sentence = 1, why
            self._settle(asker, State.NEVER)
            return
        asker.state = State.WAITING
        patience = asker.job.kind.gives_up
        if patience is not None:
            self._at(asker.job.arrives + patience, LEAVES, asker, partial(self._leave, asker))
        self._ask(asker)

    def _ask(self, asker: Asker) -> None:
        self._turn_set.discard(asker.job.number)
        if asker.state is not State.WAITING:
            return
        asker.asks += 1
        self._ground.ask(asker.job, partial(self._answered, asker))

    def _answered(self, asker: Asker, answer: Placed | NoRoom) -> None:
        now = self._ground.now
        if isinstance(answer, Placed):
            if asker.state is not State.WAITING:
                self._ground.give_back(answer)  # it left while it was being answered
                return
            if self._patient:
                asker.asks = asker.asks_until(now)
            asker.placed = answer
            self._settle(asker, State.PLACED)
            self._at(now + asker.job.runs, ENDS, asker, partial(self._end, asker))
            return
        asker.sentence = answer.sentence
        if asker.first_no is None:
            asker.first_no = answer.decision
        if asker.state is State.WAITING:
            self._wait(asker, now)

    def _wait(self, asker: Asker, now: Instant) -> None:
        if self._patient:
            self._parked[asker.job.number] = asker
        else:
            self._at(asker.next_ask(now + 1), ASKS, asker, partial(self._ask, asker))

    def _room_came_back(self) -> None:
        now = self._ground.now
        parked, self._parked = self._parked, {}
        for asker in parked.values():
            if asker.job.number not in self._turn_set and asker.state is State.WAITING:
                self._turn_set.add(asker.job.number)
                self._at(asker.next_ask(now), ASKS, asker, partial(self._ask, asker))

    def _leave(self, asker: Asker) -> None:
        if asker.state is State.WAITING:
            self._parked.pop(asker.job.number, None)
            if self._patient:
                asker.asks = asker.asks_until(self._ground.now)
            self._settle(asker, State.GAVE_UP)

    def _settle(self, asker: Asker, state: State) -> None:
        asker.state, asker.settled_at = state, self._ground.now
        self.settled += 1

    def _end(self, asker: Asker) -> None:
        assert asker.placed is not None
        asker.done_at = self._ground.now
        self._ground.give_back(asker.placed)
