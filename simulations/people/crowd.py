"""The crowd: one person per host, with dice of its own, and every script that is under way.

The crowd carries out the steps of scripts and brings back what came of them. Whatever a script
hears reaches it a moment later, never inside the step of an agent: people are slower than machines,
and an observer changes nothing.
"""

from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

from ledger.commands import Command
from mesh.instant import MILLISECOND, SECOND, Duration, Instant, seconds
from node.core import requests
from node.core.effects import Reply
from node.core.requests import Request
from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.invented.world import World
from simulations.people import adopting, changes, gangs, later, rights, scripts, spending
from simulations.people.carriers import Carrier
from simulations.people.diary import Diary
from simulations.people.resending import Resend, again
from simulations.people.steps import Ask, Heard, Rest, Script, Tell
from simulations.people.tastes import Tastes

OPERATIONS_PER_SCRIPT: Final = 2.3
"""Reserve and release, or hold, post and release, or a lease with its renewals: measured."""
SCRIPTS_MAX: Final = 2_000
"""Under way at once, over all hosts. Beyond that nobody new begins."""
TOLD_MAX: Final = 200
"""Commands of one host that are remembered, to be sent again by mistake."""
THINKING: Final[Duration] = MILLISECOND
HEARING: Final = tuple(ms * MILLISECOND for ms in (6, 12, 25, 60, 150, 400, 1000))
"""When an answer to a command is looked for, counted from the last look."""


@dataclass(slots=True)
class _Actor:
    """A script under way at a host. `life` is set for what dies with the host's agent."""

    host: Host
    script: Script
    life: int | None = None


@dataclass(slots=True)
class _Person:
    """Who lives at a host: tastes, what is known of owners' sessions, and what was said."""

    host: Host
    tastes: Tastes
    sessions: dict[str, bytes] = field(default_factory=dict)
    told: list[tuple[str, Command]] = field(default_factory=list)
    last_pid: int = 1000


@dataclass(frozen=True, slots=True)
class _Work:
    """What a person runs on the machine at which it sits."""

    world: World
    person: _Person

    def begin(self, ram: int = 0) -> tuple[int, int]:
        self.person.last_pid += 1
        pid = self.person.last_pid
        return pid, self.world.run_work(self.person.host.name, pid, ram)

    def again(self, pid: int, ram: int) -> int:
        self.end(pid)
        return self.world.run_work(self.person.host.name, pid, ram)

    def end(self, pid: int) -> None:
        if pid in self.person.host.work:
            self.world.end_work(self.person.host.name, pid)


class Crowd(Observer):
    """Everybody who asks for something. Observe a world with it, then `begin`."""

    def __init__(self, world: World, operations_per_second: float) -> None:
        """`operations_per_second`: of virtual time, over all hosts together."""
        self.diary = Diary()
        self._world = world
        self._rate = operations_per_second / OPERATIONS_PER_SCRIPT
        self._people: dict[str, _Person] = {}
        self._waiting: dict[tuple[str, int], _Actor] = {}
        self._asking: _Actor | None = None
        self._under_way = 0
        self._resting = 0
        self._until: Instant = 0
        self._going_home = False
        self._have_quotas = False

    @property
    def waiting(self) -> int:
        """Scripts that wait for an answer. Who rests, rests; in the calm for good."""
        return self._under_way - self._resting

    # Beginning and ending ------------------------------------------------------------------------

    def begin(self, until: Instant) -> None:
        """People begin to live, and begin nothing new after `until`."""
        self._until = until
        names = tuple(self._world.hosts)
        for host in self._world.hosts.values():
            dice = Random(f"{self._world.seed}/people/{host.name}")
            self._people[host.name] = _Person(host, Tastes(dice, names, bool(host.cards)))
            self._expect_next(self._people[host.name])
        policy = self._world.limits.policy
        if self._rate > 0 and not policy.principals and rights.has_quotas(self._world.seed):
            founder = self._people[names[self._world.seed % len(names)]]
            self._run(founder.host, rights.founding(founder.tastes, self.diary))
            self._have_quotas = True

    def stop(self) -> None:
        """Nothing new is begun, and whoever rests goes home; who waits for an answer waits."""
        self._until = self._world.now
        self._going_home = True

    def _expect_next(self, person: _Person) -> None:
        if self._rate <= 0:
            return
        mean = len(self._people or self._world.hosts) / self._rate
        wait = 1 + round(person.tastes.dice.expovariate(1 / mean) * SECOND)
        self._world.at(wait, partial(self._next, person))

    def _next(self, person: _Person) -> None:
        if self._world.now >= self._until:
            return
        if person.host.agent is not None:
            self._begin(person, person.tastes.dice.random())
        self._expect_next(person)

    def _begin(self, person: _Person, draw: float) -> None:
        tastes, diary = person.tastes, self.diary
        if self._have_quotas and 0.23 <= draw < 0.45:
            script = rights.shifting if draw < 0.28 else rights.spending
            self._run(person.host, script(tastes, diary))
        elif draw < 0.06:
            self._run(person.host, gangs.gang(tastes, diary, partial(self._wall, person.host)))
        elif draw < 0.11:
            self._run(person.host, later.waiting(tastes, diary))
        elif draw < 0.15:
            wall = partial(self._wall, person.host)
            self._run(person.host, later.planning(tastes, diary, wall))
        elif draw < 0.23:
            self._run(person.host, changes.changing(tastes, diary))
        elif draw < 0.52:
            self._run(person.host, scripts.booking(tastes, diary))
        elif draw < 0.72:
            self._run(person.host, scripts.two_steps(tastes, diary))
        elif draw < 0.82:
            self._run(person.host, scripts.tied(tastes, diary, _Work(self._world, person)))
        elif draw < 0.98:
            self._carry(person)
        else:
            self._run(person.host, scripts.question(tastes))

    def _wall(self, host: Host) -> int:
        return host.wall(self._world.now)

    def _carry(self, person: _Person) -> None:
        others = [name for name in person.tastes.names if name != person.host.name]
        if not others:
            return
        owner = person.tastes.dice.choice(others)
        del person.told[:-TOLD_MAX]
        carrier = Carrier(
            owner, person.tastes, self.diary, lambda: self._world.now, person.sessions, person.told
        )
        self._run(person.host, carrier.live(), mortal=True)

    # Steps ---------------------------------------------------------------------------------------

    def _run(self, host: Host, script: Script, *, mortal: bool = False) -> None:
        if self._under_way < SCRIPTS_MAX:
            self._under_way += 1
            self._advance(_Actor(host, script, host.life if mortal else None), None)

    def _advance(self, actor: _Actor, heard: Heard) -> None:
        if actor.life is not None and actor.life != actor.host.life:
            actor.script.close()
            self._under_way -= 1
            return
        try:
            step = actor.script.send(heard)
        except StopIteration:
            self._under_way -= 1
            return
        match step:
            case Rest(duration):
                self._resting += 1
                self._world.at(duration, self._rested, actor)
            case Ask(request):
                self._ask(actor, request)
            case Tell():
                self._tell(actor, step)

    def _later(self, actor: _Actor, heard: Heard, delay: Duration = THINKING) -> None:
        self._world.at(delay, partial(self._advance, actor, heard))

    def _rested(self, actor: _Actor) -> None:
        self._resting -= 1
        if self._going_home:
            actor.script.close()
            self._under_way -= 1
        else:
            self._advance(actor, None)

    def _ask(self, actor: _Actor, request: Request) -> None:
        if actor.host.agent is None:
            self._later(actor, None)
            return
        self._asking = actor
        self._world.ask(actor.host.name, request)
        assert self._asking is None, "the world says what was asked before it is answered"

    def asked(self, host: Host, token: int, request: Request) -> None:
        if self._asking is not None:
            self._waiting[host.name, token] = self._asking
            self._asking = None

    def answered(self, host: Host, reply: Reply) -> None:
        actor = self._waiting.pop((host.name, reply.token), None)
        if actor is not None:
            self._later(actor, reply)

    def ended(self, host: Host, how: str) -> None:
        for key in [key for key in self._waiting if key[0] == host.name]:
            self._later(self._waiting.pop(key), None)

    def _tell(self, actor: _Actor, step: Tell) -> None:
        if actor.host.agent is None:
            self._later(actor, None)
            return
        token = self._world.command(actor.host.name, step.owner, step.command)
        self._listen(actor, token, self._world.now + step.wait, 0)

    def _listen(self, actor: _Actor, token: int, until: Instant, looks: int) -> None:
        def look() -> None:
            answers = self._world.command_answers
            if token in answers or self._world.now >= until:
                self._advance(actor, answers.pop(token, None))
            else:
                self._listen(actor, token, until, looks + 1)

        wait = HEARING[min(looks, len(HEARING) - 1)]
        self._world.at(max(1, min(wait, until - self._world.now)), look)

    # What faults make people do ------------------------------------------------------------------

    def reserve_now(self, host: Host, dice: Random) -> bool:
        """Somebody asks at once. Whether there was a door to ask at."""
        return self.storm(host, dice, 1)

    def storm(self, host: Host, dice: Random, count: int) -> bool:
        """Many ask at one door at the same instant. Whether there was one."""
        if host.agent is None:
            return False
        tastes = Tastes(dice, tuple(self._world.hosts), bool(host.cards))
        for _ in range(count):
            if host.agent is not None:
                self._run(host, scripts.booking(tastes, self.diary))
        return True

    def gang_now(self, host: Host, dice: Random) -> bool:
        """Somebody wants several nodes at once. Whether there was a door to ask at."""
        if host.agent is None or len(self._world.hosts) < 2:
            return False
        tastes = Tastes(dice, tuple(self._world.hosts), bool(host.cards))
        self._run(host, gangs.gang(tastes, self.diary, partial(self._wall, host)))
        return True

    def adopt_now(self, host: Host, dice: Random) -> bool:
        """Somebody ties what runs here to a booking. Whether there was a door to ask at."""
        person = self._people.get(host.name)
        if host.agent is None or person is None:
            return False
        work = _Work(self._world, person)
        tastes = Tastes(dice, tuple(self._world.hosts), bool(host.cards))
        self._run(host, adopting.adopting(tastes, self.diary, work, host.name))
        return True

    def spend_now(self, host: Host, dice: Random) -> bool:
        """Somebody asks for more than was allotted. Whether there was a door to ask at."""
        if host.agent is None:
            return False
        tastes = Tastes(dice, tuple(self._world.hosts), bool(host.cards))
        self._run(host, spending.spending(tastes, self.diary, dice.choice(tastes.names)))
        return True

    def hang_up(self, host: Host, dice: Random) -> bool:
        """Somebody asks, and closes the door soon after. Whether anybody could."""
        if host.agent is None:
            return False
        tastes = Tastes(dice, tuple(self._world.hosts), bool(host.cards))
        reserve = requests.Reserve(tastes.document(), tastes.term_ms())
        life, token = host.life, self._world.ask(host.name, reserve)

        def leave() -> None:
            if host.life == life and token not in host.replies:
                self._world.hang_up(host.name, token)

        self._world.at(seconds(dice.choice((0.001, 0.004, 0.01, 0.05, 1))), leave)
        return True

    def resend(self, host: Host, dice: Random, how: Resend) -> bool:
        """A command of this host is sent again. Whether there was one."""
        person = self._people.get(host.name)
        found = None if person is None else again(person.told, how, dice)
        if host.agent is None or found is None:
            return False
        owner, command = found
        self._world.command(host.name, owner, command)
        return True
