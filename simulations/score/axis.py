"""AXIS's cases with known answers, put to our own words: requests, pictures and decisions.

A case describes machines flatly (megabytes, words for pressure and heat, reservations); this turns
them into the rows that a decision looks at, and our answer back into its words. Nothing is decided
here. Room there is `min(free, total − reserve) − reserved`, unless the case names what can be
allocated itself. A node that AXIS calls anything but complete is nowhere to be placed on; its one
exception (a partial probe that did see Ollama, when nothing but Ollama is asked for) is kept.

Reasons are told in AXIS's terms, since the cases look for its words in them: the code of a miss
says which sentence it is, its own figures stand in it.
"""

from collections.abc import Mapping
from typing import Any, Final

from placement.asking.words import read_words
from placement.decide import Policy, decide, listed
from placement.decision import Decision
from placement.history import BLOCKING, TOLD_ONLY, Failure, History, Observation, Scope
from placement.judging.ties import ENGINE_TOOLS
from placement.reasons import Miss, Reason
from placement.request import Request
from placement.view import ClusterView, DeviceView, LoadedModel, NodeView, PoolView

MIB: Final = 1 << 20
DAY_SECONDS: Final = 24 * 3600
FRESH_SECONDS: Final = 7 * DAY_SECONDS
SYSTEM_RESERVE_MB: Final = 1024

STALLED: Final = {"none": 0.0, "low": 1.0, "medium": 5.0, "high": 15.0}
"""AXIS's words for pressure, at the percentages where they begin."""
CELSIUS: Final = {"nominal": 50.0, "fair": 78.0, "serious": 88.0, "critical": 96.0}

Case = Mapping[str, Any]


# Machines ----------------------------------------------------------------------------------------


def picture(case: Case, defaults: Mapping[str, Any]) -> ClusterView:
    """All machines of one case."""
    return ClusterView.of(*(_machine(case, {**defaults, **node}) for node in case["nodes"]))


def _machine(case: Case, node: Mapping[str, Any]) -> NodeView:
    total = int(node["ram_total_mb"])
    reserve = int(node.get("system_reserve_mb") or SYSTEM_RESERVE_MB)
    reserved = int(node.get("ram_reserved_mb", 0))
    room = max(0, min(int(node.get("ram_free_mb", 0)), total - reserve) - reserved)
    room = int(node.get("ram_allocatable_mb") or 0) or room
    kind = "unified" if node.get("memory_topology") == "unified" else "ram"
    main = PoolView(kind, kind, "bytes", total * MIB, room * MIB, "open", promised=reserved * MIB)
    cards = [_card(at, card, kind) for at, card in enumerate(node.get("gpus", ()))]
    return NodeView(
        id=node["name"],
        name=node["name"],
        liveness="alive" if _counts(case, node) else "dead",
        standing="open",
        os=node.get("os", "linux"),
        arch=node.get("arch", "x86_64"),
        pools=(main, *(pool for pool, _ in cards if pool is not None)),
        devices=tuple(device for _, device in cards),
        tools=frozenset(_tools(node)),
        pressure=_stalled(node),
        battery_percent=node.get("battery_percent"),
        temperature_celsius=CELSIUS.get(node.get("thermal_state", "")),
        history=_history(case, node["name"]),
        loaded=tuple(_loaded(model) for model in node.get("resident_models", ())),
    )


def _card(at: int, card: Mapping[str, Any], main: str) -> tuple[PoolView | None, DeviceView]:
    vendor, memory = card.get("vendor", ""), int(card.get("vram_mb", 0)) * MIB
    model, can = card.get("model", vendor), ",".join(card.get("capabilities", ())) or None
    if not memory:  # it draws on main memory
        return None, DeviceView(f"card-{at}", vendor, model, main, can)
    pool = PoolView(f"vram:{at}", "vram", "bytes", memory, memory, "open", model)
    return pool, DeviceView(f"card-{at}", vendor, model, f"vram:{at}", can)


def _counts(case: Case, node: Mapping[str, Any]) -> bool:
    if node["status"] == "complete":
        return True
    only_ollama = case["request"].get("required_tools") == ["ollama"]
    return node["status"] == "partial" and only_ollama and "ollama" in _tools(node)


def _tools(node: Mapping[str, Any]) -> set[str]:
    ollama = node.get("ollama", {})
    seen = ollama.get("installed") or ollama.get("running")
    return {*node.get("tools", ()), *(["ollama"] if seen else [])}


def _stalled(node: Mapping[str, Any]) -> float:
    word = STALLED.get(node.get("pressure", "none"), 0.0)
    if node.get("pressure_source") == "linux-psi" and "pressure_stall10" in node:
        return float(node["pressure_stall10"])
    if node.get("pressure_source") == "darwin" or "pressure_stall10" not in node:
        return word
    return float(node["pressure_stall10"])


def _loaded(model: Mapping[str, Any]) -> LoadedModel:
    warmth = model.get("warmth")
    percent = None if warmth is None else round(float(warmth) * 100)
    runtime = model.get("runtime", "")
    return LoadedModel(ENGINE_TOOLS.get(runtime, runtime), model.get("name", ""), percent)


def _history(case: Case, name: str) -> History:
    told = case.get("history", {})
    asked = _request(case).scope
    observations = tuple(
        Observation(
            _scope(row, asked), _mib(row, "peak_ram_mb"), _mib(row, "peak_vram_mb"),
            row.get("wall_ms"), bool(row.get("last_success", True)), int(row.get("samples", 1)),
        )
        for row in told.get("observations", ())
        if row["node"] == name and row.get("age_s", 0) <= FRESH_SECONDS
    )  # fmt: skip
    failures = tuple(
        Failure(_scope(row, Scope()), row["cls"], int(row.get("count", 1)))
        for row in told.get("failures", ())
        if row["node"] == name and row.get("expires_in_s", 1) > 0 and row["cls"] in _KINDS
        if not row.get("override")
    )
    return History(observations, failures)


_KINDS: Final = (*BLOCKING, *TOLD_ONLY)


def _scope(row: Mapping[str, Any], unsaid: Scope) -> Scope:
    """Of an observation an unsaid field is the request's own; of a failure it is any."""
    said = [row.get(name) for name in ("workload", "backend", "tool", "model")]
    return Scope(*(was if own is None else own for own, was in zip(said, unsaid, strict=True)))


def _mib(row: Mapping[str, Any], name: str) -> int | None:
    return int(row[name]) * MIB if row.get(name) else None


# Requests and answers ----------------------------------------------------------------------------


def _request(case: Case) -> Request:
    wanted = case["request"]
    amount = wanted.get("memory_request_mb") or wanted.get("min_free_ram_mb")
    return Request(
        ram_bytes=amount * MIB if amount else None,
        tools=tuple(wanted.get("required_tools", ())),
        engines=tuple(wanted.get("preferred_backends", ())),
        workload=wanted.get("workload", ""),
        model=wanted.get("model", ""),
        os=wanted.get("os"),
        arch=wanted.get("arch"),
    )


def misses_of_case(case: Case, defaults: Mapping[str, Any]) -> list[str]:
    """What we say otherwise than the case expects, in sentences; none when we agree."""
    everybody = Policy(list_all=True)
    decision = decide(_request(case), picture(case, defaults), everybody)
    return [*_order_misses(case, decision), *_reason_misses(case, decision)]


def _order_misses(case: Case, decision: Decision) -> list[str]:
    expect = case["expect"]
    fitting = [fit.name for fit in listed(decision)]
    first = fitting[0] if fitting else None
    told = {
        "eligible": (sorted(expect.get("eligible", ())), sorted(fitting)),
        "order": (expect.get("order"), fitting),
        "ok": (expect.get("ok"), bool(fitting)),
        "node": (expect.get("node"), first),
    }
    return [
        f"{name}: expected {wanted}, found {got}"
        for name, (wanted, got) in told.items()
        if name in expect and wanted != got
    ]


def _reason_misses(case: Case, decision: Decision) -> list[str]:
    expect = case["expect"]
    found = {node.name: node.misses for node in decision.passed_over}
    said = {name: "; ".join(map(_in_axis_words, misses)) for name, misses in found.items()}
    lacking = [
        f"{name}: no reason says {word!r}: {said.get(name, 'it fits')}"
        for name, words in expect.get("reason_contains", {}).items()
        for word in words
        if word.lower() not in said.get(name, "").lower()
    ]
    for name, wanted in expect.get("shortfall_mb", {}).items():
        short = [miss.missing // MIB for miss in found.get(name, ()) if miss.missing is not None]
        if short != [wanted]:
            lacking.append(f"{name}: expected {wanted} MB short, found {short}")
    return lacking


def _in_axis_words(miss: Miss) -> str:
    need, have = (miss.need or 0) // MIB, (miss.have or 0) // MIB
    match miss.reason:
        case Reason.NOT_ENOUGH_ROOM:
            return (
                f"insufficient headroom: min free RAM or memory request {need} MB, allocatable RAM "
                f"{have} MB"
            )
        case Reason.PEAK_TOO_HIGH:
            return f"observed peak RAM {need} MB exceeds allocatable RAM {have} MB"
        case Reason.TOOL_MISSING:
            return f"missing required tools: {miss.subject}"
        case Reason.FAILED_BEFORE:
            return f"blocked by failure memory: {miss.subject}"
        case Reason.PRESSURE:
            return "memory pressure too high"
        case Reason.BATTERY_LOW:
            return f"battery too low: {miss.found}"
        case Reason.TOO_HOT:
            return f"thermal state: {miss.found}"
        case Reason.NOT_ALIVE:
            return "status not complete: unreachable"
        case other:
            return f"{other.value} {miss.subject} {miss.found}"


# Words -------------------------------------------------------------------------------------------


def misses_of_row(row: Mapping[str, Any]) -> list[str]:
    """As `misses_of_case`, of a text and what it should be read as. Only what the row says of
    class, first tool, least free memory and context counts, and which tools must be or not be."""
    reading = read_words(row["text"])
    expect = row["expect"]
    told = {
        "class": reading.workload,
        "first_tool": reading.tools[0] if reading.tools else "",
        "min_free_ram_mb": reading.floor_bytes // MIB,
        "context_tokens": reading.context_tokens,
    }
    found = [
        f"{name}: expected {expect[name]!r}, found {got!r}"
        for name, got in told.items()
        if name in expect and expect[name] != got
    ]
    found += [f"lacks {tool}" for tool in expect.get("has_tools", ()) if tool not in reading.tools]
    found += [f"needs {tool}" for tool in expect.get("lacks_tools", ()) if tool in reading.tools]
    return found
