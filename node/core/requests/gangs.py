"""What may be asked about several nodes at once: a part of the vocabulary of `requests.py`.

Bodies as there: ids as text, amounts as integers in named units, durations in milliseconds.
"""

from typing import Annotated, Any, Final, TypeAlias

import msgspec

WallMs: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 // 1_000_000 - 1)]
"""By a wall clock, milliseconds since 1970; what counts in nanoseconds."""
WAIT_MS_MAX: Final = 366 * 24 * 3_600_000
"""A year: longer than anybody waits for room."""


class ReserveGang(msgspec.Struct, frozen=True, tag="reserve_gang", forbid_unknown_fields=True):
    """`ask` on each of `nodes` different nodes: all of them or none. For so long as `wait_ms` says
    it waits in the lines of owners until enough have room at one moment; nothing is held meanwhile.
    `start_at_ms`: bookings that start then, by their owners' wall clocks, and take no room before;
    to wait for that is to try again, in no line. `carried`: leases, which this agent renews while
    it runs, and (`pid`) while that process of this machine does; when one of them is lost, all of
    it ends.

    → {id, state, kind, term_ms, remaining_ms, members: [{id, owner: {id, name}, legs, remaining_ms,
    token, receipts, stored_on}], tried, stored_on: [name…], warnings}
    `stored_on`: who else keeps the proof that it is complete. Progress as for Reserve; of one that
    waits in lines also {lines, ready, nodes, turn_in_ms|null}: how many have room now, of how many,
    and when all could start together.
    """

    ask: dict[str, Any]
    nodes: int
    term_ms: int
    label: str = ""
    principal: str = ""
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=WAIT_MS_MAX)] = 0
    wait_for_opening: bool = True
    force: str = ""
    token: str = ""
    parts: list[dict[str, Any]] = []
    priority: int = 0
    start_at_ms: WallMs | None = None
    carried: bool = False
    pid: int | None = None
    pid_started: int | None = None
    wish: str = ""
    """A name for it, 16 bytes in hex that its asker drew. Who waits (`wait_ms`) may ask again under
    it when the agent has restarted, and stands where it stood; what was formed for it meanwhile is
    told again."""


class GangWay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to run on several nodes: a request document for each, and what its part is."""

    asks: list[dict[str, Any]]
    how: str = ""
    parts: list[str] = []


class WhereGang(msgspec.Struct, frozen=True, tag="where_gang", forbid_unknown_fields=True):
    """Where the first of `ways` fits on several nodes at once. Times as for Where.

    → {offer: {chosen: number|null, ways: [{how, parts, decision}…]}, digest, bytes, view, ages_ms,
    text: [line…], when: {start_at_ms, span_ms|null}|null}. Ways behind the one that fits are not
    looked at.
    """

    ways: list[GangWay]
    asked_at_ms: WallMs | None = None
    start_at_ms: WallMs | None = None
