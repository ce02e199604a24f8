"""The whole mesh: every machine's whole agent in a world, with gossip, disks, streams and faults.

Everything is asked at a real door: `Reserve` where the asker sits, `Release` when the job is done.
The checks look on, as in any run. Time before the machines have met does not count.
"""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Final

from mesh.identity import NodeId, id_text
from mesh.instant import MILLISECOND, MINUTE, SECOND, Duration, Instant
from node.core.choosing import request_of
from node.core.effects import Reply
from node.core.names import find_node
from node.core.requests import Refused, Release, Reserve
from placement.decide import decide
from placement.decision import Decision
from placement.judging.columns import Prepared, prepare
from placement.request import Request
from placement.view import ClusterView
from simulations.checks import all_checks
from simulations.faults.catalogue import Chosen
from simulations.faults.nemesis import Nemesis
from simulations.faults.scene import Scene
from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.invented.world import CALM, World
from simulations.people.crowd import Crowd
from simulations.results import OK, STALLED, VIOLATED
from simulations.run import CRASHES, LOOK_EVERY, blame
from simulations.verdicts import PromiseBroken, Stalled
from simulations.whatif.cluster import Cluster
from simulations.whatif.demand import Job
from simulations.whatif.ground import Answered, NoRoom, Placed

MEET_WAIT: Final[Duration] = 5 * MINUTE
GIVE_BACK_AGAIN: Final[Duration] = 5 * SECOND
GIVE_BACK_TRIES: Final = 60
"""A machine that lost power comes back within minutes; what is not given back by then runs out."""


class WholeMesh(Observer):
    """A world with the described machines. `meet` first; its time then begins at nothing."""

    def __init__(self, seed: int, cluster: Cluster, faults: Chosen) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.world = world = World(seed, cluster.weather or CALM)
        world.look_every = LOOK_EVERY
        for machine in cluster.machines:
            world.add_described(machine)
        crowd = Crowd(world, 0)
        scene = Scene(world, crowd, cluster.weather or CALM)
        self._checks = all_checks(world)
        self._nemesis = Nemesis(scene, faults)
        for observer in (self._checks, crowd, scene, self):
            world.observe(observer)
        self._began: Instant = 0
        self._waiting: dict[tuple[str, int], Callable[[Reply | None], None]] = {}
        self._names: dict[NodeId, str] = {host.id: host.name for host in world.hosts.values()}

    @property
    def now(self) -> Instant:
        return max(0, self.world.now - self._began)

    @property
    def faults(self) -> dict[str, int]:
        """Kind → how often it struck."""
        return dict(sorted(self._nemesis.counts.items()))

    @property
    def blocks(self) -> int:
        """Durable blocks that owners wrote of their own."""
        return sum(len(host.own_blocks()) for host in self.world.hosts.values())

    # Time ----------------------------------------------------------------------------------------

    def at(self, when: Instant, rank: int, number: int, what: Callable[[], None]) -> None:
        """See `Ground`; agents take time to answer, so no two asks meet at one instant."""
        self.world.at(max(0, when - self.now), what)

    def meet(self) -> tuple[str, tuple[str, ...]]:
        """Everybody starts, and knows everybody. (verdict, violations)."""
        for name in self.world.hosts:
            self.world.start(name, first=True)
        verdict = self._live(self._meet)
        self._began = self.world.now
        return verdict

    def _meet(self) -> None:
        if not self.world.run_until(self._all_met, MEET_WAIT):
            raise Stalled("V2", "the machines never met")

    def _all_met(self) -> bool:
        others = len(self.world.hosts) - 1
        return all(
            len(known := host.alive.knowledge.members()) == others
            and all(host.alive.knowledge.fact(member.id, "live") for member in known)
            for host in self.world.up()
        )

    def run(
        self, until: Instant, passed: Callable[[Instant], object]
    ) -> tuple[str, tuple[str, ...]]:
        """Misfortune and jobs, second by second. (verdict, violations)."""

        def live() -> None:
            self._nemesis.unleash(self._began + until)
            while self.now < until:
                self.world.run(min(SECOND, until - self.now))
                passed(self.now)

        return self._live(live)

    def _live(self, live: Callable[[], None]) -> tuple[str, tuple[str, ...]]:
        try:
            live()
        except PromiseBroken as broken:
            return VIOLATED, (str(broken),)
        except Stalled as stalled:
            return STALLED, (str(stalled),)
        except CRASHES as crash:
            return blame(crash)
        return OK, ()

    # Asking --------------------------------------------------------------------------------------

    def _host(self, job: Job) -> Host:
        """Where `job` is asked for: the same place as over a shared view. Raises Refused."""
        if job.kind.sits_at:
            return self.world.hosts[self._names[find_node(job.kind.sits_at, self._names)]]
        names = list(self._names.values())  # a copy that a fault makes is nobody's place to sit
        return self.world.hosts[Random(f"{self.world.seed}/asks/{job.number}").choice(names)]

    def request(self, job: Job) -> Request:
        """What `job` asks for, from where it sits. Raises Refused."""
        return request_of(job.kind.ask, self._host(job).id)

    def ask(self, job: Job, answered: Answered) -> None:
        """See `Ground`."""
        host = self._host(job)
        if host.agent is None:
            answered(NoRoom(None, f"{host.name}, where it is asked for, is down"))
            return
        reserve = Reserve(
            job.kind.ask, job.term // MILLISECOND, job.kind.name[:120], job.kind.principal,
            wait_for_opening=False,
        )  # fmt: skip
        token = host.last_token + 1
        self._waiting[host.name, token] = partial(self._heard, job, host, answered)
        self.world.ask(host.name, reserve)

    def _heard(self, job: Job, host: Host, answered: Answered, reply: Reply | None) -> None:
        if reply is None:
            answered(NoRoom(None, f"{host.name} went down before it answered"))
            return
        if reply.ok:
            body = reply.body
            legs = tuple((leg["pool"], leg["amount"]) for leg in body["legs"])
            answered(Placed(body["owner"]["name"], bytes.fromhex(body["id"]), legs))
            return
        answered(NoRoom(self._decision(job, host), str(reply.body["sentence"])))

    def _decision(self, job: Job, host: Host) -> Decision | None:
        if host.agent is None:
            return None
        try:
            request = self.request(job)
            if request.node is not None:
                request = request.but(node=id_text(find_node(request.node, self._names)))
        except Refused:
            return None
        return decide(request, host.agent.knowledge.prepared())

    def give_back(self, placed: Placed) -> None:
        """See `Ground`: asked of the owner's own door, again while it is down."""
        self._give_back(placed, GIVE_BACK_TRIES)

    def _give_back(self, placed: Placed, tries: int) -> None:
        host = self.world.hosts[placed.machine]
        again = partial(self._give_back, placed, tries - 1)

        def heard(reply: Reply | None) -> None:
            if tries and (reply is None or reply.body.get("code") in ("unknown", "timeout")):
                self.world.at(GIVE_BACK_AGAIN, again)

        if host.agent is None:
            heard(None)
            return
        self._waiting[host.name, host.last_token + 1] = heard
        self.world.ask(host.name, Release(placed.hold.hex()))

    def answered(self, host: Host, reply: Reply) -> None:
        heard = self._waiting.pop((host.name, reply.token), None)
        if heard is not None:
            self.world.at(MILLISECOND, heard, reply)

    def ended(self, host: Host, how: str) -> None:
        for key in [key for key in self._waiting if key[0] == host.name]:
            self.world.at(MILLISECOND, self._waiting.pop(key), None)

    # Figures -------------------------------------------------------------------------------------

    def promised(self, machine: str) -> Mapping[str, int] | None:
        """See `Gauge`. Of a machine that is down nobody can say."""
        agent = self.world.hosts[machine].agent
        if agent is None:
            return None
        books = agent.ledger.books
        return {pool: books.capacity(pool) - books.free(pool) for pool in books.pools}

    def rooms(self, machine: str) -> Mapping[str, int | None]:
        """See `Gauge`."""
        agent = self.world.hosts[machine].agent
        return {} if agent is None else agent.ledger.rooms()

    def prepared(self) -> Prepared:
        """See `Gauge`: as the first machine that is up sees it."""
        for host in self.world.up():
            return host.alive.knowledge.prepared()
        return prepare(ClusterView(()))
