"""Days on which a disk is at fault: slow, full, set back, or gone; and power, which disks fear."""

from dataclasses import replace
from typing import Final

from ledger.owner.standings import OPEN, OUTCAST
from mesh.instant import SECOND
from node.core import requests
from simulations.scenarios.cluster import Asked, Booking, Cluster
from simulations.scenarios.scenario import Scenario

SLOWER: Final = 200.0
"""Times as slow: some half a second per commit, as a dying disk or a card in a camera."""
PROMPT: Final = 5 * SECOND
"""Within this a booking between two healthy machines is answered, whatever a third one does."""

TOLD_WITHIN: Final = 3 * SECOND
"""It greets all that it knows at its start, and any of them says so."""


def _two_bookings(cluster: Cluster, owner: str) -> list[Booking]:
    first, second, *_ = [name for name in cluster.names if name != owner]
    return [cluster.book(first, owner, 1), cluster.book(second, owner, 2)]


def _end(cluster: Cluster, kept: list[Booking]) -> None:
    cluster.calm()
    cluster.must_keep(kept)
    cluster.give_back(kept)
    cluster.settle_down()


def slow_disk(cluster: Cluster) -> None:
    cluster.meet()
    slow, *others = cluster.names
    kept = _two_bookings(cluster, slow)
    cluster.fault("slow-disk")
    cluster.host(slow).disk.slow(SLOWER)
    cluster.when_calm(lambda: cluster.host(slow).disk.slow(1))
    at_slow: list[Asked] = []
    for _ in cluster.moments(5 * SECOND):
        at_slow.append(cluster.ask_for(cluster.dice.choice(others), 0.125, slow))
        began = cluster.world.now
        asker, owner = cluster.pair(others)
        booking = cluster.book(asker, owner, 0.125)
        took = cluster.world.now - began
        cluster.must(
            took < PROMPT, "V5", f"{booking} took {took / SECOND:.1f} s, though not at {slow}"
        )
        kept.append(booking)
    cluster.settle(at_slow)
    refused = [one.ending for one in at_slow if not one.ok]
    cluster.must(not refused, "V5", f"slow is no reason to refuse: {refused}")
    _end(cluster, [*kept, *map(cluster.booking, at_slow)])


def full_disk(cluster: Cluster) -> None:
    cluster.meet()
    full, *others = cluster.names
    kept = _two_bookings(cluster, full)
    cluster.fault("full-disk")
    cluster.host(full).disk.fill(True)
    cluster.when_calm(lambda: cluster.host(full).disk.fill(False))
    asked: list[Asked] = []
    for _ in cluster.moments(5 * SECOND):
        asked.append(cluster.ask_for(cluster.dice.choice(others), 1, full, wait=False))
        kept.append(cluster.book(*cluster.pair(others), 0.125))
    cluster.settle(asked)
    won = [one for one in asked if one.ok]
    cluster.must(not won, "B1", f"{len(won)} grants by an owner that can write nothing down")
    _end(cluster, kept)


def amnesia(cluster: Cluster) -> None:
    cluster.meet()
    owner, asker, *_ = cluster.names
    early = cluster.book(asker, owner, 1)
    backup = cluster.host(owner).disk.snapshot()
    kept = [early, *_two_bookings(cluster, owner)]
    cluster.wait(5 * SECOND)
    cluster.kill(owner, power=True)
    cluster.fault("set-back")
    cluster.host(owner).disk.set_back(backup)
    cluster.switch_on([owner])
    _asks_meanwhile(cluster, owner, asker)
    _end(cluster, kept)


def lost_disk(cluster: Cluster) -> None:
    cluster.meet()
    owner, asker, *_ = cluster.names
    kept = [cluster.book(asker, owner, 1), *_two_bookings(cluster, owner)]
    cluster.wait(5 * SECOND)
    cluster.kill(owner, power=True)
    cluster.fault("lost-disk")
    cluster.host(owner).disk.lose()
    cluster.switch_on([owner])
    _asks_meanwhile(cluster, owner, asker)
    _end(cluster, kept)


def _heir(cluster: Cluster, name: str) -> str:
    """The machine of `name`, on a new disk and with a new key; it is switched on."""
    old = cluster.host(name)
    new = cluster.world.add(f"{name}-anew", ram=old.ram)
    new.fingerprint = old.fingerprint
    cluster.world.start(new.name)
    return new.name


def _stands(cluster: Cluster, name: str) -> str:
    return cluster.host(name).alive.ledger.standing[0]


def lost_key(cluster: Cluster) -> None:
    cluster.meet()
    owner, asker, *_ = cluster.names
    kept = [cluster.book(asker, owner, 1), *_two_bookings(cluster, owner)]
    cluster.wait(5 * SECOND)
    cluster.fault("lost-key")
    cluster.retire(owner)
    heir = _heir(cluster, owner)
    _asks_meanwhile(cluster, heir, asker)
    cluster.wait_for("V1", f"{heir} is open", lambda: _stands(cluster, heir) == OPEN)
    _asks_meanwhile(cluster, heir, asker)
    word = cluster.ask(heir, requests.Succeed(owner, "its disk broke"))
    cluster.settle([word])
    cluster.must(word.ok, "V1", f"{heir} may not go on as {owner}: {word.ending}")
    _asks_meanwhile(cluster, heir, asker)
    _turns_up(cluster, owner)
    _end(cluster, [replace(booking, owner=heir) for booking in kept])


def _turns_up(cluster: Cluster, owner: str) -> None:
    """The old disk was not lost after all: it is started, and hears that somebody goes on with what
    it had promised."""
    cluster.world.start(owner)
    cluster.wait(TOLD_WITHIN)
    heard = any(event.kind == "identity.revoked" for event in cluster.host(owner).events)
    cluster.must(heard, "told", f"{owner} was succeeded, and nobody told it")
    shut = f"{owner} is through its quarantine, and stays shut"
    cluster.wait_for("told", shut, lambda: _stands(cluster, owner) == OUTCAST)
    asked = [cluster.ask_for(owner, 0.5, owner, wait=False) for _ in cluster.moments(2 * SECOND)]
    cluster.settle(asked)
    won = [one for one in asked if one.ok]
    cluster.must(not won, "told", f"{owner} was succeeded, and granted {len(won)} times")
    cluster.retire(owner)


def _asks_meanwhile(cluster: Cluster, owner: str, asker: str) -> None:
    """Whoever asks while the owner does not know what it promised gets nothing that is taken.

    Others ask the owner itself: by their own pictures they would not ask at all. Its own people
    ask at once, before anybody could tell it.
    """
    there: list[int] = []
    here: list[Asked] = []
    for _ in cluster.moments(2 * SECOND):
        here.append(cluster.ask_for(owner, 6, owner, wait=False))
        there.append(cluster.demand(asker, owner, 6))
    cluster.settle(here)
    answers = [cluster.world.command_answers.get(token) for token in there]
    won = [one for one in answers if one is not None and one.outcome.positive]
    own = [one for one in here if one.ok]
    cluster.must(not won and not own, "G1", f"{owner} granted 6 GiB of the 4 GiB it has left")
    cluster.must(any(answers), "V1", f"{owner} never answered anybody")


def power_cut(cluster: Cluster) -> None:
    cluster.meet()
    names = cluster.names
    pairs = list(zip(names, [*names[1:], names[0]], strict=True))
    kept = [cluster.book(asker, owner, 2) for asker, owner in pairs]
    under_way = [cluster.ask_for(asker, 0.5, owner) for asker, owner in pairs]
    cluster.world.run(cluster.dice.randrange(SECOND // 20))
    for name in names:
        cluster.kill(name, power=True)
    cluster.wait(cluster.duration)
    cluster.switch_on()
    cluster.settle(under_way)
    # A yes that was heard before the lights went out is a yes; the rest nobody relies on.
    heard = [cluster.booking(one) for one in under_way if one.ok]
    cluster.calm()
    cluster.must_keep([*kept, *heard])


def rack_loss(cluster: Cluster) -> None:
    cluster.meet()
    rack = cluster.names[::3]
    others = [name for name in cluster.names if name not in rack]
    kept = [cluster.book(others[0], owner, 2) for owner in rack]
    kept += [cluster.book(owner, others[0], 0.5) for owner in rack]
    for name in rack:
        cluster.kill(name, power=True)
    for _ in cluster.moments(5 * SECOND):
        kept.append(cluster.book(*cluster.pair(others), 0.25))
    cluster.wait_for("V2", "the others see who is gone", cluster.all_agree)
    lost = cluster.ask_for(others[0], 0.25, rack[0], wait=False)
    cluster.settle([lost])
    cluster.must(not lost.ok, "V1", f"{rack[0]} is dark and granted something")
    _end(cluster, kept)


SCENARIOS: Final = (
    Scenario(
        "slow-disk", "one disk takes half a second for every commit",
        "its owner still grants, and nobody else waits for it", slow_disk, nodes=5,
    ),
    Scenario(
        "full-disk", "one disk is full",
        "its owner grants nothing it cannot write down, and keeps what it has", full_disk, nodes=5,
    ),
    Scenario(
        "amnesia", "power fails, and somebody puts an old copy of the disk back",
        "the owner learns from its peers what it promised, and sells none of it twice", amnesia,
        nodes=4,
    ),
    Scenario(
        "lost-disk", "a disk is lost with all that was on it; the key lay elsewhere",
        "the owner learns from its peers what it promised, and sells none of it twice", lost_disk,
        nodes=4,
    ),
    Scenario(
        "lost-key", "a disk is lost and the key with it; the machine comes back as somebody new",
        "it sells nothing of what is believed in, and on a person's word keeps all of it; the old "
        "disk, should it turn up, hears so and grants nothing", lost_key,
        nodes=4, duration=20 * SECOND,
    ),
    Scenario(
        "power-cut", "the whole house loses power in the middle of it all, and it comes back",
        "whatever was answered is there again", power_cut, duration=10 * SECOND,
    ),
    Scenario(
        "rack-loss", "every third machine loses power at once, and comes back later",
        "the others go on, and every booking in the dark rack is kept", rack_loss, nodes=9,
    ),
)  # fmt: skip
