"""What a node remembers of work like this: how much it took, how long, and whether it crashed.

A *scope* names work: what kind, with which engine, tool and model. Observations speak of exactly
one scope. A failure may be told of a wider one (a field left empty means "whatever"), and then the
narrowest that matches is what counts: a machine that once timed out is not what crashes this class
of work. The owner keeps the records, lets them lapse and publishes what is left, so a picture holds
only what still counts and nobody here asks what time it is.

A crash costs a node a day, doubled with each that follows, at most a week; a success in the same
scope clears it, and so does a person's word (`docs/reference/commands.md`). A network that broke or
a deadline that passed says little about the machine: those are told and block nothing.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from mesh.instant import HOUR, Duration

BLOCKING: Final = ("backend-misfit", "battery", "exec-crash", "out-of-memory", "thermal")
TOLD_ONLY: Final = ("network", "timeout")
FAILURE_KINDS: Final = tuple(sorted((*BLOCKING, *TOLD_ONLY)))

FAILURE_FIRST: Final[Duration] = 24 * HOUR
FAILURE_LONGEST: Final[Duration] = 7 * 24 * HOUR
OBSERVATION_LIFE: Final[Duration] = 7 * 24 * HOUR
"""After a week a machine has been updated, and so has the work."""
RECORDS_MAX: Final = 256
"""Per node; the oldest gives way."""


class Scope(NamedTuple):
    """What work a record is about. Empty: not said."""

    workload: str = ""
    engine: str = ""
    tool: str = ""
    model: str = ""

    def covers(self, other: "Scope") -> bool:
        """Whether a record of this scope speaks of `other`: what it says, it says of that too."""
        return all(said in {"", asked} for said, asked in zip(self, other, strict=True))

    @property
    def narrowness(self) -> int:
        """How many fields are said."""
        return sum(1 for said in self if said)


class Observation(NamedTuple):
    """What past work of one scope took here. None: was not seen."""

    scope: Scope
    peak_ram: int | None = None
    """bytes"""
    peak_vram: int | None = None
    """bytes"""
    wall_ms: int | None = None
    succeeded: bool = True
    """The last of them."""
    samples: int = 1


class Failure(NamedTuple):
    """Work of this scope, or of a narrower one, went wrong here, so many `times` in a row."""

    scope: Scope
    kind: str
    times: int = 1


class History(NamedTuple):
    """All that one node still remembers."""

    observations: tuple[Observation, ...] = ()
    failures: tuple[Failure, ...] = ()

    def observed(self, scope: Scope) -> Observation | None:
        """What is known of exactly this work."""
        return next((one for one in self.observations if one.scope == scope), None)

    def failed(self, scope: Scope) -> Failure | None:
        """The narrowest failure that speaks of this work; of equals, the one that blocks."""
        speaking = [one for one in self.failures if one.scope.covers(scope)]
        return max(speaking, key=_weight, default=None)


NOTHING: Final = History()


def blocks(failure: Failure) -> bool:
    """Whether the node is passed over for it."""
    return failure.kind in BLOCKING


def failure_life(count: int) -> Duration:
    """How long the `count`-th failure in a row is remembered."""
    assert count >= 1
    doubled = FAILURE_FIRST << min(count - 1, 8)
    return min(doubled, FAILURE_LONGEST)


def workloads_of(history: History) -> Iterable[str]:
    """Every kind of work that a record here speaks of; empty: of any."""
    scopes = [one.scope for one in history.observations] + [one.scope for one in history.failures]
    return sorted({scope.workload for scope in scopes})


def _weight(failure: Failure) -> tuple[int, bool, int, str]:
    return failure.scope.narrowness, blocks(failure), failure.times, failure.kind
