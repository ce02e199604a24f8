"""An owner that may have forgotten something: what it does before it grants again."""

from ledger.accounts import PoolState
from ledger.commands import Outcome
from ledger.limits import QUARANTINE
from ledger.observations import Fenced
from ledger.proving.audit import verify_chain
from ledger.proving.blocks import encode_receipt
from mesh.instant import MINUTE, SECOND
from mesh.logs import Era, receipt_for, seal_block
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
