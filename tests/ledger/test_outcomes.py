"""Every outcome can be made to happen, and the earlier one in the list wins."""

from typing import Any

import pytest

from ledger.commands import (
    AMOUNT_MAX,
    TTL_MAX,
    Answer,
    Asked,
    GrantKind,
    Hold,
    Leg,
    Outcome,
    Post,
    Release,
    Resume,
    SignedCommand,
    Vouched,
    encode_command,
    sign_command,
)
from ledger.limits import BOOKING_TERM_MAX, Limits
from ledger.observations import Fenced, Override, PeersKnown
from mesh.instant import HOUR, SECOND
from tests.ledger.owner import ALICE, BOB, OWNER, UNPROVEN, Owner, hold_id, opened, reading


def raw_ask(owner: Owner, asked: Asked) -> Answer:
    owner.do(owner.ledger.ask(999, asked, owner.now))
    owner.seal()
    return owner.answers.pop(999)[0]


def test_malformed_bytes_are_named_before_anything_else() -> None:
    owner = Owner()  # in quarantine: a later guard would say so
    for body in (b"", b"\xc1", b"\x91" * 9000, bytes(50)):
        answer = raw_ask(owner, SignedCommand(body, b"no key", b"no signature"))
        assert answer.outcome is Outcome.MALFORMED


@pytest.mark.parametrize(
    "hold",
    [
        Hold(b"short", b"", (Leg("ram", 1),), GrantKind.CARRIED, 1, "", ""),
        Hold(hold_id(1), b"", (), GrantKind.CARRIED, 1, "", ""),
        Hold(hold_id(1), b"", (Leg("ram", 1), Leg("ram", 1)), GrantKind.CARRIED, 1, "", ""),
        Hold(hold_id(1), b"", (Leg("ram", 1),) * 65, GrantKind.CARRIED, 1, "", ""),
        Hold(hold_id(1), b"", (Leg("ram", 1),), GrantKind.CARRIED, 1, "p" * 121, ""),
        Hold(hold_id(1), b"", (Leg("ram", 1),), GrantKind.CARRIED, 1, "", "l" * 121),
    ],
)
def test_a_hold_of_the_wrong_shape_is_malformed(hold: Hold) -> None:
    answer = opened().ask(hold)
    assert answer.outcome is Outcome.MALFORMED
    assert answer.detail


@pytest.mark.parametrize(
    ("pool", "amount", "term", "named"),
    [
        ("ram", 0, 1, Outcome.BAD_AMOUNT),
        ("ram", -5, 1, Outcome.BAD_AMOUNT),
        ("ram", 1.5, 1, Outcome.BAD_AMOUNT),
        ("ram", AMOUNT_MAX + 1, 1, Outcome.BAD_AMOUNT),
        ("memory", 1, 1, Outcome.NOT_A_POOL),
        ("ram", 1, 0, Outcome.BAD_TERM),
        ("ram", 1, -1, Outcome.BAD_TERM),
        ("ram", 1, 0.5, Outcome.BAD_TERM),
        ("ram", 1, AMOUNT_MAX + 1, Outcome.BAD_TERM),
        ("ram", "much", 1, Outcome.BAD_AMOUNT),
        ("gpu:not-here", 1, 1, Outcome.POOL_UNKNOWN),
        ("ram", 1, 100 * 366 * 24 * HOUR, Outcome.TERM_TOO_LONG),
        ("ram", 101, 1, Outcome.NO_ROOM),
    ],
)
def test_each_wrong_amount_pool_and_term_has_a_name_of_its_own(
    pool: str, amount: Any, term: Any, named: Outcome
) -> None:
    owner = opened()
    hold = Hold(hold_id(1), owner.session, (Leg(pool, amount),), GrantKind.BOOKING, term, "", "")
    owner.peer_answered()
    answer = owner.ask(hold)
    assert (answer.outcome, bool(answer.detail)) == (named, True)
    assert owner.free == 100


def test_a_command_signed_by_another_or_for_another_owner_is_a_bad_signature() -> None:
    owner = opened()
    command = owner.hold_command(1)
    elsewhere = sign_command(ALICE, BOB.id, command)
    stolen = SignedCommand(elsewhere.body, BOB.public, elsewhere.signature)
    assert raw_ask(owner, elsewhere).outcome is Outcome.BAD_SIGNATURE
    assert raw_ask(owner, stolen).outcome is Outcome.BAD_SIGNATURE
    assert owner.free == 100


def test_who_is_vouched_for_speaks_for_that_key_and_no_other() -> None:
    owner = opened()
    body = encode_command(owner.hold_command(1))
    assert raw_ask(owner, Vouched(body, ALICE.public)).outcome is Outcome.HELD
    post = encode_command(Post(hold_id(1), owner.session))
    assert raw_ask(owner, Vouched(post, BOB.public)).outcome is Outcome.NOT_HOLDER
    assert raw_ask(owner, Vouched(post, ALICE.public)).outcome is Outcome.POSTED


def test_nothing_from_before_a_restart_is_taken_for_new() -> None:
    owner = opened()
    command = owner.hold_command(1)
    again = owner.restart()
    again.see()
    answer = again.ask(command)
    assert answer.outcome is Outcome.WRONG_SESSION
    assert answer.session == again.session


def test_wrong_session_is_named_before_quarantine() -> None:
    owner = Owner()
    answer = owner.ask(Post(hold_id(1), b"other"))
    assert answer.outcome is Outcome.WRONG_SESSION


def test_a_quarantine_says_how_long_it_lasts() -> None:
    owner = Owner()
    owner.advance(2 * SECOND)
    answer = owner.hold(1)
    assert answer.outcome is Outcome.QUARANTINED
    assert answer.remaining is not None
    assert 30 * SECOND < answer.remaining < 31 * SECOND
    assert answer.outcome.may_change_on_retry


def test_new_bookings_wait_for_peers_and_leases_do_not() -> None:
    owner = Owner()
    owner.tell(PeersKnown(known=1, silent=1))
    owner.advance(33 * SECOND)
    owner.see()
    assert owner.state == "bookings_closed"
    answer = owner.hold(1, booking=True)
    assert answer.outcome is Outcome.BOOKINGS_CLOSED
    assert answer.remaining is not None
    assert owner.hold(2).outcome is Outcome.HELD
    owner.tell(PeersKnown(known=1, silent=0))
    assert owner.hold(1, booking=True).outcome is Outcome.HELD


def test_a_log_opened_on_other_hardware_stays_closed_until_a_person_speaks() -> None:
    owner = Owner(first=True, fingerprint="one machine")
    owner.see()
    copy = owner.restart(UNPROVEN, fingerprint="another machine")
    copy.advance(60 * SECOND)
    copy.see()
    assert copy.state == "closed"
    assert copy.hold(1).outcome is Outcome.CLOSED
    copy.tell(Override("new mainboard"))
    assert copy.state == "quarantine"
    copy.peer_answered()
    copy.advance(33 * SECOND)
    copy.see()
    assert copy.hold(1).outcome is Outcome.HELD


def test_the_same_id_with_another_body_is_a_conflict() -> None:
    owner = opened()
    owner.hold(1, 10)
    assert owner.hold(1, 11).outcome is Outcome.ID_CONFLICT
    assert owner.hold(1, 10, who=BOB).outcome is Outcome.ID_CONFLICT
    assert owner.hold(1, 10).outcome is Outcome.HELD
    assert owner.free == 90


def test_a_refused_id_is_a_conflict_too_when_its_body_changes() -> None:
    owner = opened()
    assert owner.hold(1, 1000).outcome is Outcome.NO_ROOM
    assert owner.hold(1, 10).outcome is Outcome.ID_CONFLICT


def test_a_refused_id_stays_refused_in_this_session() -> None:
    owner = opened()
    owner.grant(1, 100)
    refused = owner.hold(2, 50)
    assert refused.outcome is Outcome.NO_ROOM
    owner.release(1)
    assert owner.hold(2, 50) == refused
    assert owner.hold(3, 50).outcome is Outcome.HELD


def test_terms_have_a_longest() -> None:
    owner = opened()
    assert owner.hold(1, term=TTL_MAX + 1).outcome is Outcome.TERM_TOO_LONG
    assert owner.hold(2, booking=True, term=BOOKING_TERM_MAX + 1).outcome is Outcome.TERM_TOO_LONG
    assert owner.hold(3, booking=True, term=BOOKING_TERM_MAX).outcome is Outcome.HELD
    assert owner.hold(4, term=TTL_MAX).outcome is Outcome.HELD


def test_term_is_checked_before_pool_and_pool_before_room() -> None:
    owner = opened()
    assert owner.hold(1, 10**6, pool="cpu", term=HOUR).outcome is Outcome.TERM_TOO_LONG
    assert owner.hold(2, 10**6, pool="cpu").outcome is Outcome.POOL_UNKNOWN
    assert owner.hold(3, 10**6).outcome is Outcome.NO_ROOM


def test_a_pool_whose_size_is_unknown_admits_nothing() -> None:
    owner = opened(reading(total=None))
    answer = owner.hold(1)
    assert answer.outcome is Outcome.POOL_NOT_OPEN
    assert "unknown" in answer.detail


def test_a_node_has_a_limit_of_live_holds() -> None:
    owner = opened(limits=Limits(entries_max=2))
    owner.hold(1, 1)
    owner.hold(2, 1)
    assert owner.hold(3, 1).outcome is Outcome.TOO_MANY_ENTRIES
    owner.void(1)
    assert owner.hold(4, 1).outcome is Outcome.HELD


def test_room_that_cannot_be_read_is_unknown_and_not_zero() -> None:
    owner = opened(reading(free=None))
    answer = owner.hold(1)
    assert answer.outcome is Outcome.ROOM_UNKNOWN
    assert answer.shortfalls[0].have is None


def test_before_the_first_look_room_is_unknown_and_no_pool_is_denied() -> None:
    owner = Owner(first=True)
    assert owner.hold(1).outcome is Outcome.ROOM_UNKNOWN
    owner.see()
    assert owner.hold(2).outcome is Outcome.HELD


def test_exactly_full_is_allowed_and_one_unit_more_is_not() -> None:
    owner = opened()
    assert owner.hold(1, 99).outcome is Outcome.HELD
    answer = owner.hold(2, 2)
    assert answer.outcome is Outcome.NO_ROOM
    assert (answer.shortfalls[0].need, answer.shortfalls[0].have) == (2, 1)
    assert owner.hold(3, 1).outcome is Outcome.HELD
    assert owner.free == 0


def test_foreign_use_makes_no_room_though_the_books_have_it() -> None:
    owner = opened(reading(free=30))
    answer = owner.hold(1, 31)
    assert answer.outcome is Outcome.NO_ROOM
    assert answer.shortfalls[0].have == 30
    assert owner.hold(2, 30).outcome is Outcome.HELD


def test_all_legs_or_none() -> None:
    owner = opened(reading("ram"), reading("cpu", 4000, 4000))
    legs = (Leg("ram", 50), Leg("cpu", 5000))
    answer = owner.hold(1, legs=legs)
    assert answer.outcome is Outcome.NO_ROOM
    assert [one.pool for one in answer.shortfalls] == ["cpu"]
    assert owner.free == 100
    assert owner.hold(2, legs=(Leg("ram", 50), Leg("cpu", 4000))).outcome is Outcome.HELD


def test_an_id_never_granted_is_not_found() -> None:
    owner = opened()
    for answer in (owner.post(7), owner.renew(7), owner.void(7), owner.release(7)):
        assert answer.outcome is Outcome.NOT_FOUND
    assert owner.inquire(7).outcome is Outcome.NOT_FOUND


def test_only_the_holder_posts_and_renews() -> None:
    owner = opened()
    owner.hold(1)
    assert owner.post(1, BOB).outcome is Outcome.NOT_HOLDER
    assert owner.post(1, OWNER).outcome is Outcome.NOT_HOLDER
    owner.post(1)
    assert owner.renew(1, BOB).outcome is Outcome.NOT_HOLDER
    assert owner.release(1, BOB).outcome is Outcome.NOT_HOLDER
    assert owner.void(1, BOB).outcome is Outcome.NOT_HOLDER


def test_the_owner_itself_may_void_and_release() -> None:
    owner = opened()
    owner.hold(1)
    owner.grant(2)
    assert owner.void(1, OWNER).outcome is Outcome.VOIDED
    assert owner.release(2, OWNER).outcome is Outcome.RELEASED
    assert owner.free == 100


def test_steps_that_lead_nowhere_are_named() -> None:
    owner = opened()
    owner.hold(1)
    assert owner.renew(1).outcome is Outcome.WRONG_STEP
    owner.post(1)
    assert owner.void(1).outcome is Outcome.WRONG_STEP
    owner.grant(2, booking=True)
    assert owner.renew(2).outcome is Outcome.WRONG_STEP


def test_a_hold_that_an_open_owner_does_not_know_is_not_resumable() -> None:
    owner = opened()
    receipts = owner.grant(1).receipts
    answer = opened().ask(Resume(hold_id(1), owner.session, receipts))
    assert answer.outcome is Outcome.NOT_RESUMABLE


def test_posting_and_renewing_can_be_too_late() -> None:
    owner = opened()
    owner.hold(1)
    owner.grant(2)
    owner.advance(31 * SECOND)
    assert owner.post(1).outcome is Outcome.TOO_LATE
    assert owner.renew(2).outcome is Outcome.TOO_LATE
    assert owner.hold(1).outcome is Outcome.TOO_LATE


def test_positive_outcomes_are_found_out_by_asking() -> None:
    owner = opened()
    owner.hold(1)
    assert owner.inquire(1).outcome is Outcome.HELD
    owner.post(1)
    assert owner.inquire(1).outcome is Outcome.POSTED
    assert owner.renew(1).outcome is Outcome.RENEWED
    owner.fences = False
    waiting = owner.send(Release(hold_id(1), owner.session))
    assert owner.inquire(1).outcome is Outcome.ENDING
    owner.tell(Fenced(hold_id(1), gone=True))
    owner.seal()
    assert [answer.outcome for answer in owner.answers[waiting]] == [Outcome.RELEASED]
    assert owner.inquire(1).outcome is Outcome.RELEASED
    owner.hold(2)
    owner.void(2)
    assert owner.inquire(2).outcome is Outcome.VOIDED
    owner.hold(3)
    owner.advance(31 * SECOND)
    assert owner.inquire(3).outcome is Outcome.EXPIRED
    refused = owner.hold(4, 1000)
    assert owner.inquire(4) == refused


def test_the_declared_order_is_the_order_of_the_guards() -> None:
    names = [outcome.name for outcome in Outcome]
    guards = ["MALFORMED", "NOT_TRUSTED", "NOT_A_POOL", "BAD_AMOUNT", "BAD_TERM", "BAD_SIGNATURE"]
    guards += ["WRONG_SESSION", "CLOSED", "BAD_RECEIPT", "FOREIGN_RECEIPT", "NOT_RESUMABLE"]
    guards += ["QUARANTINED", "OUTCAST", "DISK_FULL", "BOOKINGS_CLOSED", "ID_CONFLICT"]
    guards += ["NOT_FOUND", "NOT_HOLDER"]
    guards += ["TOO_LATE", "WRONG_STEP", "NOT_PRINCIPAL", "MAY_NOT_FORCE", "NOT_FOR_YOU"]
    guards += ["TERM_TOO_LONG", "POOL_UNKNOWN", "POOL_NOT_OPEN", "TOO_MANY_ENTRIES"]
    guards += ["TOO_FAST", "OVER_QUOTA", "ROOM_UNKNOWN", "NO_ROOM", "OTHERS_WAIT", "LINE_FULL"]
    guards += ["BAD_START", "CALENDAR_SUSPENDED", "TAKEN_THEN", "RIGHTS_CLOSED", "NO_RIGHTS"]
    guards += ["NOT_LONGER", "MORE_THAN_HELD", "UNPROVEN"]
    assert names[: len(guards)] == guards
