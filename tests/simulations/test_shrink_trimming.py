"""Trimming: of many causes, the few that are needed."""

from hypothesis import given
from hypothesis import strategies as st

from simulations.campaign.trimming import trimmed


@given(st.integers(0, 40), st.sets(st.integers(0, 39), max_size=5))
def test_exactly_the_causes_remain(count: int, wanted: set[int]) -> None:
    causes = {cause for cause in wanted if cause < count}
    assert set(trimmed(range(count), lambda part: causes <= set(part))) == causes


@given(st.sets(st.integers(0, 63), min_size=1, max_size=3))
def test_few_causes_among_many_are_found_in_few_tries(causes: set[int]) -> None:
    tries = 0

    def fails(part: tuple[int, ...]) -> bool:
        nonlocal tries
        tries += 1
        return causes <= set(part)

    trimmed(range(64), fails)
    assert tries <= 100


def test_the_order_stays() -> None:
    assert trimmed("abcdef", lambda part: {"b", "e"} <= set(part)) == ("b", "e")
