"""An owner that can prove that its disk forgot nothing: it goes on at once."""

from ledger.commands import Outcome
from ledger.leases import owner_span
from ledger.observations import PeersKnown
from mesh.instant import HOUR, SECOND
from tests.ledger.owner import (
    Owner,
    hold_id,
    opened,
)


def test_a_proven_restart_goes_on_in_the_same_era_at_once() -> None:
    owner = opened()
    owner.grant(1, 40)
    again = owner.restart()
    assert again.state == "open"
    assert again.ledger.books.era == owner.ledger.books.era
    assert again.session != owner.session
    again.see()
    assert again.hold(2, 61).outcome is Outcome.NO_ROOM
    assert again.hold(3, 60).outcome is Outcome.HELD


def test_a_proven_restart_gives_leases_and_pending_holds_their_full_time_again() -> None:
    owner = opened()
    owner.grant(1)
    owner.hold(2)
    owner.advance(25 * SECOND)
    again = owner.restart(after=0)
    again.advance(owner_span(30 * SECOND) - 1)
    assert len(again.ledger.books.live) == 2
    again.advance(1)
    assert len(again.ledger.books.live) == 0


def test_a_carrier_resumes_at_a_proven_owner_too() -> None:
    owner = opened()
    receipts = owner.grant(1).receipts
    again = owner.restart()
    again.advance(20 * SECOND)
    assert again.resume(1, receipts).outcome is Outcome.RESUMED
    again.advance(20 * SECOND)
    assert again.renew(1).outcome is Outcome.RENEWED


def test_a_booking_goes_on_from_its_journalled_time() -> None:
    owner = opened()
    owner.grant(1, booking=True, term=2 * HOUR)
    owner.advance(HOUR)
    again = owner.restart(after=5 * HOUR)  # switched off for five hours: they do not count
    left = again.ledger.remaining(hold_id(1), again.now)
    assert left == owner_span(2 * HOUR) - HOUR


def test_a_booking_without_a_journalled_time_gets_its_full_term() -> None:
    owner = opened()
    owner.grant(1, booking=True, term=2 * HOUR)
    owner.advance(30 * SECOND)
    again = owner.restart()
    assert again.ledger.remaining(hold_id(1), again.now) == owner_span(2 * HOUR)


def test_what_was_written_and_not_sealed_was_never_promised() -> None:
    owner = opened()
    token = owner.send(owner.hold_command(1, 40))
    again = owner.restart()
    assert token not in owner.answers
    assert again.free == 100


def test_a_request_repeated_after_a_proven_restart_is_the_same_request() -> None:
    owner = opened()
    owner.hold(1, 40)
    again = owner.restart()
    again.see()
    assert again.hold(1, 40).outcome is Outcome.HELD
    assert again.free == 60
    assert again.hold(1, 41).outcome is Outcome.ID_CONFLICT


def test_proof_of_an_empty_log_proves_nothing() -> None:
    owner = Owner()
    assert owner.restart().state == "quarantine"


def test_waiting_for_peers_goes_on_after_a_proven_restart() -> None:
    owner = Owner()
    owner.tell(PeersKnown(known=1, silent=1))
    owner.advance(33 * SECOND)
    owner.see()
    assert owner.state == "bookings_closed"
    assert owner.restart().state == "bookings_closed"
