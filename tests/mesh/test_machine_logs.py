"""Forks, cuts, lost disks: what becomes of logs and epochs."""

from collections.abc import Iterable

import pytest

from mesh.effects import (
    BlockStored,
    EpochBehind,
    ForkProven,
    LogCut,
    MeshEffect,
    OwnLogAhead,
    PeerAnsweredForOurLog,
    PeerChange,
    PeerChanged,
)
from mesh.exchange.parcels import Item, parcel_bytes
from mesh.exchange.reconcile import SERVICE_PUSH
from mesh.identity import Epoch
from mesh.instant import MILLISECOND, SECOND
from mesh.kept.chains import check_chains
from mesh.letters.messages import Stored
from mesh.letters.wire import block_bytes
from mesh.logs import Block, Era, Position, seal_block
from tests.mesh.network import Network, Node, next_block
from tests.mesh.test_machine_failing import settled


def all_own_blocks(effects: Iterable[MeshEffect]) -> set[bytes]:
    return {b.hash for e in effects if isinstance(e, OwnLogAhead) for b in e.blocks}


def push(network: Network, to: Node, sender: Node, *blocks: Block) -> None:
    items = [Item("block", (block_bytes(block),)) for block in blocks]
    body = parcel_bytes(items, None, more=False, lacks=None)
    effects = to.mesh.serve(0, sender.id, SERVICE_PUSH, body, network.now)
    network.carry_out(to, [e for e in effects if type(e).__name__ != "Answer"])


def test_two_blocks_at_one_place_freeze_the_author_everywhere() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    anna.append(b"first")
    network.run(2 * SECOND)
    head = anna.mesh.chains.chain(anna.id)
    one = next_block(anna.identity, head, (b"sold to one",))
    other = next_block(anna.identity, head, (b"sold to another",))
    anna.kill()
    push(network, bert, cleo, one)
    push(network, cleo, bert, other)
    network.run(5 * SECOND)
    for node in (bert, cleo):
        forks = [e for e in node.told if isinstance(e, ForkProven)]
        assert [{e.first.hash, e.second.hash} for e in forks] == [{one.hash, other.hash}]
        check_chains(node.mesh.chains)
    assert bert.mesh.root == cleo.mesh.root
    dora = network.node("dora")
    dora.start()
    network.run(5 * SECOND)
    assert dora.mesh.chains.fork(anna.id) is not None
    calls = network.calls
    network.run(20 * SECOND)
    assert network.calls == calls


def test_a_fork_of_our_own_log_is_told_once_and_does_not_stop_our_pen() -> None:
    network, (anna, bert) = settled("anna", "bert")
    block = anna.append(b"mine")
    twin = next_block(anna.identity, (), (b"signed by a copy of me",))
    network.run(SECOND)
    push(network, bert, anna, twin)
    assert bert.mesh.chains.fork(anna.id) is not None
    network.run(40 * SECOND)
    forks = [e for e in anna.told if isinstance(e, ForkProven)]
    assert [{e.first.hash, e.second.hash} for e in forks] == [{block.hash, twin.hash}]
    anna.append(b"closing")
    assert anna.mesh.chains.length(anna.id) == 2


@pytest.mark.parametrize("both_went_on", [False, True])
def test_a_fork_below_a_later_era_is_found_too(both_went_on: bool) -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    anna.kill()
    base: list[Block] = []
    for index in range(3):
        base.append(next_block(anna.identity, tuple(base), (b"%d" % index,)))
    twin = seal_block(anna.identity, base[2].era, 2, base[1].hash, (b"twin",))
    second = seal_block(anna.identity, Era(2, bytes(16)), 3, twin.hash, (b"later",))
    third = seal_block(anna.identity, Era(3, bytes(16)), 3, base[2].hash, (b"still later",))
    push(network, bert, cleo, *base, *([third] if both_went_on else []))
    push(network, cleo, bert, *base[:2], twin, second)
    network.run(10 * SECOND)
    assert bert.mesh.chains.fork(anna.id) is not None
    assert cleo.mesh.chains.fork(anna.id) is not None
    assert bert.mesh.root == cleo.mesh.root


def test_a_peer_has_answered_only_when_it_has_shown_all_of_a_long_log() -> None:
    network, (anna, bert) = settled("anna", "bert")
    lost = [anna.append(b"%d" % index * 5000, b"x" * 10_000) for index in range(60)]
    network.run(3 * SECOND)
    assert bert.mesh.chains.length(anna.id) == 60
    anna.kill()
    anna.disk = {"peer": anna.disk["peer"]}
    anna.told.clear()
    anna.start()
    network.run(5 * SECOND)
    answered = next(i for i, e in enumerate(anna.told) if isinstance(e, PeerAnsweredForOurLog))
    assert all_own_blocks(anna.told[:answered]) == {block.hash for block in lost}
    assert sum(isinstance(e, OwnLogAhead) for e in anna.told) > 2


def test_a_receipt_for_a_block_that_is_not_ours_is_not_passed_up() -> None:
    network, (anna, bert) = settled("anna", "bert")
    block = anna.append(b"a grant")
    network.run(SECOND)
    anna.told.clear()
    wrong = Stored(anna.id, Position(block.era, 0, b"?" * 32))
    network.carry_out(bert, bert.mesh._post.letter(anna.id, wrong, network.now))
    right = Stored(anna.id, block.position)
    network.carry_out(bert, bert.mesh._post.letter(anna.id, right, network.now))
    network.run(SECOND // 10)
    assert [e for e in anna.told if isinstance(e, BlockStored)] == [
        BlockStored(bert.id, block.position)
    ]


def test_only_those_who_were_asked_acknowledge_a_rumour() -> None:
    network, nodes = settled(*(f"node-{index}" for index in range(14)))
    author = nodes[0]
    block = author.append(b"a grant")
    network.run(95 * MILLISECOND)  # the rumour is through, and no root has been compared
    assert sum(node.mesh.chains.chain(author.id) == (block,) for node in nodes) > 8
    assert 1 <= len(author.heard(BlockStored)) <= 6


def test_a_new_era_cuts_every_copy_and_the_disk_keeps_the_attic() -> None:
    network, (anna, bert) = settled("anna", "bert")
    blocks = [anna.append(b"%d" % index) for index in range(4)]
    network.run(SECOND)
    era = Era(2, b"e" * 16)
    opening = seal_block(anna.identity, era, 2, blocks[1].hash, (b"era 2",))
    network.carry_out(anna, anna.mesh.append(opening, network.now))
    network.run(SECOND)
    cuts = [e for e in bert.told if isinstance(e, LogCut)]
    assert cuts == [LogCut(anna.id, (*blocks[:2], opening))]
    assert bert.mesh.chains.attic(anna.id) == tuple(blocks[2:])
    root = bert.mesh.root
    for node in (anna, bert):
        node.kill()
        node.build()
        assert node.mesh.chains.chain(anna.id) == (*blocks[:2], opening)
        assert node.mesh.chains.attic(anna.id) == tuple(blocks[2:])
        assert not +node.mesh.rejections
    assert root != 0


def test_a_disk_that_was_set_back_is_shown_everything_it_forgot() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    anna.append(b"remembered")
    network.run(SECOND)
    backup = {space: dict(rows) for space, rows in anna.disk.items()}
    lost = [anna.append(b"lost %d" % index) for index in range(30)]
    network.run(SECOND)
    anna.kill()
    anna.disk = backup
    anna.told.clear()
    anna.start()
    network.run(3 * SECOND)
    assert all_own_blocks(anna.told) == {block.hash for block in lost}
    assert len(anna.mesh.chains.chain(anna.id)) == 1  # nobody else may write our log
    answered = [e.peer for e in anna.told if isinstance(e, PeerAnsweredForOurLog)]
    assert sorted(answered) == sorted([bert.id, cleo.id])
    first = min(i for i, e in enumerate(anna.told) if isinstance(e, PeerAnsweredForOurLog))
    assert any(isinstance(e, OwnLogAhead) for e in anna.told[:first])

    # Recovery chooses the longest chain and opens a new era on it: everyone follows.
    chain = (*anna.mesh.chains.chain(anna.id), *lost)
    network.carry_out(anna, anna.mesh.rebase_own(chain, None))
    opening = seal_block(anna.identity, Era(2, b"e" * 16), 31, lost[-1].hash, (b"era 2",))
    network.carry_out(anna, anna.mesh.append(opening, network.now))
    network.run(2 * SECOND)
    assert bert.mesh.chains.chain(anna.id) == (*chain, opening)
    assert bert.mesh.root == anna.mesh.root
    assert [e for e in anna.told if isinstance(e, BlockStored)]
    anna.kill()
    anna.build()
    assert anna.mesh.chains.chain(anna.id) == (*chain, opening)


def test_a_suffix_of_our_own_that_only_an_attic_keeps_is_shown_too() -> None:
    network, (anna, bert) = settled("anna", "bert")
    blocks = [anna.append(b"%d" % index) for index in range(4)]
    network.run(SECOND)
    anna.kill()
    anna.disk = {"block": {k: v for k, v in anna.disk["block"].items() if k[-1] < 2}}
    bert.mesh.chains.offer(
        seal_block(anna.identity, Era(2, b"e" * 16), 2, blocks[1].hash, (b"opening",))
    )
    anna.told.clear()
    anna.start()
    network.run(3 * SECOND)
    shown = all_own_blocks(anna.told)
    assert {block.hash for block in blocks[2:]} <= shown
    assert len(shown) == 3


def test_an_old_counter_is_told_of_the_later_one_and_rises_above_it() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    for _ in range(2):
        anna.kill()
        anna.start()
        network.run(2 * SECOND)
    anna.kill()
    anna.told.clear()
    anna.start(counter=1)
    network.run(2 * SECOND)
    behind = [e.highest.counter for e in anna.told if isinstance(e, EpochBehind)]
    assert behind == [3]
    network.carry_out(anna, anna.mesh.rise(Epoch(4, b"r" * 16), network.now))
    network.run(3 * SECOND)
    member = bert.mesh.roll.member(anna.id)
    assert member is not None
    assert member.epoch.counter == 4
    assert len({node.mesh.root for node in (anna, bert, cleo)}) == 1


def test_a_counter_used_twice_is_told_to_its_owner_and_as_a_clone_to_the_others() -> None:
    network, (anna, bert) = settled("anna", "bert")
    anna.kill()
    anna.told.clear()
    anna.start(counter=1)
    network.run(3 * SECOND)
    assert [e.highest.counter for e in anna.told if isinstance(e, EpochBehind)] == [1]
    clones = [e for e in bert.told if isinstance(e, PeerChanged) and e.change is PeerChange.CLONED]
    assert len(clones) == 1
    anna.mesh.rise(Epoch(2, b"r" * 16), network.now)
    network.run(5 * SECOND)
    assert bert.mesh.root == anna.mesh.root


def test_a_forged_block_ends_the_sync_and_is_counted() -> None:
    network, (anna, bert) = settled("anna", "bert")
    good = next_block(anna.identity, (), (b"good",))
    forged = Block(
        good.public, good.era, good.height, good.previous, good.root, bytes(64), good.entries
    )
    writes = bert.writes
    push(network, bert, anna, forged, good)
    assert bert.mesh.chains.chain(anna.id) == ()
    assert bert.writes == writes
    assert +bert.mesh.rejections
