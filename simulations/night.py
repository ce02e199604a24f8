"""One night: everything that can go wrong, mixed by a die, while people reserve.

A mesh of three to five nodes is drawn from the seed. People book, hold, confirm and give back;
meanwhile agents are killed, power fails, disks are set back to an older day or lost, the network is
cut one way or both and loses and repeats what it carries, and programs nobody asked about take
memory. After every step the books are audited, and a witness outside (`witness.py`) holds every
owner to every answer. In the morning all is mended: everyone agrees again, every log verifies from
its first block, and everybody can still reserve everywhere.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from mesh.instant import MILLISECOND, SECOND, Duration, Instant, seconds
from mesh.membership import Liveness
from node.core import requests
from node.core.effects import Reply
from simulations.checkers import PromiseBroken, check_logs, check_world
from simulations.disk import Spaces
from simulations.hardware import GIB
from simulations.host import Host
from simulations.network import Weather
from simulations.witness import Promise, Witness, pending_until
from simulations.world import CALM, World

STEPS: Final = 30
NODES: Final = (3, 3, 4, 5)
TERMS: Final = (60, 120, 3600, 3600, 3600)
"""Seconds. Most bookings outlast their night; some run out in it."""
PAUSES: Final = (0.003, 0.05, 0.5, 2, 5, 10, 20, 40)
"""Seconds between one step and the next: inside a commit, inside a call, past a quarantine."""
LOOK_EVERY: Final[Duration] = 5 * SECOND
PATIENCE: Final[Duration] = seconds(90)
MORNING: Final[Duration] = seconds(1200)
"""Longer than BOOK_WAIT: after it every owner has opened, whoever answered."""


class Asked(NamedTuple):
    """A request on its way, and what it was about."""

    asker: str
    life: int
    token: int
    request: requests.Request
    amount: int
    at: Instant
    lives: dict[str, int]
    """Who was in which life when it was asked."""


@dataclass(slots=True)
class Tally:
    """What a campaign saw: a campaign whose faults never fire has shown nothing."""

    nights: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        self.nights += other.nights
        self.faults += other.faults
        self.outcomes += other.outcomes


class Night:
    """One night. Everything it does is drawn from its seed."""

    def __init__(self, seed: int, tally: Tally) -> None:
        self.dice = Random(f"{seed}/night")
        self.tally = tally
        self.world = World(seed, self._weather())
        self.witness = Witness(self.world, seen=tally.outcomes)
        self.names = [f"n{number}" for number in range(self.dice.choice(NODES))]
        self.waiting: list[Asked] = []
        self.backups: list[tuple[str, Spaces]] = []
        self.story: list[str] = []
        self.look_at: Instant = 0
        for name in self.names:
            self.world.add(name, ram=8 * GIB)
            self.world.start(name, first=True)

    def live_through(self) -> None:
        """From dusk to morning. Raises PromiseBroken, AssertionError or AuditError."""
        met = self.world.run_until(self._all_agree, PATIENCE)
        self._must(met, "the nodes never met")
        actions, weights = zip(*ACTIONS, strict=True)
        for _ in range(STEPS):
            action: Callable[[Night], None] = self.dice.choices(actions, weights)[0]
            action(self)
            self.pass_time(seconds(self.dice.choice(PAUSES)))
            check_world(self.world)
        self.morning()
        self.tally.nights += 1

    # Time and answers ----------------------------------------------------------------------------

    def pass_time(self, duration: Duration) -> None:
        """Let time pass, and let the witness look at least every second."""
        self.witness.watch()
        while duration > 0:
            self.world.run(min(duration, SECOND))
            duration -= SECOND
            self._look_around()
            self.hear()
            self.witness.watch()

    def _look_around(self) -> None:
        """Probes look by themselves, on every host that is up."""
        if self.world.now >= self.look_at:
            self.look_at = self.world.now + LOOK_EVERY
            for host in self._up():
                self.world.look(host.name)

    def hear(self) -> None:
        """Every answer that has come."""
        still: list[Asked] = []
        for asked in self.waiting:
            host = self.world.hosts[asked.asker]
            reply = host.replies.get(asked.token)
            if reply is not None:
                self._heard(asked, reply)
            elif host.life == asked.life:
                still.append(asked)
            else:
                self.tally.outcomes["the asker died waiting"] += 1
        self.waiting = still

    def _heard(self, asked: Asked, reply: Reply) -> None:
        kind = type(asked.request).__name__.lower()
        if not reply.ok:
            self.tally.outcomes[f"{kind}: {reply.body['code']}"] += 1
            return self.tell(f"{asked.asker}'s {kind} ended: {reply.body['sentence'][:90]}")
        match asked.request:
            case requests.Reserve(term_ms=term, hold_only=only):
                self._granted(asked, reply, term * MILLISECOND, posted=not only)
            case requests.Post(hold):
                self.witness.confirmed(bytes.fromhex(hold), asked.at)
            case _:
                pass  # What was given back the witness struck off when it was said.
        self.tally.outcomes[f"{kind}: {reply.body.get('state') or reply.body['outcome']}"] += 1
        return self.tell(f"{asked.asker}'s {kind} of {reply.body['id'][:8]} is done")

    def _granted(self, asked: Asked, reply: Reply, term: Duration, *, posted: bool) -> None:
        body = reply.body
        hold, owner = bytes.fromhex(body["id"]), body["owner"]["name"]
        until = pending_until(asked.at)
        promise = Promise(hold, owner, asked.asker, asked.amount, term, posted, until)
        self.witness.granted(promise)
        if posted:
            self.witness.confirmed(hold, asked.at)
            same = {host.name for host in self._up() if asked.lives.get(host.name) == host.life}
            keepers = [name for name in body["stored_on"] or () if name in same]
            self.tally.outcomes["answered with a copy"] += bool(body["stored_on"])
            self.tally.outcomes["answered without a copy"] += not body["stored_on"]
            self.witness.check_copies(promise, keepers)

    # What people do ------------------------------------------------------------------------------

    def reserve(self) -> None:
        self._ask_for_room(hold_only=False)

    def hold(self) -> None:
        self._ask_for_room(hold_only=True)

    def _ask_for_room(self, *, hold_only: bool) -> None:
        amount = self.dice.randrange(GIB // 4, 6 * GIB)
        ask: dict[str, object] = {"ram": f"{amount} B"}
        if self.dice.random() < 0.8:
            ask["node"] = self.dice.choice(self.names)
        wait = self.dice.random() < 0.3
        term_ms = self.dice.choice(TERMS) * 1000
        reserve = requests.Reserve(ask, term_ms, hold_only=hold_only, wait_for_opening=wait)
        if up := self._up():
            asker = self.dice.choice(up).name
            self.tell(f"{asker} asks for {amount >> 20} MiB at {ask.get('node', 'anyone')}")
            self._ask(asker, reserve, amount)

    def post(self) -> None:
        pending = [one for one in self._believers() if not one.posted]
        if pending:
            one = self.dice.choice(pending)
            self.tell(f"{one.asker} confirms {one}")
            self._ask(one.asker, requests.Post(one.hold.hex()), one.amount)

    def release(self) -> None:
        if believers := self._believers():
            one = self.dice.choice(believers)
            self.tell(f"{one.asker} gives back {one}")
            self.witness.given_back(one.hold)
            self._ask(one.asker, requests.Release(one.hold.hex()), one.amount)

    def _ask(self, asker: str, request: requests.Request, amount: int) -> None:
        lives = {host.name: host.life for host in self.world.hosts.values()}
        token = self.world.ask(asker, request)
        self.waiting.append(
            Asked(asker, lives[asker], token, request, amount, self.world.now, lives)
        )

    def _believers(self) -> list[Promise]:
        up = {host.name for host in self._up()}
        return [one for one in self.witness.believed() if one.asker in up and not one.excused]

    # What goes wrong -----------------------------------------------------------------------------

    def kill(self) -> None:
        self._down("killed", power=False)

    def power_cut(self) -> None:
        self._down("without power", power=True)

    def _down(self, how: str, *, power: bool) -> Host | None:
        up = self._up()
        if not up:
            return None
        host = self.dice.choice(up)
        self._fault(how, f"{host.name} is {how}")
        self.world.crash(host.name, power=power)
        if self.dice.random() < 0.5:
            self.pass_time(seconds(self.dice.choice((0.01, 1, 5))))
            self._start(host)
        return host

    def back_up(self) -> None:
        """A careful person copies a disk."""
        name = self.dice.choice(self.names)
        self.backups.append((name, self.world.hosts[name].disk.snapshot()))
        self.tell(f"{name}'s disk is copied")

    def set_back(self) -> None:
        """A careless one puts the copy back."""
        if not self.backups:
            return self.back_up()
        name, spaces = self.dice.choice(self.backups)
        host = self.world.hosts[name]
        self._fault("a disk set back", f"{name}'s disk is set back")
        if host.agent is not None:
            self.world.crash(name, power=self.dice.random() < 0.5)
        host.disk.durable = {space: dict(rows) for space, rows in spaces.items()}
        return self._maybe_start(host)

    def lose_disk(self) -> None:
        """Journal and marker are gone. The identity is not: it lies elsewhere."""
        host = self.world.hosts[self.dice.choice(self.names)]
        self._fault("a disk lost", f"{host.name}'s disk is lost")
        if host.agent is not None:
            self.world.crash(host.name, power=True)
        host.disk.durable = {}
        host.marker = None
        self._maybe_start(host)

    def start(self) -> None:
        """Somebody switches on whatever is off."""
        for host in self.world.hosts.values():
            self._start(host)

    def _maybe_start(self, host: Host) -> None:
        if self.dice.random() < 0.7:
            self._start(host)

    def _start(self, host: Host) -> None:
        if host.agent is None:
            self.world.start(host.name)
            self.tell(f"{host.name} starts: {host.alive.ledger.standing[0]}")

    def cut(self) -> None:
        self._cut("a cut", one_way=False)

    def cut_one_way(self) -> None:
        self._cut("a one-way cut", one_way=True)

    def _cut(self, how: str, *, one_way: bool) -> None:
        shuffled = self.dice.sample(self.names, len(self.names))
        middle = self.dice.randrange(1, len(shuffled))
        here, there = shuffled[:middle], shuffled[middle:]
        self._fault(how, f"{how}: {' '.join(here)} | {' '.join(there)}")
        self.world.network.cut(here, there, one_way=one_way)

    def heal(self) -> None:
        self.world.network.heal()
        self.tell("the cuts are healed")

    def change_weather(self) -> None:
        self.world.network.weather = weather = self._weather()
        self._fault("bad weather" if weather.loss else "fair weather", f"{weather}")

    def foreign(self) -> None:
        """Programs that nobody asked about grow or shrink, and are seen or not yet."""
        host = self.world.hosts[self.dice.choice(self.names)]
        host.ram_foreign = self.dice.choice((0, 1, 2, 4, 7)) * GIB
        self._fault("foreign memory", f"{host.ram_foreign >> 30} GiB of {host.name} are foreign")
        if host.agent is not None and self.dice.random() < 0.8:
            self.world.look(host.name)

    def _fault(self, kind: str, sentence: str) -> None:
        self.tally.faults[kind] += 1
        self.tell(sentence)

    def _weather(self) -> Weather:
        return Weather(
            delay=self.dice.choice((0, 1, 5)) * MILLISECOND,
            jitter=self.dice.choice((0, 1, 20)) * MILLISECOND,
            loss=self.dice.choice((0.0, 0.0, 0.02, 0.1)),
            duplication=self.dice.choice((0.0, 0.1)),
        )

    # Morning -------------------------------------------------------------------------------------

    def morning(self) -> None:
        """Mend everything; everyone agrees, everything adds up, and life goes on."""
        self.tell("morning")
        self.world.network.heal()
        self.world.network.weather = CALM
        for host in self.world.hosts.values():
            host.ram_foreign = 0
            self._start(host)
            self.world.look(host.name)
        self._wait_for("everyone agrees and is open", self._all_open, MORNING)
        self._wait_for("every call has ended", lambda: not self.waiting, PATIENCE)
        check_world(self.world)
        self._give_everything_back()
        self._wait_for("everyone agrees again", self._all_agree, PATIENCE)
        check_logs(self.world)
        self._everybody_reserves()

    def _wait_for(self, what: str, done: Callable[[], bool], limit: Duration) -> None:
        end = self.world.now + limit
        while not done():
            self._must(self.world.now < end, f"never: {what}")
            self.pass_time(SECOND)

    def _give_everything_back(self) -> None:
        """Whoever owns it ends it: also what nobody was told of."""
        self.witness.promises.clear()

        def empty() -> bool:
            live = False
            for host in self._up():
                for hold in host.alive.ledger.books.live_holds():
                    live = True
                    self.world.ask(host.name, requests.Release(hold.id.hex()))
            return not live

        self._wait_for("every hold has ended", empty, PATIENCE)

    def _everybody_reserves(self) -> None:
        for asker, owner in zip(self.names, [*self.names[1:], self.names[0]], strict=True):
            ask = requests.Reserve({"ram": "6GiB", "node": owner}, 3_600_000)
            reply = self.world.answer(asker, ask)
            self._must(reply.ok, f"in the morning {asker} gets nothing at {owner}: {reply.body}")
            self._must(bool(reply.body["stored_on"]), f"nobody keeps what {owner} granted")

    def _all_agree(self) -> bool:
        others = len(self.names) - 1
        return len({host.alive.mesh.root for host in self._up()}) == 1 and all(
            sum(one.liveness is Liveness.ALIVE for one in host.alive.knowledge.members()) == others
            for host in self._up()
        )

    def _all_open(self) -> bool:
        return self._all_agree() and all(h.alive.ledger.standing[0] == "open" for h in self._up())

    # Small parts ---------------------------------------------------------------------------------

    def _up(self) -> list[Host]:
        return [host for host in self.world.hosts.values() if host.agent is not None]

    def tell(self, sentence: str) -> None:
        self.story.append(f"{self.world.now / 1e9:9.3f} s  {sentence}")

    def _must(self, holds: bool, sentence: str) -> None:
        if not holds:
            raise PromiseBroken(f"{self.world.now / 1e9:.3f} s: {sentence}")


ACTIONS: Final[list[tuple[Callable[[Night], None], int]]] = [
    (Night.reserve, 30), (Night.hold, 6), (Night.post, 6), (Night.release, 10),
    (Night.kill, 6), (Night.power_cut, 4), (Night.start, 10),
    (Night.back_up, 5), (Night.set_back, 4), (Night.lose_disk, 2),
    (Night.cut, 3), (Night.cut_one_way, 3), (Night.heal, 5),
    (Night.change_weather, 3), (Night.foreign, 5),
]  # fmt: skip
"""What may happen next, and how often."""
