"""Whole agents in one process: real sockets on loopback, real TLS, real journals."""

import io
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest
import trio

from ledger.leases import owner_span
from mesh.door.gate import Gate as MeshGate
from mesh.door.window import ReplayWindow
from mesh.effects import Address
from mesh.instant import SECOND
from mesh.keys.secret import Secret
from mesh.roll.membership import Liveness
from node.app import App, live
from node.config import UpOptions
from node.core import requests
from node.core.effects import Reply
from node.shell import clock
from node.shell.disk.state import StateError, StateFolder
from node.shell.telling.events import EventWriter
from simulations.demo.places import volatile

SMALL = "ram=64MiB,cores=0.05"


@dataclass
class Village:
    """Agents by name, and everything that they sent: (sender, to or None for all, datagram)."""

    folder: Path
    volatile: Path
    nursery: trio.Nursery
    # A fresh one each time: every test on this machine shares one loopback.
    secret: Secret = field(default_factory=lambda: Secret.generate(SystemRandom()))
    apps: dict[str, App] = field(default_factory=dict)
    capture: list[tuple[str, Address | None, bytes]] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)
    """Whose cable is cut: what they say goes nowhere."""

    async def start(self, name: str, *, first: bool = True) -> App:
        state = StateFolder.open(self.folder / name)
        if state.read_secret() is None:
            state.write_secret(self.secret.text)
        app: App = await self.nursery.start(live, *self.told(name, first=first))
        self._record(name, app)
        self.apps[name] = app
        return app

    def told(
        self, name: str, *, first: bool = True
    ) -> tuple[UpOptions, dict[str, str], EventWriter]:
        """What `live` is told to start this agent."""
        environment = {
            "HOLDFAST_RUNTIME_DIR": str(self.volatile),
            "HOLDFAST_MACHINE_DIR": str(self.volatile / "machine"),
        }
        options = UpOptions(
            state=self.folder / name, port=0, name=name, offer=SMALL, interfaces=("lo",),
            first=first,
        )  # fmt: skip
        return options, environment, EventWriter(io.StringIO())

    def _record(self, name: str, app: App) -> None:
        send, broadcast = app.gate.send, app.gate.broadcast

        def recorded_send(to: Address, datagram: bytes) -> None:
            if name not in self.muted:
                self.capture.append((name, to, datagram))
                send(to, datagram)

        def recorded_broadcast(datagram: bytes) -> None:
            if name not in self.muted:
                self.capture.append((name, None, datagram))
                broadcast(datagram)

        app.gate.send = recorded_send  # type: ignore[method-assign] # a tap on the wire
        app.gate.broadcast = recorded_broadcast  # type: ignore[method-assign] # the same

    async def stop(self, name: str) -> None:
        app = self.apps.pop(name)
        app.stopping.set()
        with trio.fail_after(10):
            while (self.folder / name / "agent.sock").exists():
                await trio.sleep(0.01)
            await trio.sleep(0.1)

    async def ask(self, name: str, request: requests.Request) -> Reply:
        with trio.fail_after(20):
            async with self.apps[name].driver.ask(request) as lines:
                async for line in lines:
                    if isinstance(line, Reply):
                        return line
        raise AssertionError("a conversation ends with its reply")

    async def full_view(self) -> None:
        with trio.fail_after(10):
            while not all(self._sees_all(app) for app in self.apps.values()):
                await trio.sleep(0.02)

    def _sees_all(self, app: App) -> bool:
        members = app.agent.knowledge.members()
        alive = [m for m in members if m.liveness is Liveness.ALIVE]
        return len(alive) == len(self.apps) - 1 and all(
            app.agent.knowledge.fact(m.id, topic)
            for m in alive
            for topic in ("inventory", "live", "standing")
        )


@asynccontextmanager
async def village(folder: Path, *names: str) -> AsyncIterator[Village]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="hf-", dir=volatile()) as runtime:
        async with trio.open_nursery() as nursery:
            here = Village(folder, Path(runtime), nursery)
            for name in names:
                await here.start(name)
            await here.full_view()
            yield here
            for name in list(here.apps):
                await here.stop(name)
            nursery.cancel_scope.cancel()


async def test_three_agents_meet_by_beacon_and_see_each_others_facts(tmp_path: Path) -> None:
    async with village(tmp_path, "ann", "bob", "cyd") as here:
        for name in here.apps:
            reply = await here.ask(name, requests.Facts())
            assert sorted(row["name"] for row in reply.body["nodes"]) == ["ann", "bob", "cyd"]
            assert all(row["inventory"]["memory_total"]["value"] for row in reply.body["nodes"])


async def test_a_hold_made_from_afar_survives_a_clean_restart_of_its_owner(tmp_path: Path) -> None:
    async with village(tmp_path, "ann", "bob") as here:
        ask = requests.Reserve({"ram": "8MiB", "node": "bob"}, term_ms=600_000)
        made = await here.ask("ann", ask)
        assert made.ok, made.body
        assert made.body["stored_on"] == ["ann"]
        await here.stop("bob")
        await here.start("bob")
        assert here.apps["bob"].agent.birth.continuity.proven
        reply = await here.ask("bob", requests.Holds())
        assert [hold["id"] for hold in reply.body["holds"]] == [made.body["id"]]


async def test_who_leaves_is_known_to_have_left_at_once(tmp_path: Path) -> None:
    async with village(tmp_path, "ann", "bob") as here:
        bob = here.apps["bob"]
        bob.leaving = True
        await here.stop("bob")
        with trio.fail_after(2):
            while _liveness(here.apps["ann"], bob) is not Liveness.LEFT:
                await trio.sleep(0.01)
        await here.start("bob")
        await here.full_view()


async def test_a_restart_gives_a_booking_no_time_back(tmp_path: Path) -> None:
    async with village(tmp_path, "ann") as here:
        await here.apps["ann"].probing.looked.wait()
        made = await here.ask("ann", requests.Reserve({"ram": "8MiB"}, term_ms=3_600_000))
        await trio.sleep(1.2)
        await here.stop("ann")
        await here.start("ann", first=False)
        hold = bytes.fromhex(made.body["id"])
        left = here.apps["ann"].agent.ledger.remaining(hold, clock.now())
        full = owner_span(3_600 * SECOND)
        assert left is not None
        assert left < full - SECOND


async def test_a_peer_is_asked_over_tls_and_answers_only_questions(tmp_path: Path) -> None:
    async with village(tmp_path, "ann", "bob") as here:
        ann, bob = here.apps["ann"], here.apps["bob"]
        address = Address("127.0.0.1", bob.gate.port)

        async def query(body: bytes) -> bytes:
            return await ann.dialler.call([address], bob.agent.identity.id, "query", body, 5)

        assert b'"name":"bob"' in await query(b'{"type":"status"}')
        refused = await query(b'{"type":"release","id":"00"}')
        assert b'"code":"policy"' in refused
        assert b"bad_request" in await query(b"not json")


async def test_an_invite_brings_the_secret_once(tmp_path: Path) -> None:
    async with village(tmp_path, "ann") as here:
        from mesh.keys.invite import parse_invite
        from node.shell.streams.one_call import call_pinned

        ann = here.apps["ann"]
        reply = await here.ask("ann", requests.Invite())
        invite = parse_invite(reply.body["invite"])
        assert invite.inviter == ann.agent.identity.id

        def redeem() -> bytes:
            return call_pinned(invite.addresses, invite.inviter, "join", invite.token)[0]

        first = await trio.to_thread.run_sync(redeem)
        again = await trio.to_thread.run_sync(redeem)
        assert here.secret.text.encode() in first
        assert here.secret.text.encode() not in again
        assert b"used already" in again


def observed(here: Village) -> dict[str, Any]:
    """All that a replay must not change."""
    return {
        name: {
            "disk": _without_time(app.here.journal.load()),
            "roll": [(m.id, m.trust, m.liveness, m.epoch) for m in app.agent.mesh.roll.members()],
            "facts": [
                (f.author, f.topic, f.version) for f in app.agent.mesh.board if f.topic != "live"
            ],
            "logs": [app.agent.mesh.chains.chain(a) for a in app.agent.mesh.chains.authors()],
            "holds": app.agent.ledger.books.state_hash(),
        }
        for name, app in here.apps.items()
    }


async def settled(here: Village) -> dict[str, Any]:
    """What is observed once nothing has changed by itself for a while (the probes have looked)."""
    before = observed(here)
    with trio.fail_after(20):
        while True:
            await trio.sleep(1.5)
            now = observed(here)
            if now == before:
                return now
            before = now


def differences(before: Any, after: Any, where: str = "") -> list[str]:
    """Where two observations differ, down to the leaf, for a person to read."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after}, key=str)
        return [
            line
            for key in keys
            for line in differences(before.get(key), after.get(key), f"{where}/{key!r}")
        ]
    return [] if before == after else [f"{where}: {before!r} -> {after!r}"]


def _without_time(spaces: dict[str, dict[bytes, bytes]]) -> dict[str, dict[bytes, bytes]]:
    """Less what a quiet agent may write while we look: how long its bookings still have."""
    return {space: rows for space, rows in spaces.items() if space != "remaining"}


async def play_back(here: Village) -> None:
    """Everything that was ever sent, from a stranger's address, to everyone."""
    stranger = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    with stranger:
        await stranger.bind(("127.0.0.1", 0))
        for number, (_, _, datagram) in enumerate(list(here.capture)):
            for app in here.apps.values():
                await stranger.sendto(datagram, ("127.0.0.1", app.gate.port))
            if number % 20 == 19:
                await trio.sleep(0.02)
        await trio.sleep(0.5)


def _liveness(app: App, of: App) -> Liveness | None:
    member = app.agent.mesh.roll.member(of.agent.identity.id)
    return None if member is None else member.liveness


@pytest.mark.parametrize("restarted", [None, "ann"])
async def test_a_recording_of_everything_played_back_changes_nothing(
    tmp_path: Path, restarted: str | None
) -> None:
    async with village(tmp_path, "ann", "bob") as here:
        made = await here.ask("ann", requests.Reserve({"ram": "8MiB", "node": "bob"}, 600_000))
        assert made.ok
        if restarted is not None:
            await here.stop(restarted)
            await here.start(restarted)
            await here.full_view()
        before = await settled(here)
        await play_back(here)
        assert differences(before, observed(here)) == []


@pytest.mark.parametrize(
    ("fault", "restarted"),
    [("none", False), ("none", True), ("no window", False), ("no challenge", True)],
)
async def test_the_dead_are_woken_by_a_recording_only_with_a_check_switched_off(
    tmp_path: Path, fault: str, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "no window":
        monkeypatch.setattr(ReplayWindow, "would_accept", lambda _self, _counter: True)
    if fault == "no challenge":
        monkeypatch.setattr(MeshGate, "believes", lambda _self, _hello: True)
    async with village(tmp_path, "ann", "bob") as here:
        bob = here.apps.pop("bob")
        # Who greeted whom was chance; the recording must hold a hello of the one that dies.
        ann = here.apps["ann"]
        hello = bob.agent.mesh._post.gate.hello(ann.agent.identity.id, clock.now())
        bob.gate.send(Address("127.0.0.1", ann.gate.port), hello)
        await trio.sleep(0.3)
        here.muted.add("bob")
        if restarted:
            await here.stop("ann")
            ann = await here.start("ann")
        with trio.fail_after(20):
            while _liveness(ann, bob) is not Liveness.DEAD:
                await trio.sleep(0.05)
        here.capture = [row for row in here.capture if row[0] == "bob"]
        before = await settled(here)
        await play_back(here)
        harmed = observed(here) != before
        assert harmed == (fault != "none")
        here.apps["bob"] = bob


async def test_a_copy_of_a_running_agents_folder_is_refused_beside_it(tmp_path: Path) -> None:
    async with village(tmp_path, "ann") as here:
        shutil.copytree(
            tmp_path / "ann", tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock")
        )
        with pytest.raises(StateError, match="runs with this very key"):
            await live(*here.told("copy"))
        assert (await here.ask("ann", requests.Status())).body["standing"]["state"] == "open"


async def test_an_interface_that_does_not_exist_is_named(tmp_path: Path) -> None:
    options = UpOptions(state=tmp_path, interfaces=("nosuch0",))
    with pytest.raises(StateError, match="no interface is called nosuch0") as refused:
        await live(options, {}, EventWriter(io.StringIO()))
    assert "lo" in refused.value.hint
