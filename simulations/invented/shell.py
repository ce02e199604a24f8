"""The invented shell: what `node/shell/driver.py` does for a real agent, in a world.

The same discipline: one transaction per batch, nothing behind a write before it is durable, urgent
sends and doubts at once. The contract tests of the desk (`tests/node/shell/test_driver.py`) are put
to both.

A host that is well reads each input the instant it comes. One that stands still (SIGSTOP, a
collector of garbage, a lid that was shut) or is slow reads later, several at once, as the real desk
does: first the deadline that has passed, then what arrived, under one `now` and one seal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from mesh.effects import Answer, Broadcast, Call, Send
from mesh.instant import SECOND, Instant
from mesh.letters.wire import parse_block
from mesh.logs import Position
from mesh.persistence import SPACE_BLOCK, Persist, Write
from mesh.rejections import Rejection
from node.core.continuity import Marker
from node.core.effects import Doubt, Effect, Event, KeepKeys, Look, Progress, Reply, Stop, Watch
from node.core.picture.reports import DiskRoom, WorkEnded
from simulations.invented.disk import Synced
from simulations.invented.host import Host

if TYPE_CHECKING:
    from simulations.invented.world import World

BATCH_MAX: Final = 256
"""Inputs read at once at most, as the real desk does."""
SOCKET_DATAGRAMS_MAX: Final = 800
"""What a socket keeps for a process that does not read: 1 MiB of full datagrams, as the kernel
counts them."""
NO_ROOM: Final = "there is next to no room on the disk"
FULL_AGAIN: Final = SECOND
"""Between two tries to write on a full disk, as the real desk waits."""
STARTS_MAX: Final = 3
"""Agents that one process starts, one after another, before it gives up: `node/app.py`."""


class Shell:
    """The shells of all the hosts of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def local(self, host: Host) -> Instant:
        """What the host's clock shows."""
        return host.clock.read(self._world.now)

    # Inputs --------------------------------------------------------------------------------------

    def arrive(self, host: Host, cause: str, *args: Any) -> None:
        """One input reaches the host: read now, or when it gets round to it."""
        if host.agent is None or host.closing:
            return
        if not host.lag and not host.inbox and host.stalled_until <= self._world.now:
            local = self.local(host)
            self.step(host, cause, self._read(host, cause, args, local))
            return
        if cause == "datagram":
            if host.datagrams_waiting >= SOCKET_DATAGRAMS_MAX:
                host.datagrams_dropped += 1
                return
            host.datagrams_waiting += 1
        host.inbox.append((cause, args))
        self.set_turn(host)

    def step(self, host: Host, cause: str, effects: list[Effect]) -> None:
        """One input's effects, and the block that seals it."""
        effects = effects + host.alive.seal(self.local(host))
        for tell in self._world.audience.stepped:
            tell(host, cause, effects)
        self.take(host, effects)

    def set_turn(self, host: Host) -> None:
        """Let the host read what waits, as soon as it gets round to it."""
        if host.turn_set or host.stalled_until > self._world.now:
            return
        host.turn_set = True
        self._world.at(host.lag, self._turn, host, host.life)

    def _turn(self, host: Host, life: int) -> None:
        if host.life != life:
            return
        host.turn_set = False
        if host.stalled_until > self._world.now:
            return  # it sets a turn when it goes on
        local = self.local(host)
        effects: list[Effect] = []
        wake_at = host.alive.next_wake
        if wake_at is not None and wake_at <= local:
            effects += self._told(host, "wake", host.alive.wake(local))
        for _ in range(min(BATCH_MAX, len(host.inbox))):
            cause, args = host.inbox.popleft()
            host.datagrams_waiting -= cause == "datagram"
            effects += self._told(host, cause, self._read(host, cause, args, local))
        effects += self._told(host, "seal", host.alive.seal(local))
        host.wake_set_for = None
        self.take(host, effects)
        if host.inbox and host.life == life:
            self.set_turn(host)

    def _told(self, host: Host, cause: str, effects: list[Effect]) -> list[Effect]:
        if effects or cause != "seal":
            for tell in self._world.audience.stepped:
                tell(host, cause, effects)
        return effects

    def _read(self, host: Host, cause: str, args: tuple[Any, ...], local: Instant) -> list[Effect]:
        agent = host.alive
        stamped = (*args, local)
        match cause:
            case "datagram":
                for tell in self._world.audience.delivered:
                    tell(host, *args)
                return agent.receive(*stamped)
            case "ask":
                return agent.ask(*stamped)
            case "cancel":
                return agent.cancel(*stamped)
            case "serve":
                return self._serve(host, *stamped)
            case "answered":
                return agent.answered(*stamped)
            case "report":
                return agent.report(*stamped)
            case _:
                assert cause == "stop", f"nobody knows the input {cause!r}"
                host.closing = True
                return agent.stop(local, leaving=args[0])

    def _serve(
        self, host: Host, caller: Host, waiting: Any, service: str, body: bytes, local: Instant
    ) -> list[Effect]:
        host.last_token += 1
        host.serving[host.last_token] = waiting
        for tell in self._world.audience.served:
            tell(host, caller, service, body)
        return host.alive.serve(host.last_token, caller.id, service, body, local)

    # Effects -------------------------------------------------------------------------------------

    def take(self, host: Host, effects: Sequence[Effect]) -> None:
        """Urgent ones at once, the rest in order."""
        life = host.life
        for effect in effects:
            kind = type(effect)
            if kind is Send and effect.urgent:  # type: ignore[union-attr] # `kind is Send`
                self._send(host, effect)  # type: ignore[arg-type] # as above
            elif kind is Doubt:
                host.marker = None
            else:
                host.outbox.append(effect)
                continue
            if host.effects_left is not None and self._spent(host):
                return
        self._carry_out(host)
        if host.life == life:
            self.set_wake(host)

    def _carry_out(self, host: Host) -> None:
        if host.committing:
            return
        life = host.life
        if host.outbox:
            batch, host.outbox = host.outbox, []
            first = next((i for i, e in enumerate(batch) if type(e) is Persist), len(batch))
            self._do_all(host, batch[:first])
            if host.life != life:
                return
            writes = [w for e in batch[first:] if isinstance(e, Persist) for w in e.writes]
            if writes:
                self._begin(host, writes, batch[first:])
                return
            self._do_all(host, batch[first:])  # a Persist of nothing
        if host.closing and host.life == life:
            self._world.end(host, "stopped")

    def _begin(self, host: Host, writes: list[Write], behind: list[Effect]) -> None:
        host.committing = True
        for tell in self._world.audience.began:
            tell(host, writes)
        took = host.disk.begin(writes)
        self._world.at(took, self._synced, host, host.life, writes, behind)

    def _synced(self, host: Host, life: int, writes: list[Write], behind: list[Effect]) -> None:
        if host.life == life:
            synced = host.disk.finish()
            self._committed(host, life, synced, writes, behind)

    def _committed(
        self, host: Host, life: int, synced: Synced, writes: list[Write], behind: list[Effect]
    ) -> None:
        """The disk has finished; a host that stands still hears of it when it goes on."""
        world = self._world
        if host.life != life:
            return
        if host.stalled_until > world.now:
            wait = host.stalled_until - world.now
            world.at(wait, self._committed, host, life, synced, writes, behind)
            return
        if synced is Synced.FULL:
            # Nothing of it is there and nothing of it was said: tried again until there is room.
            world.at(FULL_AGAIN, self._again, host, life, writes, behind)
            self.tell_room(host, full=True)
            return
        if synced is Synced.FAILED:
            world.trace.tail(host, synced.value)
            world.end(host, "failed")
            return
        host.disk.heard()
        for tell in world.audience.durable:
            tell(host, writes)
        host.committing = False
        if host.effects_left is not None and self._spent(host):
            return
        self._mark(host, writes)
        self._do_all(host, behind)
        if host.life == life:
            self._carry_out(host)
        if host.life == life:
            self.tell_room(host, full=False)

    def tell_room(self, host: Host, *, full: bool) -> None:
        """What the real shell sees of the disk every two seconds, told when it changes."""
        if full is (host.full_in == host.life) or host.agent is None:
            return
        host.full_in = host.life if full else None
        self.arrive(host, "report", DiskRoom(NO_ROOM if full else ""))

    def _again(self, host: Host, life: int, writes: list[Write], behind: list[Effect]) -> None:
        if host.life == life:
            took = host.disk.begin(writes)
            self._world.at(took, self._synced, host, life, writes, behind)

    def _mark(self, host: Host, writes: list[Write]) -> None:
        host.head = newest_own(host, writes) or host.head
        agent = host.alive
        if agent.vouches_for(host.head):
            host.marker = Marker(host.boot, agent.birth.epoch.counter, host.head)

    def _do_all(self, host: Host, effects: Sequence[Effect]) -> None:
        life = host.life
        for effect in effects:
            self._do(host, effect)
            if host.life != life:
                return
            if (
                host.effects_left is not None
                and type(effect) is not Persist  # it counted when it became durable
                and self._spent(host)
            ):
                return

    def _do(self, host: Host, effect: Effect) -> None:
        match effect:
            case Send():
                self._send(host, effect)
            case Persist() | Doubt():
                pass  # done already, before anything behind it
            case Broadcast(datagram):
                self._world.broadcast(host, datagram)
            case Call():
                self._world.streams.call(host, effect)
            case Answer(token, body):
                if (waiting := host.serving.pop(token, None)) is not None:
                    waiting.answer(body)
            case Reply():
                self._reply(host, effect)
            case Progress(token, _):
                if token not in host.hung_up:
                    host.progress.append(effect)
            case Event():
                host.note(effect)
            case Look():
                self._world.at(0, self._look, host, host.life)
            case Watch():
                self._watch(host, effect)
            case KeepKeys() | Stop():
                self._do_rarely(host, effect)

    def _do_rarely(self, host: Host, effect: KeepKeys | Stop) -> None:
        match effect:
            case KeepKeys(keys):
                host.keys = keys
            case Stop(_, seeds):
                self._stop(host, for_good=seeds is not None)

    def _send(self, host: Host, send: Send) -> None:
        self._world.send(host, send.to, send.datagram)

    def _reply(self, host: Host, reply: Reply) -> None:
        if reply.token in host.hung_up:
            return  # whoever asked has gone, and stays gone
        host.replies[reply.token] = reply
        for tell in self._world.audience.answered:
            tell(host, reply)

    def _look(self, host: Host, life: int) -> None:
        if host.life == life:
            self._world.look(host.name)

    def _watch(self, host: Host, watch: Watch) -> None:
        watched = watch.hold, watch.pid, watch.started
        host.watches[watched] = None
        running = host.work.get(watch.pid)
        if running is None or running.started != watch.started:
            self._world.at(0, self.work_ended, host, host.life, watched)

    def work_ended(self, host: Host, life: int, watched: tuple[bytes, int, int]) -> None:
        """A process that a hold is tied to is gone."""
        if host.life == life:
            host.watches.pop(watched, None)
            self.arrive(host, "report", WorkEnded(*watched))

    def _stop(self, host: Host, *, for_good: bool) -> None:
        """The agent can't go on; a fresh start can, a few times in one process. `for_good`: only
        as another node, which nobody here has asked for."""
        started = host.starts_in_process
        self._world.end(host, "stopped")
        if started < STARTS_MAX and not for_good:
            self._world.at(0, self._start_again, host, host.life)

    def _start_again(self, host: Host, life: int) -> None:
        if host.life == life and host.agent is None:
            self._world.start(host.name, again=True)

    def _spent(self, host: Host) -> bool:
        """One more effect is carried out: whether it was the last of this life."""
        assert host.effects_left is not None
        if host.effects_left > 1:
            host.effects_left -= 1
            return False
        self._world.end(host, "killed")
        return True

    # Deadlines -----------------------------------------------------------------------------------

    def set_wake(self, host: Host) -> None:
        """Let the agent be woken when it wants to be."""
        if host.agent is None:
            return
        wanted = host.agent.next_wake
        if wanted is None or (host.wake_set_for is not None and host.wake_set_for <= wanted):
            return
        host.wake_set_for = wanted
        wait = host.clock.until(wanted, self._world.now)
        self._world.at(wait, self._wake, host, host.life, wanted)

    def _wake(self, host: Host, life: int, wanted: Instant) -> None:
        if host.life != life or host.wake_set_for != wanted:
            return
        host.wake_set_for = None
        if host.closing:
            return
        if host.lag or host.stalled_until > self._world.now:
            self.set_turn(host)
            return
        local = self.local(host)
        planned = host.alive.next_wake
        if planned is None or local < planned:
            self.set_wake(host)  # settled by what it heard meanwhile, or its clock was bent
            return
        self.step(host, "wake", host.alive.wake(local))


def newest_own(host: Host, writes: Sequence[Write]) -> Position | None:
    """The newest of the host's own blocks among `writes`, as it now is on disk."""
    heads: list[Position] = []
    for write in writes:
        if write.space == SPACE_BLOCK and write.value is not None and write.key.startswith(host.id):
            block = parse_block(write.value)
            assert not isinstance(block, Rejection), "we just wrote it"
            heads.append(block.position)
    return max(heads, default=None)
