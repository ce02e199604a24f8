"""Bookings that an owner forgot: found in peers' copies and in receipts, in time or late."""

import pytest

from ledger.accounts import PoolState
from ledger.commands import Extend, Outcome, Post, Release
from ledger.leases import owner_span
from ledger.limits import BOOK_WAIT
from ledger.observations import Override, OwnLogSeen, PeersKnown
from ledger.proving.audit import verify_chain
from mesh.identity import Epoch
from mesh.instant import HOUR, MINUTE, SECOND
from mesh.logs import Block, Era, seal_block
from tests.ledger.owner import (
    ALICE,
    BOB,
    PROVEN,
    UNPROVEN,
    Disk,
    Owner,
    hold_id,
    opened,
    reading,
    through_quarantine,
)


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


def test_an_extension_that_a_copy_alone_remembers_lasts_as_long_as_was_told() -> None:
    owner = opened()
    owner.peer_answered()
    owner.grant(1, booking=True, term=5 * MINUTE)
    owner.advance(2 * MINUTE)
    old = Disk(list(owner.disk.chain), dict(owner.disk.remaining))
    answer = owner.ask(Extend(hold_id(1), owner.session, 40 * MINUTE))
    assert answer.outcome is Outcome.EXTENDED
    again = owner.restart(UNPROVEN, disk=old)
    again.show(*owner.disk.chain[len(old.chain) :])
    through_quarantine(again)
    left = again.inquire(1).remaining
    assert left is not None
    assert left >= 38 * MINUTE - 33 * SECOND
    # It is on disk with the log that says why: the next start knows as much.
    once_more = again.restart(PROVEN)
    once_more.see()
    left = once_more.inquire(1).remaining
    assert left is not None
    assert left >= 38 * MINUTE - 40 * SECOND
