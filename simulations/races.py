"""Two askers, one room: run it thousands of times, and never see two winners.

Each world is a small mesh drawn from its seed: how many nodes, how bad the network, how much room.
In each round two askers on different nodes want more than half of one owner's room at the same
time (or nearly), while datagrams are lost and repeated, and now and then the owner is switched off
in the middle. However it ends, at most one of them may have it; and what one believes, the owner's
log must say.

    python -m simulations.races --count 10000 [--seed 1]
"""

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from random import Random

from ledger.lifecycle import HoldState
from mesh.instant import MILLISECOND, SECOND, seconds
from node.core import requests
from node.core.effects import Reply
from simulations.checks import all_checks
from simulations.invented.hardware import GIB
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.world import World
from simulations.verdicts import PromiseBroken, Stalled

RACES_PER_WORLD = 20
PATIENCE = seconds(90)
NODES = (3, 3, 3, 4, 5)


@dataclass(slots=True)
class Tally:
    """What a campaign saw: a campaign whose faults never fire has shown nothing."""

    races: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


def race_world(seed: int, tally: Tally, races: int = RACES_PER_WORLD) -> World:
    """One world and its races. Raises PromiseBroken or Stalled, with the seed."""
    dice = Random(f"{seed}/races")
    weather = Weather(
        delay=dice.choice((0, 1, 5)) * MILLISECOND,
        jitter=dice.choice((0, 1, 20)) * MILLISECOND,
        loss=dice.choice((0.0, 0.0, 0.05, 0.2)),
        duplication=dice.choice((0.0, 0.1)),
    )
    world = World(seed, weather)
    checks = all_checks(world)
    world.observe(checks)
    names = [f"n{number}" for number in range(dice.choice(NODES))]
    for name in names:
        world.add(name, ram=8 * GIB)
        world.start(name, first=True)
    met = world.run_until(
        lambda: all(_knows_all(h, len(names)) for h in world.hosts.values()), PATIENCE
    )
    if not met:
        raise Stalled("V2", f"seed {seed}: the nodes never met")
    for _ in range(races):
        _race(world, names, dice, tally)
        checks.look_at_all(world)
        tally.races += 1
    world.network.heal()
    world.run(5 * SECOND)
    checks.look_at_all(world)
    return world


def _knows_all(host: Host, count: int) -> bool:
    return len(host.alive.knowledge.members()) == count - 1 and all(
        host.alive.knowledge.fact(member.id, "live") for member in host.alive.knowledge.members()
    )


def _race(world: World, names: list[str], dice: Random, tally: Tally) -> None:
    owner, *askers = dice.sample(names, 3)
    amount = dice.randrange(4 * GIB + 1, 8 * GIB)
    ask = requests.Reserve(
        ask={"ram": f"{amount} B", "node": owner}, term_ms=3_600_000, wait_for_opening=False
    )
    tokens = []
    for asker in askers:
        tokens.append((world.hosts[asker], world.ask(asker, ask)))
        world.run(dice.choice((0, 0, 1, 3, 10)) * MILLISECOND)
    if dice.random() < 0.1:
        tally.faults["owner killed"] += 1
        world.run(dice.randrange(30) * MILLISECOND)
        power = dice.random() < 0.3
        tally.faults["owner's power cut"] += power
        world.crash(owner, power=power)
        world.run(dice.randrange(1, 500) * MILLISECOND)
        world.start(owner)
    if dice.random() < 0.1:
        tally.faults["asker cut off"] += 1
        world.network.cut([askers[0]], [owner])
    answered = world.run_until(lambda: all(t in h.replies for h, t in tokens), PATIENCE)
    world.network.heal()
    if not answered:
        raise Stalled("V1", f"seed {world.seed}: an asker never got an answer")
    _judge(world, owner, [host.replies[token] for host, token in tokens], tally)
    _clear(world, owner)


def _judge(world: World, owner: str, replies: list[Reply], tally: Tally) -> None:
    winners = [reply for reply in replies if reply.ok]
    tally.outcomes[f"{len(winners)} won"] += 1
    for reply in replies:
        if not reply.ok:
            tally.outcomes[f"lost: {reply.body['code']}"] += 1
    if len(winners) > 1:
        raise PromiseBroken(
            "G7", f"seed {world.seed}: two winners: {[w.body['id'] for w in winners]}"
        )
    books = world.hosts[owner].alive.ledger.books
    for winner in winners:
        if books.state_of(bytes.fromhex(winner.body["id"])) is not HoldState.POSTED:
            raise PromiseBroken("B13", f"seed {world.seed}: granted, and not in the owner's books")


def _clear(world: World, owner: str) -> None:
    """Give everything back, as the holders would, and let the owner's word travel."""

    def empty() -> bool:
        return not world.hosts[owner].alive.ledger.books.live

    for _ in range(5):
        for hold in world.hosts[owner].alive.ledger.books.live_holds():
            if hold.state is HoldState.POSTED:
                world.ask(owner, requests.Release(hold.id.hex()))
        if world.run_until(empty, seconds(40)):
            break
    if not empty():
        raise Stalled("V3", f"seed {world.seed}: holds that never end")

    def all_know() -> bool:
        heads = {h.alive.mesh.chains.length(world.hosts[owner].id) for h in world.hosts.values()}
        return len(heads) == 1

    if not world.run_until(all_know, PATIENCE):
        raise Stalled("V2", f"seed {world.seed}: the owner's log never reached everyone")


def _one_world(seed: int, races: int) -> Tally:
    tally = Tally()
    race_world(seed, tally, races)
    return tally


def campaign(count: int, first_seed: int, jobs: int) -> Tally:
    """`count` races over as many worlds as they need, on `jobs` cores. Raises as `race_world`."""
    worlds = -(-count // RACES_PER_WORLD)
    sizes = [RACES_PER_WORLD] * (worlds - 1) + [count - RACES_PER_WORLD * (worlds - 1)]
    seeds = range(first_seed, first_seed + worlds)
    whole = Tally()
    with ProcessPoolExecutor(jobs) as pool:
        for tally in pool.map(_one_world, seeds, sizes, chunksize=4):
            whole.races += tally.races
            whole.outcomes += tally.outcomes
            whole.faults += tally.faults
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{whole.races} of {count} races")
    return whole


def main() -> int:
    """The campaign, with a line that can be counted at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="races to run")
    parser.add_argument("--seed", type=int, default=1, help="the first world's seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to use")
    flags = parser.parse_args()
    if flags.count < 1 or flags.jobs < 1:
        parser.error("--count and --jobs must be at least 1")
    began = time.perf_counter()
    try:
        tally = campaign(flags.count, flags.seed, flags.jobs)
    except (PromiseBroken, Stalled) as broken:
        sys.stderr.write(f"\n{broken}\nreplay: --count {RACES_PER_WORLD} --seed THAT --jobs 1\n")
        return 1
    took = time.perf_counter() - began
    sys.stdout.write(
        f"\n{tally.races} races in {took:.0f} s ({tally.races / took:.0f}/s); never two winners\n"
        f"outcomes: {dict(sorted(tally.outcomes.items()))}\n"
        f"faults: {dict(sorted(tally.faults.items()))}\n"
        f"races: {tally.races} passed, 0 failed\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
