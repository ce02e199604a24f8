"""An owner that may have forgotten something, and one that can prove it has not."""

import pytest

from ledger.accounts import PoolState
from ledger.audit import verify_chain
from ledger.blocks import encode_receipt
from ledger.commands import Outcome, Post, Release
from ledger.leases import owner_span
from ledger.limits import BOOK_WAIT, QUARANTINE
from ledger.observations import Fenced, Override, OwnLogSeen, PeersKnown
from mesh.identity import Epoch
from mesh.instant import HOUR, MINUTE, SECOND
from mesh.logs import Block, Era, receipt_for, seal_block
from tests.ledger.owner import (
    ALICE,
    BOB,
    UNPROVEN,
    Disk,
    Owner,
    hold_id,
    opened,
    reading,
    through_quarantine,
)

# Continuity proven -----------------------------------------------------------------------------


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


# Quarantine ------------------------------------------------------------------------------------


def test_an_unproven_start_writes_nothing_until_its_quarantine_is_over() -> None:
    owner = opened()
    owner.grant(1, 40)
    blocks = len(owner.disk.chain)
    again = owner.restart(UNPROVEN)
    again.see()
    again.peer_answered()
    for _ in range(32):
        again.advance(SECOND)
        again.see(reading(total=90))
        assert again.hold(2).outcome is Outcome.QUARANTINED
        assert len(again.disk.chain) == blocks
    again.advance(SECOND)
    assert again.state == "open"
    assert len(again.disk.chain) > blocks


def test_a_quarantine_ends_no_sooner_than_the_machine_was_looked_at() -> None:
    owner = Owner()
    owner.peer_answered()
    owner.advance(QUARANTINE + MINUTE)
    assert owner.state == "quarantine"
    assert owner.ledger.next_wake is None
    assert owner.hold(1).remaining is None
    owner.see()
    assert owner.state == "open"


def test_a_new_era_names_what_it_continues_from() -> None:
    owner = opened()
    head = owner.ledger.books.position
    again = through_quarantine(owner.restart(UNPROVEN))
    opening = again.ledger.books.opening
    assert opening is not None
    assert opening.cut == head
    assert not opening.first
    assert opening.reason == UNPROVEN.reason
    assert verify_chain(again.disk.chain).eras == 2


def test_a_lease_that_nobody_resumed_is_fenced_and_reclaimed_before_anything_opens() -> None:
    owner = opened()
    owner.grant(1, 40)
    again = owner.restart(UNPROVEN)
    again.fences = False
    through_quarantine(again)
    assert again.fenced == [hold_id(1)]
    assert again.state == "quarantine"
    again.advance(10 * SECOND)
    assert again.fenced == [hold_id(1)] * 2
    again.tell(Fenced(hold_id(1), gone=True))
    again.seal()
    assert again.state == "open"
    assert again.free == 100
    assert again.inquire(1).outcome is Outcome.EXPIRED


def test_work_that_will_not_end_keeps_its_room_and_does_not_keep_its_owner_closed() -> None:
    owner = opened()
    owner.grant(1, 40)
    again = owner.restart(UNPROVEN)
    again.fences = False
    through_quarantine(again)
    again.tell(Fenced(hold_id(1), gone=False))
    again.tell(Fenced(hold_id(1), gone=False))
    again.seal()
    assert again.state == "open"
    assert again.free == 60
    assert again.ledger.books.pools["ram"] is PoolState.IMPAIRED
    again.tell(Fenced(hold_id(1), gone=True))
    again.seal()
    assert again.free == 100


def test_a_lost_lease_gets_the_room_of_the_one_that_was_released_for_it() -> None:
    owner = opened()
    owner.grant(1, 80)
    old = Disk(list(owner.disk.chain))
    owner.release(1)
    receipts = owner.grant(2, 80).receipts
    again = owner.restart(UNPROVEN, disk=old)
    assert again.resume(2, receipts).outcome is Outcome.RESUMED
    through_quarantine(again)
    assert again.renew(2).outcome is Outcome.RENEWED
    assert again.alarms == []


def test_a_lease_that_was_resumed_lives_on() -> None:
    owner = opened()
    receipts = owner.grant(1, 40).receipts
    again = owner.restart(UNPROVEN)
    assert again.resume(1, receipts).outcome is Outcome.RESUMED
    again.advance(10 * SECOND)
    assert again.renew(1).outcome is Outcome.RENEWED
    through_quarantine(again)
    assert again.fenced == []
    assert again.renew(1).outcome is Outcome.RENEWED
    assert again.free == 60


def test_a_lease_in_a_lost_tail_is_adopted_from_its_receipts() -> None:
    owner = opened()
    old = Disk(list(owner.disk.chain))
    receipts = owner.grant(1, 40).receipts
    again = owner.restart(UNPROVEN, disk=old)
    assert again.resume(1, receipts).outcome is Outcome.RESUMED
    through_quarantine(again)
    assert again.free == 60
    assert again.renew(1).outcome is Outcome.RENEWED
    assert again.release(1).outcome is Outcome.RELEASED


def test_a_post_in_a_lost_tail_is_made_good_from_its_receipt() -> None:
    owner = opened()
    owner.hold(1, 40)
    old = Disk(list(owner.disk.chain))
    receipts = owner.post(1).receipts
    again = owner.restart(UNPROVEN, disk=old)
    again.resume(1, receipts)
    through_quarantine(again)
    assert again.inquire(1).outcome is Outcome.POSTED


def test_a_pending_hold_can_be_resumed_and_posted() -> None:
    owner = opened()
    receipts = owner.hold(1, 40).receipts
    again = Owner(counter=2, now=owner.now)
    assert again.resume(1, receipts).outcome is Outcome.RESUMED
    through_quarantine(again)
    assert again.post(1).outcome is Outcome.POSTED


def test_a_pending_hold_that_nobody_resumed_is_fenced_and_expires() -> None:
    owner = opened()
    receipts = owner.hold(1, 40).receipts
    again = owner.restart(UNPROVEN)
    again.fences = False
    through_quarantine(again)
    # Its post may have been in a lost tail, and then something runs under it.
    assert again.fenced == [hold_id(1)]
    assert again.resume(1, receipts).outcome is Outcome.TOO_LATE
    assert again.state == "quarantine"
    again.tell(Fenced(hold_id(1), gone=True))
    again.seal()
    assert again.inquire(1).outcome is Outcome.EXPIRED
    assert again.free == 100


def test_receipts_prove_and_never_authorise() -> None:
    owner = opened()
    receipts = owner.grant(1).receipts
    other = owner.grant(2).receipts
    again = owner.restart(UNPROVEN)
    assert again.resume(1, receipts, who=BOB).outcome is Outcome.NOT_HOLDER
    assert again.resume(1, other).outcome is Outcome.NOT_RESUMABLE
    assert again.resume(1, (b"nothing",)).outcome is Outcome.BAD_RECEIPT
    assert again.resume(1, ()).outcome is Outcome.MALFORMED
    bent = receipts[0][:-40] + bytes(40)
    assert again.resume(1, (bent,)).outcome is Outcome.BAD_RECEIPT
    assert again.renew(1).outcome is Outcome.QUARANTINED


def test_a_receipt_signed_by_another_owner_resumes_nothing() -> None:
    owner = opened()
    entry = owner.disk.chain[-1].entries[0]
    forged = seal_block(ALICE, Era(1, bytes(16)), 0, bytes(32), [entry])
    again = owner.restart(UNPROVEN)
    answer = again.resume(1, (encode_receipt(receipt_for(forged, 0)),))
    assert answer.outcome is Outcome.FOREIGN_RECEIPT


def test_an_ended_lease_is_not_resumed_by_an_old_receipt() -> None:
    owner = opened()
    receipts = owner.grant(1).receipts
    owner.release(1)
    again = owner.restart(UNPROVEN)
    assert again.resume(1, receipts).outcome is Outcome.TOO_LATE


# Bookings --------------------------------------------------------------------------------------


def test_a_booking_survives_an_unproven_start_with_its_time() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=2 * HOUR)
    owner.advance(HOUR)
    again = through_quarantine(owner.restart(UNPROVEN))
    assert again.free == 60
    left = again.ledger.remaining(hold_id(1), again.now)
    assert left == owner_span(2 * HOUR) - HOUR


def test_a_booking_survives_a_lost_disk_through_a_peers_copy() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=2 * HOUR)
    copy = list(owner.disk.chain)
    again = Owner(counter=2, now=owner.now)
    again.tell(PeersKnown(known=1, silent=1))
    again.show(*copy)
    again.tell(PeersKnown(known=1, silent=0))
    through_quarantine(again, peers=True)
    assert again.state == "open"
    assert again.rebased == [tuple(copy)]
    assert again.free == 60
    assert again.ledger.remaining(hold_id(1), again.now) == owner_span(2 * HOUR)
    assert verify_chain(again.disk.chain).ok


def test_blocks_shown_piece_by_piece_in_any_order_make_the_same_log() -> None:
    owner = opened()
    for number in range(4):
        owner.grant(number, 10, booking=True, term=HOUR)
    copy = list(owner.disk.chain)
    again = Owner(counter=2, now=owner.now)
    for block in reversed(copy):
        again.show(block)
    through_quarantine(again)
    assert again.rebased == [tuple(copy)]
    assert again.free == 60


def test_a_booking_is_adopted_from_its_holders_receipts_alone() -> None:
    owner = opened()
    receipts = owner.grant(1, 40, booking=True, term=HOUR).receipts
    again = Owner(counter=2, now=owner.now)
    assert again.resume(1, receipts).outcome is Outcome.RESUMED
    through_quarantine(again)
    assert again.free == 60
    assert again.release(1).outcome is Outcome.RELEASED


def test_the_longest_copy_wins_over_our_own_shorter_one() -> None:
    owner = opened()
    old = Disk(list(owner.disk.chain))
    owner.grant(1, 40, booking=True, term=HOUR)
    again = owner.restart(UNPROVEN, disk=old)
    again.show(*owner.disk.chain[len(old.chain) :])
    through_quarantine(again)
    assert again.free == 60
    assert len(again.rebased) == 1


def test_our_own_longer_log_is_kept_when_peers_have_less() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=HOUR)
    again = owner.restart(UNPROVEN)
    again.show(*owner.disk.chain[:2])
    through_quarantine(again)
    assert again.rebased == []
    assert again.free == 60


def test_blocks_that_are_bent_or_not_ours_are_not_gathered() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=HOUR)
    copy = list(owner.disk.chain)
    good = copy[2]  # in which it is held
    copy[2] = Block(
        good.public, good.era, good.height, good.previous, good.root, bytes(64), good.entries
    )
    stranger = seal_block(ALICE, Era(9, bytes(16)), 0, bytes(32), good.entries)
    again = Owner(counter=2, now=owner.now)
    again.show(*copy, stranger)
    through_quarantine(again)
    assert again.ledger.books.era == Era(2, (2).to_bytes(16, "big"))
    assert len(again.ledger.books.live) == 0


def test_a_booking_counts_that_a_copy_shows_though_blocks_before_it_are_missing() -> None:
    """What leads to it may have been put away long ago; that we signed it is enough."""
    owner = opened()
    owner.grant(1, 40, booking=True, term=HOUR)
    again = Owner(counter=2, now=owner.now)
    again.show(*owner.disk.chain[2:])
    through_quarantine(again)
    assert [hold.id for hold in again.ledger.books.live_holds()] == [hold_id(1)]
    assert again.free == 60


def test_bookings_open_when_every_known_peer_has_answered() -> None:
    owner = Owner()
    owner.tell(PeersKnown(known=2, silent=1))
    through_quarantine(owner, peers=True)
    assert owner.state == "bookings_closed"
    owner.tell(PeersKnown(known=2, silent=0))
    owner.seal()
    assert owner.state == "open"
    assert owner.told == ["quarantine", "bookings_closed", "open"]


def test_bookings_open_after_a_while_when_a_peer_never_answers() -> None:
    owner = Owner()
    owner.tell(PeersKnown(known=1, silent=1))
    through_quarantine(owner, peers=True)
    owner.advance(BOOK_WAIT)
    assert owner.state == "open"


def test_an_override_opens_bookings_and_is_on_record() -> None:
    owner = Owner()
    owner.tell(PeersKnown(known=1, silent=1))
    owner.tell(Override("bob is in the bin"))
    assert owner.state == "quarantine"
    through_quarantine(owner, peers=True)
    assert owner.state == "open"
    assert any(
        b"bob is in the bin" in entry for block in owner.disk.chain for entry in block.entries
    )


# What turns up late ----------------------------------------------------------------------------


def forgetful() -> tuple[Owner, list[Block]]:
    """An owner with a new identity of its log, and the log that it forgot: a booking of 40."""
    owner = opened()
    owner.grant(1, 40, booking=True, term=HOUR)
    again = through_quarantine(Owner(counter=2, now=owner.now))
    return again, list(owner.disk.chain)


def test_a_booking_that_turns_up_late_is_reinstated_if_it_fits() -> None:
    owner, lost = forgetful()
    owner.show(*lost)
    assert owner.state == "open"
    assert owner.free == 60
    assert owner.release(1).outcome is Outcome.RELEASED


def test_a_booking_that_turns_up_too_late_to_fit_is_superseded_or_broken_and_told() -> None:
    owner, lost = forgetful()
    owner.grant(2, 70)
    owner.show(*lost)
    assert owner.free == 30
    assert [(alarm.code, alarm.hold) for alarm in owner.alarms] == [("hold-superseded", hold_id(1))]
    assert owner.inquire(1).outcome is Outcome.EXPIRED
    owner, lost = forgetful()
    owner.see(reading(total=20, free=20))
    owner.show(*lost)
    assert [(alarm.code, alarm.hold) for alarm in owner.alarms] == [("hold-broken", hold_id(1))]
    assert verify_chain(owner.disk.chain).ok


def test_what_turned_up_is_filed_once() -> None:
    owner, lost = forgetful()
    owner.grant(2, 70)
    for _ in range(3):
        owner.show(*lost)
    assert len(owner.alarms) == 1
    again = owner.restart()
    again.show(*lost)
    assert again.alarms == []


def test_a_booking_released_in_a_part_that_was_cut_off_is_released_here() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=HOUR)
    old = Disk(list(owner.disk.chain), dict(owner.disk.remaining))
    owner.release(1)
    again = through_quarantine(owner.restart(UNPROVEN, disk=old))
    assert again.free == 60
    again.show(*owner.disk.chain)
    assert again.free == 100
    assert again.inquire(1).outcome is Outcome.RELEASED


def test_own_blocks_of_our_era_that_we_do_not_know_mean_quarantine_again() -> None:
    owner = opened()
    elsewhere = Owner(
        disk=Disk(list(owner.disk.chain)), continuity=owner.restart().ledger._continuity
    )
    elsewhere.see()
    elsewhere.grant(9, 5)
    pending = owner.send(owner.hold_command(1, 40))
    owner.tell(OwnLogSeen(BOB.id, tuple(elsewhere.disk.chain)))
    owner.seal()
    assert owner.state == "quarantine"
    assert owner.alarms[-1].code == "log-ahead"
    assert owner.answers[pending][0].outcome is Outcome.QUARANTINED
    through_quarantine(owner)
    assert owner.state == "open"
    era = owner.ledger.books.era
    assert era is not None
    assert era.counter == 2
    assert owner.free == 100


def test_two_blocks_at_one_height_of_our_era_are_a_fork() -> None:
    owner = opened()
    twin = owner.restart(disk=Disk(list(owner.disk.chain)))
    twin.see()
    twin.grant(9, 5)
    owner.grant(1, 5)
    owner.show(*twin.disk.chain)
    assert owner.alarms[-1].code == "log-forked"
    assert owner.state == "quarantine"


def test_a_grant_that_was_ending_is_not_revived_by_a_second_quarantine() -> None:
    owner = opened()
    receipts = owner.grant(1).receipts
    owner.fences = False
    token = owner.send(Release(hold_id(1), owner.session))
    owner.do(owner.ledger.rise(Epoch(7, b"seven" * 4), owner.now))
    owner.seal()
    assert owner.answers[token][0].outcome is Outcome.QUARANTINED
    assert owner.resume(1, receipts).outcome is Outcome.TOO_LATE


def test_a_higher_epoch_begins_a_new_session_and_keeps_bookings_with_their_time() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=2 * HOUR)
    owner.advance(HOUR + 30 * SECOND)
    old = owner.session
    owner.do(owner.ledger.rise(Epoch(7, b"seven" * 4), owner.now))
    assert owner.session != old
    assert owner.ask(Post(hold_id(1), old)).outcome is Outcome.WRONG_SESSION
    through_quarantine(owner)
    left = owner.ledger.remaining(hold_id(1), owner.now)
    assert left == owner_span(2 * HOUR) - HOUR - 30 * SECOND
    era = owner.ledger.books.era
    assert era is not None
    assert era.counter == 7


def test_a_damaged_log_is_kept_as_far_as_it_is_whole_and_is_no_proof() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=HOUR)
    owner.grant(2, 5, booking=True, term=HOUR)
    damaged = list(owner.disk.chain)
    last = damaged[-1]
    damaged[-1] = Block(
        last.public, last.era, last.height, bytes(32), last.root, last.signature, last.entries
    )
    again = owner.restart(disk=Disk(damaged))
    assert again.state == "quarantine"
    assert again.alarms[0].code == "log-damaged"
    through_quarantine(again)
    assert again.rebased == [tuple(damaged[:-1])]
    assert again.free == 60
    assert verify_chain(again.disk.chain).ok


def test_capacity_that_shrank_while_away_impairs_and_breaks_no_booking_in_the_log() -> None:
    owner = opened()
    owner.grant(1, 80, booking=True, term=HOUR)
    again = through_quarantine(owner.restart(UNPROVEN), reading(total=50, free=50))
    assert again.ledger.books.pools["ram"] is PoolState.IMPAIRED
    assert hold_id(1) in again.ledger.books.live
    assert again.free == 0


@pytest.mark.parametrize("continuity", ["proven", "unproven"])
def test_a_restart_at_every_block_boundary_keeps_what_the_log_holds(continuity: str) -> None:
    owner = opened()
    owner.grant(1, 10, booking=True, term=HOUR)
    owner.grant(2, 10)
    owner.hold(3, 10)
    owner.release(2)
    owner.void(3)
    owner.grant(4, 10, booking=True, term=HOUR)
    owner.release(1)
    chain = owner.disk.chain
    for cut in range(1, len(chain) + 1):
        disk = Disk(chain[:cut])
        proven = continuity == "proven"
        again = owner.restart(disk=disk) if proven else owner.restart(UNPROVEN, disk=disk)
        bookings = {hold.id for hold in again.ledger.books.live_holds() if hold.is_booking}
        if not proven:
            through_quarantine(again)
        again.see()
        after = {hold.id for hold in again.ledger.books.live_holds() if hold.is_booking}
        assert bookings == after
        again.advance(40 * SECOND)
        assert again.free == 100 - 10 * len(after)
        assert verify_chain(again.disk.chain).ok
