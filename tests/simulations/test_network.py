"""The invented network: every misfortune fires, does what it says, and leaves the others alone."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.instant import MILLISECOND, SECOND
from simulations.invented.network import (
    REORDERED_BY_MAX,
    SENT_AGAIN_AFTER,
    TAIL_FROM,
    Network,
    Weather,
    corrupted,
)

STILL = Weather(delay=MILLISECOND, jitter=0)
MANY = 400


def arrivals(weather: Weather, seed: int = 1, source: str = "a") -> list[list[tuple[int, bytes]]]:
    network = Network(weather, seed)
    return [list(network.datagram(source, "b", bytes([n % 256] * 20))) for n in range(MANY)]


def test_in_still_weather_everything_comes_once_and_in_order() -> None:
    assert all(
        came == [(MILLISECOND, bytes([n % 256] * 20))] for n, came in enumerate(arrivals(STILL))
    )


def test_what_is_lost_does_not_come_and_what_is_doubled_comes_twice() -> None:
    lost = [len(came) for came in arrivals(replace(STILL, loss=0.25))]
    assert 0.15 < lost.count(0) / MANY < 0.35
    doubled = [len(came) for came in arrivals(replace(STILL, duplication=0.25))]
    assert 0.15 < doubled.count(2) / MANY < 0.35


def test_jitter_spreads_and_some_are_overtaken_and_a_few_come_a_restart_later() -> None:
    def late(weather: Weather) -> list[int]:
        return [at for came in arrivals(weather) for at, _ in came]

    jitter = late(replace(STILL, jitter=MILLISECOND))
    assert MILLISECOND <= min(jitter) < max(jitter) <= 2 * MILLISECOND
    overtaken = [at for at in late(replace(STILL, reordering=0.2)) if at > MILLISECOND]
    assert 0.1 < len(overtaken) / MANY < 0.3
    assert max(overtaken) <= MILLISECOND + REORDERED_BY_MAX
    stragglers = [at for at in late(replace(STILL, delay_tail=0.1)) if at > MILLISECOND]
    assert stragglers
    assert min(stragglers) >= TAIL_FROM
    assert max(stragglers) > 30 * SECOND


def test_a_datagram_over_the_mtu_is_lost() -> None:
    network = Network(replace(STILL, mtu=19), 1)
    assert network.datagram("a", "b", bytes(20)) == ()
    assert len(network.datagram("a", "b", bytes(19))) == 1
    assert network.met["mtu"] == 1


@given(st.binary(max_size=1200), st.randoms(use_true_random=False))
def test_a_bent_datagram_is_never_the_one_that_was_sent(datagram: bytes, dice: Random) -> None:
    assert corrupted(datagram, dice) != datagram


def test_bits_flip_ends_are_cut_off_and_more_follows() -> None:
    sizes = [len(came[0][1]) for came in arrivals(replace(STILL, corruption=1.0))]
    assert min(sizes) < 20 < max(sizes)
    assert 20 in sizes


FIELDS = ("loss", "reordering", "corruption", "delay_tail")


@pytest.mark.parametrize("taken", FIELDS)
def test_taking_one_misfortune_away_reshuffles_no_other(taken: str) -> None:
    weather = replace(STILL, jitter=MILLISECOND, **dict.fromkeys(FIELDS, 0.2))
    with_all = struck(weather)
    without = struck(replace(weather, **{taken: 0.0}))
    assert with_all.pop(taken)
    assert not without.pop(taken)
    assert with_all == without, "the others strike the very same datagrams"


def struck(weather: Weather) -> dict[str, list[int]]:
    network = Network(weather, 3)
    at: dict[str, list[int]] = {field: [] for field in FIELDS}
    for n in range(MANY):
        before = network.met.copy()
        network.datagram("a", "b", b"news")
        for field in network.met - before:
            at[field].append(n)
    return at


def test_a_copy_rolls_dice_of_its_own() -> None:
    weather = replace(STILL, jitter=MILLISECOND, reordering=0.2, corruption=0.2)
    plain, doubled = arrivals(weather), arrivals(replace(weather, duplication=0.5))
    assert plain == [came[:1] for came in doubled]


def test_another_host_that_sends_reshuffles_nothing() -> None:
    weather = replace(STILL, jitter=MILLISECOND, loss=0.2, corruption=0.2)
    alone, together = Network(weather, 3), Network(weather, 3)
    for _ in range(MANY):
        together.datagram("c", "b", b"chatter")
        assert alone.datagram("a", "b", b"news") == together.datagram("a", "b", b"news")


def test_another_seed_is_other_luck() -> None:
    weather = replace(STILL, loss=0.5)
    assert arrivals(weather, seed=1) == arrivals(weather, seed=1)
    assert arrivals(weather, seed=1) != arrivals(weather, seed=2)


# Cuts --------------------------------------------------------------------------------------------


def test_cuts_lie_over_one_another_and_are_mended_one_by_one() -> None:
    network = Network(STILL, 1)
    first = network.cut(["a"], ["b", "c"])
    second = network.cut(["a", "c"], ["b"], one_way=True)
    assert network.cuts == (first, second)
    network.mend(first)
    network.mend(first)
    assert network.is_cut("a", "b")
    assert network.is_cut("c", "b")
    assert not network.is_cut("b", "a")
    assert not network.is_cut("a", "c")
    network.mend(second)
    assert not network.is_cut("a", "b")
    assert network.datagram("a", "b", b"x")


def test_a_one_way_cut_lets_the_other_way_pass() -> None:
    network = Network(STILL, 1)
    network.cut(["a"], ["b"], one_way=True)
    assert network.datagram("a", "b", b"x") == ()
    assert network.datagram("b", "a", b"x")
    network.heal()
    assert network.datagram("a", "b", b"x")
    assert network.met["cut"] == 1


def test_one_way_may_have_weather_of_its_own() -> None:
    network = Network(STILL, 1)
    network.set_link("a", "b", replace(STILL, loss=1.0))
    assert network.datagram("a", "b", b"x") == ()
    assert network.datagram("b", "a", b"x")
    network.set_link("a", "b", None)
    assert network.datagram("a", "b", b"x")


# Streams -----------------------------------------------------------------------------------------


def test_a_stream_sends_again_what_was_lost_and_only_comes_later() -> None:
    network = Network(replace(STILL, loss=0.3), 1)
    legs = [network.stream("a", "b") for _ in range(MANY)]
    assert None not in legs
    assert min(leg for leg in legs if leg is not None) == MILLISECOND
    assert sum(leg >= SENT_AGAIN_AFTER for leg in legs if leg is not None) > MANY // 5


@pytest.mark.parametrize(
    ("weather", "kind"),
    [
        (replace(STILL, breakage=0.3), "broken stream"),
        (replace(STILL, corruption=0.3), "garbled stream"),
    ],
)
def test_a_stream_that_is_bent_or_broken_ends_and_is_never_half_believed(
    weather: Weather, kind: str
) -> None:
    network = Network(weather, 1)
    broken = [network.stream("a", "b") for _ in range(MANY)].count(None)
    assert broken == network.met[kind] > MANY // 5
