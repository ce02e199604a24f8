from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.identity import Identity
from mesh.kept.chains import Chains, Offered, check_chains
from mesh.kept.digest import start_for, summarise
from mesh.logs import NO_BLOCK, Block, Era, seal_block

ANNA = Identity(b"a" * 32)


def era(counter: int) -> Era:
    return Era(counter, bytes([counter % 256]) * 16)


def block(in_era: Era, height: int, previous: Block | None, entry: bytes = b"entry") -> Block:
    return seal_block(ANNA, in_era, height, previous.hash if previous else NO_BLOCK, (entry,))


def line(in_era: Era, length: int, on: list[Block] | None = None) -> list[Block]:
    """`length` more blocks of one era on top of `on`; returned alone."""
    base = list(on or [])
    for _ in range(length):
        base.append(block(in_era, len(base), base[-1] if base else None))
    return base[len(on or []) :]


def history(steps: list[tuple[int, int]]) -> tuple[list[Block], list[Block]]:
    """An honest life: each step is an era that keeps a share of what was, and adds blocks.

    Returns (all blocks ever signed in order, the chain at the end).
    """
    signed: list[Block] = []
    chain: list[Block] = []
    for counter, (kept, added) in enumerate(steps, start=1):
        chain = chain[: kept % (len(chain) + 1)]
        more = line(era(counter), added, chain)
        chain = chain + more
        signed += more
    return signed, chain


HISTORIES = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), min_size=1, max_size=5)


def told(blocks: list[Block], rounds: int = 99) -> Chains:
    """Everything offered again and again until nothing is new."""
    chains = Chains(4096)
    for _ in range(rounds):
        outcomes = [chains.offer(one).offered for one in blocks]
        check_chains(chains)
        if all(outcome in (Offered.KNOWN, Offered.FROZEN) for outcome in outcomes):
            break
    return chains


@settings(max_examples=40, deadline=None)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_any_order_of_delivery_ends_in_the_authors_chain(
    steps: list[tuple[int, int]], random: Random
) -> None:
    signed, chain = history(steps)
    shuffled = [*signed, *signed]
    random.shuffle(shuffled)
    chains = told(shuffled)
    assert list(chains.chain(ANNA.id)) == chain
    assert chains.fork(ANNA.id) is None
    assert {b.hash for b in chains.attic(ANNA.id)} == {b.hash for b in signed} - {
        b.hash for b in chain
    }
    assert chains.root == told(signed).root


@settings(max_examples=30, deadline=None)
@given(HISTORIES, st.integers(0, 20), st.randoms(use_true_random=False))
def test_a_fork_freezes_the_log_alike_in_any_order(
    steps: list[tuple[int, int]], index: int, random: Random
) -> None:
    signed, _ = history(steps)
    honest = signed[index % len(signed)]
    twin = seal_block(ANNA, honest.era, honest.height, honest.previous, (b"another entry",))
    blocks = [*signed, twin]
    random.shuffle(blocks)
    chains = told(blocks)
    pair = chains.fork(ANNA.id)
    assert pair is not None
    assert {pair.first.hash, pair.second.hash} == {honest.hash, twin.hash}
    assert chains.root == told([*signed, twin]).root
    assert chains.offer(line(era(99), 1)[0]).offered is Offered.FROZEN


@settings(max_examples=40, deadline=None)
@given(HISTORIES, st.integers(0, 20), st.integers(0, 20))
def test_two_copies_of_one_log_become_equal_by_their_digests(
    steps: list[tuple[int, int]], left: int, right: int
) -> None:
    signed, _ = history(steps)
    one, other = told(signed[: left % (len(signed) + 1)]), told(signed[: right % (len(signed) + 1)])
    for giver, taker in ((one, other), (other, one)):
        start = start_for(giver, ANNA.id, summarise(taker, ANNA.id))
        if start is not None:
            for sent in giver.chain(ANNA.id)[start:]:
                assert taker.offer(sent).offered is not Offered.GAP
    assert one.chain(ANNA.id) == other.chain(ANNA.id)
    assert one.root == other.root


def test_a_new_era_cuts_what_it_does_not_continue() -> None:
    old = line(era(1), 5)
    chains = told(old)
    opening = block(era(2), 3, old[2])
    filed = chains.offer(opening)
    assert filed.offered is Offered.CUT
    assert (filed.start, filed.gained, filed.lost) == (3, (opening,), tuple(old[3:]))
    assert chains.chain(ANNA.id) == (*old[:3], opening)
    assert chains.attic(ANNA.id) == tuple(old[3:])


def test_a_fresh_era_at_height_zero_cuts_everything() -> None:
    chains = told(line(era(1), 4))
    opening = line(era(2), 1)[0]
    assert chains.offer(opening).offered is Offered.CUT
    assert chains.chain(ANNA.id) == (opening,)


def test_a_later_era_may_go_back_to_a_branch_that_was_cut_off() -> None:
    first = line(era(1), 5)
    second = line(era(2), 1, first[:2])
    chains = told([*first, *second])
    third = block(era(3), 5, first[-1])
    filed = chains.offer(third)
    assert filed.offered is Offered.CUT
    assert filed.revived == tuple(first[2:])
    assert chains.chain(ANNA.id) == (*first, third)
    assert chains.attic(ANNA.id) == tuple(second)


def test_a_late_block_of_an_old_era_is_filed_once() -> None:
    old = line(era(1), 4)
    chains = told(old[:3])
    chains.offer(block(era(2), 2, old[1]))
    assert chains.offer(old[3]).offered is Offered.STALE_ERA
    assert chains.offer(old[3]).offered is Offered.KNOWN


def test_a_block_without_its_parent_is_a_gap_and_is_not_kept() -> None:
    blocks = line(era(1), 3)
    chains = Chains(16)
    assert chains.offer(blocks[2]).offered is Offered.GAP
    assert chains.chain(ANNA.id) == ()
    assert chains.root == 0


def test_blocks_out_of_their_place_are_bad() -> None:
    base = line(era(2), 2)
    chains = told(base)
    skipped = seal_block(ANNA, era(2), 3, base[1].hash, (b"x",))
    older = seal_block(ANNA, era(1), 2, base[1].hash, (b"x",))
    rootless = seal_block(ANNA, era(3), 0, base[1].hash, (b"x",))
    forged = replace(block(era(2), 2, base[1]), signature=bytes(64))
    for wrong in (skipped, older, rootless, forged):
        assert chains.offer(wrong).offered is Offered.BAD
    assert list(chains.chain(ANNA.id)) == base


def test_the_attic_is_bounded_and_a_full_one_refuses() -> None:
    base = line(era(1), 3)
    chains = Chains(1)
    for one in (*base[:2], block(era(2), 1, base[0])):
        chains.offer(one)
    assert chains.offer(base[2]).offered is Offered.FULL


def test_a_fork_is_provable_to_someone_who_has_never_seen_the_log() -> None:
    base = line(era(1), 6)
    twin = block(era(1), 5, base[4], b"other")
    chains = Chains(16)
    assert chains.prove_fork(base[5], twin).offered is Offered.FORK
    assert chains.offer(base[0]).offered is Offered.FROZEN
    informed = told([*base, twin])
    assert informed.root == chains.root


def test_two_blocks_that_are_no_fork_prove_nothing() -> None:
    base = line(era(1), 3)
    other = seal_block(Identity(b"b" * 32), era(1), 1, base[0].hash, (b"x",))
    forged = replace(block(era(1), 1, base[0], b"x"), signature=bytes(64))
    for pair in ((base[0], base[1]), (base[1], base[1]), (base[1], other), (base[1], forged)):
        chains = Chains(16)
        assert chains.prove_fork(*pair).offered is Offered.BAD
        assert chains.root == 0


@settings(max_examples=25, deadline=None)
@given(HISTORIES)
def test_what_was_kept_is_restored_with_the_same_root(steps: list[tuple[int, int]]) -> None:
    signed, _ = history(steps)
    before, after = told(signed), Chains(4096)
    misplaced = after.restore(ANNA.id, before.chain(ANNA.id), before.attic(ANNA.id))
    assert misplaced == 0
    assert digest_of_chains(after) == digest_of_chains(before)
    assert after.root == before.root
    assert after.attic(ANNA.id) == before.attic(ANNA.id)


def test_a_row_that_is_missing_on_disk_costs_what_stands_above_it() -> None:
    base = line(era(1), 5)
    chains = Chains(16)
    assert chains.restore(ANNA.id, [*base[:2], *base[3:]], ()) == 2
    assert list(chains.chain(ANNA.id)) == base[:2]


def test_a_restored_fork_is_still_a_fork() -> None:
    base = line(era(1), 3)
    twin = block(era(1), 2, base[1], b"other")
    chains = Chains(16)
    chains.restore(ANNA.id, base, [twin])
    assert chains.fork(ANNA.id) is not None


def test_rebasing_is_the_authors_own_decision_and_overrules_the_labels() -> None:
    first = line(era(1), 4)
    second = line(era(2), 1, first[:2])
    chains = told([*first, *second])
    filed = chains.rebase(ANNA.id, first)
    assert chains.chain(ANNA.id) == tuple(first)
    assert filed.revived == tuple(first[2:])
    assert filed.lost == tuple(second)
    check_chains(chains)
    assert chains.offer(block(era(3), 4, first[3])).offered is Offered.APPENDED


def test_rebasing_onto_broken_links_is_our_own_bug() -> None:
    base = line(era(1), 3)
    with pytest.raises(AssertionError, match="broken links"):
        Chains(16).rebase(ANNA.id, [base[0], base[2]])


def digest_of_chains(chains: Chains) -> object:
    return {author: summarise(chains, author) for author in chains.authors()}
