"""A tiny invented network for mesh machines: virtual time, delay, loss, duplication, cuts.

It carries out effects strictly in order, keeps what was persisted, and writes down every datagram
it delivered, so that a test can play the whole capture again.
"""

import heapq
from collections.abc import Callable
from random import Random

from mesh.config import MeshConfig, lan
from mesh.effects import Address, Answer, Broadcast, Call, MeshEffect, Send
from mesh.identity import Epoch, Identity, NodeId
from mesh.instant import MILLISECOND, SECOND, Instant
from mesh.keys.keyring import Keyring
from mesh.keys.secret import Secret
from mesh.logs import NO_BLOCK, Block, Era, seal_block
from mesh.machine import Mesh
from mesh.persistence import Persist

PORT = 4653


class Node:
    """One machine, its disk, and what it was told."""

    def __init__(self, network: "Network", name: str, host: str, config: MeshConfig) -> None:
        self.network, self.name, self.host, self.config = network, name, host, config
        seed = Random(f"key of {name}").randbytes(32)
        self.identity = Identity(seed)
        self.disk: dict[str, dict[bytes, bytes]] = {}
        self.told: list[MeshEffect] = []
        self.writes = 0
        self.counter = 0
        self.up = False
        self.generation = 0
        self.mesh: Mesh

    @property
    def id(self) -> NodeId:
        return self.identity.id

    @property
    def address(self) -> Address:
        return Address(self.host, PORT)

    def build(self, counter: int | None = None) -> None:
        self.counter = self.counter + 1 if counter is None else counter
        random = self.network.random
        epoch = Epoch(self.counter, random.randbytes(16))
        saved = {space: dict(rows) for space, rows in self.disk.items()}
        self.mesh = Mesh(
            self.identity, self.name, epoch, self.network.keys, self.config,
            Random(random.random()), saved, PORT,
        )  # fmt: skip
        self.generation += 1

    def start(self, counter: int | None = None) -> None:
        self.build(counter)
        self.up = True
        endpoint = (self.host, PORT, "ethernet")
        self.network.carry_out(self, self.mesh.start(self.network.now, (endpoint,)))

    def kill(self) -> None:
        self.up = False
        self.generation += 1

    def leave(self) -> None:
        self.network.carry_out(self, self.mesh.stop(self.network.now))
        self.kill()

    def publish(self, topic: str, body: bytes) -> None:
        self.network.carry_out(self, self.mesh.publish(topic, body, self.network.now))

    def append(self, *entries: bytes, era: Era | None = None) -> Block:
        block = next_block(self.identity, self.mesh.chains.chain(self.id), entries, era)
        self.network.carry_out(self, self.mesh.append(block, self.network.now))
        return block

    def heard(self, kind: type) -> list[MeshEffect]:
        return [effect for effect in self.told if isinstance(effect, kind)]

    def picture(self) -> object:
        """Everything observable about this node."""
        members = tuple(
            (m.id, m.trust, m.liveness, m.epoch, m.record, m.addresses)
            for m in self.mesh.roll.members()
        )
        chains = tuple((a, self.mesh.chains.chain(a)) for a in self.mesh.chains.authors())
        return (members, tuple(self.mesh.board), chains, self.mesh.root)


class Network:
    """All nodes, one clock, one heap of events."""

    def __init__(self, seed: int = 1, delay: int = MILLISECOND) -> None:
        self.random = Random(seed)
        self.now: Instant = 0
        self.delay = delay
        self.loss = 0.0
        self.duplication = 0.0
        self.jitter = 0
        self.beacons = True
        self.keys = Keyring.of(Secret(Random("secret").randbytes(32)))
        self.nodes: dict[str, Node] = {}
        self.capture: list[tuple[Address, Address, bytes]] = []
        self.calls = 0
        self.datagrams = 0
        self._events: list[tuple[Instant, int, Callable[[], None]]] = []
        self._count = 0
        self._walls: set[tuple[str, str]] = set()
        self._tokens: dict[int, tuple[Node, int, int]] = {}

    def node(self, name: str, config: MeshConfig | None = None) -> Node:
        node = Node(self, name, f"10.0.0.{len(self.nodes) + 1}", config or lan())
        self.nodes[name] = node
        return node

    def start(self, *names: str) -> list[Node]:
        nodes = [self.node(name) for name in names]
        for node in nodes:
            node.start()
        return nodes

    def cut(self, left: list[str], right: list[str], one_way: bool = False) -> None:
        """Nothing passes from left to right, nor back unless `one_way`."""
        ways = {(a, b) for a in left for b in right}
        self._walls |= ways if one_way else ways | {(b, a) for a, b in ways}

    def heal(self) -> None:
        self._walls.clear()

    # -------------------------------------------------------------------------------------------

    def at(self, when: Instant, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, action))

    def run(self, duration: Instant) -> None:
        self.run_until(lambda: False, duration)

    def run_until(self, done: Callable[[], bool], within: Instant) -> bool:
        """Let time pass until `done`, at most `within`. Whether it was done."""
        end = self.now + within
        while not done():
            wakes = [(n.mesh.next_wake, key) for key, n in self.nodes.items() if n.up]
            due = min(((at, key) for at, key in wakes if at is not None), default=None)
            event = self._events[0][0] if self._events else None
            moments = [moment for moment in (due[0] if due else None, event) if moment is not None]
            if not moments or min(moments) > end:
                self.now = end
                return done()
            self.now = max(self.now, min(moments))
            if event is not None and event <= self.now:
                heapq.heappop(self._events)[2]()
            elif due is not None:
                node = self.nodes[due[1]]
                self.carry_out(node, node.mesh.wake(self.now))
                later = node.mesh.next_wake
                assert later is None or later > self.now, "a machine that was woken is not done"
        return True

    # -------------------------------------------------------------------------------------------

    def carry_out(self, node: Node, effects: list[MeshEffect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, datagram):
                    self._send(node, to, datagram)
                case Broadcast(datagram):
                    for other in self.nodes.values():
                        if other is not node and self.beacons:
                            self._send(node, other.address, datagram)
                case Call():
                    self._call(node, effect)
                case Answer(token, body):
                    self._answer(node, token, body)
                case Persist(writes):
                    node.writes += len(writes)
                    for write in writes:
                        rows = node.disk.setdefault(write.space, {})
                        if write.value is None:
                            rows.pop(write.key, None)
                        else:
                            rows[write.key] = write.value
                case _:
                    node.told.append(effect)

    def _open(self, a: Node, b: Node) -> bool:
        return b.up and (a.name, b.name) not in self._walls

    def _at_address(self, address: Address) -> Node | None:
        hits = [node for node in self.nodes.values() if node.address == address]
        return hits[0] if hits else None

    def _send(self, node: Node, to: Address, datagram: bytes) -> None:
        assert len(datagram) <= 1200
        self.datagrams += 1
        copies = 1 + (self.random.random() < self.duplication)
        source = node.address
        for _ in range(copies):
            if self.random.random() >= self.loss:
                late = self.random.randrange(self.jitter) if self.jitter else 0
                self.at(self.now + self.delay + late, lambda: self.deliver(source, to, datagram))

    def deliver(self, source: Address, to: Address, datagram: bytes) -> None:
        node, sender = self._at_address(to), self._at_address(source)
        if node is None or (sender is not None and not self._open(sender, node)) or not node.up:
            return
        self.capture.append((source, to, datagram))
        self.carry_out(node, node.mesh.receive(datagram, source, self.now))

    def _call(self, node: Node, call: Call) -> None:
        self.calls += 1
        target = self._at_address(call.addresses[0])
        generation = node.generation
        if target is None or not self._open(node, target) or target.id != call.to:
            self.at(self.now + SECOND, lambda: self._return(node, generation, call.id, None))
            return
        token = len(self._tokens)
        self._tokens[token] = (node, generation, call.id)
        self.at(self.now + 2 * self.delay, lambda: self._serve(node, target, token, call))

    def _serve(self, node: Node, target: Node, token: int, call: Call) -> None:
        if not self._open(node, target):
            _, generation, call_id = self._tokens[token]
            self.at(self.now + SECOND, lambda: self._return(node, generation, call_id, None))
            return
        effects = target.mesh.serve(token, node.id, call.service, call.body, self.now)
        self.carry_out(target, effects)

    def _answer(self, node: Node, token: int, body: bytes) -> None:
        asker, generation, call_id = self._tokens[token]
        self.at(self.now + self.delay, lambda: self._return(asker, generation, call_id, body))

    def _return(self, node: Node, generation: int, call_id: int, body: bytes | None) -> None:
        if node.up and node.generation == generation:
            self.carry_out(node, node.mesh.answered(call_id, body, self.now))


def next_block(
    identity: Identity, chain: tuple[Block, ...], entries: tuple[bytes, ...], era: Era | None = None
) -> Block:
    """The block that continues `chain`."""
    head = chain[-1] if chain else None
    era = era or (head.era if head else Era(1, bytes(16)))
    previous = head.hash if head else NO_BLOCK
    return seal_block(identity, era, len(chain), previous, entries)
