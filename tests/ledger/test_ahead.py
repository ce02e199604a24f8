"""Room kept back for a gang that has waited long: for seconds, and never for good."""

import pytest

from ledger.ahead import AHEAD_AFTER, AHEAD_REST, AHEAD_TERM
from ledger.commands import TTL_MAX, Ahead, Answer, Enlisting, GrantKind, Hold, Leg, Outcome
from mesh.identity import Identity
from mesh.instant import HOUR, MILLISECOND, SECOND
from tests.ledger.owner import ALICE, BOB, Owner, hold_id, opened

A, B = hold_id(900), hold_id(901)


def keep(
    one: Owner, who: Identity = BOB, wish: bytes = B, amount: int = 80, waited: int = AHEAD_AFTER
) -> Outcome:
    return one.ask(Ahead(wish, one.session, (Leg("ram", amount),), waited), who).outcome


def gangs_hold(one: Owner, who: Identity, amount: int) -> Answer:
    hold = Hold(
        hold_id(500), one.session, (Leg("ram", amount),), GrantKind.CARRIED, TTL_MAX, "", "",
        Enlisting(bytes(16), HOUR),
    )  # fmt: skip
    return one.ask(hold, who)


def test_newcomers_find_it_taken_and_the_gang_does_not() -> None:
    one = opened()
    assert keep(one) is Outcome.AHEAD
    assert one.hold(1, 30).outcome is Outcome.OTHERS_WAIT
    assert one.hold(2, 20).outcome is Outcome.HELD
    assert gangs_hold(one, BOB, 80).outcome is Outcome.HELD


def test_another_askers_gang_is_a_newcomer_too() -> None:
    one = opened()
    keep(one)
    assert gangs_hold(one, ALICE, 30).outcome is Outcome.OTHERS_WAIT


def test_nothing_is_written_and_nothing_taken() -> None:
    one = opened()
    blocks = len(one.disk.chain)
    keep(one)
    assert (len(one.disk.chain), one.free) == (blocks, 100)


def test_it_is_over_by_itself_and_then_nobodys_for_as_long() -> None:
    one = opened()
    keep(one)
    one.advance(AHEAD_TERM - SECOND)
    keep(one)  # asked again, it lasts no longer
    one.advance(SECOND)
    assert one.hold(1, 30).outcome is Outcome.HELD
    assert keep(one, waited=HOUR) is Outcome.OTHERS_WAIT
    assert keep(one, ALICE, A, waited=HOUR) is Outcome.OTHERS_WAIT
    one.advance(AHEAD_REST)
    assert keep(one) is Outcome.AHEAD


def test_once_the_gang_has_its_hold_nothing_is_kept_back_any_more() -> None:
    one = opened()
    keep(one, amount=50)
    gangs_hold(one, BOB, 40)
    assert one.hold(1, 60).outcome is Outcome.HELD


@pytest.mark.parametrize("more", [MILLISECOND, HOUR])
def test_who_waited_longer_goes_ahead_with_every_owner(more: int) -> None:
    one = opened()
    keep(one, BOB, B)
    assert keep(one, ALICE, A, waited=AHEAD_AFTER + more) is Outcome.AHEAD
    assert gangs_hold(one, BOB, 80).outcome is Outcome.OTHERS_WAIT
    assert keep(one, BOB, B) is Outcome.OTHERS_WAIT


def test_who_has_not_waited_is_helped_by_nobody() -> None:
    assert keep(opened(), waited=AHEAD_AFTER - 1) is Outcome.OTHERS_WAIT


def test_what_is_no_amount_is_refused_before_anything_is_kept_back() -> None:
    one = opened()
    assert keep(one, amount=0) is not Outcome.AHEAD
    assert one.hold(1, 100).outcome is Outcome.HELD
