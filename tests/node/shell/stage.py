"""A server of streams and a member that dials it, both real, on loopback."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from mesh.effects import Address
from mesh.identity import Identity, NodeId
from node.shell.streams.dialler import Dialler
from node.shell.streams.frames import Frame, Kind, encode
from node.shell.streams.places import Cut
from node.shell.streams.serving import ServiceRefused, StreamCounts, StreamHandler, serve
from node.shell.streams.tls import MeshTls

SEED = bytes(range(32))
SERVER = Identity(b"s" * 32)
CALLER = Identity(b"c" * 32)
STRANGE_SEED = b"x" * 32


@dataclass
class Stage:
    """A running server, a dialler of a member, and the nursery of both."""

    address: Address
    counts: StreamCounts
    dialler: Dialler
    nursery: trio.Nursery
    guests: list[trio.abc.AsyncResource] = field(default_factory=list)

    async def knock(self) -> trio.SocketStream:
        """A bare connection, closed with the stage."""
        raw = await trio.open_tcp_stream(*self.address)
        self.guests.append(raw)
        return raw

    async def ask(
        self, service: str = "echo", body: bytes = b"hello", peer: Identity = SERVER
    ) -> bytes:
        return await self.dialler.call([self.address], peer.id, service, body, 5)


async def echo(peer: NodeId | None, service: str, body: bytes) -> bytes:
    if service == "no":
        raise ServiceRefused("that is not to be had")
    if service == "who":
        return peer or b"stranger"
    if service == "slow":
        await trio.sleep_forever()
    if service == "unhurried":
        await trio.sleep(0.02)
    return body


@asynccontextmanager
async def stage(handler: StreamHandler = echo) -> AsyncIterator[Stage]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = Address(*listener.socket.getsockname())
    counts = StreamCounts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, [listener], MeshTls([SEED], SERVER).server, handler, counts)
        dialler = Dialler(MeshTls([SEED], CALLER).client, nursery)
        at = Stage(address, counts, dialler, nursery)
        try:
            yield at
        finally:
            with trio.CancelScope(shield=True):
                for guest in at.guests:
                    await trio.aclose_forcefully(guest)
        nursery.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(5):
        while not condition():
            await trio.sleep(0.005)


async def raw_member(
    at: Stage, context: ssl.SSLContext | None = None
) -> "trio.SSLStream[trio.SocketStream]":
    """A client of our own making, past its greeting: it may misbehave from here on."""
    raw = await at.knock()
    context = context or MeshTls([SEED], CALLER).client
    stream = trio.SSLStream(raw, context, https_compatible=True)
    await stream.do_handshake()
    assert await stream.receive_some(1000) == encode(Frame(0, Kind.HELLO, "", b""))
    return stream


async def assert_cut(at: Stage, stream: trio.abc.ReceiveStream, why: Cut) -> None:
    await until(lambda: at.counts.cut[why] == 1)
    with trio.fail_after(5):
        try:
            while await stream.receive_some(1000):
                pass
        except trio.BrokenResourceError:
            pass
