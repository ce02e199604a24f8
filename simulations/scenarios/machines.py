"""Days on which a machine is not what it was: cards fought over, memory gone, figures unknown."""

from typing import Any, Final

from mesh.instant import SECOND
from node.core import requests
from simulations.invented.hardware import Card
from simulations.scenarios.cluster import GIB, HOUR_MS, Asked, Booking, Cluster
from simulations.scenarios.scenario import Scenario

CARD_GIB: Final = 24
WANTED: Final = "nvidia:20GiB"
"""More than half of the card: it can be promised once."""
STEP: Final = 5 * SECOND


def _end(cluster: Cluster, kept: list[Booking]) -> None:
    cluster.calm()
    cluster.must_keep(kept)
    cluster.give_back(kept)
    cluster.settle_down()


def gpu_race(cluster: Cluster) -> None:
    owner, *askers = cluster.names
    cluster.host(owner).cards.append(Card("GPU-7", CARD_GIB * GIB))
    cluster.meet()
    cluster.wait_for("V2", "everybody has heard of the card", cluster.all_informed)
    document: dict[str, Any] = {"gpus": [WANTED]}
    rounds = won = 0
    for _ in cluster.moments(STEP):
        request = requests.Reserve(document, HOUR_MS, wait_for_opening=False)
        asked = [cluster.ask(name, request, "reserve") for name in askers]
        cluster.fault("race")
        cluster.settle(asked)
        winners = [cluster.booking(one) for one in asked if one.ok]
        cluster.must(
            len(winners) <= 1, "G1", f"one card, and {len(winners)} were told it is theirs"
        )
        rounds, won = rounds + 1, won + len(winners)
        cluster.give_back(winners)
    cluster.must(
        won == rounds, "V5", f"{rounds - won} of {rounds} races for a free card nobody won"
    )
    _end(cluster, [])


def one_card_two_owners(cluster: Cluster) -> None:
    cluster.meet()
    one, two, asker, *_ = cluster.names
    for owner in (one, two):
        cluster.host(owner).cards.append(Card("GPU-7", CARD_GIB * GIB))
        cluster.fault("one-card-two-owners")
        cluster.world.look(owner)
    cluster.when_calm(cluster.host(two).cards.clear)
    cluster.wait_for("V2", "both owners have heard each other", cluster.all_informed)
    cluster.wait(STEP)
    for _ in cluster.moments(STEP):
        asked = [cluster.ask(asker, _card_at(owner), "reserve") for owner in (one, two)]
        cluster.settle(asked)
        won = [entry for entry in asked if entry.ok]
        cluster.must(not won, "rival", f"{len(won)} were told that a contested card is theirs")
    cluster.calm()
    cluster.world.look(two)
    cluster.wait_for("V2", "everybody has heard whose it is", cluster.all_informed)
    cluster.wait(2 * STEP)
    asked = [cluster.ask(asker, _card_at(one), "reserve")]
    cluster.settle(asked)
    cluster.must(asked[0].ok, "V5", f"the card has one owner, which refuses: {asked[0].ending}")
    _end(cluster, [cluster.booking(asked[0])])


def _card_at(owner: str) -> requests.Reserve:
    document: dict[str, Any] = {"gpus": [WANTED], "node": owner}
    return requests.Reserve(document, HOUR_MS, wait_for_opening=False)


def shrinking_machine(cluster: Cluster) -> None:
    cluster.meet()
    owner, asker, *_ = cluster.names
    host = cluster.host(owner)
    whole = host.ram
    kept = [cluster.book(asker, owner, 6)]
    cluster.fault("shrink")
    host.set_ram(whole // 2)
    cluster.when_calm(lambda: host.set_ram(whole))
    cluster.world.look(owner)
    _must_refuse(cluster, owner, 0.5)
    cluster.must_keep(kept)
    cluster.calm()
    kept.append(_granted_in_time(cluster, asker, owner, 1))
    _end(cluster, kept)


def foreign_memory(cluster: Cluster) -> None:
    cluster.meet()
    owner, asker, *_ = cluster.names
    host = cluster.host(owner)
    kept = [cluster.book(asker, owner, 1)]
    cluster.fault("foreign-memory")
    host.ram_foreign = 6 * GIB

    def gone() -> None:
        host.ram_foreign = 0

    cluster.when_calm(gone)
    cluster.world.look(owner)
    _must_refuse(cluster, owner, 3)
    cluster.calm()
    kept.append(_granted_in_time(cluster, asker, owner, 3))
    _end(cluster, kept)


def blind_probe(cluster: Cluster) -> None:
    cluster.meet()
    owner, asker, *_ = cluster.names
    host = cluster.host(owner)
    kept = [cluster.book(asker, owner, 1)]
    cluster.fault("unknown-figures")
    host.blind("ram")
    cluster.when_calm(lambda: host.see("ram"))
    cluster.world.look(owner)
    _must_refuse(cluster, owner, 1)
    cluster.must_keep(kept)
    cluster.calm()
    kept.append(_granted_in_time(cluster, asker, owner, 1))
    _end(cluster, kept)


def _must_refuse(cluster: Cluster, owner: str, gib: float) -> None:
    """Nobody gets that much of the owner now, whoever asks."""
    asked: list[Asked] = [
        cluster.ask_for(cluster.dice.choice(cluster.names), gib, owner, wait=False)
        for _ in cluster.moments(STEP)
    ]
    cluster.settle(asked)
    won = [one for one in asked if one.ok]
    cluster.must(not won, "B9", f"{owner} granted {gib:g} GiB that it cannot see free")


def _granted_in_time(cluster: Cluster, asker: str, owner: str, gib: float) -> Booking:
    """As soon as the owner's next look is heard of, the room is there again."""
    cluster.wait_for("V2", "everybody has heard of the room", cluster.all_informed)
    cluster.wait(2 * STEP)
    return cluster.book(asker, owner, gib)


SCENARIOS: Final = (
    Scenario(
        "gpu-race", "everybody wants the only card, at the same instant, again and again",
        "each race has exactly one winner", gpu_race,
    ),
    Scenario(
        "one-card-two-owners", "two machines say that one card is theirs",
        "neither grants on it until one of them takes its word back", one_card_two_owners,
    ),
    Scenario(
        "shrinking-machine", "a machine comes back with less memory than it has promised",
        "it grants nothing until it is whole, and keeps what it promised", shrinking_machine,
        nodes=4, nodes_min=2,
    ),
    Scenario(
        "foreign-memory", "programs that nobody asked about take most of a machine's memory",
        "what is not really free is not granted, and is again when they are gone", foreign_memory,
        nodes=4, nodes_min=2,
    ),
    Scenario(
        "blind-probe", "a machine cannot read how much of its memory is free",
        "unknown is never taken for free", blind_probe, nodes=4, nodes_min=2,
    ),
)  # fmt: skip
