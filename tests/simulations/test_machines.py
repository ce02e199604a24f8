"""What happens to invented machines, seen from the agents that live on them."""

import pytest

from ledger.commands import Inquire
from ledger.lifecycle import HoldState
from mesh.effects import Address, EpochBehind
from mesh.instant import MILLISECOND, SECOND, seconds
from mesh.roll.membership import Liveness
from node.core import requests
from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.invented.shell import SOCKET_DATAGRAMS_MAX, STARTS_MAX
from simulations.invented.world import World

STRANGER = Address("10.9.9.9", 4653)


def mesh(*names: str, seed: int = 11) -> World:
    world = World(seed)
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


class Watcher(Observer):
    """Writes down what was read, and how lives ended."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.read: list[tuple[int, str]] = []
        self.ends: list[tuple[str, str]] = []

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        if source == STRANGER:
            self.read.append((self.world.now, datagram.decode()))

    def ended(self, host: Host, how: str) -> None:
        self.ends.append((host.name, how))


def watched(world: World) -> Watcher:
    watcher = Watcher(world)
    world.observe(watcher)
    return watcher


def standing(world: World, name: str) -> str:
    return world.hosts[name].alive.ledger.standing[0]


def liveness(world: World, seer: str, seen: str) -> Liveness | None:
    members = world.hosts[seer].alive.knowledge.members()
    return next((one.liveness for one in members if one.id == world.hosts[seen].id), None)


# Standing still ----------------------------------------------------------------------------------


def test_a_paused_host_reads_later_what_came_meanwhile_in_order_and_at_once() -> None:
    world = mesh("ann", "bob")
    watcher, start = watched(world), world.now
    world.pause("ann", 2 * SECOND)
    for number in range(3):
        world.inject("ann", b"word %d" % number, STRANGER)
        world.run(100 * MILLISECOND)
    assert watcher.read == []
    world.run(3 * SECOND)
    assert watcher.read == [(start + 2 * SECOND, f"word {n}") for n in range(3)]


def test_a_paused_hosts_socket_keeps_so_many_datagrams_and_drops_the_rest() -> None:
    world = mesh("ann")
    watcher = watched(world)
    world.pause("ann", SECOND)
    for number in range(SOCKET_DATAGRAMS_MAX + 5):
        world.inject("ann", b"%d" % number, STRANGER)
    world.run(2 * SECOND)
    assert [word for _, word in watcher.read] == [str(n) for n in range(SOCKET_DATAGRAMS_MAX)]
    assert world.hosts["ann"].datagrams_dropped == 5
    world.inject("ann", b"after", STRANGER)
    assert watcher.read[-1][1] == "after"


def test_deadlines_pass_while_a_host_stands_still() -> None:
    world = mesh("ann", "bob", "cyd")
    world.pause("ann", 20 * SECOND)
    assert world.run_until(lambda: liveness(world, "bob", "ann") is not Liveness.ALIVE, 15 * SECOND)
    world.run(30 * SECOND)
    assert {liveness(world, seer, "ann") for seer in ("bob", "cyd")} == {Liveness.ALIVE}
    assert liveness(world, "ann", "bob") is Liveness.ALIVE


def test_a_request_put_to_a_paused_host_is_answered_when_it_goes_on() -> None:
    world = mesh("ann")
    world.pause("ann", 5 * SECOND)
    token = world.ask("ann", requests.Status())
    world.run(4 * SECOND)
    assert token not in world.hosts["ann"].replies
    world.run(2 * SECOND)
    assert world.hosts["ann"].replies[token].ok


def test_what_the_disk_finishes_while_a_host_stands_still_is_heard_afterwards() -> None:
    world = mesh("ann")
    ann = world.hosts["ann"]
    token = world.ask("ann", requests.Reserve({"ram": "1GiB"}, 60_000))
    assert world.run_until(lambda: ann.committing, SECOND)
    world.pause("ann", 5 * SECOND)
    world.run(4 * SECOND)
    assert token not in ann.replies
    world.run(5 * SECOND)
    assert ann.replies[token].ok


def test_a_sleeping_laptop_hears_nothing_of_what_was_sent_to_it() -> None:
    world = mesh("ann", "bob")
    watcher = watched(world)
    before = world.shell.local(world.hosts["ann"])
    world.suspend("ann", 10 * SECOND)
    world.inject("ann", b"lost", STRANGER)
    assert world.network.is_cut("bob", "ann")
    world.run(10 * SECOND)
    world.inject("ann", b"heard", STRANGER)
    assert [word for _, word in watcher.read] == ["heard"]
    assert not world.network.is_cut("bob", "ann")
    assert world.shell.local(world.hosts["ann"]) == before + 10 * SECOND, "its clock ran on"


def test_a_call_to_a_sleeping_host_ends_at_its_deadline() -> None:
    world = mesh("ann", "bob")
    world.suspend("bob", 300 * SECOND)
    ask = requests.Reserve({"ram": "1GiB", "node": "bob"}, 60_000)
    token = world.ask("ann", ask)
    assert world.run_until(lambda: token in world.hosts["ann"].replies, seconds(120))
    assert not world.hosts["ann"].replies[token].ok


def test_a_slow_host_reads_everything_so_many_milliseconds_late_and_in_order() -> None:
    world = mesh("ann")
    watcher, start = watched(world), world.now
    world.slow("ann", 50)
    world.inject("ann", b"first", STRANGER)
    world.run(20 * MILLISECOND)
    world.inject("ann", b"second", STRANGER)
    world.run(200 * MILLISECOND)
    assert watcher.read == [
        (start + 50 * MILLISECOND, "first"), (start + 50 * MILLISECOND, "second"),
    ]  # fmt: skip
    world.slow("ann", 0)
    world.inject("ann", b"third", STRANGER)
    assert watcher.read[-1] == (world.now, "third")


# Ends --------------------------------------------------------------------------------------------


class Effects(Observer):
    """Counts what left one host."""

    def __init__(self) -> None:
        self.commits = self.sent_ = 0

    def durable(self, host: Host, writes: object) -> None:
        self.commits += 1

    def sent(self, host: Host, to: Address | None, datagram: bytes) -> None:
        self.sent_ += 1


@pytest.mark.parametrize("number", range(1, 9))
def test_it_dies_between_two_effects_and_keeps_every_promise(number: int) -> None:
    world = mesh("ann", "bob")
    watcher = watched(world)
    token = world.ask("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 600_000))
    world.crash_at_effect("ann", number)
    world.run(5 * SECOND)
    assert watcher.ends == [("ann", "killed")]
    promised = token in world.hosts["ann"].replies
    world.start("ann")
    world.run(5 * SECOND)
    assert standing(world, "ann") == "open"
    held = [hold.state for hold in world.hosts["ann"].alive.ledger.books.live_holds()]
    assert not promised or held == [HoldState.POSTED]


def test_the_next_effect_after_the_last_one_never_leaves() -> None:
    left = []
    for number in range(1, 8):
        world = mesh("ann", "bob")
        counted = Effects()
        world.observe(counted)
        world.crash("bob")
        counted.commits = counted.sent_ = 0
        world.ask("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 600_000))
        world.crash_at_effect("ann", number)
        world.run(20 * SECOND)
        left.append(counted.commits + counted.sent_)
    assert left[0] == 1
    assert left == sorted(left)
    assert 1 < left[-1] <= 7, "news for people is an effect too, and leaves no trace here"


def test_a_clean_stop_says_its_last_words_and_the_next_start_is_proven() -> None:
    world = mesh("ann", "bob")
    watcher = watched(world)
    world.answer("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 600_000))
    world.run(30 * SECOND)
    world.stop("ann")
    world.inject("ann", b"too late", STRANGER)
    world.run(SECOND)
    assert watcher.ends == [("ann", "stopped")]
    assert watcher.read == []
    world.start("ann")
    assert standing(world, "ann") == "open"


def test_whoever_leaves_says_so() -> None:
    world = mesh("ann", "bob")
    world.stop("ann", leaving=True)
    world.run(2 * SECOND)
    assert liveness(world, "bob", "ann") is Liveness.LEFT


def test_a_power_cut_takes_the_marker_and_a_kill_does_not() -> None:
    for power in (False, True):
        world = mesh("ann", "bob")
        world.crash("ann", power=power)
        world.start("ann")
        assert (standing(world, "ann") == "quarantine") is power


def test_whoever_calls_a_dead_process_is_refused_and_a_dark_machine_is_silent() -> None:
    took = []
    for power in (False, True):
        world = mesh("ann", "bob")
        world.crash("bob", power=power)
        began = world.now
        token = world.command("ann", "bob", Inquire(b"i" * 16, b"s" * 16))
        world.run_until(lambda token=token, world=world: token in world.command_answers, 9 * SECOND)
        took.append(world.now - began)
    assert took[0] < SECOND
    assert took[1] == 9 * SECOND


def test_a_twin_that_shows_the_same_key_is_noticed() -> None:
    world = mesh("ann", "bob", "cyd")
    twin = world.clone("ann", "ann too")
    assert twin.id == world.hosts["ann"].id
    assert twin.address != world.hosts["ann"].address
    world.start("ann too")
    world.run(60 * SECOND)
    for name in ("ann", "ann too"):
        assert "identity.twin" in {event.kind for event in world.hosts[name].events}


# Disks -------------------------------------------------------------------------------------------


def test_a_disk_that_keeps_no_promise_ends_the_process_before_a_word_is_said() -> None:
    world = mesh("ann", "bob")
    ann, watcher = world.hosts["ann"], watched(world)
    ann.disk.fail_sync(1)
    token = world.ask("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 60_000))
    world.run(5 * SECOND)
    assert watcher.ends == [("ann", "failed")]
    assert token not in ann.replies
    assert world.start("ann")
    world.run(2 * SECOND)
    assert standing(world, "ann") == "open"


@pytest.mark.parametrize("what", ["damage", "lose", "set back", "lie"])
def test_a_disk_that_forgot_puts_its_owner_in_quarantine(what: str) -> None:
    world = mesh("ann", "bob")
    ann = world.hosts["ann"]
    backup = ann.disk.snapshot()
    if what == "lie":
        ann.disk.lie(2)
    world.answer("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 600_000))
    world.crash("ann", power=what == "lie")
    if what == "damage":
        ann.disk.damage()
    elif what == "lose":
        ann.disk.lose()
    elif what == "set back":
        ann.disk.set_back(backup)
    world.start("ann")
    assert standing(world, "ann") == "quarantine"


def test_an_agent_that_is_outrun_again_and_again_gives_up() -> None:
    world = mesh("ann")
    watcher = watched(world)
    host = world.hosts["ann"]

    def outrun() -> None:
        if host.agent is not None:
            proof = EpochBehind(host.agent.birth.epoch)
            world.shell.take(host, host.agent.from_mesh((proof,), world.shell.local(host)))
        world.at(SECOND, outrun)

    world.at(0, outrun)
    world.run(30 * SECOND)
    assert watcher.ends == [("ann", "stopped")] * STARTS_MAX
    assert host.agent is None


# Clocks ------------------------------------------------------------------------------------------


def test_a_fast_clock_makes_a_booking_shorter_and_a_slow_one_longer() -> None:
    ends = []
    for ppm in (20_000, 0, -20_000):
        world = mesh("ann")
        world.set_clock_rate("ann", ppm)
        began = world.now
        world.answer("ann", requests.Reserve({"ram": "1GiB"}, 60_000))
        books = world.hosts["ann"].alive.ledger.books
        assert world.run_until(lambda books=books: not books.live, 70 * SECOND)
        ends.append(world.now - began)
    assert 60 * SECOND <= ends[0] < ends[1] < ends[2]


def test_a_clock_that_leaps_forward_wakes_what_was_due() -> None:
    world = mesh("ann")
    world.answer("ann", requests.Reserve({"ram": "1GiB"}, 600_000))
    books = world.hosts["ann"].alive.ledger.books
    world.jump_clock("ann", 620 * SECOND)
    assert world.run_until(lambda: not books.live, 2 * SECOND)
    assert not world.hosts["ann"].clock.honest


def test_who_lost_its_first_start_with_its_disk_is_told_by_the_first_to_meet_it() -> None:
    """It spends the same epoch again and looks like a clone; long before its quarantine is over it
    must have risen above, or nobody shows it what it had promised."""
    world = mesh("ann", "bob", "cyd")
    world.answer("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 600_000))
    world.run(120 * SECOND)  # by now beacons are rare
    world.crash("ann", power=True)
    world.hosts["ann"].disk.lose()
    world.start("ann")
    ann = world.hosts["ann"]
    assert ann.alive.birth.epoch.counter == 1
    assert world.run_until(
        lambda: ann.agent is not None and ann.agent.birth.epoch.counter == 2, 5 * SECOND
    )
    world.run(60 * SECOND)
    assert [hold.state for hold in ann.alive.ledger.books.live_holds()] == [HoldState.POSTED]
