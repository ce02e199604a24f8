"""Two machines with one key: each learns of the other by an answer to its own fresh nonce."""

import pytest

from mesh.effects import EpochBehind, Send, TwinSeen
from mesh.finding.twins import KNOCK_EVERY, KNOCKED_MAX
from mesh.identity import Epoch
from mesh.instant import MILLISECOND, SECOND
from tests.mesh.network import PORT, Network, Node


def twin_of(node: Node, name: str = "twin") -> Node:
    """A second machine with the node's key, switched off, at an address of its own."""
    twin = node.network.node(name)
    twin.identity = node.identity
    return twin


def twins_seen(node: Node) -> list[TwinSeen]:
    return [told for told in node.told if isinstance(told, TwinSeen)]


@pytest.mark.parametrize("counter", [1, 2, 5])
def test_two_machines_with_one_key_prove_themselves_to_each_other_in_one_beacon(
    counter: int,
) -> None:
    network = Network()
    (anna,) = network.start("anna")
    network.run(20 * SECOND)
    twin = twin_of(anna)
    twin.start(counter)
    network.run(10 * MILLISECOND)
    assert twins_seen(anna)[0] == TwinSeen(twin.mesh.epoch, twin.address)
    assert twins_seen(twin)[0] == TwinSeen(anna.mesh.epoch, anna.address)
    assert not anna.mesh.has_session(anna.id)
    assert not twin.mesh.has_session(anna.id)


def look_where_told(network: Network, *nodes: Node) -> None:
    """What the agent does when it hears of another run."""
    for node in nodes:
        for told in [one for one in node.told if isinstance(one, EpochBehind)]:
            node.told.remove(told)
            network.carry_out(node, node.mesh.suspect_twin(told.addresses, network.now))


def test_where_no_beacon_passes_a_peer_shows_each_the_other() -> None:
    network = Network()
    network.beacons = False
    anna, bert = network.node("anna"), network.node("bert")
    for node in (anna, bert):
        node.start()
    network.carry_out(anna, anna.mesh.seed([bert.address], network.now))
    network.run(2 * SECOND)
    twin = twin_of(anna)
    twin.start(2)
    network.carry_out(twin, twin.mesh.seed([bert.address], network.now))
    for _ in range(20):
        network.run(SECOND // 10)
        look_where_told(network, anna, twin)
    assert twins_seen(anna)
    assert twins_seen(twin)


def test_a_run_that_is_over_is_no_twin() -> None:
    network = Network()
    anna, bert = network.start("anna", "bert")
    network.run(3 * SECOND)
    for counter in (7, 3):
        anna.kill()
        anna.start(counter)
        network.run(3 * SECOND)
        look_where_told(network, anna)
        network.run(3 * SECOND)
    assert bert.mesh.roll.member(anna.id)
    assert not twins_seen(anna)


def test_a_beacon_of_ours_played_back_costs_one_hello_a_second_and_proves_nothing() -> None:
    network = Network()
    (anna,) = network.start("anna")
    beacon = anna.mesh._post.gate.beacon(PORT)
    anna.kill()
    anna.start(9)
    network.run(3 * SECOND)
    stranger = network.node("stranger").address
    sent = [
        effect
        for _ in range(50)
        for effect in anna.mesh.receive(beacon, stranger, network.now)
        if isinstance(effect, Send)
    ]
    assert len(sent) == 1
    assert anna.mesh.receive(beacon, stranger, network.now + KNOCK_EVERY)
    assert not twins_seen(anna)


def test_our_own_beacon_come_back_is_passed_over() -> None:
    network = Network()
    (anna,) = network.start("anna")
    stranger = network.node("stranger").address
    assert not anna.mesh.receive(anna.mesh._post.gate.beacon(PORT), stranger, network.now)


def test_a_hello_under_our_key_is_answered_with_no_more_than_it_brought() -> None:
    network = Network()
    (anna,) = network.start("anna")
    twin = twin_of(anna)
    twin.build(2)
    hello = twin.mesh._post.gate.hello(None, 0)
    answers = anna.mesh.receive(hello, twin.address, network.now)
    assert sum(len(one.datagram) for one in answers if isinstance(one, Send)) <= len(hello)
    assert not twins_seen(anna)


def test_it_remembers_few_of_the_places_it_knocked_at() -> None:
    network = Network()
    (anna,) = network.start("anna")
    places = [network.node(f"n{number}").address for number in range(KNOCKED_MAX + 20)]
    anna.mesh.suspect_twin(places, network.now)
    assert len(anna.mesh._arrivals.twins._knocked) == KNOCKED_MAX


def test_an_epoch_of_ours_that_rises_is_still_ours() -> None:
    network = Network()
    anna, bert = network.start("anna", "bert")
    network.run(3 * SECOND)
    network.carry_out(anna, anna.mesh.rise(Epoch(4, b"r" * 16), network.now))
    network.run(3 * SECOND)
    assert bert.mesh.root == anna.mesh.root
    assert not twins_seen(anna)
