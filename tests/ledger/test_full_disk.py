"""An owner with next to no room on its disk keeps what it promised, and promises no more."""

import msgspec

from ledger.commands import Extend, Leg, Outcome, Shrink, Transfer
from ledger.limits import LINE_SILENCE
from ledger.observations import DiskSeen, PeersKnown
from mesh.instant import HOUR, SECOND
from tests.ledger.owner import ALICE, UNPROVEN, Owner, hold_id, opened
from tests.ledger.test_line import full, order, wait

SHORT = "the disk is full: free some space there"


def short(owner: Owner) -> Owner:
    owner.tell(DiskSeen(SHORT))
    return owner


def test_with_no_room_on_the_disk_nothing_more_is_promised_and_the_reason_is_said() -> None:
    owner = opened()
    owner.grant(1, 10, booking=True, term=HOUR)
    short(owner)
    assert owner.ledger.standing[:2] == ("disk_full", SHORT)
    before = len(owner.disk.chain)
    asked = (
        owner.hold_command(2),
        Extend(hold_id(1), owner.session, 2 * HOUR),
        Transfer(
            hold_id(4), owner.session, hold_id(1), b"", (Leg("ram", 5),),
            owner.hold_command(1, booking=True).kind, 60 * SECOND, "alice", "part",
        ),
    )  # fmt: skip
    for command in asked:
        answer = owner.ask(command)
        assert (answer.outcome, answer.detail) == (Outcome.DISK_FULL, SHORT), command
        assert answer.outcome.may_change_on_retry
    assert len(owner.disk.chain) == before, "a no costs no room"


def test_what_was_promised_is_confirmed_renewed_shrunk_and_given_back_on_a_full_disk() -> None:
    owner = opened()
    owner.grant(1, 10)
    owner.hold(2, 10)
    owner.grant(3, 10, booking=True, term=HOUR)
    short(owner)
    assert owner.renew(1).outcome is Outcome.RENEWED
    assert owner.post(2).outcome is Outcome.POSTED
    shrink = Shrink(hold_id(3), owner.session, (Leg("ram", 5),))
    assert owner.ask(shrink).outcome is Outcome.SHRUNK
    assert owner.release(3).outcome is Outcome.RELEASED
    owner.advance(31 * SECOND)
    assert owner.inquire(1).outcome is Outcome.EXPIRED, "time goes on"


def test_a_repetition_of_what_was_granted_is_answered_as_before_on_a_full_disk() -> None:
    owner = opened()
    hold, term = owner.hold_command(1, 10, booking=True, term=HOUR), 2 * HOUR
    owner.ask(hold)
    owner.post(1)
    owner.ask(Extend(hold_id(1), owner.session, term))
    short(owner)
    assert owner.ask(hold).outcome is Outcome.HELD
    assert owner.ask(Extend(hold_id(1), owner.session, term)).outcome is Outcome.EXTENDED
    other = msgspec.structs.replace(hold, legs=(Leg("ram", 11),))
    assert owner.ask(other).outcome is Outcome.ID_CONFLICT


def test_who_waits_in_line_keeps_the_place_until_there_is_room_on_the_disk() -> None:
    owner = full(opened())
    wait(owner, 1, 60, whose="p1")
    short(owner)
    owner.release(900)
    for _ in range(3):
        owner.advance(LINE_SILENCE // 2)
        assert wait(owner, 1, 60, whose="p1").outcome is Outcome.DISK_FULL
    assert wait(owner, 2, 60, whose="p2").outcome is Outcome.DISK_FULL
    assert order(owner) == [1]
    owner.tell(DiskSeen(""))
    assert owner.ledger.standing[0] == "open"
    assert wait(owner, 1, 60, whose="p1").outcome is Outcome.HELD


def test_a_quarantine_and_closed_bookings_are_told_in_their_order_beside_a_full_disk() -> None:
    owner = Owner(continuity=UNPROVEN)
    owner.tell(PeersKnown(known=1, silent=1))
    short(owner)
    assert owner.hold(1).outcome is Outcome.QUARANTINED
    owner.advance(33 * SECOND)
    owner.see()
    assert owner.state == "disk_full", "it opens: that it opened is a promise to nobody"
    assert owner.hold(1, booking=True, who=ALICE).outcome is Outcome.DISK_FULL
    owner.tell(DiskSeen(""))
    assert owner.hold(1, booking=True).outcome is Outcome.BOOKINGS_CLOSED
