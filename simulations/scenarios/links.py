"""Days on which the network is at fault: cuts, silence one way, loss, and everybody at once."""

from typing import Final

from mesh.instant import MILLISECOND, SECOND
from simulations.invented.network import Weather
from simulations.scenarios.cluster import Asked, Booking, Cluster
from simulations.scenarios.scenario import Scenario

WIFI: Final = Weather(
    delay=15 * MILLISECOND, jitter=80 * MILLISECOND, loss=0.25, duplication=0.05, reordering=0.2,
    corruption=0.01, delay_tail=0.01,
)  # fmt: skip
"""A crowded room with one tired access point."""
SMALL: Final = 0.125
"""GiB: so little that there is always room for it."""
STEP: Final = 3 * SECOND
UP_AND_DOWN: Final = 1500 * MILLISECOND


def _granted(cluster: Cluster, asked: list[Asked]) -> list[Booking]:
    return [cluster.booking(one) for one in asked if one.ok]


def _neighbours(cluster: Cluster) -> list[Booking]:
    """Everybody books a little at the next one."""
    names = cluster.names
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    return [cluster.book(asker, owner, SMALL) for asker, owner in pairs]


def _end(cluster: Cluster, kept: list[Booking]) -> None:
    """Calm; every yes still stands, everybody answers alike, and all of it can be given back."""
    cluster.calm()
    cluster.must_keep(kept)
    cluster.must_answer_alike(1)
    cluster.give_back(kept)
    cluster.settle_down()


def split_brain(cluster: Cluster) -> None:
    cluster.meet()
    kept = _neighbours(cluster)
    middle = len(cluster.names) // 2
    here, there = cluster.names[:middle], cluster.names[middle:]
    cluster.fault("partition")
    cluster.world.network.cut(here, there)
    inside: list[Asked] = []
    across: list[Asked] = []
    for _ in cluster.moments(STEP):
        for side, other in ((here, there), (there, here)):
            asker, owner = cluster.dice.choice(side), cluster.dice.choice(side)
            inside.append(cluster.ask_for(asker, SMALL, owner))
            across.append(cluster.ask_for(asker, SMALL, cluster.dice.choice(other), wait=False))
    cluster.settle([*inside, *across])
    won = [one for one in across if one.ok]
    cluster.must(not won, "B1", f"{len(won)} grants came across a cut that nothing crosses")
    refused = [one.ending for one in inside if not one.ok]
    cluster.must(not refused, "V5", f"refused within one's own half: {refused}")
    _end(cluster, [*kept, *_granted(cluster, inside)])


def one_way(cluster: Cluster) -> None:
    cluster.meet()
    deaf, *others = cluster.names
    kept = [cluster.book(others[0], deaf, SMALL), cluster.book(deaf, others[0], SMALL)]
    for ways in ((others, [deaf]), ([deaf], others)):
        cluster.fault("one-way-cut")
        number = cluster.world.network.cut(*ways, one_way=True)
        asked: list[Asked] = []
        for _ in cluster.moments(STEP, parts=2):
            asked.append(cluster.ask_for(cluster.dice.choice(others), SMALL, deaf, wait=False))
            asked.append(cluster.ask_for(deaf, SMALL, cluster.dice.choice(others), wait=False))
        cluster.settle(asked)
        won = [one for one in asked if one.ok]
        cluster.must(not won, "B1", f"{len(won)} grants came where one way is cut")
        cluster.world.network.mend(number)
    _end(cluster, kept)


def lossy_wifi(cluster: Cluster) -> None:
    cluster.meet()
    kept = _neighbours(cluster)
    cluster.fault("lossy-wifi")
    cluster.world.network.weather = WIFI
    asked: list[Asked] = []
    for _ in cluster.moments(STEP):
        asker, owner = cluster.pair(cluster.names)
        asked.append(cluster.ask_for(asker, SMALL, owner, wait=False))
    cluster.settle(asked)
    _end(cluster, [*kept, *_granted(cluster, asked)])


def flapping(cluster: Cluster) -> None:
    cluster.meet()
    flapper, *steady = cluster.names
    kept = _neighbours(cluster)
    asked: list[Asked] = []
    for _ in cluster.moments(2 * UP_AND_DOWN):
        cluster.fault("isolation")
        number = cluster.world.network.cut([flapper], steady)
        asked.append(cluster.ask_for(cluster.dice.choice(steady), SMALL, steady[0]))
        asked.append(cluster.ask_for(steady[0], SMALL, flapper, wait=False))
        cluster.wait(UP_AND_DOWN)
        cluster.world.network.mend(number)
        for beholder in steady:
            gone = [one for one in steady if one != beholder and _is_gone(cluster, beholder, one)]
            cluster.must(not gone, "V1", f"{beholder} gave up {gone}, who were there all along")
    cluster.settle(asked)
    refused = [one.ending for one in asked[::2] if not one.ok]
    cluster.must(not refused, "V5", f"refused among those who were there all along: {refused}")
    _end(cluster, [*kept, *_granted(cluster, asked)])


def _is_gone(cluster: Cluster, beholder: str, other: str) -> bool:
    return cluster.liveness(beholder, other) in ("dead", "left", "unknown")


def mass_join(cluster: Cluster) -> None:
    cluster.fault("mass-join", len(cluster.names))
    cluster.switch_on(first=True)
    cluster.wait_for("V2", "everybody knows everybody", cluster.all_agree, cluster.duration)
    cluster.wait_for(
        "V2", "everybody has heard everybody's facts", cluster.all_informed, cluster.duration
    )
    cluster.must_answer_alike(1)
    _end(cluster, _neighbours(cluster))


SCENARIOS: Final = (
    Scenario(
        "split-brain", "the network falls into two halves, and people ask on both sides",
        "no grant crosses the cut; those inside a half are kept when it heals", split_brain,
        nodes_min=4,
    ),
    Scenario(
        "one-way", "one machine hears and is not heard, then is heard and does not hear",
        "a grant whose answer cannot come back leaves no room taken", one_way,
    ),
    Scenario(
        "lossy-wifi", "a crowded Wi-Fi loses a quarter, delays, repeats, reorders and bends",
        "everybody has an answer, and every yes is kept", lossy_wifi,
    ),
    Scenario(
        "flapping", "one machine drops off the network and comes back, again and again",
        "nobody gives up those who were there all along, nor is refused by them", flapping,
    ),
    Scenario(
        "mass-join", "everybody is switched on at the same instant",
        "everybody knows everybody and answers alike", mass_join, nodes=24, nodes_min=2,
    ),
)  # fmt: skip
