"""Bookings that start later: what they keep clear, when they start, and what a wrong clock does."""

from ledger.calendar import SETTLE, Calendar
from ledger.commands import Answer, GrantKind, Hold, Leg, Outcome, Post
from ledger.lifecycle import HoldState
from ledger.limits import PLANNED_AHEAD_MAX
from ledger.observations import CapacitySeen
from mesh.identity import Identity
from mesh.instant import HOUR, MINUTE, SECOND, Duration
from tests.ledger.owner import ALICE, BOB, UNPROVEN, Disk, Owner, hold_id, opened, reading

WALL = 1_800_000_000 * SECOND
"""What the wall shows when the owner's own clock shows 1000 s."""


def look(owner: Owner, wrong_by: Duration = 0) -> None:
    wall = WALL + owner.now - 1000 * SECOND + wrong_by
    owner.tell(CapacitySeen((reading(),), wall))
    owner.do(owner.ledger.wake(owner.now))
    owner.seal()


def keep_looking(owner: Owner, span: Duration, wrong_by: Duration = 0) -> None:
    end = owner.now + span
    while owner.now < end:
        owner.advance(min(MINUTE, end - owner.now))
        look(owner, wrong_by)


def bench() -> Owner:
    owner = opened()
    look(owner)
    return owner


def pencil(
    owner: Owner, number: int, amount: int, start: Duration, term: Duration = HOUR,
    who: Identity = ALICE,
) -> Answer:  # fmt: skip
    """`start`: counted from 1000 s on the owner's clock."""
    hold = Hold(
        hold_id(number), owner.session, (Leg("ram", amount),), GrantKind.BOOKING, term,
        f"p{number}", "", start=WALL + start,
    )  # fmt: skip
    return owner.ask(hold, who)


def plan(owner: Owner, number: int, amount: int, start: Duration, term: Duration = HOUR) -> Answer:
    held = pencil(owner, number, amount, start, term)
    assert held.outcome is Outcome.HELD, held
    return owner.post(number)


def state(owner: Owner, number: int) -> HoldState:
    return owner.ledger.books.state_of(hold_id(number))


def test_a_booking_starts_at_its_time_and_ends_at_its_time() -> None:
    owner = bench()
    assert plan(owner, 1, 80, HOUR).outcome is Outcome.POSTED
    assert state(owner, 1) is HoldState.PLANNED
    assert owner.free == 100, "it takes no room before"
    owner.advance(HOUR - SECOND)
    assert state(owner, 1) is HoldState.PLANNED
    owner.advance(SECOND)
    assert state(owner, 1) is HoldState.POSTED
    assert owner.free == 20
    owner.advance(HOUR - SECOND)
    assert state(owner, 1) is HoldState.POSTED
    owner.advance(SECOND)
    assert state(owner, 1) is HoldState.RELEASED


def test_windows_that_touch_both_fit_and_windows_that_overlap_share_the_pool() -> None:
    owner = bench()
    plan(owner, 1, 80, HOUR)
    assert plan(owner, 2, 80, 2 * HOUR).outcome is Outcome.POSTED, "the next from the same minute"
    assert pencil(owner, 3, 30, 90 * MINUTE).outcome is Outcome.TAKEN_THEN
    assert pencil(owner, 4, 20, 90 * MINUTE).outcome is Outcome.HELD
    owner.advance(2 * HOUR)
    assert (state(owner, 1), state(owner, 2)) == (HoldState.RELEASED, HoldState.POSTED)


def test_what_begins_now_is_checked_against_every_plan_that_it_can_overlap() -> None:
    owner = bench()
    plan(owner, 1, 80, HOUR)
    assert owner.hold(2, 30, booking=True, term=2 * HOUR).outcome is Outcome.TAKEN_THEN
    assert owner.hold(3, 30, booking=True, term=50 * MINUTE).outcome is Outcome.HELD
    assert owner.hold(4, 30).outcome is Outcome.TAKEN_THEN, "a lease may be renewed for ever"
    assert owner.hold(5, 20).outcome is Outcome.HELD


def test_a_plan_is_checked_against_what_runs_and_what_may_go_on() -> None:
    owner = bench()
    owner.grant(1, 50, booking=True, term=30 * MINUTE)
    owner.grant(2, 30)
    assert pencil(owner, 3, 80, HOUR).outcome is Outcome.TAKEN_THEN, "the lease may go on"
    assert pencil(owner, 4, 70, HOUR).outcome is Outcome.HELD, "the booking is over by then"
    assert pencil(owner, 5, 30, 10 * MINUTE, MINUTE).outcome is Outcome.TAKEN_THEN


def test_a_pencilled_plan_lapses_and_a_planned_one_can_be_given_up() -> None:
    owner = bench()
    pencil(owner, 1, 80, HOUR)
    owner.advance(31 * SECOND)
    assert state(owner, 1) is HoldState.EXPIRED
    plan(owner, 2, 80, HOUR)
    assert owner.ask(Post(hold_id(2), owner.session), BOB).outcome is Outcome.NOT_HOLDER
    assert owner.renew(2).outcome is Outcome.WRONG_STEP
    assert owner.inquire(2).outcome is Outcome.POSTED
    assert owner.release(2).outcome is Outcome.VOIDED
    assert pencil(owner, 3, 100, HOUR).outcome is Outcome.HELD


def test_a_start_that_cannot_be_meant_is_refused_by_name() -> None:
    owner = opened()
    assert pencil(owner, 1, 10, HOUR).outcome is Outcome.CALENDAR_SUSPENDED, "no clock read yet"
    look(owner)
    assert pencil(owner, 2, 10, -HOUR).outcome is Outcome.BAD_START
    assert pencil(owner, 3, 10, PLANNED_AHEAD_MAX + MINUTE).outcome is Outcome.BAD_START
    legs, carried = (Leg("ram", 1),), GrantKind.CARRIED
    for start, kind in ((WALL, carried), (0, GrantKind.BOOKING), (2**63, GrantKind.BOOKING)):
        hold = Hold(hold_id(4), owner.session, legs, kind, SECOND, "", "", start=start)
        assert owner.ask(hold).outcome is Outcome.MALFORMED


def test_a_restart_forgets_no_plan_and_a_missed_window_is_told() -> None:
    owner = bench()
    plan(owner, 1, 80, HOUR)
    plan(owner, 2, 80, 3 * HOUR)
    owner.advance(2 * MINUTE)
    again = owner.restart(after=2 * HOUR)
    look(again)
    assert [one.code for one in again.alarms] == ["plan-missed"]
    assert state(again, 1) is HoldState.EXPIRED
    assert again.hold(3, 30, booking=True, term=2 * HOUR).outcome is Outcome.TAKEN_THEN
    again.advance(HOUR)
    assert state(again, 2) is HoldState.POSTED


def test_who_comes_back_in_the_middle_of_a_window_has_what_is_left_of_it() -> None:
    owner = bench()
    plan(owner, 1, 80, HOUR)
    again = owner.restart(after=90 * MINUTE)
    look(again)
    assert state(again, 1) is HoldState.POSTED
    again.advance(31 * MINUTE)
    assert state(again, 1) is HoldState.RELEASED


def test_a_lost_disk_finds_its_plans_in_a_peers_copy() -> None:
    owner = bench()
    plan(owner, 1, 80, 3 * HOUR)
    plan(owner, 2, 20, MINUTE, 3 * HOUR)
    plan(owner, 3, 20, 5 * HOUR)
    owner.release(3)
    owner.advance(2 * MINUTE)
    copy = tuple(owner.disk.chain)
    again = owner.restart(UNPROVEN, disk=Disk())
    again.show(*copy)
    again.peer_answered()
    again.advance(33 * SECOND)
    look(again)
    assert state(again, 1) is HoldState.PLANNED
    assert state(again, 2) is HoldState.POSTED, "it had started"
    assert state(again, 3) is not HoldState.PLANNED, "it had been given up"
    again.advance(3 * HOUR)
    assert state(again, 1) is HoldState.POSTED


def test_a_step_of_the_clock_suspends_by_name_and_frees_no_room() -> None:
    owner = bench()
    plan(owner, 1, 80, HOUR)
    look(owner, wrong_by=5 * HOUR)
    assert [one.code for one in owner.alarms] == ["calendar-suspended"]
    assert "jumped by +18000 s" in owner.alarms[0].sentence
    assert state(owner, 1) is HoldState.PLANNED, "neither started nor missed"
    assert owner.hold(2, 30, booking=True, term=MINUTE).outcome is Outcome.TAKEN_THEN
    assert pencil(owner, 3, 10, 9 * HOUR).outcome is Outcome.CALENDAR_SUSPENDED
    look(owner)
    assert owner.alarms[-1].code == "calendar-resumed"
    owner.advance(HOUR)
    assert state(owner, 1) is HoldState.POSTED


def test_a_clock_that_keeps_to_its_new_time_is_believed_and_misses_nothing_it_passed_over() -> None:
    owner = bench()
    plan(owner, 1, 80, HOUR)
    plan(owner, 2, 80, 20 * HOUR)
    look(owner, wrong_by=5 * HOUR)
    keep_looking(owner, SETTLE + MINUTE, wrong_by=5 * HOUR)
    assert state(owner, 1) is HoldState.POSTED, "its window went by in a jump: it is owed"
    keep_looking(owner, HOUR, wrong_by=5 * HOUR)
    assert state(owner, 1) is HoldState.RELEASED, "with its whole term"
    assert state(owner, 2) is HoldState.PLANNED
    keep_looking(owner, 14 * HOUR, wrong_by=5 * HOUR)
    assert state(owner, 2) is HoldState.POSTED


def test_a_slow_correction_is_followed_and_a_clock_behind_the_last_start_is_not_believed() -> None:
    owner = bench()
    plan(owner, 1, 80, HOUR)
    for seconds in range(1, 31):
        owner.advance(MINUTE)
        look(owner, wrong_by=seconds * SECOND)
    assert owner.alarms == []
    owner.advance(29 * MINUTE)
    assert state(owner, 1) is HoldState.PLANNED
    owner.advance(MINUTE)
    assert state(owner, 1) is HoldState.POSTED
    plan(owner, 2, 10, 9 * HOUR)
    owner.advance(2 * MINUTE)
    again = owner.restart()
    look(again, wrong_by=-8 * HOUR)
    assert "earlier time" in again.alarms[0].sentence
    look(again, wrong_by=30 * SECOND)
    assert again.alarms[-1].code == "calendar-resumed"


def test_a_start_whose_room_is_not_free_in_time_is_late_by_name_and_keeps_its_end() -> None:
    owner = bench()
    plan(owner, 1, 80, HOUR)
    owner.fences = False
    owner.grant(2, 90, booking=True, term=50 * MINUTE)
    owner.advance(HOUR + 10 * SECOND)
    assert [one.code for one in owner.alarms if "plan" in one.code] == ["plan-late"]
    assert state(owner, 1) is HoldState.PLANNED
    owner.fences = True
    owner.advance(20 * SECOND)
    assert state(owner, 1) is HoldState.POSTED
    owner.advance(HOUR - 30 * SECOND)
    assert state(owner, 1) is HoldState.RELEASED


def test_a_clock_nobody_reads_is_unknown_and_a_bent_row_is_none() -> None:
    calendar = Calendar.restored({b"wall": b"bent"})
    calendar.see(None, 5)
    assert calendar.wall(5) is None
    assert calendar.suspended
