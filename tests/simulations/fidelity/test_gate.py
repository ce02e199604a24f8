"""One contract for the port of a machine: the real one on loopback, and the invented one."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from mesh.effects import Address
from node.shell.datagrams.interfaces import LOOPBACK
from node.shell.datagrams.udp import Gate
from node.shell.streams.dialler import Dial, dial_tcp
from node.shell.surroundings import OurPort
from simulations.fidelity.air import Air
from simulations.fidelity.gate import InventedGate
from simulations.fidelity.pipe import dial
from simulations.invented.network import Network, Weather


@dataclass
class Two:
    """Two open ports that can reach each other, and what each has heard."""

    here: OurPort
    there: OurPort
    here_at: Address
    there_at: Address
    dial: Dial
    heard: dict[str, list[tuple[bytes, Address]]] = field(
        default_factory=lambda: {"here": [], "there": []}
    )

    async def until_heard(self, who: str, datagram: bytes) -> Address:
        with trio.fail_after(5):
            while True:
                for got, sender in self.heard[who]:
                    if got == datagram:
                        return sender
                await trio.sleep(0.005)


@asynccontextmanager
async def real() -> AsyncIterator[Two]:
    here, there = [await Gate.open(0, LOOPBACK, ("lo",)) for _ in range(2)]
    yield Two(here, there, Address(LOOPBACK, here.port), Address(LOOPBACK, there.port), dial_tcp)
    for gate in (here, there):
        gate.close()
        for listener in gate.listeners:
            await trio.aclose_forcefully(listener)


@asynccontextmanager
async def invented() -> AsyncIterator[Two]:
    air = Air(Network(Weather(), 1), lambda _what, _where, _data: None)
    ann, bob = air.join("ann"), air.join("bob")
    here, there = InventedGate(air, ann), InventedGate(air, bob)

    async def from_ann(to: Address) -> trio.abc.Stream:
        return await dial(air, ann, to)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(air.pump)
        ports = Address(ann.address, here.port), Address(bob.address, there.port)
        yield Two(here, there, *ports, from_ann)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def two(kind: str) -> AsyncIterator[Two]:
    async with real() if kind == "real" else invented() as ports, trio.open_nursery() as nursery:

        def hear(who: str) -> Any:
            return lambda datagram, sender: ports.heard[who].append((datagram, sender))

        nursery.start_soon(ports.here.run, hear("here"), lambda _seen: None)
        nursery.start_soon(ports.there.run, hear("there"), lambda _seen: None)
        await trio.sleep(0.05)
        yield ports
        nursery.cancel_scope.cancel()


both = pytest.mark.parametrize("kind", ["real", "invented"])


@both
async def test_a_datagram_arrives_whole_and_its_source_is_the_address_to_answer(kind: str) -> None:
    async with two(kind) as ports:
        ports.here.send(ports.there_at, b"question")
        back = await ports.until_heard("there", b"question")
        ports.there.send(back, b"answer")
        assert await ports.until_heard("here", b"answer") == ports.there_at
        assert ports.here.counts.sent >= 1
        assert ports.here.counts.received >= 1


@both
async def test_what_cannot_be_sent_is_counted_and_nothing_is_raised(kind: str) -> None:
    async with two(kind) as ports:
        ports.here.send(Address("a-name.example", 4653), b"x")
        assert ports.here.counts.send_failed["not an address"] == 1


@both
async def test_a_beacon_is_heard_by_the_other_and_known_again_by_its_sender(kind: str) -> None:
    async with two(kind) as ports:
        beacon = b"beacon" + secrets.token_bytes(8)
        ports.here.broadcast(beacon)
        assert await ports.until_heard("there", beacon) == ports.here_at
        (air,) = ports.here.counts.air.values()
        with trio.fail_after(5):
            while not air.echoes:
                await trio.sleep(0.005)
        assert beacon not in [datagram for datagram, _ in ports.heard["here"]]


@both
async def test_a_connection_carries_bytes_both_ways_and_then_ends(kind: str) -> None:
    async with two(kind) as ports, trio.open_nursery() as nursery:

        async def echo() -> None:
            async with await ports.there.listeners[0].accept() as stream:
                await stream.send_all(await stream.receive_some())

        nursery.start_soon(echo)
        with trio.fail_after(5):
            async with await ports.dial(ports.there_at) as stream:
                await stream.send_all(b"there and back")
                assert await stream.receive_some() == b"there and back"
                assert await stream.receive_some() == b""


@both
async def test_where_nobody_listens_a_dial_is_refused(kind: str) -> None:
    async with two(kind) as ports:
        for listener in ports.there.listeners:
            await trio.aclose_forcefully(listener)
        with pytest.raises(OSError), trio.fail_after(5):
            await ports.dial(ports.there_at)


@both
async def test_interfaces_are_scanned_alike(kind: str) -> None:
    async with two(kind) as ports:
        assert ports.here.scan() == ports.here.scan() == ports.here.interfaces
        assert ports.here_at.host in [interface.address for interface in ports.here.scan()]
