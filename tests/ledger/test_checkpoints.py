"""Checkpoints: the owner signs what its log comes to, and every replica reckons it for itself."""

from functools import cache

import msgspec
import pytest

from ledger.books import Books, Refusal
from ledger.books.holds import Token
from ledger.books.state import StateRefused, decode_state, encode_state
from ledger.effects import Append, Reply
from ledger.entries import Checkpointed, decode_entry, encode_entry
from ledger.limits import Limits
from ledger.owner.checkpointing import still_proven
from ledger.proving.blocks import encode_receipt
from mesh.logs import Base, Block, Era, read_checkpoint, receipt_for, seal_block, state_hash
from tests.ledger.owner import OWNER, Owner, opened

SMALL = Limits(checkpoint_entries=16, ended_kept=4)


@cache
def busy(rounds: int = 24) -> Owner:
    """An owner that has granted and ended many small holds, and keeps a few. For reading."""
    owner = opened(limits=SMALL)
    for number in range(rounds):
        owner.grant(number, 1)
        if number % 8:
            owner.release(number)
    return owner


def checkpoints_in(chain: tuple[Block, ...]) -> list[Checkpointed]:
    entries = [decode_entry(raw) for block in chain for raw in block.entries]
    return [entry for entry in entries if isinstance(entry, Checkpointed)]


def folded(blocks: tuple[Block, ...]) -> Books:
    books = Books()
    for block in blocks:
        assert books.apply_block(block) is None
    return books


def test_an_owner_signs_what_its_log_comes_to_every_so_many_entries() -> None:
    owner = busy()
    found = checkpoints_in(owner.ledger.chain)
    assert len(found) >= 66 // 17
    assert owner.ledger.books.entries_since < SMALL.checkpoint_entries
    for block in owner.ledger.chain:
        said = read_checkpoint(block)
        assert (said is not None) == isinstance(decode_entry(block.entries[0]), Checkpointed)


def test_a_replica_arrives_at_the_books_of_the_owner_across_checkpoints() -> None:
    owner = busy()
    assert folded(owner.ledger.chain).state_hash() == owner.ledger.books.state_hash()


def test_only_the_newest_ends_stay_known_behind_a_checkpoint() -> None:
    owner = busy()
    since = owner.ledger.books.entries_since
    assert len(owner.ledger.books.ended) <= SMALL.ended_kept + since
    kept = owner.ledger.books.endings_in_order()
    assert owner.ledger.books.height - kept[-1].ended_at.height < 4


def test_a_fold_that_begins_with_the_state_of_a_checkpoint_ends_where_the_whole_one_does() -> None:
    chain = busy().ledger.chain
    whole = folded(chain)
    milestone = whole.milestones[0]
    books = Books.revived(decode_state(milestone.state))
    assert books.height == milestone.height - 1
    for block in chain[milestone.height :]:
        assert books.apply_block(block) is None
    assert books.state_hash() == whole.state_hash()


@pytest.mark.parametrize("lie", ["state", "keeps"])
def test_a_checkpoint_that_is_false_stops_its_log_with_a_name(lie: str) -> None:
    chain = busy().ledger.chain
    height = next(block.height for block in chain if read_checkpoint(block))
    books = folded(chain[:height])
    true = decode_entry(chain[height].entries[0])
    assert isinstance(true, Checkpointed)
    changed = {"state": state_hash(b"another")} if lie == "state" else {"keeps": 0}
    false = msgspec.structs.replace(true, **changed)
    before = books.state_hash()
    block = seal_block(OWNER, chain[height].era, height, books.head, [encode_entry(false)])
    assert books.apply_block(block) is Refusal.CHECKPOINT_FALSE
    assert books.state_hash() == before


def test_a_checkpoint_stands_alone_in_its_block() -> None:
    chain = busy().ledger.chain
    height = next(block.height for block in chain if read_checkpoint(block))
    books = folded(chain[:height])
    twice = [chain[height].entries[0], chain[height].entries[0]]
    block = seal_block(OWNER, chain[height].era, height, books.head, twice)
    assert books.apply_block(block) is Refusal.CHECKPOINT_MISPLACED
    assert read_checkpoint(block) is None


def test_a_state_has_one_encoding() -> None:
    raw = encode_state(busy().ledger.books.state())
    assert encode_state(decode_state(raw)) == raw
    with pytest.raises(StateRefused):
        decode_state(raw + b"\x00")
    with pytest.raises(StateRefused):
        decode_state(raw[:-1])


def test_everything_that_books_remember_is_in_their_state() -> None:
    """A table that is added to the books and not to the state would be lost behind a checkpoint."""
    derived = {
        "enlisted",
        "_on_pool",
        "_carved",
        "_undo",
        "_noting",
        "_reckoned",
        "plan_changes",
        "_met",
        "milestones",
        "entries_since",
        "bytes_since",
        "entitled",  # follows from `rights`
        "rights_open",  # goes with `rights`, in one field
    }
    names = set(vars(Books())) - derived
    assert names == set(type(Books().state()).__struct_fields__)


def test_a_late_duplicate_of_a_request_that_was_not_forgotten_is_recognised() -> None:
    owner = busy()
    hold = owner.hold(23, 1)
    assert hold.outcome.value == "too late"


def test_the_newest_holds_are_kept_whole_through_a_state() -> None:
    books = busy().ledger.books
    again = Books.revived(decode_state(encode_state(books.state())))
    assert again.live == books.live
    assert again.ended == books.ended
    assert all(again.holds_on(pool) == books.holds_on(pool) for pool in books.pools)
    (first, *_), (second, *_) = books.live_holds(), again.live_holds()
    assert msgspec.structs.asdict(second) == msgspec.structs.asdict(first)


def test_a_proof_of_another_history_in_the_same_places_is_no_proof_of_this_one() -> None:
    owner = busy()
    milestone = owner.ledger.books.milestones[0]
    chain = owner.ledger.chain
    base = Base(chain[milestone.height], milestone.state)
    ours = {Token(1, 1, 0): encode_receipt(receipt_for(chain[1], 0))}
    assert still_proven(ours, base) == ours
    other = seal_block(OWNER, Era(1, b"another start!!!"), 1, chain[0].hash, chain[1].entries)
    assert still_proven({Token(1, 1, 0): encode_receipt(receipt_for(other, 0))}, base) == {}
    assert still_proven(ours, None) == {}


def test_a_checkpoint_is_told_before_what_was_promised_below_it() -> None:
    """Whoever hears an answer may make its owner write at once, on top of the checkpoint."""
    owner = opened(limits=Limits(checkpoint_entries=1))
    owner.send(owner.hold_command(1, 1))
    effects = owner.ledger.seal(owner.now)
    kinds = [type(effect) for effect in effects]
    assert kinds == [Append, Append, Reply]
