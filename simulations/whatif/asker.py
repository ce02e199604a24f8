"""One who asks for a job: at once, and again, until there is room or patience ends."""

from dataclasses import dataclass
from enum import Enum

from mesh.instant import Duration, Instant
from placement.decision import Decision
from simulations.whatif.demand import Job
from simulations.whatif.ground import Placed


class State(Enum):
    """How it stands with a job."""

    TO_COME = "to come"
    WAITING = "waiting"
    PLACED = "placed"
    GAVE_UP = "gave up"
    NEVER = "refused for ever"


@dataclass(slots=True)
class Asker:
    """One job, and what became of it."""

    job: Job
    state: State = State.TO_COME
    asks: int = 0
    settled_at: Instant | None = None
    """When it was placed, gave up, or was refused for ever."""
    done_at: Instant | None = None
    placed: Placed | None = None
    first_no: Decision | None = None
    """Why there was no room when it came."""
    sentence: str = ""
    """What it was told last, when that was a no."""

    def waited(self, now: Instant) -> Duration:
        """From its arrival until it was settled, or so far."""
        return (now if self.settled_at is None else self.settled_at) - self.job.arrives

    @property
    def at_once(self) -> bool:
        """Whether its first ask was granted."""
        return self.state is State.PLACED and self.asks == 1

    def next_ask(self, not_before: Instant) -> Instant:
        """When it asks again: whole patiences after its arrival."""
        again, arrives = self.job.kind.ask_again, self.job.arrives
        return arrives + max(1, -(-(not_before - arrives) // again)) * again

    def asks_until(self, instant: Instant) -> int:
        """How often it has asked by `instant`, its first ask and that instant included."""
        return 1 + (instant - self.job.arrives) // self.job.kind.ask_again
