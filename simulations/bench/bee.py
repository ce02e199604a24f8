"""One node of a swarm: the mesh machine, its port and its streams. `swarm.py` says what is real.

One task waits for the socket or the machine's next deadline, whichever comes first; the streams'
tasks put their requests to the machine themselves and move that deadline.
"""

import socket
from collections.abc import Iterable, Sequence
from functools import partial
from math import inf
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from mesh.effects import (
    Address,
    Answer,
    Broadcast,
    Call,
    FactLearned,
    MeshEffect,
    PeerChange,
    PeerChanged,
    Send,
)
from mesh.identity import NONCE_BYTES, Epoch, Identity, NodeId
from mesh.instant import Instant, in_seconds
from mesh.machine import Mesh
from mesh.persistence import Persist
from node.shell import clock
from node.shell.streams import serving as streams
from node.shell.streams.dialler import Dialler
from node.shell.streams.outcomes import StreamFailed
from node.shell.streams.tls import MeshTls

if TYPE_CHECKING:
    from simulations.bench.swarm import Swarm

HOST: Final = "127.0.0.1"
DATAGRAM_BYTES_MAX: Final = 2_048
DRAIN_MAX: Final = 64
"""Datagrams per wake-up, as the shell has it."""
RECEIVE_BUFFER_BYTES: Final = 1 << 20
PORT_TRIES_MAX: Final = 50
BACKLOG: Final = 128


class Told(NamedTuple):
    """`observer` says that something happened to `peer`."""

    at: Instant
    observer: NodeId
    peer: NodeId
    change: PeerChange


class Heard(NamedTuple):
    """`observer` has learned a fact of `author`."""

    at: Instant
    observer: NodeId
    author: NodeId
    topic: str
    body: bytes


class Bee:
    """One node of the swarm, in one run of it."""

    def __init__(self, swarm: "Swarm", identity: Identity, name: str, run: int = 1) -> None:
        self.swarm, self.identity, self.name, self.run_number = swarm, identity, name, run
        self.disk: dict[str, dict[bytes, bytes]] = {}
        self.side = 0
        """Nodes of different sides do not reach each other."""
        self.sent_bytes = 0
        self.sent = 0
        self._dice = Random(f"{swarm.seed}/{name}/{run}")
        self._luck = Random(f"{swarm.seed}/{name}/{run}/luck")
        self._own, self._listening = _bind()
        self.port: int = self._own.getsockname()[1]
        self._tls = MeshTls([swarm.keys.primary.ca_seed], identity)
        self._patience = trio.CancelScope()
        self._wake_at: Instant | None = None
        """When `_patience` ends; None: never."""
        self._life = trio.CancelScope()
        self._serving: dict[int, trio.MemorySendChannel[bytes]] = {}
        self._tokens = 0
        self.mesh: Mesh

    @property
    def id(self) -> NodeId:
        return self.identity.id

    @property
    def address(self) -> Address:
        return Address(HOST, self.port)

    def rise(self) -> None:
        """Make the machine; nothing is said yet."""
        epoch = Epoch(self.run_number, self._dice.randbytes(NONCE_BYTES))
        saved = {space: dict(rows) for space, rows in self.disk.items()}
        self.mesh = Mesh(
            self.identity, self.name, epoch, self.swarm.keys, self.swarm.config, self._dice, saved,
            self.port,
        )  # fmt: skip

    def begin(self, seeds: Iterable[Address]) -> None:
        """The first words."""
        now = clock.now()
        self.do(self.mesh.start(now, [(HOST, self.port, "loopback")]), now)
        self.do(self.mesh.seed([seed for seed in seeds if seed != self.address], now), now)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live until killed."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._listening))
        counts = streams.StreamCounts()
        with self._life:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._dialler = Dialler(self._tls.client, nursery)
                nursery.start_soon(
                    partial(streams.serve, [listener], self._tls.server, self._serve, counts)
                )
                nursery.start_soon(self._live)
                task_status.started()
                await trio.sleep_forever()

    def say(self, topic: str, body: bytes) -> Instant:
        """Publish a fact; when that was."""
        now = clock.now()
        self.do(self.mesh.publish(topic, body, now), now)
        self.stirred()
        return now

    def end(self) -> None:
        """No word, no answer, from now on. The port stays taken: a dead machine refuses nothing."""
        self._life.cancel()

    def close(self) -> None:
        self._life.cancel()
        self._own.close()

    # The loop ------------------------------------------------------------------------------------

    async def _live(self) -> None:
        while True:
            # One patience for as many datagrams as come before it ends: to make one is dear.
            with trio.CancelScope() as self._patience:
                self._wake_at = None
                while True:
                    self.stirred()
                    await trio.lowlevel.wait_readable(self._own)
                    self._look()
            self._look()

    def _look(self) -> None:
        """What is due, and what has come."""
        now = clock.now()
        if self._wake_at is not None and self._wake_at <= now:
            self.do(self.mesh.wake(now), now)
        self._drain(now)

    def _drain(self, now: Instant) -> None:
        for _ in range(DRAIN_MAX):
            try:
                datagram, source = self._own.recvfrom(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return
            self.do(self.mesh.receive(datagram, Address(*source), now), now)

    def stirred(self) -> None:
        """Something was put to the machine from outside its loop: it may wake sooner."""
        wake_at = self.mesh.next_wake
        if wake_at != self._wake_at:
            self._wake_at = wake_at
            self._patience.deadline = _on_trios_clock(wake_at)

    # Hands ---------------------------------------------------------------------------------------

    def do(self, effects: Sequence[MeshEffect], now: Instant) -> None:
        """Carry out what the machine asks for, in order."""
        for effect in effects:
            match effect:
                case Send(to, datagram):
                    self._send(to, datagram)
                case Broadcast(datagram):
                    self._count(len(datagram))
                case Persist(writes):
                    for write in writes:
                        rows = self.disk.setdefault(write.space, {})
                        if write.value is None:
                            rows.pop(write.key, None)
                        else:
                            rows[write.key] = write.value
                case Call():
                    self._nursery.start_soon(self._call, effect)
                case Answer(token, body):
                    if (asker := self._serving.pop(token, None)) is not None:
                        self._count(len(body))
                        asker.send_nowait(body)
                case PeerChanged(peer, change):
                    self.swarm.note(Told(now, self.id, peer, change))
                case FactLearned(fact):
                    self.swarm.learned(Heard(now, self.id, fact.author, fact.topic, fact.body))
                case _:
                    pass

    def _send(self, to: Address, datagram: bytes) -> None:
        self._count(len(datagram))
        loss = self.swarm.loss
        if (loss and self._luck.random() < loss) or not self.swarm.reaches(self, to.port):
            return
        try:
            self._own.sendto(datagram, to)
        except OSError:
            self.swarm.unsent += 1

    def _count(self, size: int) -> None:
        self.sent += 1
        self.sent_bytes += size

    async def _call(self, call: Call) -> None:
        body: bytes | None = None
        self._count(len(call.body))
        if any(self.swarm.reaches(self, address.port) for address in call.addresses):
            patience = max(0.0, in_seconds(call.deadline - clock.now()))
            try:
                body = await self._dialler.call(
                    call.addresses, call.to, call.service, call.body, patience
                )
            except StreamFailed:
                body = None
        now = clock.now()
        self.do(self.mesh.answered(call.id, body, now), now)
        self.stirred()

    async def _serve(self, peer: NodeId | None, service: str, body: bytes) -> bytes:
        if peer is None:
            return b""
        self._tokens += 1
        token = self._tokens
        send, receive = trio.open_memory_channel[bytes](1)
        self._serving[token] = send
        now = clock.now()
        self.do(self.mesh.serve(token, peer, service, body, now), now)
        self.stirred()
        return await receive.receive()


def _on_trios_clock(wake_at: Instant | None) -> float:
    if wake_at is None:
        return inf
    return trio.current_time() + max(0.0, in_seconds(wake_at - clock.now()))


def _bind() -> tuple[socket.socket, socket.socket]:
    """One port of loopback, for datagrams and for streams."""
    for _ in range(PORT_TRIES_MAX):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listening.bind((HOST, 0))
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            own.bind((HOST, listening.getsockname()[1]))
        except OSError:
            listening.close()
            own.close()
            continue
        for one in (listening, own):
            one.setblocking(False)
        listening.listen(BACKLOG)
        return own, listening
    raise OSError("no port of loopback is free for both TCP and UDP")
