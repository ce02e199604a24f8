"""An owner that knows no peer: one that was always alone, and one whose disk forgot them all."""

from ledger.commands import Outcome
from ledger.entries import BookingsOpened, OpenedBy, decode_entry
from ledger.limits import BOOK_WAIT
from ledger.observations import PeersKnown
from tests.ledger.owner import PROVEN, UNPROVEN, Owner, opened, through_quarantine


def test_who_lost_its_log_and_hears_nobody_waits_with_bookings_as_for_a_silent_peer() -> None:
    owner = Owner()
    owner.tell(PeersKnown(known=0, silent=0))
    through_quarantine(owner, peers=True)
    assert owner.state == "bookings_closed"
    assert "until a peer is met" in owner.ledger.standing[1]
    assert owner.hold(1, booking=True).outcome is Outcome.BOOKINGS_CLOSED
    assert owner.hold(2).outcome is Outcome.HELD
    owner.advance(BOOK_WAIT)
    assert owner.state == "open"
    assert opened_by(owner) is OpenedBy.WAITED


def test_who_was_always_alone_goes_on_with_bookings_and_says_that_nobody_is_known() -> None:
    owner = opened()
    again = owner.restart(UNPROVEN)
    again.tell(PeersKnown(known=0, silent=0))
    through_quarantine(again, peers=True)
    assert again.state == "open"
    assert opened_by(again) is OpenedBy.ALONE


def test_a_restart_does_not_end_the_wait_of_who_is_alone_with_a_new_log() -> None:
    owner = Owner()
    owner.tell(PeersKnown(known=0, silent=0))
    through_quarantine(owner, peers=True)
    for continuity in (PROVEN, UNPROVEN):
        owner = owner.restart(continuity)
        owner.tell(PeersKnown(known=0, silent=0))
        if continuity is UNPROVEN:
            through_quarantine(owner, peers=True)
        assert owner.state == "bookings_closed"


def opened_by(owner: Owner) -> OpenedBy:
    said = [decode_entry(raw) for block in owner.disk.chain for raw in block.entries]
    return [entry for entry in said if isinstance(entry, BookingsOpened)][-1].by
