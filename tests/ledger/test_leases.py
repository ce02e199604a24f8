"""Durations, counted by whoever acts on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.commands import TTL_MAX
from ledger.leases import (
    Deadlines,
    decode_remaining,
    encode_remaining,
    holder_span,
    owner_span,
    rearmed,
)
from ledger.limits import QUARANTINE
from mesh.instant import SECOND

terms = st.integers(1, 30 * 24 * 3600 * SECOND)
rates = st.integers(9800, 10200)
"""How many local ticks a clock makes in 10,000 real ones, within ρ."""


@given(terms, rates, rates, st.integers(0, 10 * SECOND))
def test_a_holder_stops_believing_before_its_owner_gives_away(
    term: int, holder_rate: int, owner_rate: int, delay: int
) -> None:
    belief_ends = holder_span(term) * 10_000 / holder_rate
    owner_ends = delay + owner_span(term) * 10_000 / owner_rate
    assert belief_ends <= owner_ends


@given(st.integers(1, TTL_MAX), rates, rates)
def test_a_quarantine_outlives_every_lease_of_an_earlier_start(
    term: int, holder_rate: int, owner_rate: int
) -> None:
    belief_ends = holder_span(term) * 10_000 / holder_rate
    assert belief_ends < QUARANTINE * 10_000 / owner_rate
    assert owner_span(term) < QUARANTINE


def test_a_quarantine_takes_a_little_under_thirty_three_seconds() -> None:
    assert 32 * SECOND < QUARANTINE < 33 * SECOND


@given(st.integers(0, 2**63 - 1))
def test_remaining_time_survives_the_journal(remaining: int) -> None:
    assert decode_remaining(encode_remaining(remaining)) == remaining


@given(st.binary())
def test_a_bent_remaining_time_is_refused_by_its_length(raw: bytes) -> None:
    if len(raw) == 8:
        assert decode_remaining(raw) >= 0
    else:
        with pytest.raises(ValueError, match="remaining"):
            decode_remaining(raw)


def test_a_booking_without_a_journalled_time_gets_its_full_term() -> None:
    assert rearmed(None, 100) == owner_span(100)
    assert rearmed(7, 100) == 7
    assert rearmed(10**12, 100) == owner_span(100)


keys = st.binary(min_size=1, max_size=1)


@given(st.lists(st.tuples(keys, st.none() | st.integers(0, 50))), st.integers(0, 50))
def test_deadlines_agree_with_a_plain_dictionary(
    moves: list[tuple[bytes, int | None]], now: int
) -> None:
    deadlines, model = Deadlines(), dict[bytes, int]()
    for key, at in moves:
        if at is None:
            deadlines.drop(key)
            model.pop(key, None)
        else:
            deadlines.set(key, at)
            model[key] = at
        assert deadlines.next == min(model.values(), default=None)
    expected = [key for _, key in sorted((at, key) for key, at in model.items() if at <= now)]
    assert deadlines.due(now) == expected
    assert deadlines.next == min((at for at in model.values() if at > now), default=None)


def test_moving_a_deadline_a_thousand_times_leaves_no_heap_of_husks() -> None:
    deadlines = Deadlines()
    for at in range(1000):
        deadlines.set(b"a", at)
    assert len(deadlines._heap) <= 66
