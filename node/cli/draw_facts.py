"""Facts as people read them: what a machine is, how it is doing, and what nobody could tell."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.cli.render import (
    UNKNOWN,
    Ink,
    age,
    amount,
    clean,
    metric,
    or_unknown,
    pairs,
    rate,
    short,
    span,
    table,
)

LIVE_FIRST: Final = (
    "cpu_percent",
    "load1",
    "load5",
    "load15",
    "psi_memory_some_avg10",
    "psi_memory_full_avg10",
    "temperature_max",
    "battery_percent",
    "on_battery",
)
"""What people look for first; every other metric follows in the order of its name."""

IN_WORDS: Final = {
    "cpu_percent": "processor busy",
    "load1": "load (1 min)",
    "load5": "load (5 min)",
    "load15": "load (15 min)",
    "psi_memory_some_avg10": "waiting for memory, some work",
    "psi_memory_full_avg10": "waiting for memory, all work",
    "psi_cpu_some_avg10": "waiting for a core, some work",
    "psi_io_some_avg10": "waiting for disks, some work",
    "psi_io_full_avg10": "waiting for disks, all work",
    "temperature_max": "hottest sensor",
    "battery_percent": "battery",
    "on_battery": "on battery",
}
"""What the kernel calls pressure is a share of the last ten seconds."""
NOT_MEASURED: Final = "not measured"
"""Nobody can tell whose work uses which cores, or which part of a disk."""


def facts_lines(body: Mapping[str, Any], ink: Ink) -> list[str]:
    """The answer to `facts`, node after node."""
    lines: list[str] = []
    names = {node["id"]: node["name"] for node in body["nodes"]}
    for node in body["nodes"]:
        lines += [""] if lines else []
        lines += _node_lines(node, ink, names)
    return lines or ["no node is known by that name"]


def _node_lines(node: Mapping[str, Any], ink: Ink, names: Mapping[str, str]) -> list[str]:
    headline = f"{or_unknown(node['name'])} ({short(node['id'])}), {or_unknown(node['liveness'])}"
    lines = [ink.bold(headline)]
    inventory, live = node["inventory"], node["live"]
    ages = node["ages_ms"]
    if inventory is None:
        return [*lines, "  it has not told its inventory yet"]
    lines += _machine(inventory, node.get("standing"), ages)
    lines += ["", *_pools(inventory["pools"], live)]
    lines += _titled("cards", _gpus(inventory["gpus"]))
    lines += _titled("disks", _volumes(inventory["volumes"]))
    lines += _titled("models", _models(node.get("models")))
    lines += _titled("links, as it timed them", _links(node, names))
    lines += _titled(f"live figures, {age(ages.get('live'))}", _metrics(live))
    lines += _titled("used, and reserved by nobody", foreign_lines((live or {}).get("foreign", ())))
    lines += _titled("remembers of past work", past_lines(node.get("history")))
    lines += _unread(live)
    return lines


def _machine(
    inventory: Mapping[str, Any], standing: Mapping[str, Any] | None, ages: Mapping[str, Any]
) -> list[str]:
    tools = ", ".join(_tool(tool) for tool in inventory["tools"])
    labels = ", ".join(f"{key}={value}" for key, value in sorted(inventory["labels"].items()))
    addresses = ", ".join(f"{entry['host']} ({entry['kind']})" for entry in inventory["addresses"])
    physical = metric(inventory["cores_physical"])
    cores = f"{metric(inventory['cores_logical'])}, of them physical: {physical}"
    return pairs(
        [
            ("system", f"{inventory['os']} {inventory['os_version']}, {inventory['arch']}"),
            ("kernel", or_unknown(inventory["kernel"])),
            ("processor", metric(inventory["cpu_model"])),
            ("cores", cores),
            ("features", clean(", ".join(inventory.get("cpu_features", ()))) or UNKNOWN),
            ("memory", metric(inventory["memory_total"])),
            ("share", or_unknown(inventory["share"] or "the whole machine")),
            ("standing", or_unknown(standing and standing["state"])),
            ("tools", tools or "none known"),
            ("labels", labels or "none"),
            ("addresses", addresses or UNKNOWN),
            ("interfaces", _interfaces(inventory.get("interfaces", ()))),
            ("runtimes", _runtimes(inventory.get("runtimes", {}))),
            ("inventory", f"told {age(ages.get('inventory'))}, by version {inventory['version']}"),
        ]
    )


def _links(node: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """What each was seen to carry, at least; nothing where none was timed."""
    told = node.get("throughput") or {"links": ()}
    since = node["ages_ms"].get("throughput")
    return [
        f"{clean(names.get(link['peer'], link['peer'][:8]))}: "
        + ", ".join(
            f"{rate(link[way])} {word} it"
            for way, word in (("received", "from"), ("sent", "to"))
            if link[way] is not None
        )
        + f" ({age(None if since is None else since + link['age_ms'])})"
        for link in told["links"]
    ]


def _interfaces(interfaces: Sequence[Mapping[str, Any]]) -> str:
    shown = []
    for one in interfaces:
        speed = one["speed_mbps"]
        fast = f", {speed:,} Mbit/s" if speed else ""
        shown.append(f"{clean(one['name'])} ({one['kind']}, {'up' if one['up'] else 'down'}{fast})")
    return "; ".join(shown) or UNKNOWN


def _runtimes(runtimes: Mapping[str, Any]) -> str:
    return ", ".join(f"{clean(name)} {metric(word)}" for name, word in runtimes.items()) or UNKNOWN


def _tool(tool: Mapping[str, Any]) -> str:
    return f"{tool['name']} {tool['version']}" if tool["version"] else str(tool["name"])


def _pools(pools: Sequence[Mapping[str, Any]], live: Mapping[str, Any] | None) -> list[str]:
    rows = []
    for pool in pools:
        now = (live or {}).get("pools", {}).get(pool["pool"]) or {}
        unit = pool["unit"]
        row = [
            pool["pool"], pool["kind"], amount(pool["total"], unit),
            amount(pool["system_reserve"], unit), amount(now.get("free"), unit),
            *_use(pool["kind"], now, unit), clean(pool["label"]),
        ]  # fmt: skip
        rows.append(row)
    headers = ("POOL", "KIND", "TOTAL", "RESERVED", "FREE", "USED BY HOLDS", "FOREIGN", "LABEL")
    return table(headers, rows)


def _use(kind: str, now: Mapping[str, Any], unit: str) -> tuple[str, str]:
    if kind in ("cpu", "disk"):
        return NOT_MEASURED, NOT_MEASURED
    if kind == "slots":
        return NOT_MEASURED, amount(now.get("foreign"), unit)
    used = sum(now["used"].values()) if "used" in now else None
    return amount(used, unit), amount(now.get("foreign"), unit)


def _gpus(gpus: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            clean(gpu["model"]), clean(gpu["vendor"]), amount(gpu["memory_total"], "bytes"),
            or_unknown(gpu["driver"]), or_unknown(gpu["capability"]),
            "shared with main memory" if gpu["unified"] else "its own", clean(gpu["uuid"]),
        ]
        for gpu in gpus
    ]  # fmt: skip
    return table(("MODEL", "VENDOR", "MEMORY", "DRIVER", "CAPABILITY", "KIND", "UUID"), rows)


def _volumes(volumes: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            clean(volume["mount"]), clean(volume["kind"]), amount(volume["total"], "bytes"),
            clean(volume["filesystem"]), clean(volume["device"]), _safety(volume),
        ]
        for volume in volumes
    ]  # fmt: skip
    return table(("MOUNT", "KIND", "SIZE", "FILESYSTEM", "DEVICE", "OBSERVED"), rows)


def _models(models: Mapping[str, Any] | None) -> list[str]:
    if models is None:
        return []
    rows = [
        [clean(row["name"]), "loaded", f"{clean(row['server'])}, port {row['port']}",
         amount(row["bytes"], "bytes"), _context(row["context"])]
        for row in models["loaded"]
    ] + [
        [clean(row["name"]), "on disk", clean(row["store"]), amount(row["bytes"], "bytes"), ""]
        for row in models["stored"]
    ]  # fmt: skip
    shown = table(("MODEL", "STATE", "WHERE", "SIZE", "CONTEXT"), rows) if rows else []
    busy = [row["port"] for row in models["loaded"]]
    for server in models["servers"]:
        if server["note"] or server["port"] not in busy:
            note = f": {clean(server['note'])}" if server["note"] else ", nothing loaded"
            shown.append(f"{clean(server['kind'])} at port {server['port']}{note}")
    more = models["left_out"]
    return [*shown, f"and {more} more"] if more else shown


def _context(tokens: int | None) -> str:
    return UNKNOWN if tokens is None else f"{tokens:,} tokens"


def _safety(volume: Mapping[str, Any]) -> str:
    words = {
        "encrypted": {True: "encrypted", False: "not encrypted here", None: ""},
        "world_writable": {True: "anybody may write", False: "", None: ""},
        "quota": {True: "quotas", False: "", None: ""},
    }
    return ", ".join(filter(None, (told[volume.get(key)] for key, told in words.items())))


def foreign_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Who uses memory without a hold."""
    told = [
        [
            *([clean(row["node"]["name"])] if "node" in row else []), clean(row["user"]),
            str(row["pid"]), clean(row["command"]), amount(row["ram"], "bytes"),
            amount(row["vram"], "bytes") if row["vram"] else "-",
        ]
        for row in rows
    ]  # fmt: skip
    headers = ("USER", "PID", "COMMAND", "RAM", "CARDS")
    named = bool(rows) and "node" in rows[0]
    return table(("ON", *headers) if named else headers, told)


def past_lines(past: Mapping[str, Any] | None) -> list[str]:
    """What such work took here, and where it failed."""
    if past is None:
        return []
    rows = [
        [
            _work(one["scope"]), amount(one["peak_ram"], "bytes"),
            amount(one["peak_vram"], "bytes") if one["peak_vram"] else "-",
            span(one["wall_ms"]), str(one["samples"]),
            "well" if one["succeeded"] else "badly",
        ]
        for one in past["observations"]
    ]  # fmt: skip
    lines = table(("WORK", "PEAK RAM", "PEAK ON CARDS", "LAST TOOK", "RUNS", "LAST ENDED"), rows)
    for one in past["failures"]:
        times = "once" if one["times"] == 1 else f"{one['times']} times in a row"
        lines.append(
            f"{_work(one['scope'])} failed {times} ({clean(one['kind'])}): passed over for it"
        )
    return lines


def _work(scope: Mapping[str, str]) -> str:
    return clean(", ".join(word for word in scope.values() if word)) or "any work"


def _metrics(live: Mapping[str, Any] | None) -> list[str]:
    if live is None:
        return []
    metrics = live["metrics"]
    names = [name for name in LIVE_FIRST if name in metrics]
    names += sorted(set(metrics) - set(names))
    return pairs([(_in_words(name), metric(metrics[name])) for name in names])


def _in_words(name: str) -> str:
    """A card's figure is `gpu.UUID.power`, a volume's `disk:/srv.inodes_free`."""
    subject, _, figure = name.rpartition(".")
    if name in IN_WORDS or not subject:
        return IN_WORDS.get(name, clean(name))
    return clean(f"{figure.replace('_', ' ')} of {subject.removeprefix('gpu.')}")


def _unread(live: Mapping[str, Any] | None) -> list[str]:
    unread = sorted(
        pool for pool, figures in (live or {}).get("pools", {}).items() if figures["free"] is None
    )
    if not unread:
        return []
    return ["", f"could not be read, so nothing is promised there: {clean(', '.join(unread))}"]


def _titled(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)] if lines else []
