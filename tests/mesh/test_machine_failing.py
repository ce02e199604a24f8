"""Silence, death, partitions, leaves, restarts."""

import pytest

from mesh.door.post import Post
from mesh.effects import Address, MeshEffect, PeerChange, PeerChanged
from mesh.identity import NodeId
from mesh.instant import SECOND, Instant
from mesh.letters.messages import Accuse, Message
from mesh.roll.membership import Liveness
from mesh.roll.record import parse_record
from mesh.watch.lots import CONFIRMERS
from tests.mesh.network import Network, Node
from tests.mesh.test_machine_joining import alive, all_agree, check


def changes(node: Node, peer: NodeId) -> list[PeerChange]:
    told = [e for e in node.told if isinstance(e, PeerChanged)]
    return [e.change for e in told if e.peer == peer]


def liveness(node: Node, peer: Node) -> Liveness | None:
    member = node.mesh.roll.member(peer.id)
    return member.liveness if member else None


def settled(*names: str, seed: int = 1) -> tuple[Network, list[Node]]:
    network = Network(seed)
    nodes = network.start(*names)
    network.run(3 * SECOND)
    assert all_agree(nodes, len(nodes))
    for node in nodes:
        node.told.clear()
    return network, nodes


def test_a_dead_node_is_suspected_then_dead_and_told_once_by_everyone() -> None:
    network, (anna, bert, cleo, dora) = settled("anna", "bert", "cleo", "dora")
    dora.kill()
    died = network.now
    everyone = (anna, bert, cleo)
    gone = network.run_until(
        lambda: all(liveness(node, dora) is Liveness.DEAD for node in everyone), 30 * SECOND
    )
    assert gone
    assert 4 * SECOND < network.now - died < 10 * SECOND
    network.run(60 * SECOND)
    for node in everyone:
        assert changes(node, dora.id) == [PeerChange.SUSPECT, PeerChange.DEAD]
    check(list(everyone))


def test_nobody_is_suspected_where_a_tenth_of_all_datagrams_is_lost() -> None:
    network, nodes = settled("anna", "bert", "cleo", "dora")
    network.loss = 0.1
    network.run(60 * SECOND)
    assert all(PeerChange.DEAD not in changes(n, o.id) for n in nodes for o in nodes)
    assert sum(changes(n, o.id).count(PeerChange.SUSPECT) for n in nodes for o in nodes) == 0


def test_one_broken_link_accuses_nobody_because_helpers_get_through() -> None:
    network, (anna, bert, *_) = settled("anna", "bert", "cleo", "dora")
    network.cut(["anna"], ["bert"])
    network.run(30 * SECOND)
    assert changes(anna, bert.id) == []
    assert changes(bert, anna.id) == []


def test_an_accusation_makes_us_look_and_not_believe() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    member = anna.mesh.roll.member(cleo.id)
    assert member is not None
    accusation = Accuse(cleo.id, member.epoch.counter)
    letter = bert.mesh._post.letter(anna.id, accusation, network.now)
    before = network.datagrams
    network.carry_out(bert, letter)
    network.run(SECOND // 10)
    assert network.datagrams > before + 1  # it looked
    network.run(10 * SECOND)
    assert changes(anna, cleo.id) == []


def test_who_slept_accuses_nobody_on_waking() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    anna.up = False
    network.run(20 * SECOND)
    assert changes(bert, anna.id) == [PeerChange.SUSPECT, PeerChange.DEAD]
    anna.up = True
    network.run(60 * SECOND)
    assert changes(anna, bert.id) == []
    assert changes(anna, cleo.id) == []
    assert changes(bert, anna.id) == [PeerChange.SUSPECT, PeerChange.DEAD, PeerChange.ALIVE]


def test_who_slept_in_the_middle_of_a_look_looks_again_before_accusing() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    looks = anna.mesh._lookout._prober._looks
    assert network.run_until(lambda: bool(looks), 5 * SECOND)
    anna.up = False  # the answer is on its way and will be lost
    network.run(3 * SECOND)
    anna.up = True
    network.run(20 * SECOND)
    assert changes(anna, bert.id) + changes(anna, cleo.id) == []


def test_who_slept_buries_nobody_without_another_chance() -> None:
    network, (anna, bert, _) = settled("anna", "bert", "cleo")
    bert.up = False
    assert network.run_until(lambda: liveness(anna, bert) is Liveness.SUSPECT, 10 * SECOND)
    anna.up = False
    network.run(SECOND)
    bert.up = True
    network.run(9 * SECOND)
    anna.up = True
    network.run(20 * SECOND)
    assert changes(anna, bert.id) == [PeerChange.SUSPECT, PeerChange.ALIVE]


def test_one_death_does_not_cost_an_accusation_from_everyone_to_everyone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, nodes = settled(*(f"node-{index}" for index in range(30)))
    accusations = []
    letter = Post.letter

    def counted(
        self: Post, to: NodeId, message: Message, now: Instant, *, urgent: bool = False
    ) -> list[MeshEffect]:
        if isinstance(message, Accuse):
            accusations.append(to)
        return letter(self, to, message, now, urgent=urgent)

    monkeypatch.setattr(Post, "letter", counted)
    nodes[0].kill()
    network.run(12 * SECOND)
    assert all(liveness(node, nodes[0]) is Liveness.DEAD for node in nodes[1:])
    assert 0 < len(accusations) <= 2 * CONFIRMERS * 28


def test_a_pause_of_three_seconds_kills_nobody() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    anna.up = False
    network.run(3 * SECOND)
    anna.up = True
    network.run(20 * SECOND)
    assert PeerChange.DEAD not in changes(bert, anna.id) + changes(cleo, anna.id)
    assert liveness(bert, anna) is Liveness.ALIVE


@pytest.mark.parametrize("seed", range(3))
def test_a_partition_heals_by_itself_after_each_side_declared_the_other_dead(seed: int) -> None:
    network, nodes = settled("anna", "bert", "cleo", "dora", "emil", seed=seed)
    network.cut(["anna", "bert"], ["cleo", "dora", "emil"])
    network.run(30 * SECOND)
    assert all(liveness(nodes[0], other) is Liveness.DEAD for other in nodes[2:])
    nodes[0].publish("live", b"said on one side")
    nodes[4].append(b"granted on the other")
    network.heal()
    assert network.run_until(lambda: all_agree(nodes, 6), 30 * SECOND)
    check(nodes)


def test_who_leaves_is_gone_at_once_and_never_suspected() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    cleo.leave()
    network.run(SECOND // 10)
    assert liveness(anna, cleo) is Liveness.LEFT
    network.run(30 * SECOND)
    for node in (anna, bert):
        assert changes(node, cleo.id) == [PeerChange.LEFT]


def test_who_left_may_come_back_in_a_new_run_or_in_the_same_process() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    cleo.leave()
    network.run(5 * SECOND)
    cleo.start()
    network.run(2 * SECOND)
    assert changes(anna, cleo.id) == [PeerChange.LEFT, PeerChange.RESTARTED, PeerChange.ALIVE]
    network.carry_out(bert, bert.mesh.stop(network.now))
    network.run(SECOND)
    assert liveness(anna, bert) is Liveness.LEFT
    endpoint = (bert.host, 4653, "ethernet")
    network.carry_out(bert, bert.mesh.start(network.now, (endpoint,)))
    network.run(5 * SECOND)
    assert liveness(anna, bert) is Liveness.ALIVE


def test_a_restart_with_a_new_epoch_and_address_is_the_same_member() -> None:
    network, (anna, bert, cleo) = settled("anna", "bert", "cleo")
    bert.kill()
    bert.host = "10.9.9.9"
    network.run(SECOND)
    bert.start()
    network.run(3 * SECOND)
    member = anna.mesh.roll.member(bert.id)
    assert member is not None
    assert member.address == Address("10.9.9.9", 4653)
    assert member.epoch.counter == 2
    assert PeerChange.RESTARTED in changes(anna, bert.id)
    assert alive(anna) == alive(cleo) or len(alive(anna)) == len(alive(cleo)) == 2
    assert all_agree([anna, bert, cleo], 3)


def test_peers_are_remembered_over_a_restart_and_greeted_without_a_beacon() -> None:
    network, (anna, bert) = settled("anna", "bert")
    anna.kill()
    network.beacons = False
    anna.start()
    remembered = anna.mesh.roll.member(bert.id)
    assert remembered is not None
    assert remembered.liveness is Liveness.SUSPECT
    network.run(SECOND)
    assert liveness(anna, bert) is Liveness.ALIVE


def test_a_remembered_peer_that_never_answers_is_told_dead_once() -> None:
    network, (anna, bert) = settled("anna", "bert")
    anna.kill()
    bert.kill()
    anna.told.clear()
    anna.start()
    network.run(30 * SECOND)
    assert changes(anna, bert.id) == [PeerChange.DEAD]


def test_two_halves_that_buried_each_other_are_one_mesh_within_seconds() -> None:
    network = Network(seed=21)
    network.beacons = False
    names = [f"node-{index:02}" for index in range(10)]
    nodes = network.start(*names)
    for node in nodes[1:]:
        network.carry_out(node, node.mesh.seed([nodes[0].address], network.now))
    network.run(2 * SECOND)
    network.cut(names[:5], names[5:])
    network.run(100 * SECOND)  # deaths may be put off for a minute
    assert all(states(node).count(Liveness.DEAD) == 5 for node in nodes)
    network.heal()
    network.run(15 * SECOND)
    assert all(states(node) == [Liveness.ALIVE] * 9 for node in nodes)


def states(node: Node) -> list[Liveness | None]:
    return [member.liveness for member in node.mesh.roll.members()]


def test_who_has_left_does_not_speak_again_when_the_dead_return() -> None:
    network = Network(seed=22)
    anna, bert = network.start("anna", "bert")
    network.run(2 * SECOND)
    bert.kill()
    network.run(10 * SECOND)
    assert states(anna) == [Liveness.DEAD]
    network.carry_out(anna, anna.mesh.stop(network.now))
    bert.start()
    network.run(3 * SECOND)
    record = anna.mesh.board.fact(anna.id, "node")
    assert record is not None
    said = parse_record(record.body)
    assert said is not None
    assert said.left
