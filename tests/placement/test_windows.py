"""Windows: what there will be of a pool from a moment on, for so long."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.instant import HOUR, MINUTE
from placement.request import Kind, Request, RequestError, Window
from placement.view import ClusterView, NodeView, PlannedView, PoolView
from placement.windows import AHEAD_MAX, SPAN_DEFAULT, peak, window_of, within

NOON = 10**18


def row(*planned: PlannedView, lasting: tuple[tuple[int, int], ...] = ()) -> ClusterView:
    pool = PoolView(
        "ram", "ram", "bytes", 100, 40, "open", promised=60, lasting=lasting, planned=planned
    )  # fmt: skip
    return ClusterView.of(NodeView("a", "ann", "alive", "open", "linux", "x86_64", (pool,)))


def room(view: ClusterView, start: int, span: int | None = HOUR) -> int | None:
    return within(view, Window(NOON, NOON + start, span)).nodes[0].pools[0].room


def test_a_booking_is_over_by_then_once_its_whole_time_has_passed_and_not_before() -> None:
    view = row(lasting=((HOUR, 50),))
    assert room(view, HOUR - 1) == 40
    assert room(view, HOUR) == 90


def test_a_lease_is_never_over_for_nobody_knows() -> None:
    assert room(row(), 300 * 24 * HOUR) == 40


def test_what_is_planned_counts_in_every_window_that_it_overlaps_and_in_no_other() -> None:
    view = row(PlannedView(NOON + HOUR, NOON + 2 * HOUR, 30))
    assert room(view, 0, HOUR) == 40, "gone before it begins"
    assert room(view, 0, HOUR + 1) == 10
    assert room(view, 2 * HOUR) == 40
    assert room(view, 0, None) == 10, "for good"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(1, 9)), max_size=6),
    st.integers(0, 20), st.integers(1, 9),
)  # fmt: skip
def test_the_peak_is_the_most_that_any_moment_sees(
    plans: list[tuple[int, int, int]], start: int, span: int
) -> None:
    planned = [PlannedView(begin, begin + term, amount) for begin, term, amount in plans]
    seen = [
        sum(one.amount for one in planned if one.start <= at < one.end)
        for at in range(start, start + span)
    ]
    assert peak(planned, Window(0, start, span)) == max(seen)


def test_a_start_that_is_past_or_years_ahead_is_refused_and_no_span_is_an_hour() -> None:
    for start in (NOON - 1, NOON + AHEAD_MAX + 1):
        with pytest.raises(RequestError):
            window_of(Request(ram_bytes=1), NOON, start)
    assert window_of(Request(ram_bytes=1), NOON, None) == Window(NOON, NOON, SPAN_DEFAULT)
    asked = window_of(Request(ram_bytes=1, duration=MINUTE), NOON, NOON + HOUR)
    assert asked == Window(NOON, NOON + HOUR, MINUTE)
    assert window_of(Request(ram_bytes=1, kind=Kind.CARRIED), NOON, None).span is None
