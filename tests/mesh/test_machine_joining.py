"""Finding each other, knowing each other, telling each other."""

from collections import Counter

import pytest

from mesh.config import MeshConfig
from mesh.effects import (
    BlockStored,
    FactLearned,
    LogExtended,
    PeerAnsweredForOurLog,
    PeerChange,
    PeerChanged,
)
from mesh.instant import MILLISECOND, SECOND
from mesh.kept.board import check_board
from mesh.kept.chains import check_chains
from mesh.letters.datagram import Header, Kind, read_header
from mesh.roll.membership import Liveness, Trust, check_roll
from tests.mesh.network import Network, Node


def all_agree(nodes: list[Node], facts: int) -> bool:
    return (
        len({node.mesh.root for node in nodes}) == 1
        and all(len(list(node.mesh.board)) == facts for node in nodes)
        and all(len(alive(node)) == len(nodes) - 1 for node in nodes)
    )


def alive(node: Node) -> list[str]:
    members = node.mesh.roll.members()
    return [m.name for m in members if m.liveness is Liveness.ALIVE and m.trust is Trust.TRUSTED]


def check(nodes: list[Node]) -> None:
    for node in nodes:
        check_roll(node.mesh.roll)
        check_board(node.mesh.board)
        check_chains(node.mesh.chains)


def test_three_nodes_that_hear_each_other_share_everything_within_a_tenth_of_a_second() -> None:
    network = Network()
    nodes = network.start("anna", "bert", "cleo")
    for node in nodes:
        node.publish("inventory", b"what I am" * 30)
    assert network.run_until(lambda: all_agree(nodes, 6), 100 * MILLISECOND)
    check(nodes)
    assert not any(+node.mesh.rejections for node in nodes)


def test_twenty_nodes_share_everything_within_two_seconds() -> None:
    network = Network(seed=7)
    nodes = network.start(*(f"node-{index}" for index in range(20)))
    for node in nodes:
        node.publish("live", node.name.encode())
        node.append(b"first entry")
    done = network.run_until(lambda: all_agree(nodes, 40), 2 * SECOND)
    assert done
    check(nodes)
    assert all(len(node.mesh.chains.authors()) == 20 for node in nodes)


@pytest.mark.parametrize("seed", range(5))
def test_a_fifth_of_all_datagrams_lost_some_doubled_and_late_only_delays_it(seed: int) -> None:
    network = Network(seed)
    network.loss, network.duplication, network.jitter = 0.2, 0.2, 30 * MILLISECOND
    nodes = network.start("anna", "bert", "cleo", "dora", "emil")
    for node in nodes:
        node.publish("live", node.name.encode())
    assert network.run_until(lambda: all_agree(nodes, 10), 10 * SECOND)
    check(nodes)


def test_without_beacons_one_seed_is_enough() -> None:
    network = Network()
    network.beacons = False
    anna, bert, cleo = nodes = network.start("anna", "bert", "cleo")
    for node in (bert, cleo):
        network.carry_out(node, node.mesh.seed([anna.address], network.now))
    assert network.run_until(lambda: all_agree(nodes, 3), 2 * SECOND)


def test_news_reaches_two_dozen_nodes_within_a_fifth_of_a_second() -> None:
    network = Network(seed=11)
    nodes = network.start(*(f"node-{index}" for index in range(24)))
    network.run(SECOND)
    for author in nodes[:9:4]:
        author.publish("live", b"news")
        network.run(200 * MILLISECOND)
        facts = [node.mesh.board.fact(author.id, "live") for node in nodes]
        assert facts == facts[:1] * len(nodes)


def test_nodes_that_know_a_seed_meet_once_each_and_ask_little() -> None:
    network = Network(seed=12)
    network.beacons = False
    nodes = network.start(*(f"node-{index}" for index in range(20)))
    for node in nodes[2:]:
        seeds = [one.address for one in nodes[:2]]
        network.carry_out(node, node.mesh.seed(seeds, network.now))
    network.run(2 * SECOND)
    assert all_agree(nodes, 20)
    kinds = Counter(header.kind for header in heads(network))
    pairs = 20 * 19 // 2
    assert pairs <= kinds[Kind.CONFIRM] <= pairs * 11 // 10
    assert network.calls < 8 * len(nodes)


def heads(network: Network) -> list[Header]:
    read = [read_header(datagram) for _, _, datagram in network.capture]
    return [header for header in read if isinstance(header, Header)]


def test_everyone_met_is_told_of_once_and_in_order() -> None:
    network = Network()
    anna, bert = network.start("anna", "bert")
    network.run(3 * SECOND)
    changes = [e.change for e in anna.heard(PeerChanged) if isinstance(e, PeerChanged)]
    assert changes == [PeerChange.DISCOVERED, PeerChange.VERIFIED, PeerChange.ALIVE]
    assert [e.peer for e in anna.heard(PeerAnsweredForOurLog)] == [bert.id]  # type: ignore[union-attr] # filtered


def test_news_reaches_all_quickly_and_is_told_once() -> None:
    network = Network(seed=3)
    nodes = network.start(*(f"node-{index}" for index in range(12)))
    network.run(2 * SECOND)
    began = network.now
    nodes[0].publish("live", b"news")
    assert network.run_until(lambda: len({node.mesh.root for node in nodes}) == 1, 3 * SECOND)
    assert network.now - began < 2 * SECOND
    network.run(2 * SECOND)
    for node in nodes:
        facts = [e.fact for e in node.heard(FactLearned) if isinstance(e, FactLearned)]
        assert Counter((f.author, f.topic, f.version) for f in facts).most_common(1)[0][1] == 1


def test_an_idle_mesh_only_probes_and_opens_no_streams() -> None:
    network = Network()
    nodes = network.start("anna", "bert", "cleo")
    network.run(5 * SECOND)
    datagrams, calls = network.datagrams, network.calls
    writes = [node.writes for node in nodes]
    network.run(30 * SECOND)
    assert network.calls == calls
    assert [node.writes for node in nodes] == writes
    # Per node and second one ping and one ack, and now and then a beacon to each of the others.
    assert network.datagrams - datagrams <= 30 * 3 * 2 + 3 * 2 * 3


def test_a_block_is_acknowledged_by_those_who_have_stored_it() -> None:
    network = Network()
    anna, bert, cleo = network.start("anna", "bert", "cleo")
    network.run(SECOND)
    block = anna.append(b"a grant")
    network.run(200 * MILLISECOND)
    stored = [e for e in anna.heard(BlockStored) if isinstance(e, BlockStored)]
    assert {(e.peer, e.position) for e in stored} == {
        (bert.id, block.position),
        (cleo.id, block.position),
    }
    assert LogExtended(anna.id, (block,)) in bert.told


def test_a_block_too_big_for_a_datagram_is_handed_out_at_once() -> None:
    network = Network()
    anna, bert = network.start("anna", "bert")
    network.run(SECOND)
    anna.append(*(b"x" * 1000 for _ in range(20)))
    network.run(20 * MILLISECOND)
    assert bert.mesh.chains.chain(anna.id) == anna.mesh.chains.chain(anna.id)
    assert anna.heard(BlockStored)


def test_a_newcomer_fetches_a_log_of_five_hundred_blocks_within_a_second() -> None:
    network = Network()
    (anna,) = network.start("anna")
    for index in range(500):
        anna.append(b"entry %d" % index * 50)
    bert = network.node("bert")
    bert.start()
    chain = anna.mesh.chains.chain(anna.id)
    assert network.run_until(lambda: bert.mesh.chains.chain(anna.id) == chain, SECOND)
    assert len(bert.disk["block"]) == 500


def test_a_node_that_joins_late_learns_of_the_dead_and_keeps_their_logs() -> None:
    network = Network()
    anna, bert = network.start("anna", "bert")
    anna.append(b"a booking")
    network.run(SECOND)
    anna.kill()
    network.run(10 * SECOND)
    cleo = network.node("cleo")
    cleo.start()
    network.run(2 * SECOND)
    assert cleo.mesh.chains.chain(anna.id) == anna.mesh.chains.chain(anna.id)
    member = cleo.mesh.roll.member(anna.id)
    assert member is not None
    assert (member.trust, member.liveness) == (Trust.DISCOVERED, None)
    assert cleo.mesh.root == bert.mesh.root


def test_two_nodes_of_one_name_are_both_kept_and_named() -> None:
    network = Network()
    anna, bert = network.node("anna"), network.node("bert")
    bert.name = "anna"
    anna.start()
    bert.start()
    cleo = network.node("cleo")
    cleo.start()
    network.run(2 * SECOND)
    told = [e for e in cleo.heard(PeerChanged) if isinstance(e, PeerChanged)]
    assert sum(e.change is PeerChange.CONFLICT for e in told) == 1
    assert alive(cleo) == ["anna", "anna"]


def test_a_full_roll_refuses_newcomers_and_counts_them() -> None:
    network = Network()
    anna = network.node("anna", MeshConfig(members_max=2))
    anna.start()
    network.start("bert", "cleo", "dora", "emil")
    network.run(3 * SECOND)
    assert len([m for m in anna.mesh.roll.members() if m.public]) == 2
    assert sum(anna.mesh.rejections.values()) > 0
    check_roll(anna.mesh.roll)
    # Its root will never be the others': that must not mean a stream at every ping.
    calls = network.calls
    network.run(30 * SECOND)
    assert network.calls - calls <= 3 * 4 * 3


def test_of_two_that_hear_each_other_at_once_only_one_says_hello() -> None:
    network = Network()
    network.start("anna", "bert")
    network.run(50 * MILLISECOND)
    headers = [read_header(datagram) for _, _, datagram in network.capture]
    assert sum(isinstance(h, Header) and h.kind is Kind.HELLO for h in headers) == 1


def test_one_seed_is_one_story_to_the_last_byte() -> None:
    def story() -> list[tuple[object, ...]]:
        network = Network(seed=11)
        network.loss, network.jitter = 0.1, 5 * MILLISECOND
        nodes = network.start("anna", "bert", "cleo", "dora")
        nodes[0].append(b"an entry")
        network.run(8 * SECOND)
        return [*network.capture, *(tuple(node.told) for node in nodes)]

    assert story() == story()
