"""An outlook: what the picture says at one moment to somebody who wants a hold."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ledger.books import Books
from ledger.commands import Leg
from mesh.identity import NodeId
from mesh.instant import Duration
from placement.judging.columns import Prepared
from placement.request import Request
from placement.view import ClusterView


class Onlooker(Protocol):
    """Who sees all machines at one moment, and can be asked: an agent, or a study of what if."""

    us: NodeId

    def names(self) -> dict[NodeId, str]: ...
    def view(self) -> ClusterView: ...
    def prepared(self) -> Prepared: ...
    def books(self, author: NodeId) -> Books | None: ...
    def ages_ms(self) -> dict[str, dict[str, int | None]]: ...


class Choice(NamedTuple):
    """One owner that could grant it, and what would be asked of it."""

    owner: NodeId
    name: str
    legs: tuple[Leg, ...]
    work: tuple[str, ...] = ()
    """What work it is, in the words of a scope; empty: not said."""


class Outlook(NamedTuple):
    """What the picture says now: owners in order of preference; else why none, and what is soon.

    `opens_in`: until the first quarantined owner that would fit opens; None when there is none.
    """

    choices: tuple[Choice, ...]
    why_not: str
    hint: str
    soon: str | None
    opens_in: Duration | None
    lines: tuple[Choice, ...] = ()
    """Owners that could serve it if all that they have promised ended: whose lines are worth
    standing in. Only for who would wait."""


def legs_of(amounts: Sequence[tuple[str, int]]) -> tuple[Leg, ...]:
    """Placement's (pool, amount) pairs as the ledger's legs."""
    return tuple(Leg(pool, amount) for pool, amount in amounts)


def work_of(request: Request) -> tuple[str, ...]:
    """What a hold is told of the work it is for: its scope, where the request has one."""
    return tuple(request.scope) if any(request.scope) else ()
