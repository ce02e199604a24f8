"""Grants that change and go on: longer, smaller, or with a part of them handed on."""

from ledger.commands import (
    Answer,
    Extend,
    GrantKind,
    Leg,
    Outcome,
    Release,
    Shrink,
    Transfer,
    sign_command,
)
from ledger.leases import owner_span
from ledger.lifecycle import HoldState
from ledger.limits import BOOKING_TERM_MAX
from ledger.observations import Fenced
from ledger.proving.audit import verify_chain
from mesh.identity import Identity
from mesh.instant import HOUR, MINUTE, SECOND
from tests.ledger.owner import ALICE, BOB, OWNER, UNPROVEN, Owner, hold_id, opened, reading


def booked(amount: int = 60, term: int = 2 * HOUR) -> Owner:
    """An owner with one booking, number 1, of Alice's."""
    owner = opened()
    owner.peer_answered()
    owner.grant(1, amount, booking=True, term=term)
    return owner


def extend(owner: Owner, number: int, term: int, who: Identity = ALICE) -> Answer:
    return owner.ask(Extend(hold_id(number), owner.session, term), who)


def shrink(owner: Owner, number: int, *legs: Leg, who: Identity = ALICE) -> Answer:
    return owner.ask(Shrink(hold_id(number), owner.session, legs), who)


def carve(
    owner: Owner,
    number: int,
    amount: int,
    *,
    term: int = HOUR,
    carried: bool = False,
    parent: int = 1,
    to: Identity = BOB,
    who: Identity = ALICE,
) -> Answer:
    kind = GrantKind.CARRIED if carried else GrantKind.BOOKING
    command = Transfer(
        hold_id(number), owner.session, hold_id(parent), to.id, (Leg("ram", amount),),
        kind, 30 * SECOND if carried else term, "bob", "part",
    )  # fmt: skip
    return owner.ask(command, who)


def amounts(owner: Owner, number: int) -> dict[str, int]:
    return dict(owner.ledger.books.live[hold_id(number)].legs)


# Longer ----------------------------------------------------------------------------------------


def test_an_extended_booking_lasts_for_its_new_term_counted_from_its_beginning() -> None:
    owner = booked(term=HOUR)
    owner.advance(30 * MINUTE)
    answer = extend(owner, 1, 2 * HOUR)
    assert (answer.outcome, len(answer.receipts)) == (Outcome.EXTENDED, 3)
    assert answer.remaining == owner_span(2 * HOUR) - 30 * MINUTE
    assert extend(owner, 1, 2 * HOUR).outcome is Outcome.EXTENDED
    owner.advance(89 * MINUTE)
    assert owner.inquire(1).outcome is Outcome.POSTED
    owner.advance(10 * MINUTE)
    assert owner.inquire(1).outcome is Outcome.RELEASED


def test_an_extension_survives_a_crash_in_the_next_moment() -> None:
    owner = booked(term=HOUR)
    owner.advance(59 * MINUTE)
    extend(owner, 1, 3 * HOUR)
    again = owner.restart()
    again.advance(115 * MINUTE)
    assert again.inquire(1).outcome is Outcome.POSTED


def test_what_is_no_extension_is_refused_with_a_name() -> None:
    owner = booked()
    owner.grant(2, 5)
    owner.hold(3, 5, booking=True, term=HOUR)
    assert extend(owner, 1, HOUR).outcome is Outcome.NOT_LONGER
    assert extend(owner, 1, BOOKING_TERM_MAX + 1).outcome is Outcome.TERM_TOO_LONG
    assert extend(owner, 1, 0).outcome is Outcome.BAD_TERM
    assert extend(owner, 2, HOUR).outcome is Outcome.WRONG_STEP
    assert extend(owner, 3, 2 * HOUR).outcome is Outcome.WRONG_STEP
    assert extend(owner, 4, HOUR).outcome is Outcome.NOT_FOUND
    assert extend(owner, 1, 3 * HOUR, who=BOB).outcome is Outcome.NOT_HOLDER
    owner.release(1)
    assert extend(owner, 1, 3 * HOUR).outcome is Outcome.TOO_LATE


# Smaller ---------------------------------------------------------------------------------------


def test_a_shrunken_grant_gives_back_the_rest_once() -> None:
    owner = opened(reading("ram"), reading("cpu"))
    owner.hold(1, legs=(Leg("cpu", 40), Leg("ram", 60)))
    owner.post(1)
    for _ in range(2):
        assert shrink(owner, 1, Leg("ram", 25)).outcome is Outcome.SHRUNK
        assert (owner.free, owner.ledger.books.free("cpu")) == (75, 100)
    owner.release(1)
    assert (owner.free, owner.ledger.books.free("cpu")) == (100, 100)
    assert verify_chain(owner.disk.chain).ok


def test_a_grant_never_grows_by_shrinking() -> None:
    owner = booked(60)
    assert shrink(owner, 1, Leg("ram", 61)).outcome is Outcome.MORE_THAN_HELD
    assert shrink(owner, 1, Leg("cpu", 1)).outcome is Outcome.MORE_THAN_HELD
    assert shrink(owner, 1, Leg("ram", 0)).outcome is Outcome.BAD_AMOUNT
    assert shrink(owner, 1, Leg("ram", 1), who=BOB).outcome is Outcome.NOT_HOLDER
    owner.hold(2, 10)
    assert shrink(owner, 2, Leg("ram", 5)).outcome is Outcome.WRONG_STEP
    assert amounts(owner, 1) == {"ram": 60}


def test_a_lease_is_taken_back_after_a_lost_disk_as_small_as_it_had_become() -> None:
    owner = opened()
    owner.grant(1, 80)
    receipts = shrink(owner, 1, Leg("ram", 30)).receipts
    other = owner.grant(2, 70).receipts
    again = owner.restart(UNPROVEN, disk=type(owner.disk)())
    assert again.resume(1, receipts).outcome is Outcome.RESUMED
    assert again.resume(1, receipts[:2]).outcome is Outcome.RESUMED  # nor does it grow so
    assert again.resume(2, other).outcome is Outcome.RESUMED
    again.advance(20 * SECOND)
    again.renew(1)
    again.renew(2)
    again.peer_answered()
    again.advance(13 * SECOND)
    again.see()
    assert (amounts(again, 1), amounts(again, 2)) == ({"ram": 30}, {"ram": 70})


# Handed on -------------------------------------------------------------------------------------


def test_a_part_that_is_handed_on_comes_from_its_parent_and_goes_back_there() -> None:
    owner = booked(60)
    answer = carve(owner, 2, 25)
    assert answer.outcome is Outcome.TRANSFERRED
    assert (amounts(owner, 1), amounts(owner, 2), owner.free) == ({"ram": 35}, {"ram": 25}, 40)
    assert owner.ledger.books.live[hold_id(2)].holder == BOB.id
    assert carve(owner, 2, 25).outcome is Outcome.TRANSFERRED
    assert shrink(owner, 2, Leg("ram", 20), who=BOB).outcome is Outcome.SHRUNK
    assert amounts(owner, 1) == {"ram": 40}
    assert owner.ask(Release(hold_id(2), owner.session), BOB).outcome is Outcome.RELEASED
    assert (amounts(owner, 1), owner.free) == ({"ram": 60}, 40)
    assert verify_chain(owner.disk.chain).ok


def test_a_child_never_exceeds_or_outlives_its_parent() -> None:
    owner = booked(60, term=HOUR)
    for _ in range(2):
        answer = carve(owner, 2, 61, term=30 * MINUTE)
        assert answer.outcome is Outcome.MORE_THAN_HELD
    assert carve(owner, 3, 10, term=2 * HOUR).outcome is Outcome.TERM_TOO_LONG
    assert carve(owner, 4, 60, term=30 * MINUTE).outcome is Outcome.TRANSFERRED
    assert carve(owner, 5, 1, term=MINUTE).outcome is Outcome.MORE_THAN_HELD
    assert extend(owner, 4, 2 * HOUR, who=BOB).outcome is Outcome.TERM_TOO_LONG
    assert extend(owner, 4, 50 * MINUTE, who=BOB).outcome is Outcome.EXTENDED
    assert carve(owner, 6, 5, parent=4, term=MINUTE, who=BOB).outcome is Outcome.WRONG_STEP
    assert carve(owner, 7, 5, who=BOB).outcome is Outcome.NOT_HOLDER
    assert carve(owner, 4, 59).outcome is Outcome.ID_CONFLICT
    owner.advance(2 * HOUR)
    states = [owner.ledger.books.state_of(hold_id(number)) for number in (1, 4)]
    assert (states, owner.free) == ([HoldState.RELEASED, HoldState.RELEASED], 100)


def test_a_carried_part_is_renewed_no_more_when_its_parent_ends_first() -> None:
    owner = booked(60, term=2 * MINUTE)
    carve(owner, 2, 20, carried=True)
    outcomes = []
    for _ in range(12):
        owner.advance(10 * SECOND)
        outcomes.append(owner.renew(2, who=BOB).outcome)
    assert outcomes[:8] == [Outcome.RENEWED] * 8
    assert Outcome.TERM_TOO_LONG in outcomes
    owner.advance(SECOND)
    assert owner.inquire(2).outcome is Outcome.EXPIRED


def test_who_handed_a_part_on_releases_it_before_the_whole() -> None:
    owner = booked(60)
    carve(owner, 2, 20)
    assert owner.release(1).outcome is Outcome.WRONG_STEP
    assert owner.release(2).outcome is Outcome.RELEASED
    assert owner.release(1).outcome is Outcome.RELEASED
    assert owner.free == 100


def test_a_parent_waits_for_work_under_its_parts_that_would_not_end() -> None:
    owner = booked(60, term=HOUR)
    carve(owner, 2, 20, term=40 * MINUTE)
    owner.fences = False
    owner.advance(2 * HOUR)
    owner.tell(Fenced(hold_id(1), gone=True))
    owner.tell(Fenced(hold_id(2), gone=False))
    owner.seal()
    assert owner.ledger.books.live.keys() == {hold_id(1), hold_id(2)}
    owner.tell(Fenced(hold_id(2), gone=True))
    owner.seal()
    assert (list(owner.ledger.books.live), owner.free) == ([], 100)


def test_a_part_and_its_parent_come_back_from_a_copy_of_the_log() -> None:
    owner = booked(60)
    carve(owner, 2, 25)
    extend(owner, 1, 3 * HOUR)
    log = list(owner.disk.chain)
    again = owner.restart(UNPROVEN, disk=type(owner.disk)())
    again.peer_answered()
    again.show(*log)
    again.advance(33 * SECOND)
    again.see()
    live = again.ledger.books.live
    assert (amounts(again, 1), amounts(again, 2), again.free) == ({"ram": 35}, {"ram": 25}, 40)
    assert (live[hold_id(1)].term, live[hold_id(2)].parent) == (3 * HOUR, hold_id(1))


def test_what_was_changed_in_a_part_of_the_log_that_is_cut_off_holds() -> None:
    owner = booked(60, term=HOUR)
    owner.grant(3, 30, booking=True, term=HOUR)
    short = list(owner.disk.chain)
    carve(owner, 2, 25, term=30 * MINUTE)
    extend(owner, 1, 3 * HOUR)
    shrink(owner, 3, Leg("ram", 10))
    long = list(owner.disk.chain)
    disk = type(owner.disk)(short)
    again = owner.restart(UNPROVEN, disk=disk)
    again.peer_answered()
    again.advance(33 * SECOND)
    again.see()
    assert amounts(again, 1) == {"ram": 60}
    again.show(*long)
    live = again.ledger.books.live
    assert (amounts(again, 1), amounts(again, 2)) == ({"ram": 35}, {"ram": 25})
    assert (amounts(again, 3), again.free) == ({"ram": 10}, 30)
    assert (live[hold_id(1)].term, live[hold_id(2)].parent) == (3 * HOUR, hold_id(1))
    assert (again.ledger.remaining(hold_id(1), again.now) or 0) > 2 * HOUR


def test_only_a_signature_for_this_owner_changes_a_grant() -> None:
    owner = booked()
    command = Extend(hold_id(1), owner.session, 3 * HOUR)
    signed = sign_command(ALICE, BOB.id, command)
    owner.do(owner.ledger.ask(7, signed, owner.now))
    assert owner.answers[7][0].outcome is Outcome.BAD_SIGNATURE
    stale = Extend(hold_id(1), b"an older session", 3 * HOUR)
    assert owner.ask(stale, OWNER).outcome is Outcome.WRONG_SESSION


def test_the_end_of_a_booking_is_told_before_it_comes_and_again_after_an_extension() -> None:
    owner = booked(term=HOUR)
    owner.advance(54 * MINUTE)
    assert not owner.alarms
    owner.advance(2 * MINUTE)
    assert [alarm.code for alarm in owner.alarms] == ["lapses-soon"]
    extend(owner, 1, 2 * HOUR)
    owner.advance(55 * MINUTE)
    assert len(owner.alarms) == 1
    owner.advance(5 * MINUTE)
    assert len(owner.alarms) == 2
