"""Logs that begin at a checkpoint: taken, refused, and left again for one that leads further."""

import msgpack

from mesh.identity import Identity
from mesh.kept.chains import Chains, check_chains
from mesh.kept.filed import Offered
from mesh.logs import NO_BLOCK, Base, Block, Era, seal_block, state_hash

ANNA = Identity(b"a" * 32)
ONE, TWO, THREE = (Era(number, bytes([number]) * 16) for number in (1, 2, 3))
STATE = b"all that was before"


def block(era: Era, below: Block | None, entry: bytes = b"entry") -> Block:
    height = 0 if below is None else below.height + 1
    return seal_block(ANNA, era, height, NO_BLOCK if below is None else below.hash, (entry,))


def line(era: Era, below: Block | None, length: int) -> list[Block]:
    blocks: list[Block] = []
    for _ in range(length):
        below = block(era, below)
        blocks.append(below)
    return blocks


def checkpoint(below: Block, *eras: tuple[Era, int]) -> Base:
    starts = [[list(era), first] for era, first in eras]
    entry = msgpack.packb(["checkpoint", state_hash(STATE), starts, below.height, 0])
    return Base(block(eras[-1][0], below, entry), STATE)


def told(*blocks: Block) -> Chains:
    chains = Chains(64)
    for one in blocks:
        chains.offer(one)
    return chains


def test_a_state_that_the_checkpoint_does_not_sign_is_refused() -> None:
    base = checkpoint(line(ONE, None, 9)[-1], (ONE, 0))
    chains = Chains(64)
    assert chains.offer_base(Base(base.block, STATE + b"!")).offered is Offered.BAD
    assert ANNA.id not in chains
    assert chains.offer_base(base).offered is Offered.LEAPT
    assert chains.first(ANNA.id) == 9
    check_chains(chains)


def test_who_was_away_goes_on_from_a_checkpoint_and_keeps_what_was_cut_off() -> None:
    old = line(ONE, None, 6)
    after = line(TWO, old[2], 20)
    base = checkpoint(after[-1], (ONE, 0), (TWO, 3))
    chains = told(*old)
    filed = chains.offer_base(base)
    assert filed.put_away == tuple(old[:3])
    assert chains.attic(ANNA.id) == tuple(old[3:])
    following = block(TWO, base.block)
    assert chains.offer(following).offered is Offered.APPENDED
    assert chains.offer(after[0]).offered is Offered.KNOWN
    assert chains.head(ANNA.id) == following
    check_chains(chains)


def test_another_history_from_below_a_base_is_taken_once_it_leads_further() -> None:
    beginning = line(ONE, None, 4)
    long = line(ONE, beginning[-1], 20)
    base = checkpoint(long[-1], (ONE, 0))
    chains = Chains(64)
    chains.offer_base(base)
    again = line(THREE, beginning[-1], 2)
    assert chains.offer(again[0]).offered is Offered.GAP  # what it stands on is not here
    for one in beginning:
        assert chains.offer(one).offered is Offered.ASIDE
    assert chains.head(ANNA.id) == base.block
    assert chains.offer(again[0]).offered is Offered.LEAPT
    assert chains.offer(again[1]).offered is Offered.APPENDED
    assert chains.chain(ANNA.id) == (*beginning, *again)
    assert base.block in chains.attic(ANNA.id)
    assert chains.spare(ANNA.id) == base  # its state may be the only word of a promise
    check_chains(chains)


def test_two_that_keep_one_log_from_different_heights_have_one_root() -> None:
    chain = line(ONE, None, 9)
    base = checkpoint(chain[-1], (ONE, 0))
    whole, short = told(*chain, base.block), Chains(64)
    short.offer_base(base)
    assert whole.root == short.root
    whole.prune(ANNA.id, base)
    assert whole.root == short.root
    assert whole.chain(ANNA.id) == short.chain(ANNA.id)
