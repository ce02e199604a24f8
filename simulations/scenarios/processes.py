"""Days on which an agent is at fault: it sleeps, its clock leaps, or it runs twice."""

from typing import Final

from ledger.owner.standings import CLOSED
from mesh.config import MeshConfig
from mesh.instant import SECOND
from simulations.scenarios.cluster import Asked, Cluster
from simulations.scenarios.scenario import Scenario

STEP: Final = 5 * SECOND
LEAPS: Final = (-20 * SECOND, -1 * SECOND, 1 * SECOND, 5 * SECOND, 20 * SECOND)
SMALL: Final = 0.125


def sleepy_laptop(cluster: Cluster) -> None:
    cluster.meet()
    laptop, *others = cluster.names
    kept = [cluster.book(laptop, others[0], 1), cluster.book(others[0], laptop, 1)]
    cluster.fault("suspend")
    cluster.world.suspend(laptop, cluster.duration)
    asked: list[Asked] = []
    for _ in cluster.moments(STEP):
        asked.append(cluster.ask_for(others[0], SMALL, laptop, wait=False))
        kept.append(cluster.book(*cluster.pair(others), SMALL))
    cluster.settle(asked)
    cluster.calm()
    cluster.must_keep([*kept, *(cluster.booking(one) for one in asked if one.ok)])
    cluster.must_answer_alike(1)


def clock_jump(cluster: Cluster) -> None:
    cluster.meet()
    names = cluster.names
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    kept = [cluster.book(asker, owner, 1) for asker, owner in pairs]
    asked: list[Asked] = []
    for _ in cluster.moments(STEP):
        cluster.fault("clock-leap")
        cluster.world.jump_clock(cluster.dice.choice(names), cluster.dice.choice(LEAPS))
        asked.append(cluster.ask_for(cluster.dice.choice(names), SMALL, wait=False))
    cluster.settle(asked)
    cluster.calm()
    cluster.must_keep([*kept, *(cluster.booking(one) for one in asked if one.ok)])
    cluster.must_answer_alike(1)


def cloned_identity(cluster: Cluster) -> None:
    cluster.meet()
    original, *others = cluster.names
    kept = cluster.book(others[0], original, 3)
    cluster.fault("clone")
    cluster.world.clone(original, "clone", marker=cluster.dice.random() < 0.5)
    cluster.switch_on(["clone"])
    cluster.wait(MeshConfig().beacon_shortest)
    for name in (original, "clone"):
        host = cluster.host(name)
        shut = host.agent is not None and host.agent.ledger.standing[0] == CLOSED
        cluster.must(shut, "twin", f"{name} goes on, beside another machine with its key")
        named = any(event.kind == "identity.twin" for event in host.events)
        cluster.must(named, "twin", f"{name} does not name the other")
    asked = [
        cluster.ask_for(cluster.dice.choice(others), 3, original, wait=False)
        for _ in cluster.moments(STEP)
    ]
    cluster.settle(asked)
    won = [one.ending for one in asked if one.ok]
    cluster.must(not won, "twin", f"{len(won)} were granted room by one of two machines")
    cluster.retire("clone")
    cluster.decide_for(original)
    cluster.calm()
    cluster.must_keep([kept])


SCENARIOS: Final = (
    Scenario(
        "sleepy-laptop", "a laptop is closed in the middle of it all, and opened again",
        "its bookings elsewhere and others' bookings on it are kept", sleepy_laptop, nodes=5,
        duration=60 * SECOND,
    ),
    Scenario(
        "clock-jump", "clocks leap ahead, or stand still until they have made up for a leap back",
        "no promise ends early, and everybody agrees", clock_jump,
    ),
    Scenario(
        "cloned-identity", "a second machine starts with a copy of another's key and disk",
        "both are named in a second and neither grants; with the copy gone, and a person's word, "
        "the first has its bookings",
        cloned_identity,
    ),
)  # fmt: skip
