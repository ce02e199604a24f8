"""Places of gangs in one owner's line: they wait for others too, and are granted by their asker."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.commands import TTL_MAX, Answer, Enlisting, GrantKind, Hold, Leg, Outcome, Void, Wait
from ledger.limits import GANG_AGED
from mesh.identity import Identity
from mesh.instant import HOUR, MINUTE, SECOND, Duration
from tests.ledger.owner import ALICE, BOB, Owner, hold_id, opened


def member(
    one: Owner, number: int, amount: int, wish: int, place: bytes = b"", whose: str = ""
) -> Hold:  # fmt: skip
    gang = Enlisting(hold_id(wish), HOUR)
    legs = (Leg("ram", amount),)
    return Hold(
        hold_id(number), one.session, legs, GrantKind.CARRIED, TTL_MAX, whose, "", gang, place=place
    )  # fmt: skip


def stand(
    one: Owner, number: int, amount: int, *, wish: int = 700, rank: int = 1,
    claim: Duration | None = None, who: Identity = BOB, whose: str = "",
) -> Answer:  # fmt: skip
    hold = member(one, number, amount, wish, whose=whose)
    return one.ask(Wait(hold.id, one.session, hold, HOUR, 0, rank, claim), who)


def order(one: Owner) -> list[int]:
    return [int.from_bytes(row.id, "big") for row in one.ledger.waiting(one.now)]


def test_that_its_turn_has_come_is_all_that_a_place_of_a_gang_is_told() -> None:
    one = opened()
    blocks = len(one.disk.chain)
    told = stand(one, 1, 80)
    assert (told.outcome, told.remaining, told.place) == (Outcome.WAITING, 0, (1, 1))
    assert (one.free, len(one.disk.chain)) == (100, blocks), "nothing is written, nothing taken"


def test_it_takes_no_room_before_it_claims_any_and_then_only_what_would_delay_it_is_refused() -> (
    None
):
    one = opened()
    stand(one, 1, 80)
    assert one.hold(2, 60, booking=True, term=10 * SECOND).outcome is Outcome.HELD
    one.void(2)
    stand(one, 1, 80, claim=2 * MINUTE)
    assert one.hold(3, 60, booking=True, term=MINUTE).outcome is Outcome.HELD
    one.void(3)
    assert one.hold(4, 60, booking=True, term=3 * MINUTE).outcome is Outcome.OTHERS_WAIT
    assert one.hold(5, 60).outcome is Outcome.OTHERS_WAIT, "a lease, whose end nobody knows"
    assert one.hold(6, 20).outcome is Outcome.HELD


def test_its_own_hold_finds_room_and_nobody_elses_does_by_naming_its_place() -> None:
    one = opened()
    stand(one, 1, 80, claim=0)
    theft = one.ask(member(one, 2, 80, 701, hold_id(1)), ALICE)
    more = one.ask(member(one, 3, 90, 700, hold_id(1)), BOB)
    mine = one.ask(member(one, 4, 80, 700, hold_id(1)), BOB)
    outcomes = [theft.outcome, more.outcome, mine.outcome]
    assert outcomes == [Outcome.OTHERS_WAIT, Outcome.OTHERS_WAIT, Outcome.HELD]


def test_a_try_that_fails_elsewhere_costs_it_neither_its_place_nor_its_room() -> None:
    one = opened()
    stand(one, 1, 80, claim=0)
    assert one.ask(member(one, 2, 80, 700, hold_id(1)), BOB).outcome is Outcome.HELD
    assert one.hold(3, 20).outcome is Outcome.HELD, "it is not taken twice"
    one.void(3)
    one.ask(Void(hold_id(2), one.session), BOB)
    assert order(one) == [1]
    assert one.hold(4, 60).outcome is Outcome.OTHERS_WAIT
    assert one.ask(Void(hold_id(1), one.session), BOB).outcome is Outcome.VOIDED
    assert one.hold(5, 60).outcome is Outcome.HELD


@settings(max_examples=25, deadline=None)
@given(st.permutations([1, 2, 3]), st.permutations([1, 2, 3]))
def test_gangs_stand_in_the_same_order_with_every_owner_however_they_came(
    here: list[int], there: list[int]
) -> None:
    orders = []
    for came in (here, there):
        one = opened()
        one.grant(900, 100, booking=True, term=HOUR)
        for number in came:
            stand(one, number, 60, wish=700 + number, rank=5 if number < 3 else 4)
        orders.append(order(one))
    assert orders == [[3, 1, 2]] * 2


def test_a_gang_that_waited_long_is_overtaken_by_nobody_who_comes_later() -> None:
    one = opened()
    one.grant(900, 100, booking=True, term=HOUR)  # alice has something running
    stand(one, 1, 60, whose="alice")
    legs = (Leg("ram", 60),)
    idle = Hold(hold_id(2), one.session, legs, GrantKind.BOOKING, HOUR, "new", "")
    one.ask(Wait(idle.id, one.session, idle, HOUR, 9), ALICE)
    assert order(one) == [2, 1]
    for _ in range(GANG_AGED // (10 * SECOND) + 1):
        one.advance(10 * SECOND)
        stand(one, 1, 60, whose="alice")
        one.ask(Wait(idle.id, one.session, idle, HOUR, 9), ALICE)
    assert order(one) == [1, 2]


def test_a_place_of_a_gang_and_its_order_outlive_a_restart() -> None:
    one = opened()
    one.grant(900, 100, booking=True, term=HOUR)
    stand(one, 1, 60, wish=701, rank=9)
    stand(one, 2, 60, wish=702, rank=4)
    one.seal()
    one.restart()
    assert order(one) == [2, 1]


@pytest.mark.parametrize("bad", ["rank", "claim", "place", "single", "alone"])
def test_what_makes_no_sense_of_a_place_is_malformed(bad: str) -> None:
    one = opened()
    hold = member(one, 1, 60, 700, b"x" if bad == "place" else b"")
    if bad in ("single", "alone"):
        gang = None
        place = hold_id(2) if bad == "alone" else b""
        hold = Hold(
            hold.id, one.session, hold.legs, GrantKind.CARRIED, TTL_MAX, "", "", gang, place=place
        )  # fmt: skip
    rank, claim = (-1 if bad == "rank" else 1), (-1 if bad == "claim" else 0)
    asked = hold if bad in ("place", "alone") else Wait(
        hold.id, one.session, hold, HOUR, 0, rank, claim
    )  # fmt: skip
    assert one.ask(asked, BOB).outcome is Outcome.MALFORMED
