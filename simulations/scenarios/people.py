"""Days on which people are at fault, though they mean no harm: too many, or gone too soon."""

from typing import Final

from ledger.commands import HOLD_ID_BYTES
from ledger.limits import PENDING_TTL
from mesh.instant import SECOND
from node.core import requests
from node.core.gangs.gang import Stage
from node.core.requests.gangs import ReserveGang
from simulations.scenarios.cluster import RAM, Asked, Cluster
from simulations.scenarios.scenario import Scenario

ASKERS: Final = 200
STORM_GIB: Final = 0.25
EFFECTS: Final = 14
"""An asker's agent takes about so many effects from the first send of a hold to its answer."""
SHORT_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
CROWD_MS: Final = 7_000
GIB: Final = 1 << 30
DIES_EVERY: Final = 2
"""Seconds; the two take turns."""
DYING_STAGES: Final = (
    Stage.WAITING, Stage.HOLDING, Stage.POSTING, Stage.PARKING, Stage.SETTLING, Stage.SETTLING,
)  # fmt: skip
"""The last one twice: what was complete and not yet told is what may be granted twice."""
DYING_EFFECTS: Final = 16
"""About what an agent does in one stage of a gang."""
CROWDING: Final = 1 / 6
"""How probably somebody else asks a machine, each second."""
SHARE: Final = RAM * 2 / 5 / GIB
"""Two of these fit on a machine, and three do not."""


def storm(cluster: Cluster) -> None:
    cluster.meet()
    owner, *others = cluster.names
    asked: list[Asked] = []
    for number in range(ASKERS):
        asker = others[number % len(others)]
        asked.append(cluster.ask_for(asker, STORM_GIB, owner, wait=False))
    cluster.fault("storm")
    cluster.wait(cluster.duration)
    cluster.settle(asked)
    won = [cluster.booking(one) for one in asked if one.ok]
    total = sum(booking.amount for booking in won)
    cluster.must(total <= RAM, "G1", f"{owner} has {RAM} bytes and granted {total}")
    cluster.must(
        bool(won), "V5", f"{ASKERS} asked {owner}, which is empty, and nobody got anything"
    )
    cluster.calm()
    cluster.must_keep(won)
    cluster.give_back(won)
    cluster.settle_down()


def requester_dies(cluster: Cluster) -> None:
    cluster.meet()
    owner, *askers = cluster.names
    for number in range(EFFECTS):
        asker = askers[number % len(askers)]
        cluster.fault("requester-dies")
        cluster.world.crash_at_effect(asker, 1 + number)
        cluster.ask_for(asker, 1, owner, term_ms=SHORT_MS, wait=False)
        cluster.wait(2 * SECOND)
        if cluster.host(asker).agent is not None:
            cluster.world.crash(asker)
        cluster.switch_on([asker])
    # Whatever nobody confirmed lapses; what was confirmed before its asker died runs out.
    cluster.wait(PENDING_TTL + SHORT_MS * SECOND // 1000 + cluster.duration)
    cluster.calm()
    cluster.settle_down()
    kept = cluster.book(askers[0], owner, 6)
    cluster.must_keep([kept])


def gang_hunger(cluster: Cluster) -> None:
    """Whoever needs one machine is always quicker than who needs all of them."""
    cluster.meet()
    names = cluster.names
    wish = ReserveGang({"ram": f"{RAM * 3 // 4} B"}, len(names), HOUR_MS, wait_ms=HOUR_MS)
    big: list[Asked] = []
    small: list[Asked] = []
    back: dict[int, Asked] = {}

    def give_back() -> None:
        for number, one in enumerate(big):
            if one.ok and one.reply is not None and number not in back:
                release = requests.Release(one.reply.body["id"])
                back[number] = cluster.ask(one.host.name, release, "release")

    for moment, _ in enumerate(cluster.moments(SECOND)):
        give_back()
        if moment == CROWD_MS // 1000:  # the room is full of others
            big += [cluster.ask(name, wish, "gang") for name in names[:2]]
        for at, name in enumerate(names):
            if (moment + at) % 3 == 0:
                small.append(cluster.ask_for(name, RAM * 2 / 5 / GIB, name, term_ms=CROWD_MS))
        cluster.fault("crowd")
        tried = [host.alive.errands.ganging.tried_in_vain for host in cluster.up()]
        gangs = [gang for host in cluster.up() for gang in host.alive.ledger.books.gangs.values()]
        held = {one.id for one in gangs if one.live} & {one for ids in tried for one in ids}
        cluster.must(not held, "B19", "a gang waits, and holds a part of what it waits for")
    cluster.must(all(one.ok for one in big), "B19", "a gang starves beside small requests")
    give_back()
    cluster.settle([*big, *back.values()])
    cluster.must(any(one.ok for one in small), "V5", "nobody else got anything")
    cluster.calm()
    cluster.settle_down()


def gang_returns(cluster: Cluster) -> None:
    """Who waits asks again under one name, whenever its agent was killed."""
    cluster.meet()
    names = cluster.names
    small: list[Asked] = []
    askers = [_Returning(cluster, name) for name in names[:2]]
    for moment, _ in enumerate(cluster.moments(SECOND)):
        small += [
            cluster.ask_for(host.name, SHARE, host.name, term_ms=CROWD_MS)
            for host in cluster.up()
            if cluster.dice.random() < CROWDING
        ]
        for one in askers:
            one.go_on(more=True)
        if moment % DIES_EVERY == 0:
            askers[moment // DIES_EVERY % 2].dies()
    cluster.wait(2 * SECOND)
    cluster.switch_on()

    def served() -> bool:
        had = [one.go_on(more=False) for one in askers]
        return all(had)

    cluster.wait_for("V5", "whoever wants a gang has had it", served)
    cluster.settle(small)
    cluster.calm()
    cluster.settle_down()


class _Returning:
    """Somebody who wants a part of every machine, gives it back, and wants it again."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.name = name
        self._cluster = cluster
        self._back: Asked | None = None
        self._ask_anew()

    def _ask_anew(self) -> None:
        wish = self._cluster.dice.randbytes(HOLD_ID_BYTES).hex()
        nodes = len(self._cluster.names)
        ask = {"ram": f"{round(SHARE * GIB)} B"}
        self._wish = ReserveGang(ask, nodes, HOUR_MS, wait_ms=HOUR_MS, wish=wish)
        self._asked = self._cluster.ask(self.name, self._wish, "gang")

    def dies(self) -> None:
        """Its agent is killed, at some effect of some stage of its gang, if that comes soon."""
        stage = self._cluster.dice.choice(DYING_STAGES)

        def there() -> bool:
            agent = self._cluster.host(self.name).agent
            gangs = () if agent is None else agent.errands.ganging.under_way
            return any(one.stage is stage for one in gangs)

        if self._cluster.world.run_until(there, SECOND):
            self._cluster.fault("requester-dies")
            after = self._cluster.dice.randrange(1, DYING_EFFECTS)
            self._cluster.world.crash_at_effect(self.name, after)

    def go_on(self, *, more: bool) -> bool:
        """Start the agent again, ask again, or give back, whichever it is time for. Whether all
        that was wanted was had, and is given back."""
        if self._cluster.host(self.name).agent is None:
            self._cluster.switch_on([self.name])
            return False
        if self._asked.unheard:
            self._asked = self._cluster.ask(self.name, self._wish, "gang")
        reply = self._asked.reply
        if reply is None:
            return False
        self._cluster.must(reply.ok, "V5", f"{self.name} is refused: {self._asked.ending}")
        if self._back is None or self._back.unheard:
            release = requests.Release(reply.body["id"])
            self._back = self._cluster.ask(self.name, release, "release")
        if self._back.over and more:
            self._back = None
            self._ask_anew()
        return self._back is not None and self._back.over


SCENARIOS: Final = (
    Scenario(
        "storm", f"{ASKERS} people ask one machine at the same instant",
        "everybody has an answer, and no more is granted than there is", storm,
        duration=5 * SECOND, nodes_min=2,
    ),
    Scenario(
        "requester-dies", "askers die between asking for a hold and confirming it, at every step",
        "no room stays taken by the dead", requester_dies, nodes=5, duration=10 * SECOND,
    ),
    Scenario(
        "gang-hunger", "two want nearly all machines at once, and small requests never cease",
        "both are served, one behind the other, and neither ever holds a part", gang_hunger,
        nodes=5, duration=50 * SECOND,
    ),
    Scenario(
        "gang-returns",
        "the agents of two who want a part of every machine are killed at any moment",
        "each has its gang in the end, once, and nothing is ever left of another", gang_returns,
        nodes=5, duration=50 * SECOND,
    ),
)  # fmt: skip
