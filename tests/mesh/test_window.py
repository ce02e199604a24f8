"""The replay window takes every counter once, in any order that a network may make of it."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.door.window import WINDOW_COUNTERS, ReplayWindow


def take(window: ReplayWindow, counter: int) -> bool:
    would = window.would_accept(counter)
    if would:
        window.accept(counter)
    return would


def test_a_counter_is_taken_once() -> None:
    window = ReplayWindow(0)
    assert [take(window, 5), take(window, 5)] == [True, False]


def test_asking_changes_nothing() -> None:
    window = ReplayWindow(0)
    assert window.would_accept(5)
    assert window.would_accept(5)


def test_out_of_order_is_fine_within_the_window() -> None:
    window = ReplayWindow(0)
    assert all(take(window, counter) for counter in (2000, 0, 1999, 7, 2047, 3))


def test_what_is_older_than_the_window_is_refused_unseen() -> None:
    window = ReplayWindow(0)
    take(window, 10_000)
    assert not take(window, 10_000 - WINDOW_COUNTERS)
    assert take(window, 10_001 - WINDOW_COUNTERS)


def test_below_the_base_nothing_is_taken() -> None:
    window = ReplayWindow(100)
    assert not take(window, 99)
    assert take(window, 100)


def test_a_leap_across_the_whole_range_costs_no_memory() -> None:
    window = ReplayWindow(0)
    take(window, 1)
    assert take(window, 2**64 - 1)
    assert not take(window, 1)
    assert not take(window, 2**64 - 1)


@given(st.integers(0, 3000), st.lists(st.integers(0, 6000), max_size=200))
def test_it_agrees_with_a_plain_list_of_all_that_was_taken(base: int, counters: list[int]) -> None:
    window = ReplayWindow(base)
    taken: list[int] = []
    for counter in counters:
        too_old = bool(taken) and counter <= max(taken) - WINDOW_COUNTERS
        expected = counter >= base and counter not in taken and not too_old
        assert take(window, counter) is expected
        if expected:
            taken.append(counter)
