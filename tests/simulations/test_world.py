"""One seed is one history; and whoever watches sees all of it and changes nothing."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from ledger.commands import GrantKind, Hold, Inquire, Leg, Outcome, Post
from mesh.effects import Address, Call
from mesh.instant import MILLISECOND, SECOND
from mesh.persistence import SPACE_BLOCK, Write
from node.core import requests
from node.core.effects import Effect, Reply
from node.core.requests import Request
from simulations.invented import signatures
from simulations.invented.hardware import GIB
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.observing import EVENTS, Audience, Observer
from simulations.invented.world import World

ROUGH = Weather(
    MILLISECOND, 5 * MILLISECOND, loss=0.05, duplication=0.05, reordering=0.1, corruption=0.02,
    delay_tail=0.01, breakage=0.02,
)  # fmt: skip


def evening(seed: int, watcher: Observer | None = None, scheme: str = "stand-in") -> World:
    """A little of everything."""
    world = World(seed, ROUGH, scheme=scheme)
    if watcher is not None:
        world.observe(watcher)
    names = ["ann", "bob", "cyd"]
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(2 * SECOND)
    for name in names:
        world.ask(name, requests.Reserve({"ram": "2GiB"}, 60_000))
    world.run(SECOND)
    cut = world.network.cut(["ann"], ["bob"])
    world.pause("cyd", SECOND)
    world.crash_at_effect("bob", 7)
    world.run(5 * SECOND)
    world.network.mend(cut)
    if world.hosts["bob"].agent is None:
        world.start("bob")
    world.set_clock_rate("ann", 5_000)
    world.slow("cyd", 20)
    world.crash("ann", power=True)
    world.start("ann")
    world.run(5 * SECOND)
    return world


def test_one_seed_is_one_hash_and_another_is_another() -> None:
    first, again = evening(1), evening(1)
    assert first.trace.hexdigest() == again.trace.hexdigest()
    assert first.trace.entries == again.trace.entries > 250
    assert first.happened == again.happened
    assert evening(2).trace.hexdigest() != first.trace.hexdigest()


def test_the_hash_hangs_on_a_single_bit() -> None:
    hashes = set()
    for word in (b"a", b"b", None):
        world = World(1)
        world.add("ann")
        world.start("ann", first=True)
        world.run(SECOND)
        if word is not None:
            world.inject("ann", word, Address("10.9.9.9", 4653))
        hashes.add(world.trace.hexdigest())
    assert len(hashes) == 3


def test_with_real_signatures_the_same_happens() -> None:
    outcomes = []
    for scheme in signatures.SCHEMES:
        world = World(3, scheme=scheme)
        for name in ("ann", "bob"):
            world.add(name)
            world.start(name, first=True)
        world.run(2 * SECOND)
        ask = requests.Reserve({"ram": "2GiB", "node": "bob"}, 60_000)
        outcomes.append(world.answer("ann", ask).body["stored_on"])
    assert outcomes == [["ann"], ["ann"]]


class Everything(Observer):
    """Counts each kind of event, and checks what was promised about its order."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.seconds: list[int] = []
        self.under_way: dict[str, Sequence[Write]] = {}

    def started(self, host: Host) -> None:
        self.seen["started"] += 1
        assert not host.outbox, "none of its first effects has been carried out"

    def ended(self, host: Host, how: str) -> None:
        self.seen["ended"] += 1
        self.ends[how] += 1
        assert host.agent is None
        self.under_way.pop(host.name, None)

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        self.seen["stepped"] += 1
        self.causes[cause] += 1

    def sent(self, host: Host, to: Address | None, datagram: bytes) -> None:
        self.seen["sent"] += 1

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        self.seen["delivered"] += 1

    def began(self, host: Host, writes: Sequence[Write]) -> None:
        self.seen["began"] += 1
        assert host.name not in self.under_way, "one transaction at a time"
        self.under_way[host.name] = writes

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        self.seen["durable"] += 1
        assert self.under_way.pop(host.name) is writes
        kept = host.disk.durable
        last = {(write.space, write.key): write.value for write in writes}
        assert all(kept[space].get(key) == value for (space, key), value in last.items())

    def asked(self, host: Host, token: int, request: Request) -> None:
        self.seen["asked"] += 1

    def answered(self, host: Host, reply: Reply) -> None:
        self.seen["answered"] += 1

    def called(self, host: Host, call: Call) -> None:
        self.seen["called"] += 1

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        self.seen["served"] += 1

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        self.seen["returned"] += 1

    def second(self, world: World) -> None:
        self.seen["second"] += 1
        self.seconds.append(world.now)


def test_a_watcher_sees_every_kind_of_event_and_the_world_goes_on_as_without_it() -> None:
    everything = Everything()
    watched = evening(1, everything)
    assert set(everything.seen) == set(EVENTS)
    assert set(everything.ends) == {"killed", "power"}
    assert {"start", "datagram", "wake", "ask", "serve", "answered", "report"} <= set(
        everything.causes
    )
    assert everything.seconds == [n * SECOND for n in range(1, 14)]
    assert watched.trace.hexdigest() == evening(1).trace.hexdigest()


def test_what_nobody_watches_costs_nothing() -> None:
    audience = Audience()
    audience.join(Observer())
    assert all(getattr(audience, kind) == () for kind in EVENTS)

    class OnlyEnds(Observer):
        def ended(self, host: Host, how: str) -> None:
            raise AssertionError("not called here")

    audience.join(OnlyEnds())
    assert [kind for kind in EVENTS if getattr(audience, kind)] == ["ended"]


# Commands of any holder --------------------------------------------------------------------------


def command(world: World, of: str, to: str, what: Any) -> Any:
    token = world.command(of, to, what)
    assert world.run_until(lambda: token in world.command_answers, SECOND)
    return world.command_answers[token]


@pytest.fixture
def world() -> World:
    world = World(5)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(2 * SECOND)
    return world


def test_a_command_is_signed_by_who_sends_it_and_answered_by_the_owners_books(
    world: World,
) -> None:
    session = world.hosts["bob"].alive.ledger.session
    legs = (Leg("ram", GIB),)
    hold = Hold(b"h" * 16, session, legs, GrantKind.BOOKING, 60 * SECOND, "", "")
    assert command(world, "ann", "bob", hold).outcome is Outcome.HELD
    assert command(world, "ann", "bob", hold).outcome is Outcome.HELD, "the same request again"
    stolen = Post(b"h" * 16, session)
    assert command(world, "bob", "bob", stolen).outcome is Outcome.NOT_HOLDER
    assert command(world, "ann", "bob", stolen).outcome is Outcome.POSTED
    stale = Inquire(b"h" * 16, b"another session.")
    assert command(world, "ann", "bob", stale).outcome is Outcome.WRONG_SESSION


def test_a_broken_connection_may_come_after_the_work_was_done(world: World) -> None:
    """The answer is lost, the hold is not."""
    world.network.set_link("bob", "ann", Weather(breakage=1.0))
    session = world.hosts["bob"].alive.ledger.session
    hold = Hold(b"h" * 16, session, (Leg("ram", GIB),), GrantKind.BOOKING, 60 * SECOND, "", "")
    assert command(world, "ann", "bob", hold) is None
    assert hold.id in world.hosts["bob"].alive.ledger.books.live
    world.network.set_link("bob", "ann", None)
    assert command(world, "ann", "bob", hold).outcome is Outcome.HELD


def test_a_broken_connection_may_come_before_anything_was_read(world: World) -> None:
    world.network.set_link("ann", "bob", Weather(breakage=1.0))
    session = world.hosts["bob"].alive.ledger.session
    hold = Hold(b"h" * 16, session, (Leg("ram", GIB),), GrantKind.BOOKING, 60 * SECOND, "", "")
    assert command(world, "ann", "bob", hold) is None
    world.run(SECOND)
    assert hold.id not in world.hosts["bob"].alive.ledger.books.live


def test_a_cut_on_the_way_back_is_silence_after_the_work_was_done(world: World) -> None:
    world.network.cut(["bob"], ["ann"], one_way=True)
    session = world.hosts["bob"].alive.ledger.session
    hold = Hold(b"h" * 16, session, (Leg("ram", GIB),), GrantKind.BOOKING, 60 * SECOND, "", "")
    token = world.command("ann", "bob", hold)
    world.run(5 * SECOND)
    assert token not in world.command_answers
    assert hold.id in world.hosts["bob"].alive.ledger.books.live


def test_after_a_night_of_faults_what_is_durable_is_what_the_agents_believe() -> None:
    world = evening(4)
    world.slow("cyd", 0)
    world.network.weather = Weather()
    world.run(120 * SECOND)
    for host in world.up():
        chain = host.alive.mesh.chains.chain(host.id)
        assert [block.hash for block in host.own_blocks()] == [block.hash for block in chain]
        assert any(key.startswith(host.id) for key in host.disk.durable[SPACE_BLOCK])
