"""Windows: what there will be of each pool from a moment on, for so long.

The picture says what is free now. Who asks about later asks about three more things, all of which
are in the owners' logs: bookings that will be over by then, plans that take room in that time, and
what ends nobody knows when, which is taken to last. A log has no clock in it. But a booking that
stands now and was asked for two hours is over two hours from now at the latest, give or take the
margin; so from when it was asked, and by whose clock, everybody reckons the same.

What is answered is a floor: a booking may be given back sooner. Only one whose owner was off for a
while may last longer.

Times are by the wall, in nanoseconds since 1970, because plans are.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mesh.instant import HOUR, Duration
from placement.request import Kind, Request, RequestError, Window
from placement.view import ClusterView, NodeView, PlannedView, PoolView

SPAN_DEFAULT: Final[Duration] = HOUR
"""For how long, when nobody says: as long as `reserve` takes it."""
AHEAD_MAX: Final[Duration] = 366 * 24 * HOUR
"""How far ahead a booking may start (`ledger.limits.PLANNED_AHEAD_MAX`)."""


def window_of(request: Request, asked: int, start: int | None) -> Window:
    """When `request` would run. Raises RequestError for a time that cannot be meant."""
    if asked <= 0 or (start is not None and not asked <= start <= asked + AHEAD_MAX):
        raise RequestError("that start is past, or more than a year ahead")
    if request.kind is Kind.CARRIED:
        return Window(asked, asked if start is None else start, None)
    return Window(asked, asked if start is None else start, request.duration or SPAN_DEFAULT)


def within(view: ClusterView, window: Window) -> ClusterView:
    """`view` as it will be in `window`, as far as logs tell."""
    return ClusterView.of(*(_node(node, window) for node in view.nodes))


def _node(node: NodeView, window: Window) -> NodeView:
    if not any(pool.lasting or pool.planned for pool in node.pools):
        return node
    return replace(node, pools=tuple(_pool(pool, window) for pool in node.pools))


def _pool(pool: PoolView, window: Window) -> PoolView:
    ahead = window.start - window.asked
    over = sum(amount for most, amount in pool.lasting if most <= ahead)
    taken = peak(pool.planned, window)
    room = None if pool.room is None else pool.room + over - taken
    return replace(pool, room=room, promised=max(0, pool.promised - over + taken))


def peak(planned: Sequence[PlannedView], window: Window) -> int:
    """The most that plans take at one moment of `window`."""
    end = None if window.span is None else window.start + window.span
    inside = [
        one for one in planned if one.end > window.start and (end is None or one.start < end)
    ]  # fmt: skip
    moments = [max(one.start, window.start) for one in inside]
    return max(
        (sum(one.amount for one in inside if one.start <= at < one.end) for at in moments),
        default=0,
    )
