"""A simulated cluster: the machines and the people of one scenario.

It says what scripts say: who books what where, who is cut off from whom, until when all must agree.
Every answer goes into the diary, every misfortune is counted, and probes look by themselves every
few seconds, as a real agent's do. What goes wrong is brought about through the doors of
`simulations.invented.world` alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from ledger.commands import HOLD_ID_BYTES, GrantKind, Hold, Leg
from ledger.lifecycle import HoldState
from mesh.identity import NONCE_BYTES
from mesh.instant import HOUR, SECOND, Duration, Instant, in_seconds
from mesh.roll.membership import Liveness
from node.core import requests
from node.core.effects import Reply
from simulations.checks import Checks, all_checks
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.world import CALM, World
from simulations.people.diary import Diary
from simulations.verdicts import PromiseBroken, Stalled

GIB: Final = 1 << 30
RAM: Final = 8 * GIB
"""Of every machine, unless its script says otherwise."""
HOUR_MS: Final = 3_600_000
LOOK_EVERY: Final[Duration] = 5 * SECOND
MEETING: Final[Duration] = 90 * SECOND
ANSWERING: Final[Duration] = 150 * SECOND
"""Longer than an owner's quarantine and an asker's patience together."""
MORNING: Final[Duration] = 1200 * SECOND
"""Longer than BOOK_WAIT: after it every owner has opened, whoever answered."""
GIVING_BACK: Final[Duration] = 60 * SECOND

Passed = Callable[[Instant], None]
"""Told now and then how late it is in the world."""


@dataclass(slots=True)
class Asked:
    """A request at somebody's door."""

    host: Host
    life: int
    token: int
    kind: str | None
    request: requests.Request
    noted: bool = False

    @property
    def reply(self) -> Reply | None:
        """The answer; None while there is none."""
        return self.host.replies.get(self.token)

    @property
    def unheard(self) -> bool:
        """The asker's agent died before the answer came."""
        return self.reply is None and self.host.life != self.life

    @property
    def over(self) -> bool:
        return self.unheard or self.reply is not None

    @property
    def ok(self) -> bool:
        """Answered, and with a yes."""
        return self.reply is not None and self.reply.ok

    @property
    def ending(self) -> str:
        """`granted`, or the code of the refusal, or `unheard`."""
        if self.reply is None:
            return "unheard"
        return "granted" if self.reply.ok else str(self.reply.body["code"])


@dataclass(frozen=True, slots=True)
class Booking:
    """What somebody was promised: so much of one owner's memory."""

    id: str
    asker: str
    owner: str
    amount: int
    stored_on: tuple[str, ...]

    @property
    def hold(self) -> bytes:
        return bytes.fromhex(self.id)

    def __str__(self) -> str:
        return f"{self.asker}'s booking {self.id[:8]} of {self.amount >> 20} MiB at {self.owner}"


@dataclass(slots=True)
class Cluster:
    """`nodes` machines called n0, n1, …, switched off; everything is drawn from `seed`."""

    seed: int
    nodes: int
    duration: Duration
    """How long things go wrong."""
    weather: Weather = CALM
    passed: Passed | None = None
    ram: int = RAM
    scheme: str = "stand-in"
    world: World = field(init=False)
    faults: Counter[str] = field(default_factory=Counter)
    diary: Diary = field(default_factory=Diary)
    dice: Random = field(init=False)
    names: list[str] = field(init=False)
    checks: Checks = field(init=False)
    _asked: list[Asked] = field(default_factory=list)
    _retired: list[str] = field(default_factory=list)
    _mending: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.seed, self.weather, scheme=self.scheme)
        self.dice = Random(f"{self.seed}/scenario")
        self.names = [f"n{number}" for number in range(self.nodes)]
        for name in self.names:
            self.world.add(name, ram=self.ram)
        self.checks = all_checks(self.world)
        self.world.observe(self.checks)
        self.world.look_every = LOOK_EVERY

    # Time ----------------------------------------------------------------------------------------

    def wait(self, duration: Duration) -> None:
        """Time passes."""
        while duration > 0:
            self.world.run(min(duration, SECOND))
            duration -= SECOND
            self.hear()

    def wait_for(
        self, promise: str, what: str, done: Callable[[], bool], limit: Duration = MEETING
    ) -> None:
        """Time passes until `done`. Raises Stalled after `limit`."""
        end = self.world.now + limit
        while not done():
            if self.world.now >= end:
                raise Stalled(promise, f"{self._at()}: never in {in_seconds(limit):.0f} s: {what}")
            self.world.run_until(done, min(SECOND, end - self.world.now))
            self.hear()

    def moments(self, every: Duration, parts: int = 1) -> Iterator[None]:
        """Again and again, as long as things go wrong (or that long divided by `parts`)."""
        end = self.world.now + self.duration // parts
        while self.world.now < end:
            yield
            self.wait(every)

    def hear(self) -> None:
        """Write down the answers that have come."""
        for asked in self._asked:
            if asked.over and not asked.noted:
                asked.noted = True
                if asked.kind is not None:
                    self.diary.replied(asked.kind, asked.reply)
        self._asked = [asked for asked in self._asked if not asked.noted]
        if self.passed is not None:
            self.passed(self.world.now)

    # Machines ------------------------------------------------------------------------------------

    def host(self, name: str) -> Host:
        return self.world.hosts[name]

    def pair(self, among: Sequence[str]) -> tuple[str, str]:
        """An asker and an owner, two different ones."""
        asker, owner = self.dice.sample(among, 2)
        return asker, owner

    def up(self, among: Iterable[str] | None = None) -> list[Host]:
        """Those of `among` (default: all) whose agents run."""
        names = self.world.hosts if among is None else among
        return [self.host(name) for name in names if self.host(name).agent is not None]

    def switch_on(self, names: Iterable[str] | None = None, *, first: bool = False) -> None:
        """Start whoever of `names` (default: all) is off."""
        for name in list(self.world.hosts if names is None else names):
            if self.host(name).agent is None and name not in self._retired:
                self.world.start(name, first=first)

    def meet(self) -> None:
        """Everybody starts for the first time, and knows everybody."""
        self.switch_on(first=True)
        self.wait_for("V2", "everybody knows everybody", self.all_agree)

    def all_agree(self) -> bool:
        """Everybody who is up has the same picture, and counts all others who are up as alive."""
        up = self.up()
        if len({host.alive.mesh.root for host in up}) > 1:
            return False
        ids = {host.id for host in up}
        return all(
            ids - {host.id} <= _alive_to(host)
            and not any(one not in ids for one in _alive_to(host))
            for host in up
        )

    def liveness(self, beholder: str, of: str) -> str:
        """How `beholder` counts `of`: alive, suspect, dead, left; `unknown` if they never met."""
        return self.host(beholder).alive.knowledge.liveness_of(self.host(of).id)

    def all_informed(self) -> bool:
        """Everybody who is up has heard the figures of everybody else who is up."""
        up = self.up()
        return all(
            host.alive.knowledge.live(other.id) is not None
            and host.alive.knowledge.inventory(other.id) is not None
            for host in up
            for other in up
            if other is not host
        )

    def fault(self, kind: str, count: int = 1) -> None:
        """Something goes wrong on purpose."""
        self.faults[kind] += count

    def when_calm(self, mend: Callable[[], None]) -> None:
        """What ends a misfortune, at the latest when calm comes."""
        self._mending.append(mend)

    def retire(self, name: str) -> None:
        """The machine is switched off and never comes back."""
        self._retired.append(name)
        if self.host(name).agent is not None:
            self.world.crash(name, power=True)

    def decide_for(self, name: str) -> None:
        """Somebody starts it again, and says that it is the one machine with its key."""
        self.world.crash(name)
        self.world.start(name, moved=True)

    def kill(self, name: str, *, power: bool = False) -> None:
        """The agent is gone at once, with `power` the machine's volatile memory too."""
        if self.host(name).agent is not None:
            self.fault("power-cut" if power else "kill")
            self.world.crash(name, power=power)

    # People --------------------------------------------------------------------------------------

    def ask(self, asker: str, request: requests.Request, kind: str | None = None) -> Asked:
        """Put a request to an agent that is up. `kind`: how the diary calls it, if it may change
        a book."""
        host = self.host(asker)
        asked = Asked(host, host.life, self.world.ask(asker, request), kind, request)
        self._asked.append(asked)
        return asked

    def ask_for(
        self, asker: str, gib: float, owner: str | None = None, *, term_ms: int = HOUR_MS,
        hold_only: bool = False, wait: bool = True,
    ) -> Asked:  # fmt: skip
        """Somebody at `asker` wants `gib` GiB of memory, at `owner` if it is named."""
        document: dict[str, Any] = {"ram": f"{round(gib * GIB)} B"}
        if owner is not None:
            document["node"] = owner
        request = requests.Reserve(document, term_ms, hold_only=hold_only, wait_for_opening=wait)
        return self.ask(asker, request, "hold" if hold_only else "reserve")

    def settle(self, asked: Sequence[Asked], limit: Duration = ANSWERING) -> None:
        """Time passes until each has its answer. Raises Stalled."""
        self.wait_for(
            "V1", "everybody who asked has an answer",
            lambda: all(one.over for one in asked), limit,
        )  # fmt: skip

    def book(self, asker: str, owner: str, gib: float) -> Booking:
        """As `ask_for`, and it must be granted."""
        asked = self.ask_for(asker, gib, owner)
        self.settle([asked])
        self.must(
            asked.ok, "V5", f"{asker} gets no {gib:g} GiB at {owner}, which is free: {asked.ending}"
        )
        return self.booking(asked)

    def booking(self, asked: Asked) -> Booking:
        """What was granted."""
        reply = asked.reply
        assert reply is not None and reply.ok  # noqa: PT018 - one fact: it was granted
        body = reply.body
        amount = sum(leg["amount"] for leg in body["legs"])
        stored_on = tuple(body["stored_on"] or ())
        return Booking(body["id"], asked.host.name, body["owner"]["name"], amount, stored_on)

    def demand(self, asker: str, owner: str, gib: float) -> int:
        """A hold is asked of the owner itself, whatever the asker's own picture says of its room.

        `world.command_answers` has what came of it under the token that is returned.
        """
        session = self.host(asker).alive.knowledge.session_of(self.host(owner).id)
        hold = Hold(
            self.dice.randbytes(HOLD_ID_BYTES), session or bytes(NONCE_BYTES),
            (Leg("ram", round(gib * GIB)),), GrantKind.BOOKING, HOUR, "", "",
        )  # fmt: skip
        return self.world.command(asker, owner, hold)

    def give_back(self, bookings: Iterable[Booking]) -> None:
        """Everybody releases what they have, and it ends."""
        for booking in bookings:
            asked = self.ask(booking.asker, requests.Release(booking.id), "release")
            self.settle([asked])
            self.must(asked.ok, "V3", f"{booking} cannot be given back: {asked.ending}")

    # What must hold ------------------------------------------------------------------------------

    def must(self, holds: bool, promise: str, sentence: str) -> None:
        """Raises PromiseBroken."""
        if not holds:
            raise PromiseBroken(promise, f"{self._at()}: {sentence}")

    def must_keep(self, bookings: Iterable[Booking]) -> None:
        """Each booking stands in its owner's books, and soon in everybody's copy of them."""
        kept = list(bookings)
        for booking in kept:
            state = self.host(booking.owner).alive.ledger.books.state_of(booking.hold)
            self.must(
                state is HoldState.POSTED, "B13", f"{booking} was granted, and is {state.value}"
            )
        self.wait_for(
            "V2", "everybody's copies say what was granted",
            lambda: all(self._knows(host, booking) for host in self.up() for booking in kept),
        )  # fmt: skip

    def _knows(self, host: Host, booking: Booking) -> bool:
        if host.name == booking.owner:
            return True
        books = host.alive.knowledge.books(self.host(booking.owner).id)
        return books is not None and books.state_of(booking.hold) is HoldState.POSTED

    def must_answer_alike(self, gib: float) -> None:
        """Equal pictures and questions give equal bytes on every node (G8)."""
        question = requests.Where({"ram": f"{round(gib * GIB)} B"})
        asked = [self.ask(host.name, question) for host in self.up()]
        self.settle(asked)
        said: dict[str, tuple[str, str]] = {}
        for one in asked:
            assert one.reply is not None
            body = one.reply.body
            picture = str(sorted((node, sorted(of.items())) for node, of in body["view"].items()))
            other, bytes_ = said.setdefault(picture, (one.host.name, body["bytes"]))
            self.must(
                bytes_ == body["bytes"], "G8",
                f"{one.host.name} and {other} have one picture and give two answers",
            )  # fmt: skip

    def settle_down(self) -> None:
        """Everything was given back: soon nothing is promised to anybody, anywhere (V3)."""
        self.wait_for(
            "V3", "all room is free again",
            lambda: not any(host.alive.ledger.books.live for host in self.up()), GIVING_BACK,
        )  # fmt: skip

    # Calm ----------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Mend everything; everybody runs, agrees and is open, and everybody has an answer."""
        self.world.network.heal()
        self.world.network.weather = CALM
        for mend in self._mending:
            mend()
        self._mending.clear()
        self.switch_on()
        for host in self.up():
            self.world.look(host.name)
        self.wait_for("V1", "everybody agrees and is open", self.all_open, MORNING)
        self.settle(tuple(self._asked))
        self.wait_for("V2", "everybody agrees", self.all_agree, MEETING)

    def all_open(self) -> bool:
        """Everybody agrees, and every owner grants."""
        return self.all_agree() and all(
            host.alive.ledger.standing[0] == "open" for host in self.up()
        )

    def _at(self) -> str:
        return f"{in_seconds(self.world.now):.3f} s"


def _alive_to(host: Host) -> set[bytes]:
    """Whom the host counts as alive."""
    members = host.alive.mesh.roll.members()
    return {one.id for one in members if one.liveness is Liveness.ALIVE and one.id != host.id}
