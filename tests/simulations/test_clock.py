"""The invented clock: never back, honest within ρ, and `until` is the inverse of `read`."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.instant import HOUR, SECOND
from simulations.invented.clock import DRIFT_PPM_MAX, Clock

ppms = st.integers(-500_000, 500_000)
moments = st.integers(0, 10 * HOUR)


@given(ppms, moments, st.integers(0, HOUR))
def test_it_shows_what_it_was_waited_for_and_hardly_later(ppm: int, now: int, ahead: int) -> None:
    clock = Clock(7 * SECOND, ppm)
    local = clock.read(now) + ahead
    wait = clock.until(local, now)
    assert clock.read(now + wait) >= local
    assert wait == 0 or clock.read(now + wait - 4) < local, "whole nanoseconds cost a few"


deeds = st.tuples(st.integers(0, HOUR), st.booleans(), ppms, st.integers(-HOUR, HOUR))


@given(st.lists(deeds, max_size=8))
def test_whatever_is_done_to_it_it_never_steps_back(
    story: list[tuple[int, bool, int, int]],
) -> None:
    clock, now = Clock(0), 0
    shown = clock.read(now)
    for later, rate, ppm, delta in story:
        now += later
        assert clock.read(now) >= shown
        shown = clock.read(now)
        clock.set_rate(now, ppm) if rate else clock.jump(now, delta)
        assert clock.read(now) >= shown
        shown = clock.read(now)


def test_a_rate_within_rho_is_honest_and_one_beyond_is_not() -> None:
    clock = Clock(0, DRIFT_PPM_MAX)
    assert clock.honest
    assert clock.read(100 * SECOND) == 102 * SECOND
    clock.set_rate(0, -DRIFT_PPM_MAX)
    assert clock.honest
    clock.set_rate(0, DRIFT_PPM_MAX + 1)
    clock.set_rate(0, 0)
    assert not clock.honest, "what it did meanwhile stays done"


def test_a_leap_forward_is_seen_at_once_and_a_leap_back_as_standing_still() -> None:
    clock = Clock(0)
    clock.jump(SECOND, 10 * SECOND)
    assert clock.read(SECOND) == 11 * SECOND
    clock.jump(SECOND, -4 * SECOND)
    assert clock.read(3 * SECOND) == 11 * SECOND
    assert clock.read(6 * SECOND) == 12 * SECOND
    assert clock.until(12 * SECOND, 2 * SECOND) == 4 * SECOND
    assert not clock.honest


def test_a_reboot_starts_it_at_nothing() -> None:
    clock = Clock(9 * SECOND, 100)
    clock.boot(5 * SECOND)
    assert clock.read(5 * SECOND) == 0
    assert clock.honest
