"""Whose machines: a TOML file written by hand, or what `holdfast facts --json` printed.

    [[machine]]
    name = "gpu-{}"      # with count: gpu-01 … gpu-20
    count = 20
    ram = "128GiB"
    cores = 32
    cards = [{ name = "RTX 4090", vram = "24GiB", count = 2 }]

A mesh that exists is taken as it is, but for its holds: the room that they have materialised counts
as free again. What a probe could not read stays unknown, and nothing is granted there.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from node.config import ConfigError, read_name, read_slots
from node.core.picture.topics import (
    GpuFact,
    Inventory,
    Live,
    Metric,
    Models,
    PoolFact,
    ToolFact,
    VolumeFact,
)
from node.probes.offers import Offer, ShareRefused, offer_text, parse_offer
from placement.amounts import parse_bytes
from placement.request import DISK_CLASSES
from simulations.invented.described import Described
from simulations.invented.hardware import SOURCE
from simulations.invented.network import Weather
from simulations.whatif.belongings import read_cards, read_models, read_throughput
from simulations.whatif.table import BadFile, Table, named_tables, read_table

MACHINES_MAX: Final = 10_000
CORES_MAX: Final = 65_536
_KEYS: Final = (
    "name", "count", "ram", "ram_in_use", "system_reserve", "cores", "cards", "disks", "tools",
    "labels", "offer", "region", "os", "arch", "models", "throughput", "slots",
)  # fmt: skip
_LINK_KEYS: Final = ("delay", "jitter", "loss")


@dataclass(frozen=True, slots=True)
class Cluster:
    """All machines, in the order in which they were written. `weather`: of every link."""

    machines: tuple[Described, ...]
    weather: Weather | None = None


def read_cluster(path: Path) -> Cluster:
    """Raises BadFile."""
    whole = read_table(path)
    if "nodes" in whole.values:
        machines = _from_facts(whole)
        weather = None
    else:
        whole.know(("machine", "links"))
        machines = [one for table in named_tables(whole, "machine", path) for one in _kind(table)]
        weather = _weather(whole.table("links")) if "links" in whole.values else None
    if not 0 < len(machines) <= MACHINES_MAX:
        raise BadFile(f"{path}: {len(machines)} machines: write 1 to {MACHINES_MAX}")
    seen: set[str] = set()
    for machine in machines:
        if machine.name.lower() in seen:
            raise BadFile(f"{path}: two machines are called {machine.name!r}: name one otherwise")
        seen.add(machine.name.lower())
    for machine in machines:
        for link in machine.throughput:
            if link.peer.lower() not in seen:
                raise BadFile(f"{path}: {machine.name}: no machine is called {link.peer!r}")
    return Cluster(tuple(machines), weather)


# By hand ------------------------------------------------------------------------------------------


def _kind(table: Table) -> list[Described]:
    """One [[machine]]: one machine, or `count` equal ones."""
    table.know(_KEYS)
    count = table.count("count", 1, MACHINES_MAX)
    pattern = table.text("name")
    if count > 1 and "{}" not in pattern:
        raise table.wrong("name", f"{count} machines need a number: write '{pattern[:40]}-{{}}'")
    width = len(str(count))
    return [
        _machine(table, pattern.replace("{}", str(number).zfill(width)))
        for number in range(1, count + 1)
    ]


def _machine(table: Table, name: str) -> Described:
    try:
        read_name(name)
    except ConfigError as error:
        raise table.wrong("name", str(error)) from error
    offer = _offer(table)
    ram, reserve = table.amount("ram", parse_bytes), table.amount("system_reserve", parse_bytes, 0)
    in_use = table.amount("ram_in_use", parse_bytes, 0)
    cores = table.count("cores", 1, CORES_MAX)
    if reserve > ram or in_use > ram:
        raise table.wrong("ram", "less than its own system_reserve or ram_in_use")
    pools = [
        PoolFact("cpu", "cpu", "millicores", cores * 1000, 0, "cores", SOURCE),
        PoolFact("ram", "ram", "bytes", ram, reserve, "main memory", SOURCE),
    ]
    cards = read_cards(table, name)
    if any(gpu.unified for gpu in cards.gpus):
        pools[1] = msgspec.structs.replace(pools[1], kind="unified", label="unified memory")
    if offer is not None:
        pools = [_shared(pool, offer, table) for pool in pools]
    gpus = cards.gpus
    volumes, disks = _disks(table)
    pools += [_vram(gpu) for gpu in gpus if not gpu.unified] + disks + _slots(table)
    free = {pool.pool: pool.total for pool in pools} | dict.fromkeys(cards.unknown)
    free["ram"] = min(free["ram"] or 0, ram - in_use)
    tools = tuple(ToolFact(tool, f"/usr/bin/{tool}", None) for tool in sorted(table.texts("tools")))
    inventory = Inventory(
        hostname=name, os=table.text("os", "linux"), os_version="", kernel="",
        arch=table.text("arch", "x86_64"), cpu_model=_unread("name"),
        cores_logical=Metric(cores, "cores", SOURCE), cores_physical=_unread("cores"),
        memory_total=Metric(ram, "bytes", SOURCE), pools=tuple(pools), gpus=gpus, volumes=volumes,
        tools=tools, addresses=(), labels=table.labels("labels"),
        share=None if offer is None else offer_text(offer),
        fingerprint=f"fingerprint of {name}", boot=f"boot of {name}", version=SOURCE,
    )  # fmt: skip
    return Described(
        name, inventory, free, table.text("region", ""), read_models(table), read_throughput(table)
    )


def _unread(unit: str) -> Metric:
    return Metric(None, unit, SOURCE, "unknown", "not described")


def _offer(table: Table) -> Offer | None:
    if "offer" not in table.values:
        return None
    try:
        offer = parse_offer(table.text("offer"))
    except ShareRefused as error:
        raise table.wrong("offer", str(error)) from error
    if offer.gpus:
        raise table.wrong("offer", "write ram and cores, and under `cards` those that are offered")
    return offer


def _shared(pool: PoolFact, offer: Offer, table: Table) -> PoolFact:
    share = offer.ram if pool.pool == "ram" else offer.millicores
    if share > (pool.total or 0):
        raise table.wrong("offer", f"offers more {pool.label} than the machine has")
    return msgspec.structs.replace(pool, total=share, system_reserve=0)


def _vram(gpu: GpuFact) -> PoolFact:
    label = gpu.model or "card"
    return PoolFact(gpu.pool, "vram", "bytes", gpu.memory_total, 0, label, SOURCE)


def _slots(table: Table) -> list[PoolFact]:
    try:
        slots = read_slots(table.values.get("slots", {}))
    except ValueError as error:
        raise table.wrong("slots", str(error)) from error
    return [
        PoolFact(f"slots:{name}", "slots", "slots", count, 0, name, SOURCE) for name, count in slots
    ]


def _disks(table: Table) -> tuple[tuple[VolumeFact, ...], list[PoolFact]]:
    volumes: list[VolumeFact] = []
    pools: list[PoolFact] = []
    for disk in table.tables("disks"):
        disk.know(("mount", "size", "class"))
        mount, size = disk.text("mount", "/"), disk.amount("size", parse_bytes)
        kind = disk.text("class", "unknown")
        if kind not in (*DISK_CLASSES, "unknown"):
            raise disk.wrong("class", f"{kind!r} is not one of {', '.join(DISK_CLASSES)}")
        pool = f"disk:{mount}"
        if pool in {one.pool for one in pools}:
            raise disk.wrong("mount", f"two disks at {mount!r}")
        volumes.append(VolumeFact(mount, "", "", kind, size, pool))
        pools.append(PoolFact(pool, "disk", "bytes", size, 0, f"{kind} disk at {mount}", SOURCE))
    return tuple(volumes), pools


def _weather(table: Table) -> Weather:
    table.know(_LINK_KEYS)
    loss = table.values.get("loss", "0%")
    found = re.fullmatch(
        r"([0-9]{1,2}(?:\.[0-9]{1,3})?)\s*%", loss if isinstance(loss, str) else ""
    )
    if found is None:
        raise table.wrong("loss", f"{repr(loss)[:40]} is no share: write '1.5 %', below 100 %")
    calm = Weather()
    return Weather(
        delay=table.duration("delay", calm.delay), jitter=table.duration("jitter", calm.jitter),
        loss=float(found[1]) / 100,
    )  # fmt: skip


# From a mesh that exists --------------------------------------------------------------------------


def _from_facts(whole: Table) -> list[Described]:
    machines = []
    for node in whole.tables("nodes"):
        name = node.text("name")
        place = Table(f"{whole.place}: node {name!r}", node.values)
        inventory = _typed(place, "inventory", Inventory)
        live = _typed(place, "live", Live)
        models = _typed(place, "models", Models) if node.values.get("models") else None
        machines.append(Described(name, inventory, _free(live), models=models))
    return machines


def _typed(place: Table, key: str, kind: type[Any]) -> Any:
    value = place.values.get(key)
    if value is None:
        raise place.wrong(key, "nothing is known of it: leave this node out, or ask again later")
    try:
        return msgspec.convert(_as_rows(value), kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise place.wrong(key, f"not as `holdfast facts --json` prints it: {error}") from error


def _as_rows(value: Any) -> Any:
    """Metrics are printed with names, and travel as rows."""
    if isinstance(value, dict):
        if value.keys() == {"value", "unit", "source", "status", "note"}:
            return [value[name] for name in Metric.__struct_fields__]
        return {key: _as_rows(one) for key, one in value.items()}
    return [_as_rows(one) for one in value] if isinstance(value, list) else value


def _free(live: Live) -> dict[str, int | None]:
    """What is free once every hold of now is gone."""
    return {
        pool: None if figures.free is None else figures.free + sum(figures.used.values())
        for pool, figures in live.pools.items()
    }
