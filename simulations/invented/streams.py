"""Invented streams: one request and its answer over mutual TLS, with all that can come between.

A request reaches whoever shows the right key, or the call ends at once; a connection that breaks
ends it too, before the request was read or after the work was done; a cut way is silence until the
deadline. Nothing half ever arrives: TLS sees to that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh.effects import Call
from mesh.identity import NodeId
from simulations.invented.host import Host
from simulations.invented.overheard import overheard

if TYPE_CHECKING:
    from simulations.invented.world import World


class Streams:
    """Every stream request in one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def call(self, host: Host, call: Call) -> None:
        """What an agent asks of a peer."""
        world = self._world
        if host.clock.read(world.now) >= call.deadline:  # it was decided too long ago to be said
            world.at(0, world.shell.arrive, host, "answered", call.id, None)
            return
        for tell in world.audience.called:
            tell(host, call)
        if (sent := overheard(call, host.name, world.now)) is not None:
            world.commands.append(sent)
        known = [at for a in call.addresses if (at := world.host_at(a.host)) is not None]
        exchange = _Exchange(
            world, host, host.life, self._reachable(host, known, call.to), call.to, call.service,
            call.body, lambda body: world.shell.arrive(host, "answered", call.id, body),
        )  # fmt: skip
        exchange.set_out()
        world.at(host.clock.until(call.deadline, world.now), exchange.end, None)

    def request(
        self, host: Host, target: Host, service: str, body: bytes,
        done: Callable[[bytes | None], None],
    ) -> None:  # fmt: skip
        """A request that the host's key makes and no agent knows of."""
        world = self._world
        exchange = _Exchange(world, host, host.life, target, target.id, service, body, done)
        exchange.set_out()

    def _reachable(self, host: Host, known: list[Host], to: NodeId) -> Host | None:
        """The first address at which the right key answers, as a dialler would find it."""
        right = (
            one
            for one in known
            if one.agent is not None
            and one.id == to
            and not self._world.network.is_cut(host.name, one.name)
        )
        return next(right, known[0] if known else None)


@dataclass(slots=True)
class _Exchange:
    """One request on its way there and back."""

    world: World
    caller: Host
    life: int
    target: Host | None
    to: NodeId
    service: str
    body: bytes
    done: Callable[[bytes | None], None]
    open: bool = True

    def set_out(self) -> None:
        if self.target is not None and not self._cut(self.caller, self.target):
            self._leg(self.caller, self.target, self._arrive)

    def end(self, body: bytes | None) -> None:
        """The caller hears the answer, or that there is none."""
        if not self.open or self.caller.life != self.life:
            return
        if self.caller.asleep:
            if body is None:  # what ends while it sleeps, it learns when it wakes
                wait = self.caller.stalled_until - self.world.now
                self.world.at(max(0, wait), self.end, None)
            return
        self.open = False
        self.done(body)

    def answer(self, body: bytes) -> None:
        """The target's agent has answered."""
        assert self.target is not None
        for tell in self.world.audience.returned:
            tell(self.target, self.caller, self.service, body)
        if not self._cut(self.target, self.caller):
            self._leg(self.target, self.caller, self.end, body)

    def broken(self) -> None:
        """The target's process is gone, and its system says so."""
        assert self.target is not None
        if not self._cut(self.target, self.caller):
            self._leg(self.target, self.caller, self.end, None)

    def _arrive(self) -> None:
        target = self.target
        assert target is not None
        if target.dark or target.asleep:
            return  # silence
        known = target.agent is not None and not target.closing and target.id == self.to
        if not known or not self._share_a_secret(target):
            self.broken()
            return
        self.world.shell.arrive(target, "serve", self.caller, self, self.service, self.body)

    def _share_a_secret(self, target: Host) -> bool:
        """One in common is enough: the dialler tries each of its own in turn."""
        ours, theirs = (host.keys or self.world.keys for host in (self.caller, target))
        return any(theirs.named(keys.key_id) is not None for keys in ours.keys)

    def _leg(self, source: Host, target: Host, then: Callable[..., None], *args: object) -> None:
        late = self.world.network.stream(source.name, target.name)
        if late is None:
            self.world.at(0, self.end, None)
        else:
            self.world.at(late, then, *args)

    def _cut(self, source: Host, target: Host) -> bool:
        if self.world.network.is_cut(source.name, target.name):
            self.world.network.met["cut stream"] += 1
            return True
        return False
