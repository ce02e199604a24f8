"""Days on which people are at fault, though they mean no harm: too many, or gone too soon."""

from typing import Final

from ledger.limits import PENDING_TTL
from mesh.instant import SECOND
from simulations.scenarios.cluster import RAM, Asked, Cluster
from simulations.scenarios.scenario import Scenario

ASKERS: Final = 200
STORM_GIB: Final = 0.25
EFFECTS: Final = 14
"""An asker's agent takes about so many effects from the first send of a hold to its answer."""
SHORT_MS: Final = 60_000
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
)  # fmt: skip
