from hypothesis import given
from hypothesis import strategies as st

from node.core.picture.hysteresis import MOVE_BYTES_MIN, worth_publishing
from node.core.picture.topics import Live, Metric, PoolLive

MIB = 1024 * 1024
GIB = 1024 * MIB


def _ram(free: int | None, used: dict[str, int] | None = None, foreign: int | None = 0) -> Live:
    return Live({"ram": PoolLive(free, used or {}, foreign, "x")}, {})


def _metric(value: float | None, unit: str = "percent") -> Live:
    return Live({}, {"m": Metric(value, unit, "x", "ok" if value is not None else "unknown")})


def test_the_first_sample_is_always_told() -> None:
    assert worth_publishing(None, _ram(GIB))


def test_the_trembling_of_an_idle_machine_is_not_told() -> None:
    assert not worth_publishing(_ram(GIB), _ram(GIB - MOVE_BYTES_MIN))
    assert not worth_publishing(_metric(3), _metric(12.9))
    assert not worth_publishing(_ram(GIB, {"a": MIB}), _ram(GIB, {"a": 17 * MIB}))


def test_what_a_decision_could_care_about_is_told() -> None:
    assert worth_publishing(_ram(GIB), _ram(GIB - MOVE_BYTES_MIN - 1))
    assert worth_publishing(_ram(GIB, {"a": 0}), _ram(GIB, {"a": 65 * MIB}))
    assert worth_publishing(_ram(GIB, {"a": 65 * MIB}), _ram(GIB, {}))
    assert worth_publishing(_ram(GIB, foreign=0), _ram(GIB, foreign=65 * MIB))
    assert worth_publishing(_metric(3), _metric(13))


def test_work_that_begins_or_ends_under_a_hold_is_told_however_little_it_uses() -> None:
    assert worth_publishing(_ram(GIB, {}), _ram(GIB, {"a": 0}))
    assert worth_publishing(_ram(GIB, {"a": MIB}), _ram(GIB, {}))


def test_what_a_hold_uses_is_told_more_finely_than_what_a_pool_has_free() -> None:
    assert worth_publishing(_ram(GIB, {"a": MIB}), _ram(GIB, {"a": 18 * MIB}))


def test_large_pools_may_move_by_a_fiftieth() -> None:
    assert not worth_publishing(_ram(100 * GIB), _ram(98 * GIB))
    assert worth_publishing(_ram(100 * GIB), _ram(98 * GIB - 1))


def test_cores_are_counted_in_thousandths_and_not_in_bytes() -> None:
    old, new = ({"cpu": PoolLive(free, {}, None, "x")} for free in (2000, 1500))
    assert worth_publishing(Live(old, {}), Live(new, {}))


def test_becoming_known_or_unknown_is_told() -> None:
    assert worth_publishing(_ram(None), _ram(0))
    assert worth_publishing(_ram(0), _ram(None))
    assert worth_publishing(_metric(None), _metric(0))
    assert not worth_publishing(_ram(None), _ram(None))
    assert not worth_publishing(_metric(None), _metric(None))


def test_pulling_the_plug_is_told_though_it_moves_by_one() -> None:
    assert worth_publishing(_metric(0, "flag"), _metric(1, "flag"))


def test_a_pool_or_metric_that_comes_or_goes_is_told() -> None:
    assert worth_publishing(_ram(GIB), Live({}, {}))
    assert worth_publishing(Live({}, {}), _metric(1))


@given(st.lists(st.integers(0, 10 * GIB), min_size=1, max_size=30))
def test_what_everyone_believes_is_never_further_off_than_the_threshold(figures: list[int]) -> None:
    published: Live | None = None
    for free in figures:
        sample = _ram(free)
        if worth_publishing(published, sample):
            published = sample
        assert published is not None
        told = published.pools["ram"].free
        assert told is not None
        assert abs(told - free) <= max(MOVE_BYTES_MIN, told // 50)


def test_a_steady_draw_is_no_news_and_one_memory_error_is() -> None:
    def live(watts: int, errors: int) -> Live:
        return Live(
            {}, {"p": Metric(watts, "watts", "nvml"), "e": Metric(errors, "errors", "nvml")}
        )

    assert not worth_publishing(live(211, 0), live(240, 0))
    assert worth_publishing(live(211, 0), live(311, 0))
    assert worth_publishing(live(211, 0), live(211, 1))
