"""Bad days from a number: kills, cuts, loss, leaves, new eras; afterwards everyone agrees again."""

from random import Random

import pytest

from mesh.effects import ForkProven
from mesh.instant import MILLISECOND, SECOND
from mesh.logs import Era, seal_block
from tests.mesh.network import Network, Node
from tests.mesh.test_machine_joining import alive, check


def something_happens(network: Network, nodes: list[Node], random: Random, step: int) -> None:
    node = random.choice(nodes)
    names = [each.name for each in nodes]
    match random.choice(["kill", "start", "say", "append", "much", "cut", "heal", "leave", "era"]):
        case "kill":
            node.kill()
        case "start" if not node.up:
            node.start()
        case "say" if node.up:
            node.publish("live", b"%d" % step)
        case "append" if node.up:
            node.append(b"%d" % step)
        case "much" if node.up:
            node.append(*(b"%d" % step * 500 for _ in range(9)))
        case "cut":
            side = [name for name in names if random.random() < 0.5]
            network.cut(side, [name for name in names if name not in side])
        case "heal":
            network.heal()
        case "leave" if node.up:
            node.leave()
        case "era" if node.up:
            open_era(network, node, random)


def open_era(network: Network, node: Node, random: Random) -> None:
    """An honest amnesia: the log goes on from somewhere below its head."""
    chain = node.mesh.chains.chain(node.id)
    if chain:
        height = random.randrange(1, len(chain) + 1)
        era = Era(chain[-1].era.counter + 1, bytes(16))
        block = seal_block(node.identity, era, height, chain[height - 1].hash, (b"era",))
        network.carry_out(node, node.mesh.append(block, network.now))


@pytest.mark.parametrize("seed", range(12))
def test_after_a_bad_day_everyone_agrees_again_and_nobody_is_falsely_accused_of_a_fork(
    seed: int,
) -> None:
    random = Random(seed)
    network = Network(seed)
    network.loss = random.choice([0, 0.05, 0.2])
    network.duplication = random.choice([0, 0.2])
    network.jitter = random.choice([1, 20 * MILLISECOND, 200 * MILLISECOND])
    nodes = network.start(*(f"node-{index}" for index in range(random.randrange(2, 8))))
    for step in range(random.randrange(5, 25)):
        network.run(random.randrange(1, 4000) * MILLISECOND)
        something_happens(network, nodes, random, step)
    network.heal()
    network.loss = 0
    for node in nodes:
        if not node.up:
            node.start()

    def agreed() -> bool:
        together = all(len(alive(node)) == len(nodes) - 1 for node in nodes)
        return together and len({node.mesh.root for node in nodes}) == 1

    assert network.run_until(agreed, 130 * SECOND)
    check(nodes)
    assert len({tuple(node.mesh.board) for node in nodes}) == 1
    chains = [[node.mesh.chains.chain(other.id) for other in nodes] for node in nodes]
    assert all(each == chains[0] for each in chains)
    assert not any(node.heard(ForkProven) for node in nodes)
