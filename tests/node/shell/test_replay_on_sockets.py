"""A recording of a whole run, played back over real sockets: to its makers, and to others."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import trio

from mesh.config import lan
from mesh.effects import Address, MeshEffect, Send
from mesh.identity import Epoch, Identity
from mesh.keys.keyring import Keyring
from mesh.keys.secret import Secret
from mesh.machine import Mesh
from node.shell import clock
from node.shell.datagrams.udp import Gate
from tests.node.shell.test_udp import until

LOOPBACK = "127.0.0.1"
OURS = Keyring.of(Secret(bytes(range(32))))
OTHERS = Keyring.of(Secret(bytes(32)))


@dataclass
class Machine:
    """A mesh machine behind a real UDP port. What arrives is written down."""

    name: str
    gate: Gate
    mesh: Mesh
    tape: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> Address:
        return Address(LOOPBACK, self.gate.port)

    def heard(self, datagram: bytes, source: Address) -> None:
        self.tape.append(datagram)
        self.do(self.mesh.receive(datagram, source, clock.now()))

    def do(self, effects: list[MeshEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.gate.send(effect.to, effect.datagram)

    def picture(self) -> object:
        met = [one for one in self.mesh.roll.members() if one.met]
        told = [(one.id, one.epoch, one.answered, one.record) for one in met]
        return told, self.mesh.board.root, self.mesh.chains.root

    async def live(self) -> None:
        while True:
            self.do(self.mesh.wake(clock.now()))
            await trio.sleep(0.02)


@asynccontextmanager
async def machine(name: str, keys: Keyring = OURS, counter: int = 1) -> AsyncIterator[Machine]:
    gate = await Gate.open(0, LOOPBACK)
    identity, dice = Identity(Random(name).randbytes(32)), Random(f"{name} {counter}")
    epoch = Epoch(counter, dice.randbytes(16))
    mesh = Mesh(identity, name, epoch, keys, lan(), dice, {}, gate.port)
    one = Machine(name, gate, mesh)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.run, one.heard, lambda _seen: None)
        one.do(mesh.start(clock.now(), ((LOOPBACK, gate.port, "loopback"),)))
        nursery.start_soon(one.live)
        yield one
        nursery.cancel_scope.cancel()
    gate.close()
    for listener in gate.listeners:
        await listener.aclose()


async def meet(one: Machine, other: Machine) -> None:
    one.do(one.mesh.seed([other.address], clock.now()))
    for here, there in ((one, other), (other, one)):
        await until(lambda here=here, there=there: here.mesh.has_session(there.mesh.id))
    one.do(one.mesh.publish("live", b"a word", clock.now()))
    await until(lambda: other.mesh.board.fact(one.mesh.id, "live") is not None)


async def play(tape: list[bytes], to: Machine) -> int:
    """From a port of nobody's, to `to`. Bytes that came back."""
    before = to.mesh.rejections.total()
    back = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        stranger.bind((LOOPBACK, 0))
        for datagram in tape:
            stranger.sendto(datagram, to.address)
        hellos = sum(datagram[3] == 2 for datagram in tape)
        await until(lambda: to.mesh.rejections.total() >= before + len(tape) - hellos)
        await trio.sleep(0.05)
        while True:
            try:
                back += len(stranger.recv(2000))
            except BlockingIOError:
                return back


async def test_a_recording_comes_to_nothing_wherever_it_is_played() -> None:
    async with machine("ann") as ann, machine("bob") as bob:
        await meet(ann, bob)
        with trio.move_on_after(1.2):
            await trio.sleep_forever()  # some rounds of probes
        tape = [*ann.tape, *bob.tape]
        assert len(tape) > 8
        for node in (ann, bob):
            before = node.picture()
            assert await play(tape, node) <= sum(map(len, tape))
            assert node.picture() == before
    async with (
        machine("ann", counter=2) as again,
        machine("cid") as fresh,
        machine("dan", OTHERS) as foreign,
    ):
        for node in (again, fresh, foreign):
            before = node.picture()
            assert await play(tape, node) <= sum(map(len, tape))
            assert node.picture() == before
            assert node.mesh.roll.reachable() == ()


async def test_what_is_told_twice_by_the_network_is_heard_once() -> None:
    async with machine("ann") as ann, machine("bob") as bob:
        await meet(ann, bob)
        last = next(datagram for datagram in reversed(bob.tape) if datagram[3] == 5)
        refused = bob.mesh.rejections.total()
        ann.gate.send(bob.address, last)
        await until(lambda: bob.mesh.rejections.total() == refused + 1)
