"""The waiting line: who is served when, and what survives."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.commands import Answer, GrantKind, Hold, Inquire, Leg, Outcome, Void, Wait
from ledger.limits import AGE_STEP, LINE_PER_PRINCIPAL_MAX, LINE_SILENCE, Limits
from ledger.waiting.line import decode_ticket
from mesh.identity import Identity
from mesh.instant import HOUR, MINUTE, SECOND, Duration
from tests.ledger.owner import (
    ALICE,
    BOB,
    UNPROVEN,
    Owner,
    hold_id,
    opened,
    reading,
    through_quarantine,
)

CAROL = Identity(bytes([4]) * 32)


def wait(
    owner: Owner, number: int, amount: int, *, whose: str, term: Duration = HOUR,
    priority: int = 0, patience: Duration = HOUR, carried: bool = False, pool: str = "ram",
    who: Identity = ALICE,
) -> Answer:  # fmt: skip
    kind = GrantKind.CARRIED if carried else GrantKind.BOOKING
    hold = Hold(
        hold_id(number), owner.session, (Leg(pool, amount),), kind,
        30 * SECOND if carried else term, whose, "",
    )  # fmt: skip
    return owner.ask(Wait(hold.id, owner.session, hold, patience, priority), who)


def full(owner: Owner, term: Duration = HOUR) -> Owner:
    """Somebody else has it all."""
    owner.grant(900, 100, booking=True, term=term)
    return owner


def order(owner: Owner) -> list[int]:
    return [int.from_bytes(one.id, "big") for one in owner.ledger.waiting(owner.now)]


def keep_asking(
    owner: Owner, numbers: list[int], span: Duration, patience: Duration = HOUR
) -> None:  # fmt: skip
    for _ in range(span // (5 * SECOND)):
        owner.advance(5 * SECOND)
        for number in numbers:
            wait(owner, number, 60, whose=f"p{number}", patience=patience)


def test_who_finds_no_room_gets_a_place_and_is_granted_when_its_turn_comes() -> None:
    owner = full(opened(), term=10 * MINUTE)
    first = wait(owner, 1, 60, whose="p1")
    second = wait(owner, 2, 60, whose="p2")
    assert (first.outcome, first.place) == (Outcome.WAITING, (1, 1))
    assert (second.outcome, second.place) == (Outcome.WAITING, (2, 2))
    assert first.remaining == 612 * SECOND, "the booking's end, by its owner's count"
    owner.release(900)
    assert wait(owner, 2, 60, whose="p2").outcome is Outcome.WAITING, "not before its turn"
    assert wait(owner, 1, 60, whose="p1").outcome is Outcome.HELD
    assert order(owner) == [2]
    assert wait(owner, 1, 60, whose="p1").outcome is Outcome.HELD, "told again, the same"


def test_a_place_is_no_room_and_whoever_leaves_it_or_falls_silent_delays_nobody() -> None:
    owner = full(opened())
    wait(owner, 1, 60, whose="p1")
    wait(owner, 2, 60, whose="p2")
    assert owner.ledger.books.free("ram") == 0
    assert len(owner.ledger.books.live) == 1
    assert owner.ask(Void(hold_id(1), owner.session), BOB).outcome is Outcome.NOT_HOLDER
    assert owner.void(1).outcome is Outcome.VOIDED
    assert order(owner) == [2]
    owner.advance(LINE_SILENCE)
    assert order(owner) == []
    assert owner.disk.line == {}


def test_a_wait_is_over_when_its_patience_is() -> None:
    owner = full(opened())
    wait(owner, 1, 60, whose="p1", patience=20 * SECOND)
    keep_asking(owner, [1], 15 * SECOND, patience=20 * SECOND)
    assert order(owner) == [1]
    owner.advance(5 * SECOND)
    assert order(owner) == []


def test_a_newcomer_is_not_served_before_those_who_wait() -> None:
    owner = full(opened())
    wait(owner, 1, 60, whose="p1")
    owner.release(900)
    hasty = owner.hold(2, 60, booking=True, term=HOUR)
    assert hasty.outcome is Outcome.OTHERS_WAIT
    assert hasty.outcome.may_change_on_retry
    small = owner.hold(3, 40, booking=True, term=HOUR)
    assert small.outcome is Outcome.HELD, "beside the one who waits there is room for it"


def test_one_with_nothing_running_never_waits_behind_one_that_has_something_running() -> None:
    owner = opened()
    owner.grant(900, 90, booking=True, term=HOUR)  # alice's, as every hold of this workbench
    wait(owner, 1, 50, whose="alice", priority=9)
    wait(owner, 2, 50, whose="bob")
    assert order(owner) == [2, 1]
    owner.release(900)
    assert order(owner) == [1, 2], "with nothing running it is priority that counts"


def test_priority_counts_and_waiting_makes_up_for_it() -> None:
    owner = full(opened(), term=10 * HOUR)
    wait(owner, 1, 60, whose="p1")
    wait(owner, 2, 60, whose="p2", priority=2)
    assert order(owner) == [2, 1]
    keep_asking(owner, [1], 2 * AGE_STEP)
    wait(owner, 3, 60, whose="p3", priority=2)
    assert order(owner) == [1, 3]


def test_policy_bounds_the_priority() -> None:
    owner = full(opened(limits=Limits(priority_max=1)))
    assert "priority 1" in wait(owner, 1, 60, whose="p1", priority=9).detail


def test_a_small_one_passes_only_if_the_one_ahead_starts_no_later() -> None:
    owner = opened()
    owner.grant(900, 60, booking=True, term=HOUR)
    ahead = wait(owner, 1, 80, whose="p1")
    assert wait(owner, 2, 30, whose="p2", term=2 * HOUR).outcome is Outcome.WAITING
    assert wait(owner, 3, 30, whose="p3", term=30 * MINUTE).outcome is Outcome.HELD
    assert wait(owner, 1, 80, whose="p1").remaining == ahead.remaining
    assert wait(owner, 4, 10, whose="p4", term=9 * HOUR).outcome is Outcome.HELD, "beside it"


def test_nobody_passes_one_that_waits_for_a_lease_whose_end_nobody_knows() -> None:
    owner = opened(reading(), reading("cpu", 8000, 8000))
    owner.grant(900, 60)
    first = wait(owner, 1, 80, whose="p1")
    assert first.remaining is None, "no promise"
    assert wait(owner, 2, 30, whose="p2", term=MINUTE).outcome is Outcome.WAITING
    assert owner.hold(3, 30, booking=True, term=MINUTE).outcome is Outcome.OTHERS_WAIT
    elsewhere = owner.hold(4, 8000, pool="cpu", booking=True, term=MINUTE)
    assert elsewhere.outcome is Outcome.HELD, "never in its way"


def test_who_cannot_be_served_holds_up_nobody_and_who_never_can_gets_no_place() -> None:
    owner = full(opened())
    assert wait(owner, 1, 101, whose="p1").outcome is Outcome.NO_ROOM
    assert wait(owner, 2, 90, whose="p2").outcome is Outcome.WAITING
    owner.release(900)
    owner.see(reading(free=50))  # somebody runs something that nobody reserved
    assert wait(owner, 2, 90, whose="p2").outcome is Outcome.WAITING
    assert owner.hold(3, 40, booking=True, term=MINUTE).outcome is Outcome.HELD


def test_the_line_survives_a_restart_of_its_owner_in_its_order() -> None:
    owner = full(opened())
    wait(owner, 1, 60, whose="p1")
    wait(owner, 2, 60, whose="p2", priority=3)
    again = owner.restart()
    assert order(again) == [2, 1]
    stale = owner.session
    hold = Hold(hold_id(1), stale, (Leg("ram", 60),), GrantKind.BOOKING, HOUR, "p1", "")
    assert again.ask(Wait(hold.id, stale, hold, HOUR, 0)).outcome is Outcome.WRONG_SESSION
    again.see()
    assert wait(again, 1, 60, whose="p1").place == (2, 2)
    assert wait(again, 3, 60, whose="p3").place == (3, 3)


def test_the_line_survives_a_quarantine_and_a_granted_place_does_not_come_back() -> None:
    owner = full(opened())
    wait(owner, 1, 60, whose="p1")
    wait(owner, 2, 20, whose="p2")
    owner.release(900)
    row = dict(owner.disk.line)
    assert wait(owner, 2, 20, whose="p2").outcome is Outcome.HELD
    owner.disk.line = row  # the crash came between the block and the row that leaves
    again = owner.restart(UNPROVEN)
    assert wait(again, 1, 60, whose="p1").outcome is Outcome.QUARANTINED
    through_quarantine(again)
    assert order(again) == [1]
    assert wait(again, 1, 60, whose="p1").outcome is Outcome.HELD


def test_nobody_fills_the_line_alone() -> None:
    owner = full(opened())
    for number in range(1, LINE_PER_PRINCIPAL_MAX + 1):
        assert wait(owner, number, 10, whose="p1").outcome is Outcome.WAITING
    assert wait(owner, 800, 10, whose="p1").outcome is Outcome.LINE_FULL
    assert wait(owner, 801, 10, whose="p2").outcome is Outcome.WAITING


def test_an_owner_that_slept_drops_nobody_it_could_not_hear() -> None:
    owner = full(opened(), term=10 * HOUR)
    wait(owner, 1, 60, whose="p1", patience=4 * HOUR)
    owner.now += HOUR
    owner.do(owner.ledger.wake(owner.now))
    owner.seal()
    assert order(owner) == [1]


def test_one_id_is_one_request_in_the_line_too() -> None:
    owner = full(opened())
    wait(owner, 1, 60, whose="p1")
    assert wait(owner, 1, 61, whose="p1").outcome is Outcome.ID_CONFLICT
    assert wait(owner, 1, 60, whose="p1", who=BOB).outcome is Outcome.ID_CONFLICT
    assert owner.ask(Inquire(hold_id(1), owner.session)).place == (1, 1)
    bent = Hold(hold_id(2), owner.session, (Leg("ram", 1),), GrantKind.BOOKING, HOUR, "", "")
    for command in (
        Wait(hold_id(3), owner.session, bent, HOUR, 0),
        Wait(hold_id(2), owner.session, bent, 0, 0),
        Wait(hold_id(2), owner.session, bent, HOUR, 10),
        Wait(hold_id(2), owner.session, bent, HOUR, -1),
    ):
        assert owner.ask(command).outcome is Outcome.MALFORMED


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=80))
def test_a_row_that_is_no_place_is_refused_by_name(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a place"):
        decode_ticket(raw)
