"""A stranger recorded every datagram and plays them all back. Nothing may change anywhere.

Played at once, and after a restart of either side; from the address it came from and from another.
The same judgement fails when the replay window is switched off, and when a hello alone is believed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mesh.door.gate import Gate
from mesh.door.window import ReplayWindow
from mesh.effects import Address
from mesh.instant import SECOND
from mesh.letters.datagram import Kind
from mesh.roll.membership import Liveness
from node.core import requests
from simulations.invented.world import PORT, World

KIND_AT = 3
"""Where a datagram says what it is, behind magic and version."""
EVIL = Address("10.9.9.9", 4653)


@dataclass(frozen=True)
class Heard:
    """One recorded datagram: who it was meant for (None: everyone), and who sent it."""

    to: str | None
    source: Address
    datagram: bytes


def lively_evening() -> tuple[World, list[Heard]]:
    """Three nodes meet, hold, release, and one of them dies. Everything said is recorded."""
    world = World(7)
    capture: list[Heard] = []

    def record(sender: str, to: Address | None, datagram: bytes) -> None:
        target = next((h.name for h in world.hosts.values() if to and h.address == to.host), None)
        capture.append(Heard(target, Address(world.hosts[sender].address, PORT), datagram))

    world.tap = record
    for name in ("ann", "bob", "cyd"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    held = world.answer("ann", requests.Reserve({"ram": "1GiB", "node": "bob"}, term_ms=3_600_000))
    kept = world.answer("cyd", requests.Reserve({"ram": "1GiB", "node": "ann"}, term_ms=3_600_000))
    assert held.ok
    assert kept.ok
    assert world.answer("ann", requests.Release(held.body["id"])).ok
    world.run(2 * SECOND)
    # Who greeted whom was chance; the recording must hold a hello of the one that dies.
    cyd, ann = world.hosts["cyd"], world.hosts["ann"]
    hello = cyd.alive.mesh._post.gate.hello(ann.id, world.now + cyd.clock_offset)
    capture.append(Heard("ann", Address(cyd.address, PORT), hello))
    world.inject("ann", hello, Address(cyd.address, PORT))
    world.run(SECOND)
    world.crash("cyd")
    assert world.run_until(lambda: _liveness(world, "ann", "cyd") is Liveness.DEAD, 30 * SECOND)
    assert world.run_until(lambda: _liveness(world, "bob", "cyd") is Liveness.DEAD, 30 * SECOND)
    world.run(2 * SECOND)
    return world, capture


def _liveness(world: World, at: str, of: str) -> Liveness | None:
    member = world.hosts[at].alive.mesh.roll.member(world.hosts[of].id)
    return None if member is None else member.liveness


def everything(world: World) -> dict[str, Any]:
    """All that a replay must not change, of every host that is up."""
    return {
        host.name: {
            "disk": {space: dict(rows) for space, rows in sorted(host.disk.durable.items())},
            "roll": [
                (m.id, m.trust, m.liveness, m.epoch, m.answered)
                for m in host.alive.mesh.roll.members()
            ],
            "facts": [(f.author, f.topic, f.version) for f in host.alive.mesh.board],
            "logs": [
                (author, host.alive.mesh.chains.chain(author))
                for author in host.alive.mesh.chains.authors()
            ],
            "holds": host.alive.ledger.books.state_hash(),
            "root": host.alive.mesh.root,
        }
        for host in world.hosts.values()
        if host.agent is not None
    }


def play_back(world: World, capture: list[Heard]) -> None:
    """Everything, to whom it was meant and to everyone else, as fast as the wire takes it."""
    up = [host.name for host in world.hosts.values() if host.agent is not None]
    for heard in capture:
        for name in up:
            for source in (heard.source, EVIL):
                world.inject(name, heard.datagram, source)
        world.run(SECOND // 1000)
    world.run(3 * SECOND)


def judged(world: World, capture: list[Heard]) -> None:
    """Play it back; nothing has changed, and hardly anything was answered."""
    before = everything(world)
    recorder, world.tap = world.tap, None
    answered: list[bytes] = []
    world.tap = lambda _name, to, datagram: answered.append(datagram) if to == EVIL else None
    play_back(world, list(capture))
    world.tap = recorder
    assert everything(world) == before
    assert sum(map(len, answered)) <= sum(len(heard.datagram) for heard in capture)
    # A replayed beacon earns at most one hello at its source, and that only so often.
    up = sum(host.agent is not None for host in world.hosts.values())
    beacons = sum(heard.datagram[KIND_AT] == Kind.BEACON for heard in capture)
    hellos = sum(datagram[KIND_AT] == Kind.HELLO for datagram in answered)
    assert hellos <= beacons * up


def restarted(name: str) -> Callable[[World], None]:
    def restart(world: World) -> None:
        world.crash(name)
        world.run(SECOND // 2)
        world.start(name)
        world.run(8 * SECOND)

    return restart


def test_played_back_at_once_nothing_changes() -> None:
    world, capture = lively_evening()
    judged(world, capture)


@pytest.mark.parametrize("name", ["ann", "bob"])
def test_played_back_after_a_restart_of_either_side_nothing_changes(name: str) -> None:
    world, capture = lively_evening()
    restarted(name)(world)
    judged(world, capture)


def test_played_back_to_a_node_that_has_met_nobody_since_its_start() -> None:
    world, capture = lively_evening()
    world.crash("ann")
    world.crash("bob")
    world.run(SECOND)
    world.start("ann")
    world.run(20 * SECOND)
    judged(world, capture)


def test_with_the_window_switched_off_the_dead_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayWindow, "would_accept", lambda _self, _counter: True)
    world, capture = lively_evening()
    with pytest.raises(AssertionError):
        judged(world, capture)


def test_with_the_challenge_switched_off_the_dead_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, capture = lively_evening()
    restarted("ann")(world)
    # Only now: without challenges the evening itself may go wrong in ways that prove nothing.
    monkeypatch.setattr(Gate, "believes", lambda _self, _hello: True)
    with pytest.raises(AssertionError):
        judged(world, capture)
