"""Interfaces that come, go and change, and seeds that outlive whoever lived there."""

from mesh.effects import PeerChange, PeerChanged, Send
from mesh.instant import SECOND
from mesh.roll.membership import Liveness
from tests.mesh.network import PORT, Network, Node

MINUTE = 60 * SECOND


def move(node: Node, host: str, kind: str = "ethernet") -> None:
    node.host = host
    endpoints = ((host, PORT, kind),)
    node.network.carry_out(node, node.mesh.set_addresses(endpoints, node.network.now))


def changes(node: Node) -> list[PeerChange]:
    return [e.change for e in node.heard(PeerChanged) if isinstance(e, PeerChanged)]


def test_a_node_that_moves_while_it_runs_is_known_at_its_new_address_within_a_second() -> None:
    network = Network(seed=5)
    anna, *others = network.start(*(f"node-{index}" for index in range(8)))
    network.run(5 * SECOND)
    for node in others:
        node.told.clear()
    move(anna, "10.0.9.9", "wifi")

    def all_know() -> bool:
        seen = [node.mesh.roll.member(anna.id) for node in others]
        return all(m and m.address == anna.address and m.address_kind == "wifi" for m in seen)

    assert network.run_until(all_know, SECOND)
    network.run(20 * SECOND)
    for node in others:
        assert not changes(node)


def test_a_cable_that_is_plugged_in_again_brings_back_everyone_at_once() -> None:
    network = Network(seed=2)
    network.beacons = False
    anna, bert, cleo = network.start("anna", "bert", "cleo")
    for node in (bert, cleo):
        network.carry_out(node, node.mesh.seed([anna.address], network.now))
    network.run(5 * SECOND)
    network.cut(["anna"], ["bert", "cleo"])
    network.run(10 * MINUTE)
    assert {m.liveness for m in anna.mesh.roll.members()} == {Liveness.DEAD}
    network.heal()
    move(anna, anna.host)  # what it tells is what it told before

    def together() -> bool:
        return all(m.liveness is Liveness.ALIVE for m in anna.mesh.roll.members())

    assert network.run_until(together, SECOND)


def test_a_seed_is_tried_for_ever_whoever_lives_there() -> None:
    network = Network(seed=3)
    network.beacons = False
    anna, bert = network.start("anna", "bert")
    network.carry_out(bert, bert.mesh.seed([anna.address], network.now))
    network.run(5 * SECOND)
    anna.kill()
    network.run(MINUTE)
    newcomer = network.node("newcomer")
    anna.host, newcomer.host = "10.0.0.99", anna.host
    newcomer.start()
    met = network.run_until(lambda: bert.mesh.has_session(newcomer.id), 3 * MINUTE)
    assert met


def test_nobody_knocks_at_an_address_that_is_its_own() -> None:
    network = Network()
    anna, bert = network.start("anna", "bert")
    bridge = ("172.17.0.1", PORT, "bridge")  # on every machine that runs containers
    for node in (anna, bert):
        endpoints = ((node.host, PORT, "ethernet"), bridge)
        network.carry_out(node, node.mesh.set_addresses(endpoints, network.now))
    network.run(2 * SECOND)
    bert.kill()
    for _ in range(200):
        network.now += SECOND
        for effect in anna.mesh.wake(network.now):
            assert not (isinstance(effect, Send) and effect.to.host == bridge[0])
    member = anna.mesh.roll.member(bert.id)
    assert member is not None
    assert member.addresses[-1].host == bridge[0]
