"""The fold: the same for its author and for everyone else, whoever the author is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.accounts import PoolState
from ledger.books import Books
from ledger.books.holds import Token
from ledger.books.refusal import Refusal
from ledger.commands import GrantKind, Leg
from ledger.entries import (
    Adopted,
    BookingsOpened,
    CameOnline,
    Closed,
    ClosedHow,
    EndedBy,
    Entry,
    EraOpened,
    Expired,
    Held,
    OpenedBy,
    Planned,
    PoolStateSet,
    Posted,
    Provisioned,
    Reclaimed,
    Released,
    Replanned,
    Retired,
    Started,
    Voided,
    WentOffline,
    encode_entry,
)
from ledger.entries.rights import (
    RightsBarred,
    RightsGiven,
    RightsIssued,
    RightsOpened,
    RightsTaken,
    RightsWithdrawn,
)
from ledger.lifecycle import HoldState
from ledger.proving.audit import check_books, check_fold, verify_chain
from ledger.proving.tally import AuditError
from mesh.identity import Epoch
from mesh.logs import NO_BLOCK, Block, Era, Position, seal_block
from tests.ledger.owner import ALICE, OWNER, hold_id, opened

ERA = Era(1, bytes(16))
AT = Position(ERA, 0, bytes(32))


def opening(era: Era = ERA, cut: Position | None = None) -> EraOpened:
    return EraOpened(era, Epoch(*era), cut, "", None, cut is None)


def held(number: int, amount: int = 10, pool: str = "ram") -> Held:
    legs = (Leg(pool, amount),)
    return Held(hold_id(number), bytes(32), ALICE.id, legs, GrantKind.CARRIED, 1, "alice", "")


def adopted(number: int, amount: int = 10, posted: bool = True) -> Adopted:
    legs = (Leg("ram", amount),)
    return Adopted(
        hold_id(number), bytes(32), ALICE.id, legs, GrantKind.BOOKING, 1, "alice", "", posted, AT
    )  # fmt: skip


def planned(number: int, amount: int = 10, start: int = 1) -> Planned:
    legs = (Leg("ram", amount),)
    return Planned(hold_id(number), bytes(32), ALICE.id, legs, 1, "alice", "", start)


def replanned(number: int, amount: int = 10) -> Replanned:
    legs = (Leg("ram", amount),)
    return Replanned(hold_id(number), bytes(32), ALICE.id, legs, 1, "alice", "", 1, AT)


def closed(number: int) -> Closed:
    return Closed(hold_id(number), bytes(32), ALICE.id, (Leg("ram", 1),), ClosedHow.BROKEN, AT)


def block_after(books: Books, *entries: Entry | bytes, era: Era = ERA) -> Block:
    raw = [entry if isinstance(entry, bytes) else encode_entry(entry) for entry in entries]
    return seal_block(OWNER, era, books.height + 1, books.head, raw)


def provisioned(amount: int = 100) -> Books:
    books = Books()
    ram = Provisioned((Leg("ram", amount),))
    assert books.apply_block(block_after(books, opening(), ram)) is None
    return books


@pytest.mark.parametrize(
    ("entries", "refusal"),
    [
        ((b"rubbish",), Refusal.NOT_AN_ENTRY),
        ((held(1, 101),), Refusal.OVER_LIMIT),
        ((held(1, 60), held(2, 41)), Refusal.OVER_LIMIT),
        ((held(1, 60), Posted(hold_id(1)), held(2, 41)), Refusal.OVER_LIMIT),
        ((adopted(1, 101),), Refusal.OVER_LIMIT),
        ((Retired((Leg("ram", 101),)),), Refusal.OVER_LIMIT),
        ((held(1, 60), Retired((Leg("ram", 41),))), Refusal.OVER_LIMIT),
        ((WentOffline((Leg("ram", 101),)),), Refusal.OVER_LIMIT),
        ((CameOnline((Leg("ram", 1),)),), Refusal.OVER_LIMIT),
        ((held(1, pool="cpu"),), Refusal.UNKNOWN_POOL),
        ((Retired((Leg("cpu", 1),)),), Refusal.UNKNOWN_POOL),
        ((PoolStateSet("ram", PoolState.IMPAIRED), held(1)), Refusal.POOL_NOT_OPEN),
        ((PoolStateSet("ram", PoolState.UNKNOWN), held(1)), Refusal.POOL_NOT_OPEN),
        ((held(1), held(1)), Refusal.ID_USED),
        ((held(1), Voided(hold_id(1), ALICE.id), held(1)), Refusal.ID_USED),
        ((held(1), adopted(1)), Refusal.ID_USED),
        ((held(1), closed(1)), Refusal.ID_USED),
        ((Posted(hold_id(1)),), Refusal.NO_SUCH_HOLD),
        ((held(1), Reclaimed(hold_id(1))), Refusal.NOT_ALLOWED),
        ((held(1), Posted(hold_id(1)), Posted(hold_id(1))), Refusal.NOT_ALLOWED),
        ((held(1), Posted(hold_id(1)), Voided(hold_id(1), ALICE.id)), Refusal.NOT_ALLOWED),
        ((held(1), Posted(hold_id(1)), Expired(hold_id(1))), Refusal.NOT_ALLOWED),
        (
            (held(1), Voided(hold_id(1), ALICE.id), Voided(hold_id(1), ALICE.id)),
            Refusal.NOT_ALLOWED,
        ),
        ((held(1), Released(hold_id(1), ALICE.id, EndedBy.ASKED)), Refusal.NOT_ALLOWED),
        ((opening(),), Refusal.ERA_MISNAMED),
        ((held(1), opening(Era(2, bytes(16)))), Refusal.ERA_MISNAMED),
    ],
)
def test_a_hostile_block_is_refused_by_name_and_changes_nothing(
    entries: tuple[Entry | bytes, ...], refusal: Refusal
) -> None:
    books = provisioned()
    assert books.apply_block(block_after(books, held(50, 1))) is None
    before = books.state_hash()
    assert books.apply_block(block_after(books, *entries)) is refusal
    assert books.state_hash() == before
    check_books(books)
    assert books.apply_block(block_after(books, held(51, 1))) is None


def test_a_block_taken_back_leaves_no_trace_of_any_kind_of_change() -> None:
    books = provisioned()
    books.apply_block(block_after(books, held(1), held(2), Posted(hold_id(2))))
    before = books.state_hash()
    new_era = Era(2, bytes(16))
    refusal = books.apply_block(
        block_after(
            books, opening(new_era, books.position), BookingsOpened(OpenedBy.WAITED, ""),
            Voided(hold_id(1), ALICE.id), Released(hold_id(2), ALICE.id, EndedBy.ASKED),
            Provisioned((Leg("cpu", 5),)), PoolStateSet("ram", PoolState.DRAINING),
            adopted(3), closed(4), WentOffline((Leg("ram", 5),)), b"rubbish", era=new_era,
        )
    )  # fmt: skip
    assert refusal is Refusal.NOT_AN_ENTRY
    assert books.state_hash() == before
    assert sorted(books.holds_on("ram").items()) == [(hold_id(1), 10), (hold_id(2), 10)]
    assert "cpu" not in books.pools
    check_books(books)


def test_blocks_follow_one_another() -> None:
    books = provisioned()
    skipped = seal_block(OWNER, ERA, 2, books.head, [encode_entry(held(1))])
    unlinked = seal_block(OWNER, ERA, 1, NO_BLOCK, [encode_entry(held(1))])
    for block in (skipped, unlinked):
        assert books.apply_block(block) is Refusal.NOT_NEXT


def test_a_log_begins_with_an_era() -> None:
    books = Books()
    assert books.apply_block(block_after(books, Provisioned((Leg("ram", 1),)))) is Refusal.NO_ERA
    assert books.apply_block(block_after(books, opening(cut=AT))) is Refusal.ERA_MISNAMED
    assert books.apply_block(block_after(books, opening(Era(2, b"")))) is Refusal.ERA_MISNAMED


def test_an_era_grows_and_names_its_cut() -> None:
    books = provisioned()
    head = books.position
    for era, cut in [
        (Era(1, b"x" * 16), head),
        (Era(0, bytes(16)), head),
        (Era(2, bytes(16)), None),
        (Era(2, bytes(16)), AT),
    ]:
        block = block_after(books, opening(era, cut), era=era)
        assert books.apply_block(block) is Refusal.ERA_MISNAMED
    era = Era(2, bytes(16))
    assert books.apply_block(block_after(books, held(1), era=era)) is Refusal.NO_ERA
    assert books.apply_block(block_after(books, opening(era, head), held(1), era=era)) is None
    assert not books.bookings_open


def test_an_adopted_hold_needs_room_and_no_open_pool() -> None:
    books = provisioned()
    shut = PoolStateSet("ram", PoolState.IMPAIRED)
    assert books.apply_block(block_after(books, shut, adopted(1), adopted(2, 90, False))) is None
    assert books.free("ram") == 0
    assert books.state_of(hold_id(2)) is HoldState.PENDING


def test_the_owner_and_its_replicas_have_the_same_books() -> None:
    owner = opened()
    owner.grant(1, booking=True)
    owner.hold(2)
    owner.release(1)
    replica = Books()
    for block in owner.disk.chain:
        assert replica.apply_block(block) is None
    assert replica.state_hash() == owner.ledger.books.state_hash()
    assert replica.live_holds() == owner.ledger.books.live_holds()


@given(st.lists(st.integers(0, 12), max_size=4))
def test_a_log_folds_to_the_same_books_in_any_sittings(stops: list[int]) -> None:
    check_fold(CHAIN, stops)


def test_every_prefix_of_a_log_verifies() -> None:
    for length in range(len(CHAIN) + 1):
        report = verify_chain(CHAIN[:length])
        assert report.ok, report.fault
        assert report.blocks == length


def test_a_verified_log_is_summed_up() -> None:
    report = verify_chain(CHAIN)
    assert (report.eras, report.live, report.ended) == (1, 2, 2)
    assert report.entries >= report.blocks


@given(st.data())
def test_no_bent_log_verifies(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(CHAIN) - 1))
    good = CHAIN[at]
    entry = data.draw(st.integers(0, len(good.entries) - 1))
    raw = bytearray(good.entries[entry])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    entries = (*good.entries[:entry], bytes(raw), *good.entries[entry + 1 :])
    bent = Block(
        good.public, good.era, good.height, good.previous, good.root, good.signature, entries
    )
    report = verify_chain([*CHAIN[:at], bent, *CHAIN[at + 1 :]])
    assert not report.ok
    assert report.blocks == at


def test_a_log_with_a_block_missing_or_twice_does_not_verify() -> None:
    for bent in (CHAIN[1:], CHAIN[:2] + CHAIN[3:], CHAIN[:2] + CHAIN[1:]):
        assert not verify_chain(bent).ok


def _a_day() -> list[Block]:
    owner = opened()
    owner.grant(1)
    owner.grant(2, booking=True)
    owner.hold(3)
    owner.void(3)
    owner.release(1)
    owner.hold(4)
    return owner.disk.chain


CHAIN = _a_day()

amounts = st.integers(1, 60)
numbers = st.integers(1, 4)
loose_entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(held, numbers, amounts),
    st.builds(adopted, numbers, amounts, st.booleans()),
    st.builds(closed, numbers),
    st.builds(planned, numbers, amounts),
    st.builds(replanned, numbers, amounts),
    st.builds(lambda number: Started(hold_id(number)), numbers),
    st.builds(lambda number: Posted(hold_id(number)), numbers),
    st.builds(lambda number: Voided(hold_id(number), ALICE.id), numbers),
    st.builds(lambda number: Expired(hold_id(number)), numbers),
    st.builds(lambda number: Released(hold_id(number), ALICE.id, EndedBy.ASKED), numbers),
    st.builds(lambda number: Reclaimed(hold_id(number)), numbers),
    st.builds(lambda amount: Provisioned((Leg("ram", amount),)), amounts),
    st.builds(lambda amount: Retired((Leg("ram", amount),)), amounts),
    st.builds(lambda amount: WentOffline((Leg("ram", amount),)), amounts),
    st.builds(lambda amount: CameOnline((Leg("ram", amount),)), amounts),
    st.builds(lambda state: PoolStateSet("ram", state), st.sampled_from(PoolState)),
    st.builds(lambda total: RightsIssued("", "ram", total), amounts),
    st.builds(
        lambda total, again: RightsIssued("alice", "ram", total, again), amounts, st.booleans()
    ),
    st.builds(
        lambda total, again: RightsGiven("alice", "ram", ALICE.id, total, again),
        amounts,
        st.booleans(),
    ),
    st.builds(lambda total: RightsTaken("alice", "ram", ALICE.id, total, AT), amounts),
    st.builds(lambda total: RightsWithdrawn("alice", "ram", total), amounts),
    st.just(RightsBarred(ALICE.id)),
    st.just(RightsOpened(False, "")),
)


def test_a_plan_takes_room_from_its_start_on_and_not_before() -> None:
    books = Books()

    def write(*entries: Entry) -> list[Refusal | None]:
        return [books.write(entry, ERA, Token(ERA.counter, 0, 0)) for entry in entries]

    write(opening(), Provisioned((Leg("ram", 100),)))
    assert write(planned(1, 60), planned(2, 60)) == [None, None]
    assert write(planned(1, 60), held(1)) == [Refusal.ID_USED, Refusal.ID_USED]
    assert books.free("ram") == 100
    assert write(Started(hold_id(1))) == [Refusal.NOT_ALLOWED], "pencilled in only"
    assert write(Posted(hold_id(1)), Posted(hold_id(2)), Posted(hold_id(1))) == [
        None, None, Refusal.NOT_ALLOWED,
    ]  # fmt: skip
    assert write(Started(hold_id(1)), Started(hold_id(2))) == [None, Refusal.OVER_LIMIT]
    assert books.free("ram") == 40
    assert books.state_of(hold_id(1)) is HoldState.POSTED
    check_books(books)
    assert write(Voided(hold_id(2), ALICE.id), Started(hold_id(2))) == [None, Refusal.NOT_ALLOWED]
    assert books.state_of(hold_id(2)) is HoldState.VOIDED
    assert Books.revived(books.state()).state_hash() == books.state_hash()


@given(st.lists(st.lists(loose_entries, min_size=1, max_size=4), max_size=12))
def test_whatever_a_stranger_writes_the_books_stay_whole(days: list[list[Entry]]) -> None:
    books, accepted = Books(), list[Block]()
    first = block_after(books, opening())
    for block in [first]:
        assert books.apply_block(block) is None
        accepted.append(block)
    for entries in days:
        before = books.state_hash()
        block = block_after(books, *entries)
        if books.apply_block(block) is None:
            accepted.append(block)
        else:
            assert books.state_hash() == before
        check_books(books)
    report = verify_chain(accepted)
    assert report.ok, report.fault
    assert report.state_hash == books.state_hash()


# The auditor must be able to fail --------------------------------------------------------------


def _bend_counter(books: Books) -> None:
    account = next(iter(books.accounts))
    books.accounts[account] = replace(books.accounts[account], debits_pending=-1)


def _bend_balance(books: Books) -> None:
    account = next(iter(books.accounts))
    counters = books.accounts[account]
    books.accounts[account] = replace(counters, debits_posted=counters.debits_posted + 1)


def _lose_hold(books: Books) -> None:
    del books.live[hold_id(2)]


def _two_lives(books: Books) -> None:
    books.ended[hold_id(2)] = books.ended[hold_id(1)]


def _no_era(books: Books) -> None:
    books.era = None


def _leave_index(books: Books) -> None:
    books._on_pool["ram"].pop(hold_id(2))


@pytest.mark.parametrize(
    ("bend", "number"),
    [
        (_bend_counter, "I1"),
        (_bend_balance, "I2"),
        (_lose_hold, "I4"),
        (_two_lives, "I6"),
        (_no_era, "I8"),
        (_leave_index, "I4"),
    ],
)
def test_the_auditor_names_the_invariant_that_broke(bend, number: str) -> None:  # type: ignore[no-untyped-def]  # parametrised
    books = Books()
    for block in CHAIN:
        books.apply_block(block)
    check_books(books)
    bend(books)
    with pytest.raises(AuditError) as caught:
        check_books(books)
    assert caught.value.number == number
