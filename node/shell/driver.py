"""The desk: the one task that owns the agent, and the one that carries out what it asks.

Two tasks and a queue between them. `drive` takes whatever has arrived, stamps it with one `now`,
puts it to the agent, seals the batch, and queues the effects. `carry_out` takes all that is queued,
commits every write in it as one transaction in a worker thread, and only then does the rest, in
order. So nothing leaves this machine before what it rests on is on disk, and a slow disk makes
batches larger instead of making us slower (group commit). The exception is a `Send` marked urgent:
it promises nothing and goes out at once.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeAlias

import trio

from mesh.effects import Address, Answer, Broadcast, Call, Send
from mesh.identity import NodeId
from mesh.instant import SECOND, Instant
from mesh.keys.keyring import Keyring
from mesh.letters.wire import parse_block
from mesh.logs import Position
from mesh.persistence import SPACE_BLOCK, Persist, Write
from mesh.rejections import Rejection
from node.core.effects import Doubt, Effect, Event, KeepKeys, Look, Progress, Reply, Stop, Watch
from node.core.machine import Agent
from node.core.picture.reports import Report
from node.core.requests import Request
from node.shell import clock
from node.shell.aside import Aside, in_a_thread
from node.shell.disk.journal_errors import JournalFull
from node.shell.disk.state import IsTheCopy

INBOX_MAX: Final = 4_096
BATCH_MAX: Final = 256
"""Inputs per block at most; a block takes 256 entries and one input writes at most one."""
PROGRESS_WAITING_MAX: Final = 256
OUTBOX_MAX: Final = 8_192
"""Effects that wait for a full disk; behind so many nothing more is taken in."""
FULL_AGAIN_SECONDS: Final = 1.0
"""Between two tries to write on a full disk."""


# What arrives ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrived:
    datagram: bytes
    source: Address


@dataclass(frozen=True, slots=True)
class Asked:
    token: int
    request: Request


@dataclass(frozen=True, slots=True)
class Gone:
    token: int


@dataclass(frozen=True, slots=True)
class Served:
    token: int
    peer: NodeId | None
    service: str
    body: bytes


@dataclass(frozen=True, slots=True)
class CallEnded:
    call: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Reported:
    report: Report


@dataclass(frozen=True, slots=True)
class Stopping:
    leaving: bool


Input: TypeAlias = Arrived | Asked | Gone | Served | CallEnded | Reported | Stopping


class AgentStopped(Exception):
    """The agent cannot go on safely; a fresh start can. The sentence says why."""


class Hands(Protocol):
    """What the desk needs of the machine. The app wires the real ones."""

    def send(self, to: Address, datagram: bytes) -> None: ...
    def broadcast(self, datagram: bytes) -> None: ...
    async def call(self, call: Call) -> bytes | None: ...
    def commit(self, writes: list[Write]) -> None: ...
    def mark(self, epoch: int, head: Position | None) -> None: ...
    def doubt(self) -> None: ...
    def keep_keys(self, keys: Keyring) -> None: ...
    def event(self, event: Event) -> None: ...
    def stuck(self, why: str) -> None: ...
    def look(self, reason: str) -> None: ...
    def watch(self, watch: Watch) -> None: ...


@dataclass(slots=True)
class _Conversation:
    """One request under way: lines go in as the agent produces them."""

    lines: trio.MemorySendChannel[Progress | Reply]


@dataclass(slots=True)
class Driver:
    """The desk. Run `drive` and `carry_out` in one nursery, and talk to it from other tasks."""

    agent: Agent
    hands: Hands
    now: Callable[[], Instant] = clock.now
    aside: Aside = in_a_thread
    """Where a commit is waited for."""
    _inbox: deque[Input] = field(default_factory=deque)
    _outbox: list[Effect] = field(default_factory=list)
    _came: trio.Event = field(default_factory=trio.Event)
    _queued: trio.Event = field(default_factory=trio.Event)
    _closing: bool = False
    _parted: bool = False
    """Closing, and the last word was said."""
    _closed: trio.Event = field(default_factory=trio.Event)
    _unstuck: trio.Event = field(default_factory=trio.Event)
    _readers: dict[trio.CancelScope, None] = field(default_factory=dict)
    _token: int = 0
    _conversations: dict[int, _Conversation] = field(default_factory=dict)
    _serving: dict[int, trio.MemorySendChannel[bytes]] = field(default_factory=dict)
    stuck: str = ""
    """Why nothing can be written just now, and nothing behind it is said; "" when all can."""
    dropped: int = 0
    """Datagrams that found the inbox full: counted for `doctor`, never waited for."""

    # Doors for the other tasks -------------------------------------------------------------------

    def datagram(self, datagram: bytes, source: Address) -> None:
        """From the gate. A full inbox drops it: datagrams may be lost, queues must be bounded."""
        if len(self._inbox) >= INBOX_MAX:
            self.dropped += 1
            return
        self._put(Arrived(datagram, source))

    def report(self, report: Report) -> None:
        """From the probes and the other hands."""
        self._put(Reported(report))

    async def serve(self, peer: NodeId | None, service: str, body: bytes) -> bytes:
        """A stream request; returns the answer. The caller's deadline is the peer's affair."""
        self._token += 1
        token = self._token
        send, receive = trio.open_memory_channel[bytes](1)
        self._serving[token] = send
        self._put(Served(token, peer, service, body))
        try:
            return await receive.receive()
        finally:
            self._serving.pop(token, None)

    @asynccontextmanager
    async def ask(
        self, request: Request
    ) -> AsyncIterator[trio.MemoryReceiveChannel[Progress | Reply]]:
        """A surface's request: the channel yields progress lines and ends with one Reply."""
        self._token += 1
        token = self._token
        # One place more than progress may fill: the reply always finds room.
        send, receive = trio.open_memory_channel[Progress | Reply](PROGRESS_WAITING_MAX + 1)
        self._conversations[token] = _Conversation(send)
        self._put(Asked(token, request))
        try:
            yield receive
        finally:
            if self._conversations.pop(token, None) is not None:
                self._put(Gone(token))

    @contextmanager
    def unless_stuck(self) -> Iterator[None]:
        """Whoever only asks how things are leaves the block when nothing can be written any more:
        an answer may be behind what waits for a full disk, and they need not wait with it."""
        with trio.CancelScope() as scope:
            self._readers[scope] = None
            try:
                yield
            finally:
                del self._readers[scope]

    # The two tasks -------------------------------------------------------------------------------

    async def drive(self, first: list[Effect]) -> None:
        """Own the agent: inputs in, effects out, until it has said its last words."""
        self._queue(first)
        while not self._closing:
            await self._until_something()
            if self.stuck and len(self._outbox) >= OUTBOX_MAX:
                await self._unstuck.wait()
            now = self.now()
            effects: list[Effect] = []
            for _ in range(min(BATCH_MAX, len(self._inbox))):
                effects += self._put_to_agent(self._inbox.popleft(), now)
            # Behind what has come in: who has answered in time is not to be missed.
            wake_at = self.agent.next_wake
            if wake_at is not None and wake_at <= now:
                effects += self.agent.wake(now)
            effects += self.agent.seal(now)
            self._queue(effects)
        while (at := self.agent.mesh.next_farewell) is not None:
            await trio.sleep(max(0.0, (at - self.now()) / SECOND))
            self._queue([*self.agent.mesh.farewell(self.now())])
        self._parted = True
        self._queued.set()  # the other half must hear of the end even if nothing was left to say

    async def carry_out(self, nursery: trio.Nursery) -> None:
        """Own the disk: what is queued is committed together, then done in order."""
        while True:
            if not self._outbox:
                if self._parted:
                    self._closed.set()
                self._queued = trio.Event()
                await self._queued.wait()
            batch, self._outbox = self._outbox, []
            await self._carry_out(batch, nursery)

    async def wind_down(self, *, leaving: bool) -> None:
        """A clean stop: the agent's last words, durable first. Returns when they are out."""
        self._put(Stopping(leaving))
        await self._closed.wait()

    # Inside --------------------------------------------------------------------------------------

    def _put(self, arrived: Input) -> None:
        self._inbox.append(arrived)
        self._came.set()

    async def _until_something(self) -> None:
        if self._inbox:
            await trio.lowlevel.checkpoint()
            return
        self._came = trio.Event()
        wake_at = self.agent.next_wake
        if wake_at is None:
            await self._came.wait()
            return
        with trio.move_on_after(max(0.0, (wake_at - self.now()) / SECOND)):
            await self._came.wait()

    def _put_to_agent(self, arrived: Input, now: Instant) -> list[Effect]:
        match arrived:
            case Arrived(datagram, source):
                return self.agent.receive(datagram, source, now)
            case Asked(token, request):
                return self.agent.ask(token, request, now)
            case Gone(token):
                return self.agent.cancel(token, now)
            case Served(token, peer, service, body):
                return self.agent.serve(token, peer, service, body, now)
            case CallEnded(call, body):
                return self.agent.answered(call, body, now)
            case Reported(report):
                return self.agent.report(report, now)
            case Stopping(leaving):
                self._closing = True
                return self.agent.stop(now, leaving=leaving)

    def _queue(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send) and effect.urgent:
                self.hands.send(effect.to, effect.datagram)
            elif isinstance(effect, Doubt):
                self.hands.doubt()  # before anything else can happen, a crash among it
            else:
                self._outbox.append(effect)
        if self._outbox:
            self._queued.set()

    async def _carry_out(self, batch: list[Effect], nursery: trio.Nursery) -> None:
        first = next((i for i, e in enumerate(batch) if isinstance(e, Persist)), len(batch))
        for effect in batch[:first]:
            self._do(effect, nursery)
        writes = [w for e in batch[first:] if isinstance(e, Persist) for w in e.writes]
        if writes:
            await self._commit(writes)
            self.hands.mark(self.agent.birth.epoch.counter, self._head_in(writes))
        for effect in batch[first:]:
            self._do(effect, nursery)
        await trio.lowlevel.checkpoint()

    async def _commit(self, writes: list[Write]) -> None:
        """On a disk without room, not even the spare one, this lasts until there is some: nothing
        of the batch is on it and nothing of the batch was said, so time is all that it costs."""
        while True:
            try:
                await self.aside(partial(self.hands.commit, writes))
                break
            except JournalFull as full:
                self._say_stuck(full.sentence)
                await trio.sleep(FULL_AGAIN_SECONDS)
        self._say_stuck("")

    def _say_stuck(self, why: str) -> None:
        if why != self.stuck:
            self.stuck = why
            self.hands.stuck(why)
            if why:
                self._unstuck = trio.Event()
                for scope in self._readers:
                    scope.cancel()
            else:
                self._unstuck.set()

    def _head_in(self, writes: list[Write]) -> Position | None:
        """The newest of our own blocks among `writes`, as it now is on disk."""
        own = self.agent.identity.id
        heads: list[Position] = []
        for write in writes:
            if write.space == SPACE_BLOCK and write.key.startswith(own) and write.value is not None:
                block = parse_block(write.value)
                assert not isinstance(block, Rejection), "we just wrote it"
                heads.append(block.position)
        return max(heads, default=None)

    def _do(self, effect: Effect, nursery: trio.Nursery) -> None:
        match effect:
            case Persist() | Doubt():
                pass  # done already, before anything behind it
            case Send(to, datagram, _):
                self.hands.send(to, datagram)
            case Broadcast(datagram):
                self.hands.broadcast(datagram)
            case Call():
                nursery.start_soon(self._call, effect)
            case Answer(token, body):
                if (waiting := self._serving.get(token)) is not None:
                    waiting.send_nowait(body)
            case Progress(token, _) | Reply(token, _, _):
                self._say(token, effect)
            case Event():
                self.hands.event(effect)
            case Look(reason):
                self.hands.look(reason)
            case Watch():
                self.hands.watch(effect)
            case KeepKeys(keys):
                self.hands.keep_keys(keys)
            case Stop(sentence, seeds):
                raise AgentStopped(sentence) if seeds is None else IsTheCopy(sentence, seeds)

    async def _call(self, call: Call) -> None:
        seconds_left = (call.deadline - self.now()) / SECOND
        body: bytes | None = None
        if seconds_left > 0:  # else it was decided too long ago to be said
            with trio.move_on_after(seconds_left):
                body = await self.hands.call(call)
        self._put(CallEnded(call.id, body))

    def _say(self, token: int, line: Progress | Reply) -> None:
        conversation = self._conversations.get(token)
        if conversation is None:
            return  # whoever asked has gone
        waiting = conversation.lines.statistics().current_buffer_used
        if isinstance(line, Progress) and waiting >= PROGRESS_WAITING_MAX:
            return  # a reader that slow loses progress, never the reply
        conversation.lines.send_nowait(line)
        if isinstance(line, Reply):
            del self._conversations[token]
            conversation.lines.close()
