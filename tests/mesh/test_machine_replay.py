"""A complete capture, played again: nothing may change anywhere.

The last two tests switch off one defence each and expect the same check to notice; a check that
cannot fail would prove nothing.
"""

import pytest

from mesh.door.gate import Gate
from mesh.door.window import ReplayWindow
from mesh.effects import Address, MeshEffect, Send
from mesh.instant import SECOND
from mesh.letters.datagram import Header, Kind, read_header
from tests.mesh.network import Network, Node
from tests.mesh.test_machine_failing import settled


def lived_through() -> tuple[Network, list[Node]]:
    """A mesh with a history: facts, blocks, a leave, a restart, a suspicion."""
    network, nodes = settled("anna", "bert", "cleo", "dora")
    anna, bert, cleo, dora = nodes
    anna.publish("live", b"one")
    bert.append(b"a grant")
    network.run(2 * SECOND)
    anna.publish("live", b"two")
    cleo.leave()
    dora.kill()
    network.run(2 * SECOND)
    dora.start()
    network.run(12 * SECOND)
    return network, nodes


def replay(network: Network, nodes: list[Node]) -> list[str]:
    """Play the whole capture to everyone that is up, at one instant. What changed is returned.

    Allowed are answers no larger than what they answer, and one hello per node and beaconer.
    """
    before = {node.name: (node.picture(), node.writes) for node in nodes}
    changed = []
    greeted: set[tuple[str, Address]] = set()
    for source, to, datagram in list(network.capture):
        for node in (node for node in nodes if node.up and node.address == to):
            effects = node.mesh.receive(datagram, source, network.now)
            if is_beacon(datagram) and len(effects) == 1 and (node.name, source) not in greeted:
                greeted.add((node.name, source))
                effects = [e for e in effects if not is_hello_to(source, e)]
            changed += [type(e).__name__ for e in effects if not is_small_answer(e, datagram)]
            network.carry_out(node, [e for e in effects if not isinstance(e, Send)])
    changed += [n.name for n in nodes if (n.picture(), n.writes) != before[n.name]]
    return changed


def suspect_everyone(network: Network, nodes: list[Node]) -> None:
    """Something that a stale word could revive."""
    for node in nodes:
        for member in node.mesh.roll.members():
            node.mesh.roll.suspect(member.id)


def is_small_answer(effect: MeshEffect, cause: bytes) -> bool:
    return isinstance(effect, Send) and len(effect.datagram) <= len(cause)


def is_beacon(datagram: bytes) -> bool:
    header = read_header(datagram)
    return isinstance(header, Header) and header.kind is Kind.BEACON


def is_hello_to(source: Address, effect: MeshEffect) -> bool:
    return isinstance(effect, Send) and effect.to == source


def test_a_capture_played_again_at_once_changes_nothing() -> None:
    network, nodes = lived_through()
    assert len(network.capture) > 200
    assert replay(network, nodes) == []


def test_a_capture_played_again_revives_no_suspect() -> None:
    network, nodes = lived_through()
    suspect_everyone(network, nodes)
    assert replay(network, nodes) == []


def test_a_capture_played_again_after_an_hour_changes_nothing() -> None:
    network, nodes = lived_through()
    network.now += 3600 * SECOND
    assert replay(network, nodes) == []


@pytest.mark.parametrize("name", ["anna", "bert", "cleo", "dora"])
def test_a_capture_played_again_after_a_restart_of_either_side_changes_nothing(name: str) -> None:
    network, nodes = lived_through()
    capture = list(network.capture)
    network.nodes[name].kill()
    network.nodes[name].start()
    network.run(5 * SECOND)
    network.capture = capture
    assert replay(network, nodes) == []


@pytest.mark.parametrize("name", ["anna", "bert"])
def test_a_capture_played_to_a_node_that_is_alone_after_its_restart_changes_nothing(
    name: str,
) -> None:
    network, nodes = lived_through()
    for node in nodes:
        node.kill()
    node = network.nodes[name]
    node.start()
    network.run(10 * SECOND)
    assert replay(network, [node]) == []


def test_a_replayed_beacon_earns_its_source_one_hello_a_second_at_most() -> None:
    network, nodes = settled("anna", "bert")
    anna, bert = nodes
    beacons = [d for s, to, d in network.capture if to == bert.address and s == anna.address]
    anna.kill()
    bert.kill()
    bert.start()
    network.run(SECOND)
    hellos = 0
    for step in range(400):
        now = network.now + step * SECOND // 100
        for datagram in beacons[:1]:
            effects = bert.mesh.receive(datagram, anna.address, now)
            hellos += sum(isinstance(e, Send) for e in effects)
    assert 1 <= hellos <= 5


def test_without_the_window_the_replay_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    network, nodes = lived_through()
    monkeypatch.setattr(ReplayWindow, "accept", lambda self, counter: True)
    monkeypatch.setattr(ReplayWindow, "would_accept", lambda self, counter: True)
    suspect_everyone(network, nodes)
    assert replay(network, nodes) != []


def test_without_the_challenge_the_replay_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    network, nodes = lived_through()
    for node in nodes:
        node.kill()
    dora = nodes[3]
    dora.start()
    network.run(10 * SECOND)
    monkeypatch.setattr(Gate, "believes", lambda self, hello: True)
    assert replay(network, [dora]) != []
