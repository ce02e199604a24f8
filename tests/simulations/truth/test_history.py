"""The judge of the truth tier: what surely was, and what follows from it."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.leases import holder_span
from mesh.instant import SECOND
from simulations.truth.history import (
    Asked,
    Belief,
    Membership,
    Shown,
    beliefs,
    broken_gangs,
    double_grants,
    lost_leases,
    revived,
)

MIB = 1 << 20
PENDING = 30 * SECOND


def asked(kind: str, began: int, ended: int, hold: str = "h", outcome: str = "granted") -> Asked:
    """In seconds, for 300 MiB at c, for a minute."""
    return Asked(
        "a", kind, began * SECOND, ended * SECOND, outcome, hold, "c", 300 * MIB, 60 * SECOND
    )


def shown(began: int, ended: int, **states: str) -> Shown:
    return Shown("c", began * SECOND, ended * SECOND, states)


def found(*history: Asked) -> list[str]:
    return [*double_grants(beliefs(history, PENDING), {"c": 512 * MIB})]


def test_two_grants_at_once_beyond_what_there_is_are_named() -> None:
    (sentence,) = found(asked("reserve", 0, 1, "one"), asked("reserve", 0, 2, "other"))
    assert sentence.startswith("c has 512 MiB, and answered at once for one (300 MiB at c for a);")


def test_one_after_the_other_is_no_double_grant() -> None:
    given_back = asked("release", 5, 9, "one")
    assert found(asked("reserve", 0, 1, "one"), given_back, asked("reserve", 5, 6, "other")) == []


def test_nobody_relies_on_it_while_giving_back_though_the_answer_is_not_there() -> None:
    given_back = asked("release", 5, 50, "one", "unknown")
    assert found(asked("reserve", 0, 1, "one"), given_back, asked("reserve", 5, 6, "other")) == []


def test_what_ended_unknown_is_relied_on_by_nobody() -> None:
    unknown = asked("reserve", 0, 1, "one", "unknown")
    assert found(unknown, asked("reserve", 0, 2, "other")) == []


def test_a_hold_that_was_confirmed_is_the_same_room() -> None:
    assert found(asked("hold", 0, 1), asked("post", 2, 3)) == []


def test_who_confirms_relies_on_the_grant_from_its_answer_and_on_the_hold_no_longer() -> None:
    # A short booking that ran out must not look lost because the hold would have lasted longer.
    short = asked("post", 2, 3)._replace(term=5 * SECOND)
    first, second = beliefs([asked("hold", 0, 1), short], PENDING)
    assert (first.posted, first.until) == (False, 2 * SECOND)
    assert (second.posted, second.since) == (True, 3 * SECOND)
    assert second.until < 7 * SECOND
    failed = asked("post", 2, 3, "h", "unknown")
    assert [one.until for one in beliefs([asked("hold", 0, 1), failed], PENDING)] == [2 * SECOND]


def test_belief_is_over_before_the_term_is_counted_from_the_first_send() -> None:
    (one,) = beliefs([asked("reserve", 10, 12)], PENDING)
    assert (one.since, one.until) == (12 * SECOND, 10 * SECOND + holder_span(60 * SECOND))
    assert one.until < 70 * SECOND


def test_an_answer_that_came_after_its_own_term_is_relied_on_by_nobody() -> None:
    assert beliefs([asked("reserve", 0, 61)], PENDING) == []


def test_a_grant_that_open_books_do_not_show_is_lost() -> None:
    relied_on = beliefs([asked("reserve", 0, 1)], PENDING)
    (sentence,) = lost_leases(relied_on, [shown(2, 3)])
    assert sentence == "h (300 MiB at c for a) was answered, and c's books say gone"
    assert [*lost_leases(relied_on, [shown(2, 3, h="posted")])] == []
    assert len([*lost_leases(relied_on, [shown(2, 3, h="pending")])]) == 1


def test_a_bare_hold_may_be_pending() -> None:
    relied_on = beliefs([asked("hold", 0, 1)], PENDING)
    assert [*lost_leases(relied_on, [shown(2, 3, h="pending")])] == []
    assert len([*lost_leases(relied_on, [shown(2, 3)])]) == 1


def test_books_shown_while_the_answer_was_on_its_way_prove_nothing() -> None:
    relied_on = beliefs([asked("reserve", 0, 4), asked("release", 8, 9)], PENDING)
    assert [*lost_leases(relied_on, [shown(3, 5), shown(7, 8), shown(10, 11)])] == []


def test_what_was_given_back_with_a_yes_stays_given_back() -> None:
    history = [asked("reserve", 0, 1), asked("release", 2, 3)]
    assert len([*revived(history, [shown(4, 5, h="posted")])]) == 1
    assert [*revived(history, [shown(4, 5, h="ending"), shown(2, 3, h="posted")])] == []


def a_part(owner: str, gang: str, members: int | None, state: str = "posted") -> Shown:
    """One owner's books at the end, with one hold in them."""
    return Shown(owner, 0, 1, {"h": state}, {"h": Membership(gang, members)})


def test_a_gang_stands_on_all_of_its_nodes_or_on_none() -> None:
    gang, whole = "ab" * 16, [a_part(owner, "ab" * 16, 2) for owner in "ac"]
    assert [*broken_gangs(whole)] == []
    (sentence,) = broken_gangs(whole[:1])
    assert sentence == "of gang abababab there stands a, and it is 2"
    (sentence,) = broken_gangs([a_part("a", gang, None), a_part("c", gang, None)])
    assert sentence == "of gang abababab there stands a, c, and it is one that is over"
    assert [*broken_gangs([a_part("a", gang, 2, "ending")])] == []


def test_two_gangs_for_one_wish_are_named() -> None:
    # The last eight bytes of an id are the mark of its wish.
    first, second, other = "01" * 8 + "ff" * 8, "02" * 8 + "ff" * 8, "03" * 8 + "ee" * 8
    names = (first, second, other)
    shown = [
        a_part(owner, gang, 2)._replace(began=at) for at, gang in enumerate(names) for owner in "ac"
    ]
    (sentence,) = broken_gangs(shown)
    assert sentence == "two gangs stand for one wish: 01010101, 02020202"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(1, 300)), max_size=8))
def test_the_sum_is_looked_at_whenever_it_can_have_grown(spans: list[tuple[int, int, int]]) -> None:
    relied_on = [
        Belief(str(number), "c", "a", amount, since, since + length, posted=True)
        for number, (since, length, amount) in enumerate(spans)
    ]
    peak = max(
        (sum(one.amount for one in relied_on if one.since <= at < one.until) for at in range(32)),
        default=0,
    )
    assert [*double_grants(relied_on, {"c": peak})] == []
    assert bool([*double_grants(relied_on, {"c": peak - 1})]) == (peak > 0)
