"""Days on which people are at fault, though they mean no harm: too many, or gone too soon."""

from typing import Final

from ledger.limits import PENDING_TTL
from mesh.instant import SECOND
from node.core import requests
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
)  # fmt: skip
