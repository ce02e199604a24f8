"""A member that asks for, or signs, as much as it can: what we answer still fits a frame."""

from random import Random

import msgpack

from mesh.effects import Answer
from mesh.exchange.parcels import DIGEST_BYTES_MAX, Item, parcel_bytes, parse_parcel, within
from mesh.exchange.reconcile import SERVICE_PUSH, SERVICE_SYNC
from mesh.identity import Identity, NodeId
from mesh.kept.digest import Digest, Summary
from mesh.letters.wire import PACKED_BLOCK_BYTES_MAX, block_bytes
from mesh.logs import (
    BLOCK_BYTES_MAX,
    BLOCK_TAG,
    NO_BLOCK,
    Block,
    Era,
    check_block,
    header_bytes,
    merkle_root,
    seal_block,
)
from node.shell.streams.frames import BODY_BYTES_MAX
from tests.mesh.network import Network
from tests.mesh.test_machine_failing import settled

EVE = Identity(Random("eve").randbytes(32))
ERA = Era(1, bytes(16))


def answer(network: Network, service: str, body: bytes) -> bytes:
    anna, bert = network.nodes["anna"], network.nodes["bert"]
    effects = anna.mesh.serve(0, bert.id, service, body, network.now)
    network.carry_out(anna, [effect for effect in effects if not isinstance(effect, Answer)])
    return next(effect.body for effect in effects if isinstance(effect, Answer))


def names(count: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in range(count)]


def test_a_question_that_names_twenty_three_thousand_facts_is_answered_within_a_frame() -> None:
    network, _ = settled("anna", "bert")
    facts = [[name, "t", 2**62, 1] for name in names(23_000)]
    logs = [[name, [[1, bytes(16), 0]], 1, bytes(32), False] for name in names(3_900)]
    body = msgpack.packb([[facts, logs, {}], None])
    assert 900_000 < len(body) <= BODY_BYTES_MAX
    told = answer(network, SERVICE_SYNC, body)
    parcel = parse_parcel(told)
    assert parcel is not None
    assert parcel.lacks is not None
    assert len(parcel.lacks.facts) > 1_000
    assert len(told) < BODY_BYTES_MAX // 2


def test_the_proof_of_a_fork_of_two_of_the_largest_blocks_reaches_the_third() -> None:
    network, nodes = settled("anna", "bert", "cleo")
    _anna, bert, cleo = nodes
    network.cut(["anna", "bert"], ["cleo"])
    entries = [bytes([1]) * 16_000] * 16
    first = seal_block(bert.identity, ERA, 0, NO_BLOCK, entries)
    second = seal_block(bert.identity, ERA, 0, NO_BLOCK, [b"another", *entries[1:]])
    body = parcel_bytes(
        [Item("fork", (block_bytes(first), block_bytes(second)))], None, more=False, lacks=None
    )
    answer(network, SERVICE_PUSH, body)
    network.heal()
    assert network.run_until(lambda: cleo.mesh.chains.fork(bert.id) is not None, 60 * 10**9)


def test_a_block_that_could_not_travel_with_its_twin_is_no_block() -> None:
    entries = tuple([bytes(16_384)] * 17)
    assert sum(map(len, entries)) > BLOCK_BYTES_MAX
    bare = Block(EVE.public, ERA, 0, NO_BLOCK, merkle_root(entries), b"", entries)
    signature = EVE.sign(BLOCK_TAG, header_bytes(bare))
    whole = Block(EVE.public, ERA, 0, NO_BLOCK, bare.root, signature, entries)
    assert not check_block(whole)
    assert 2 * PACKED_BLOCK_BYTES_MAX + DIGEST_BYTES_MAX < BODY_BYTES_MAX


def test_a_digest_is_cut_between_two_authors() -> None:
    facts = {(NodeId(name), topic): (1, 1) for name in names(40) for topic in ("live", "node")}
    logs = {NodeId(name): Summary(((ERA, 0),), 1, bytes(32)) for name in names(40)}
    digest = Digest(facts, logs, {NodeId(name): 7 for name in names(40)})
    cut = within(digest, 4_000)
    assert 0 < len(cut.logs) < 40
    assert len(cut.facts) == 2 * len(cut.logs)
    assert cut.marks.keys() == cut.logs.keys()
    assert within(digest, 40_000) is digest
