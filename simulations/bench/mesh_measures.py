"""The mesh among many: how fast it finds, tells, notices and heals, and what it costs meanwhile.

Each size is a swarm (`swarm.py` says what of it is real). The swarm that joined last is the one
that idles, hears news, loses datagrams, is split and loses members; a second one dies under the
`fast` profile. Nodes are killed so close to each other that several are being missed at one time,
as they would be when a rack goes; each counts for itself.

A run is whole whatever it finds: what does not come about within its time counts as that time, and
is said aloud while it is measured.

A *false suspicion* is the beginning of one: the first to suspect a node that lives, until nobody
does. What the others then make of it is not counted again.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

import trio

from mesh.config import MeshConfig, balanced, fast
from mesh.effects import PeerChange
from mesh.identity import NodeId
from mesh.instant import Instant, in_seconds
from simulations.bench.agents import machines
from simulations.bench.bee import Bee
from simulations.bench.mesh_sheet import Sheet, say
from simulations.bench.processes import memory, spent
from simulations.bench.rows import Area, Row
from simulations.bench.swarm import SETTLE_SECONDS, Swarm, swarm_of
from simulations.bench.timing import median, quantile

SEED: Final = 20_260_106
LOSS: Final = 0.2
FACT_BYTES: Final = 300
FACT_SECONDS_MAX: Final = 5.0
WHOLE_SECONDS_MAX: Final = 60.0
DEATH_SECONDS_MAX: Final = 20.0
RESTART_SECONDS_MAX: Final = 10.0
CALM_SECONDS_MAX: Final = 30.0
"""A mesh that has just joined or healed on one core has been late by its own fault, knows it, and
looks more rarely for a while. What is measured next is measured when it has found its breath."""
MB_PER_MIB: Final = 1.048576
LAST_DATAGRAMS_SECONDS: Final = 1.0
TOPIC: Final = "bench"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of each. `long` runs hours where the short run takes minutes."""

    nodes: int
    joins: int = 20
    join_seconds_max: float = 60.0
    join_budget_seconds: float = 150.0
    """No further join is begun after so long; the row says how many there were."""
    idle_seconds: float = 20.0
    facts: int = 10
    restarts: int = 5
    loss_seconds: float = 80.0
    split_seconds: float = 120.0
    heal_seconds_max: float = 60.0
    kills: int = 12
    kill_spacing_seconds: float = 2.0
    profiles: tuple[MeshConfig, MeshConfig] = (balanced(), fast())
    agent: bool = True
    """Whether a whole agent joins, to be weighed."""


def rows(area: Area, size: int, plan: Plan) -> list[Row]:
    """All rows of one size."""
    sheet = Sheet(area, size)
    _measure_joins(sheet, plan)
    trio.run(_balanced_days, sheet, plan)
    trio.run(_fast_days, sheet, plan)
    return sheet.rows()


# Joining -----------------------------------------------------------------------------------------


def _measure_joins(sheet: Sheet, plan: Plan) -> None:
    took: list[float] = []
    spent_cpu: list[float] = []
    began = time.perf_counter()
    while len(took) < plan.joins and (
        not took or time.perf_counter() - began < plan.join_budget_seconds
    ):
        seconds, cpu = trio.run(_join, plan, SEED + len(took))
        took.append(seconds)
        spent_cpu.append(cpu)
    if len(took) < plan.joins:
        say(f"mass join: {len(took)} of {plan.joins} repetitions fitted into the short run")
    sheet.put(sheet.names.join_median, len(took), median(took))
    sheet.put(sheet.names.join_worst, len(took), max(took))
    sheet.put(sheet.names.join_cpu, len(took), median(spent_cpu))


async def _join(plan: Plan, seed: int) -> tuple[float, float]:
    async with swarm_of(plan.nodes, plan.profiles[0], seed) as swarm:
        begun = time.process_time()
        seconds = await swarm.join(plan.join_seconds_max)
        return seconds, time.process_time() - begun


# One mesh and all that happens to it -------------------------------------------------------------


async def _balanced_days(sheet: Sheet, plan: Plan) -> None:
    async with swarm_of(plan.nodes, plan.profiles[0], SEED) as swarm:
        await _settle(swarm, plan)
        quiet = await _idle(sheet, swarm, plan)
        await _facts(sheet, swarm, plan)
        await _restarts(sheet, swarm, plan)
        await _lossy(sheet, swarm, plan, quiet)
        await _own_process(sheet, swarm, plan)
        if plan.agent:
            await _weigh(sheet, swarm)
        await _split(sheet, swarm, plan)
        await _deaths(sheet, swarm, plan, "balanced")


async def _fast_days(sheet: Sheet, plan: Plan) -> None:
    async with swarm_of(plan.nodes, plan.profiles[1], SEED) as swarm:
        await _settle(swarm, plan)
        await _deaths(sheet, swarm, plan, "fast")


async def _settle(swarm: Swarm, plan: Plan) -> None:
    await swarm.join(plan.join_seconds_max)
    took = await swarm.until(lambda: swarm.is_whole, WHOLE_SECONDS_MAX)
    if not swarm.is_whole:
        say(f"the mesh is not whole after {took:.0f} s; what follows is measured on it as it is")
    await trio.sleep(SETTLE_SECONDS)
    await swarm.until(lambda: swarm.is_fit, CALM_SECONDS_MAX)


async def _idle(sheet: Sheet, swarm: Swarm, plan: Plan) -> float:
    """Bytes per node-second while nothing happens."""
    cpu, wall, before = time.process_time(), time.perf_counter(), swarm.sent_bytes
    await trio.sleep(plan.idle_seconds)
    wall = time.perf_counter() - wall
    node_seconds = wall * len(swarm.alive)
    payload = (swarm.sent_bytes - before) / node_seconds
    n = round(node_seconds)
    sheet.put(sheet.names.idle_payload, n, payload)
    sheet.put(sheet.names.idle_cpu, n, (time.process_time() - cpu) * 1e3 / node_seconds)
    return payload


async def _facts(sheet: Sheet, swarm: Swarm, plan: Plan) -> None:
    each: list[float] = []
    to_all: list[float] = []
    swarm.listening_for = TOPIC
    for number in range(plan.facts):
        swarm.heard.clear()
        author = swarm.dice.choice(list(swarm.alive.values()))
        body = number.to_bytes(2, "big") + swarm.dice.randbytes(FACT_BYTES - 2)
        began = author.say(TOPIC, body)
        wanted = len(swarm.alive)
        await swarm.until(lambda: len(swarm.heard) == wanted, FACT_SECONDS_MAX, 0.01)  # noqa: B023
        took = [in_seconds(one.at - began) for one in swarm.heard if one.observer != author.id]
        took += [FACT_SECONDS_MAX] * (wanted - 1 - len(took))
        each += took
        to_all.append(max(took))
        await trio.sleep(swarm.dice.uniform(0.3, 0.8))
    swarm.listening_for = None
    sheet.put(sheet.names.fact_p50, len(each), median(each))
    sheet.put(sheet.names.fact_all, len(to_all), max(to_all))


async def _restarts(sheet: Sheet, swarm: Swarm, plan: Plan) -> None:
    took: list[float] = []
    for _ in range(plan.restarts):
        bee = swarm.dice.choice(list(swarm.alive.values()))
        swarm.told.clear()
        again = await swarm.restart(bee)
        again.begin(())
        again.stirred()
        known = partial(_know_address, swarm, again)
        took.append(await swarm.until(known, RESTART_SECONDS_MAX, 0.01))
        if not known():
            say(f"{again.name} was not found at its new address by everyone")
        if any(one.change is PeerChange.DEAD for one in swarm.told):
            say(f"the restart of {again.name} was taken for a death")
        await trio.sleep(LAST_DATAGRAMS_SECONDS)
    sheet.put(sheet.names.restart, len(took), max(took))


def _know_address(swarm: Swarm, bee: Bee) -> bool:
    for other in swarm.alive.values():
        if other is not bee:
            member = other.mesh.roll.member(bee.id)
            if member is None or member.address != bee.address:
                return False
    return True


# What one costs ----------------------------------------------------------------------------------


async def _own_process(sheet: Sheet, swarm: Swarm, plan: Plan) -> None:
    ports = [str(bee.port) for bee in list(swarm.alive.values())[:3]]
    argv = [sys.executable, "-m", "simulations.bench.lone_bee", str(swarm.seed), *ports]
    with _process(argv) as process:
        await swarm.until(lambda: swarm.everyone_sees(len(swarm.alive)), WHOLE_SECONDS_MAX)
        await trio.sleep(SETTLE_SECONDS)
        before, wall = spent(process.pid).cpu_ns, time.perf_counter()
        await trio.sleep(plan.idle_seconds)
        wall = time.perf_counter() - wall
        cost = (spent(process.pid).cpu_ns - before) / 1e6 / wall
    sheet.put(sheet.names.idle_cpu_own, round(wall), cost)
    await _without_guests(swarm)


@contextmanager
def _process(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _weigh(sheet: Sheet, swarm: Swarm) -> None:
    """A whole agent joins the swarm; its memory once it knows everyone and all their facts."""
    for bee in swarm.alive.values():
        bee.say(TOPIC, swarm.dice.randbytes(FACT_BYTES))
    with machines("whole") as (node,):
        secret = node.state.parent / "secret"
        secret.touch(mode=0o600)
        secret.write_text(swarm.secret.text + "\n", encoding="ascii")
        seeds = [f"--seed=127.0.0.1:{bee.port}" for bee in list(swarm.alive.values())[:3]]
        node.start("--first", "--no-mdns", "--secret-file", str(secret), *seeds)
        seen = partial(swarm.everyone_sees, len(swarm.alive))
        await swarm.until(seen, WHOLE_SECONDS_MAX)
        if not seen():
            say("the agent was not found by everyone; it is weighed as it is")
        await trio.sleep(SETTLE_SECONDS)
        assert node.process is not None, "the agent has ended"
        sheet.put(sheet.names.memory, 1, memory(node.process.pid).rss * MB_PER_MIB)
        await trio.to_thread.run_sync(node.stop)
    await _without_guests(swarm)


async def _without_guests(swarm: Swarm) -> None:
    """A guest has gone: wait until nobody waits for it any more."""
    await swarm.until(lambda: swarm.is_whole, DEATH_SECONDS_MAX)


# Bad weather -------------------------------------------------------------------------------------


async def _lossy(sheet: Sheet, swarm: Swarm, plan: Plan, quiet: float) -> None:
    swarm.told.clear()
    swarm.loss, before, wall = LOSS, swarm.sent_bytes, time.perf_counter()
    await trio.sleep(plan.loss_seconds)
    wall = time.perf_counter() - wall
    payload = (swarm.sent_bytes - before) / wall / len(swarm.alive)
    swarm.loss = 0.0
    hours = wall * len(swarm.alive) / 3600
    living = {bee.id for bee in swarm.alive.values()}
    told = [one for one in swarm.told if one.peer in living]
    suspicions = _beginnings((one.at, one.observer, one.peer, one.change) for one in told)
    deaths = sum(one.change is PeerChange.DEAD for one in told)
    held = sum(one.change is PeerChange.SUSPECT for one in told)
    say(f"at 20 % loss {held} nodes suspected somebody; {hours:.2f} node-hours were covered")
    sheet.put(sheet.names.false_suspicions, max(1, round(hours)), suspicions / hours)
    sheet.put(sheet.names.false_deaths, max(1, round(hours)), deaths)
    sheet.put(sheet.names.traffic, round(wall), payload / quiet)
    await swarm.until(lambda: swarm.is_whole, WHOLE_SECONDS_MAX)


def _beginnings(told: "Iterator[tuple[Instant, NodeId, NodeId, PeerChange]]") -> int:
    """How often somebody became the first to suspect a node."""
    holders: dict[NodeId, dict[NodeId, None]] = {}
    began = 0
    for _, observer, peer, change in told:
        those = holders.setdefault(peer, {})
        if change is PeerChange.SUSPECT:
            began += not those
            those[observer] = None
        else:
            those.pop(observer, None)
    return began


async def _split(sheet: Sheet, swarm: Swarm, plan: Plan) -> None:
    bees = list(swarm.alive.values())
    swarm.split(bees[: len(bees) // 2])
    await trio.sleep(plan.split_seconds)
    swarm.mend()
    took = await swarm.until(lambda: swarm.is_whole, plan.heal_seconds_max)
    sheet.put(sheet.names.heal, 1, took)


# Deaths ------------------------------------------------------------------------------------------


async def _deaths(sheet: Sheet, swarm: Swarm, plan: Plan, profile: str) -> None:
    await swarm.until(lambda: swarm.is_fit, CALM_SECONDS_MAX)
    dice = Random(f"{SEED}/{profile}")
    victims = dice.sample(list(swarm.alive.values()), min(plan.kills, len(swarm.alive) - 2))
    swarm.told.clear()
    killed: dict[NodeId, Instant] = {}
    for victim in victims:
        await trio.sleep(dice.uniform(0.5, 1.5) * plan.kill_spacing_seconds)
        killed[victim.id] = swarm.kill(victim)
    wanted = len(victims) * len(swarm.alive)
    await swarm.until(lambda: _deaths_told(swarm, killed) >= wanted, DEATH_SECONDS_MAX)
    first: dict[NodeId, float] = {}
    dead: dict[tuple[NodeId, NodeId], float] = {}
    for one in swarm.told:
        if one.observer not in swarm.alive or one.peer not in killed:
            continue
        after = in_seconds(one.at - killed[one.peer])
        if one.change is PeerChange.SUSPECT:
            first.setdefault(one.peer, after)
        elif one.change is PeerChange.DEAD:
            dead.setdefault((one.peer, one.observer), after)
    suspected = [first.get(node, DEATH_SECONDS_MAX) for node in killed]
    found = [*dead.values(), *[DEATH_SECONDS_MAX] * (wanted - len(dead))]
    if profile == "balanced":
        sheet.put(sheet.names.suspect_p50, len(suspected), median(suspected))
        sheet.put(sheet.names.suspect_p99, len(suspected), quantile(suspected, 0.99))
    sheet.put(sheet.names.dead[profile, "p50"], len(found), median(found))
    sheet.put(sheet.names.dead[profile, "p99"], len(found), quantile(found, 0.99))


def _deaths_told(swarm: Swarm, killed: dict[NodeId, Instant]) -> int:
    return sum(
        one.change is PeerChange.DEAD and one.peer in killed and one.observer in swarm.alive
        for one in swarm.told
    )
