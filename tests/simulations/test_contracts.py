"""What the invented disk, network and clock share with the real ones.

Each contract is put to both, so that what is proven in there holds out here. The desk's own is
`tests/node/shell/test_driver.py`.
"""

import resource
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

import apsw
import pytest
import trio

from ledger.limits import RATE_MARGIN_PERCENT
from mesh.effects import Address
from mesh.instant import MILLISECOND
from mesh.persistence import Write
from node.shell import clock as real_clock
from node.shell.datagrams import udp
from node.shell.datagrams.udp import DATAGRAM_BYTES_MAX, Gate
from node.shell.disk.journal import Journal, JournalCorrupt, JournalFailed, JournalFull, set_aside
from simulations.invented.clock import DRIFT_PPM_MAX, Clock
from simulations.invented.disk import Disk, Spaces, Synced
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.observing import Observer
from simulations.invented.world import World

both = pytest.mark.parametrize("kind", ["real", "invented"])


# Disks -------------------------------------------------------------------------------------------


class Kept(Protocol):
    """A journal under test, and what may befall it."""

    def commit(self, writes: list[Write]) -> Synced: ...
    def start(self) -> Spaces:
        """The process begins anew and reads what is there."""
        ...

    def crash_during(self, writes: list[Write]) -> None: ...
    def fill(self, full: bool) -> None: ...
    def fail_next(self) -> None: ...
    def damage(self) -> None: ...


class InventedKept:
    def __init__(self, seed: int) -> None:
        self.disk = Disk(Random(seed))

    def commit(self, writes: list[Write]) -> Synced:
        return self.disk.write(writes)

    def start(self) -> Spaces:
        self.disk.crash()
        return self.disk.open()

    def crash_during(self, writes: list[Write]) -> None:
        self.disk.begin(writes)
        self.disk.crash()

    def fill(self, full: bool) -> None:
        self.disk.fill(full)

    def fail_next(self) -> None:
        self.disk.fail_sync(1)

    def damage(self) -> None:
        self.disk.damage()


class FailingConnection:
    """SQLite whose commit reaches a disk that fails."""

    system_errno = 5

    def execute(self, *_arguments: object) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        raise apsw.IOError("disk I/O error")


class RealKept:
    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = Random(seed)
        self.path = folder / "0" / "journal.sqlite3"
        self.path.parent.mkdir()
        self.journal = Journal.open(self.path)
        self.room = resource.getrlimit(resource.RLIMIT_FSIZE)

    @property
    def wal(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def commit(self, writes: list[Write]) -> Synced:
        try:
            self.journal.commit(writes)
        except JournalFull:
            return Synced.FULL
        except JournalFailed:
            return Synced.FAILED
        return Synced.DURABLE

    def start(self) -> Spaces:
        self._move()  # as a kill leaves it: nobody closed anything
        try:
            self.journal = Journal.open(self.path)
            return self.journal.load()
        except JournalCorrupt:
            set_aside(self.path)
            self.journal = Journal.open(self.path)
            return self.journal.load()

    def crash_during(self, writes: list[Write]) -> None:
        before = self.wal.stat().st_size
        assert self.commit(writes) is Synced.DURABLE
        after = self.wal.stat().st_size
        self._move()
        whole = self.wal.read_bytes()
        self.wal.write_bytes(whole[: self.dice.choice([before, after, (before + after) // 2])])
        self.journal = Journal.open(self.path)

    def fill(self, full: bool) -> None:
        limit = self.wal.stat().st_size if full else self.room[0]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, self.room[1]))

    def fail_next(self) -> None:
        self.journal._connection = FailingConnection()  # type: ignore[assignment] # a bad disk

    def damage(self) -> None:
        self.journal._checkpoint()
        rows = bytearray(self.path.read_bytes())
        at = rows.index(b"a value to be bent")
        rows[at] ^= 1
        self.path.write_bytes(rows)
        self.wal.write_bytes(b"")

    def _move(self) -> None:
        folder = self.path.parent.with_name(str(int(self.path.parent.name) + 1))
        shutil.copytree(self.path.parent, folder)
        self.path = folder / self.path.name


@pytest.fixture
def kept(kind: str, tmp_path: Path) -> Iterator[Kept]:
    if kind == "invented":
        yield InventedKept(5)
        return
    real = RealKept(5, tmp_path)
    yield real
    real.fill(False)


def row(number: int) -> list[Write]:
    return [Write("meta", b"k%d" % number, b"v"), Write("meta", b"newest", b"%d" % number)]


@both
def test_what_was_committed_is_there_at_the_next_start_in_order(kept: Kept, kind: str) -> None:
    assert kept.start() == {}
    twice = [Write("meta", b"k", b"first"), Write("meta", b"k", b"second")]
    assert kept.commit([*twice, Write("peer", b"gone", b"x")]) is Synced.DURABLE
    assert kept.commit([Write("peer", b"gone", None)]) is Synced.DURABLE
    assert {space: rows for space, rows in kept.start().items() if rows} == {
        "meta": {b"k": b"second"}
    }


@both
def test_a_batch_is_there_whole_or_not_at_all_and_what_was_before_it_stays(
    kept: Kept, kind: str
) -> None:
    whole = set()
    for number in range(1, 13):
        before = kept.start().get("meta", {})
        kept.crash_during(row(number))
        after = kept.start().get("meta", {})
        there = b"k%d" % number in after
        whole.add(there)
        assert after == (before | {w.key: w.value for w in row(number)} if there else before)
    assert whole == {True, False}


@both
def test_on_a_full_disk_nothing_of_a_batch_is_there_and_nothing_before_it_is_lost(
    kept: Kept, kind: str
) -> None:
    kept.commit(row(1))
    kept.fill(True)
    large = [Write("block", bytes([n]), b"x" * 4000) for n in range(100)]
    assert kept.commit(large) is Synced.FULL
    kept.fill(False)
    assert kept.start() == {"meta": {b"k1": b"v", b"newest": b"1"}}
    assert kept.commit(row(2)) is Synced.DURABLE


@both
def test_after_a_failed_sync_a_new_start_reads_what_is_really_there(kept: Kept, kind: str) -> None:
    kept.commit(row(1))
    kept.fail_next()
    assert kept.commit(row(2)) is Synced.FAILED
    found = kept.start()["meta"]
    assert found[b"k1"] == b"v"
    assert (b"k2" in found) == (found[b"newest"] == b"2")
    assert kept.commit(row(3)) is Synced.DURABLE


@both
def test_a_bent_bit_is_found_at_the_start_and_nothing_of_it_is_believed(
    kept: Kept, kind: str
) -> None:
    kept.commit([Write("meta", b"k", b"a value to be bent")])
    kept.damage()
    assert kept.start() == {}
    assert kept.commit(row(1)) is Synced.DURABLE


# Networks ----------------------------------------------------------------------------------------


@dataclass
class Wire:
    """Two ends of a network."""

    send: Callable[[bytes], None]
    send_to_nobody: Callable[[bytes], None]
    send_too_long: Callable[[bytes], None]
    """As somebody would who is no agent of ours."""
    sender: Address
    until: Callable[[int], Awaitable[None]]
    """Wait until so many have come."""
    came: list[tuple[bytes, Address]] = field(default_factory=list)


@asynccontextmanager
async def real_wire(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    here = await Gate.open(0, "127.0.0.1", ("lo",))
    there = await Gate.open(0, "127.0.0.1", ("lo",))
    monkeypatch.setattr(udp, "open_ears", lambda _: ([], []))  # its own port only, no beacons
    there_at = Address("127.0.0.1", there.port)
    nobody = await Gate.open(0, "127.0.0.1", ("lo",))
    nobody_at = Address("127.0.0.1", nobody.port)
    nobody.close()
    for listener in nobody.listeners:
        await listener.aclose()
    came: list[tuple[bytes, Address]] = []

    async def until(number: int) -> None:
        with trio.fail_after(5):
            while len(came) < number:
                await trio.sleep(0.002)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(there.run, lambda d, s: came.append((d, s)), lambda _: None)
        yield Wire(
            lambda datagram: here.send(there_at, datagram),
            lambda datagram: here.send(nobody_at, datagram),
            lambda datagram: here._own[4].sendto(datagram, there_at),
            Address("127.0.0.1", here.port),
            until,
            came,
        )
        nursery.cancel_scope.cancel()
    for gate in (here, there):
        gate.close()
        for listener in gate.listeners:
            await listener.aclose()


class Reader(Observer):
    """Notes what one host reads."""

    def __init__(self, reader: Host, source: Address) -> None:
        self.reader = reader
        self.source = source
        self.came: list[tuple[bytes, Address]] = []

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        if host is self.reader and source == self.source:
            self.came.append((datagram, source))


@asynccontextmanager
async def invented_wire() -> AsyncIterator[Wire]:
    world = World(3, Weather(jitter=20 * MILLISECOND))
    ann, bob, cyd = (world.add(name) for name in ("ann", "bob", "cyd"))
    world.start("bob", first=True)
    reader = Reader(bob, ann.endpoint)
    world.observe(reader)

    async def until(number: int) -> None:
        assert world.run_until(lambda: len(reader.came) >= number, 10**9)

    yield Wire(
        lambda datagram: world.send(ann, bob.endpoint, datagram),
        lambda datagram: world.send(ann, cyd.endpoint, datagram),
        lambda datagram: world.send(ann, bob.endpoint, datagram),
        ann.endpoint,
        until,
        reader.came,
    )


def wire_of(kind: str, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def] # either
    return invented_wire() if kind == "invented" else real_wire(monkeypatch)


@both
async def test_datagrams_come_whole_from_who_sent_them_in_any_order(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [bytes([n]) * (1 + n * DATAGRAM_BYTES_MAX // 60) for n in range(60)]
    sent.append(bytes(DATAGRAM_BYTES_MAX))
    async with wire_of(kind, monkeypatch) as wire:
        for datagram in sent:
            wire.send(datagram)
        await wire.until(len(sent))
        assert sorted(datagram for datagram, _ in wire.came) == sorted(sent)
        assert {source for _, source in wire.came} == {wire.sender}


@both
async def test_nobody_hears_what_is_sent_to_nobody_and_the_sender_is_none_the_worse(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire_of(kind, monkeypatch) as wire:
        for _ in range(3):
            wire.send_to_nobody(b"hello?")
            wire.send(b"hello")
        await wire.until(3)
        assert [datagram for datagram, _ in wire.came] == [b"hello"] * 3


@both
async def test_a_datagram_that_is_too_long_reaches_no_agent(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire_of(kind, monkeypatch) as wire:
        wire.send_too_long(bytes(DATAGRAM_BYTES_MAX + 1))
        wire.send(b"short")
        await wire.until(1)
        assert [datagram for datagram, _ in wire.came] == [b"short"]


# Clocks ------------------------------------------------------------------------------------------


class Showing(Protocol):
    def now(self) -> int: ...
    def wait(self, milliseconds: int) -> None: ...


class RealClock:
    def now(self) -> int:
        return real_clock.now()

    def wait(self, milliseconds: int) -> None:
        time.sleep(milliseconds / 1000)


class InventedClock:
    def __init__(self, ppm: int = 0) -> None:
        self.clock = Clock(12345, ppm)
        self.world_now = 0

    def now(self) -> int:
        return self.clock.read(self.world_now)

    def wait(self, milliseconds: int) -> None:
        self.world_now += milliseconds * MILLISECOND


@pytest.mark.parametrize(
    "clock",
    [RealClock(), InventedClock(), InventedClock(DRIFT_PPM_MAX), InventedClock(-DRIFT_PPM_MAX)],
    ids=["real", "invented", "fast", "slow"],
)
def test_a_clock_counts_nanoseconds_never_back_and_no_slower_than_rho(clock: Showing) -> None:
    shown = [clock.now()]
    for _ in range(5):
        clock.wait(4)
        shown.append(clock.now())
    assert all(isinstance(one, int) for one in shown)
    assert shown == sorted(shown)
    assert shown[-1] - shown[0] >= 20 * MILLISECOND * (100 - RATE_MARGIN_PERCENT) // 100
