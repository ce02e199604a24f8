"""One of a gang's, as its owner keeps it: enlisted, parked, settled, or disbanded."""

import pytest

from ledger.books import Books, Refusal
from ledger.books.gangs import GangStage
from ledger.books.holds import Token
from ledger.books.state import decode_state, encode_state
from ledger.commands import TTL_MAX, Answer, Enlisting, GrantKind, Hold, Leg, Outcome, Post, Release
from ledger.commands.gangs import Park, Settle
from ledger.entries import Entry, EraOpened, encode_entry
from ledger.entries.gangs import GangBegun, GangCommitted, GangCompleted, GangEnded, GangMember
from ledger.leases import owner_span
from ledger.lifecycle import HoldState
from ledger.limits import GANG_MAX, GANGS_ENDED_MAX, GANGS_MAX
from ledger.observations import GangSeen, GangStep
from ledger.proving.audit import verify_chain
from ledger.proving.blocks import encode_receipt
from mesh.identity import Epoch, Identity
from mesh.instant import HOUR, SECOND
from mesh.logs import NO_BLOCK, Era, receipt_for, seal_block
from tests.ledger.owner import (
    ALICE,
    BOB,
    OWNER,
    UNPROVEN,
    Owner,
    hold_id,
    opened,
    through_quarantine,
)

GANG = bytes(range(16))
H = hold_id(1)
MEMBERS = tuple(sorted((GangMember(OWNER.id, H), GangMember(BOB.id, hold_id(2)))))


def owner() -> Owner:
    return opened()


def told(one: Owner, news: GangSeen | GangStep) -> None:
    one.tell(news)
    one.seal()


def enlist(one: Owner, amount: int = 40) -> Answer:
    hold = Hold(
        H, one.session, (Leg("ram", amount),), GrantKind.CARRIED, TTL_MAX, "", "",
        Enlisting(GANG, HOUR),
    )  # fmt: skip
    return one.ask(hold)


def parked(one: Owner) -> Owner:
    assert enlist(one).outcome is Outcome.HELD
    assert one.ask(Post(H, one.session)).outcome is Outcome.POSTED
    assert one.ask(Park(H, one.session)).outcome is Outcome.PARKED
    return one


def proof(gang: bytes = GANG, by: Identity = ALICE) -> bytes:
    block = seal_block(by, Era(1, bytes(16)), 0, NO_BLOCK, [encode_entry(GangCompleted(gang))])
    return encode_receipt(receipt_for(block, 0))


def state(one: Owner) -> HoldState:
    return one.ledger.books.state_of(H)


def test_one_of_a_gang_is_a_lease_then_a_booking_on_probation_then_a_booking() -> None:
    one = owner()
    assert enlist(one).outcome is Outcome.HELD
    one.ask(Post(H, one.session))
    live = one.ledger.books.live[H]
    assert (live.kind, live.term) == (GrantKind.CARRIED, TTL_MAX)
    one.ask(Park(H, one.session))
    live = one.ledger.books.live[H]
    assert (live.kind, live.term, live.on_probation) == (GrantKind.BOOKING, HOUR, True)
    settled = one.ask(Settle(H, one.session, proof()))
    assert settled.outcome is Outcome.SETTLED
    assert settled.remaining == owner_span(HOUR)
    one.advance(owner_span(GANG_MAX) + SECOND)
    assert state(one) is HoldState.POSTED
    assert verify_chain(one.disk.chain).ok


def test_a_member_that_is_posted_and_never_parked_lapses_as_a_lease_does() -> None:
    one = owner()
    enlist(one)
    one.ask(Post(H, one.session))
    one.advance(owner_span(TTL_MAX) + SECOND)
    assert state(one) is HoldState.RECLAIMED


def test_a_parked_member_without_proof_is_disbanded_at_gang_max_and_not_before() -> None:
    one = parked(owner())
    one.advance(GANG_MAX)
    assert state(one) is HoldState.POSTED
    one.advance(owner_span(GANG_MAX) - GANG_MAX + SECOND)
    assert state(one) is HoldState.DISBANDED
    assert one.ledger.books.free("ram") == 100
    assert verify_chain(one.disk.chain).ok


def test_a_restart_gives_a_probation_its_time_again_and_never_its_term() -> None:
    one = parked(owner())
    one.advance(59 * SECOND)
    again = one.restart()
    again.see()
    again.advance(owner_span(GANG_MAX) + SECOND)
    assert state(again) is HoldState.DISBANDED


def test_what_was_left_of_a_probation_is_not_taken_for_the_rest_of_a_term() -> None:
    one = parked(owner())
    one.do(one.ledger.put_away(one.now))
    one.ask(Settle(H, one.session, proof()))
    again = one.restart()
    again.see()
    again.advance(2 * GANG_MAX)
    assert state(again) is HoldState.POSTED


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"rubbish", proof(bytes(16)), proof(by=BOB), proof()[:-1], proof() + b"\0"],
    ids=["none", "rubbish", "another gang", "another key", "cut", "longer"],
)
def test_only_the_holders_own_word_of_this_gang_settles_it(rubbish: bytes) -> None:
    one = parked(owner())
    assert one.ask(Settle(H, one.session, rubbish)).outcome is Outcome.UNPROVEN
    assert one.ledger.books.live[H].on_probation


def test_a_receipt_with_one_bit_changed_settles_nothing() -> None:
    one, good = parked(owner()), proof()
    for at in range(0, len(good), 7):
        bent = bytearray(good)
        bent[at] ^= 1
        answer = one.ask(Settle(H, one.session, bytes(bent)))
        assert answer.outcome is Outcome.UNPROVEN
    assert one.ledger.books.live[H].on_probation


def test_steps_out_of_order_are_refused_by_name() -> None:
    one = owner()
    enlist(one)
    assert one.ask(Park(H, one.session)).outcome is Outcome.WRONG_STEP
    one.ask(Post(H, one.session))
    assert one.ask(Settle(H, one.session, proof())).outcome is Outcome.WRONG_STEP
    assert one.ask(Park(H, one.session), BOB).outcome is Outcome.NOT_HOLDER
    one.ask(Release(H, one.session))
    assert one.ask(Park(H, one.session)).outcome is Outcome.TOO_LATE


def test_a_step_that_comes_again_is_answered_as_before_and_written_once() -> None:
    one = parked(owner())
    one.ask(Settle(H, one.session, proof()))
    blocks = len(one.disk.chain)
    assert one.ask(Park(H, one.session)).outcome is Outcome.PARKED
    assert one.ask(Settle(H, one.session, b"")).outcome is Outcome.SETTLED
    assert len(one.disk.chain) == blocks


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_gang_that_is_over_takes_its_member_along_wherever_that_stands(steps: int) -> None:
    one = owner()
    enlist(one)
    s = one.session
    for command in (Post(H, s), Park(H, s), Settle(H, s, proof()))[:steps]:
        one.ask(command)
    told(one, GangSeen(H, over=True))
    assert state(one) is (HoldState.DISBANDED if steps else HoldState.VOIDED)
    assert one.ledger.books.free("ram") == 100


def test_the_word_that_a_gang_is_complete_settles_a_parked_member_alone() -> None:
    one = owner()
    enlist(one)
    told(one, GangSeen(H, over=False))
    assert state(one) is HoldState.PENDING
    one.ask(Post(H, one.session))
    one.ask(Park(H, one.session))
    told(one, GangSeen(H, over=False))
    assert not one.ledger.books.live[H].on_probation


def test_a_settled_member_that_only_a_copy_of_the_log_knows_comes_back_settled() -> None:
    one = parked(owner())
    one.ask(Settle(H, one.session, proof()))
    copy = list(one.disk.chain)
    del one.disk.chain[2:]
    again = one.restart(UNPROVEN)
    again.show(*copy)
    through_quarantine(again)
    live = again.ledger.books.live[H]
    assert (live.kind, live.term, live.on_probation) == (GrantKind.BOOKING, HOUR, False)
    assert live.gang is not None


def test_a_checkpoint_carries_gangs_and_their_members() -> None:
    one = parked(owner())
    told(one, GangStep(GangBegun(GANG, MEMBERS)))
    books = one.ledger.books
    again = Books.revived(decode_state(encode_state(books.state())))
    assert again.state_hash() == books.state_hash()
    assert (again.gangs, again.enlisted) == (books.gangs, {H: GANG})
    assert again.live[H].on_probation


# The asker's own log ---------------------------------------------------------------------------


def fold(*entries: Entry) -> tuple[Books, Refusal | None]:
    books, era = Books(), Era(1, bytes(16))
    books.write(
        EraOpened(era, Epoch(1, bytes(16)), None, "", None, first=True),
        era,
        Token(era.counter, 0, 0),
    )
    for number, entry in enumerate(entries, 1):
        refusal = books.write(entry, era, Token(era.counter, 0, number))
        if refusal is not None:
            return books, refusal
    return books, None


BEGUN, COMMITTED = GangBegun(GANG, MEMBERS), GangCommitted(GANG)
COMPLETED, ENDED = GangCompleted(GANG), GangEnded(GANG, "asked")


@pytest.mark.parametrize(
    ("entries", "stage"),
    [
        ((BEGUN,), GangStage.BEGUN),
        ((BEGUN, COMMITTED), GangStage.COMMITTED),
        ((BEGUN, COMMITTED, COMPLETED), GangStage.COMPLETED),
        ((BEGUN, ENDED), GangStage.ENDED),
        ((BEGUN, COMMITTED, ENDED), GangStage.ENDED),
        ((BEGUN, COMMITTED, COMPLETED, ENDED), GangStage.ENDED),
    ],
)
def test_a_gang_goes_from_begun_to_complete_and_ends_from_anywhere(
    entries: tuple[Entry, ...], stage: GangStage
) -> None:
    books, refusal = fold(*entries)
    assert refusal is None
    assert books.gangs[GANG].stage is stage


@pytest.mark.parametrize(
    "entries",
    [
        (COMMITTED,), (COMPLETED,), (ENDED,), (BEGUN, BEGUN), (BEGUN, COMPLETED),
        (BEGUN, COMMITTED, COMMITTED), (BEGUN, ENDED, COMMITTED), (BEGUN, ENDED, ENDED),
        (GangBegun(GANG, MEMBERS[::-1]),),
        (GangBegun(GANG, (MEMBERS[0], MEMBERS[0])),),
        (GangBegun(GANG, (MEMBERS[0], MEMBERS[1]._replace(hold=MEMBERS[0].hold))),),
    ],
)  # fmt: skip
def test_any_other_order_and_any_other_list_of_members_is_refused(
    entries: tuple[Entry, ...],
) -> None:
    assert fold(*entries)[1] is Refusal.NOT_ALLOWED


def test_gangs_of_one_log_are_bounded_and_the_oldest_end_is_forgotten_first() -> None:
    names = [number.to_bytes(16, "big") for number in range(GANGS_MAX + 1)]
    begun = [GangBegun(name, MEMBERS) for name in names]
    assert fold(*begun)[1] is Refusal.OVER_LIMIT
    names = [number.to_bytes(16, "big") for number in range(GANGS_ENDED_MAX + 1)]
    over = [entry for name in names for entry in (GangBegun(name, MEMBERS), GangEnded(name, ""))]
    books, refusal = fold(*over)
    assert refusal is None
    assert sorted(books.gangs) == names[1:]


def test_an_asker_can_prove_that_its_gang_is_complete() -> None:
    one = owner()
    for entry in (BEGUN, COMMITTED, COMPLETED):
        told(one, GangStep(entry))
    at = one.ledger.books.gangs[GANG].completed_at
    assert at is not None
    other = parked_for_owner()
    answer = other.ask(Settle(H, other.session, one.ledger.receipt(at)), OWNER)
    assert answer.outcome is Outcome.SETTLED


def parked_for_owner() -> Owner:
    """A member whose holder is the workbench's own key: it is asker and owner in one test."""
    one = owner()
    hold = Hold(
        H, one.session, (Leg("ram", 1),), GrantKind.CARRIED, TTL_MAX, "", "", Enlisting(GANG, HOUR)
    )
    for command in (hold, Post(H, one.session), Park(H, one.session)):
        one.ask(command, OWNER)
    return one
