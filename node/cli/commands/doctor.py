"""`holdfast doctor`: what works, what does not, and what to do about it."""

import sys
from argparse import Namespace
from typing import Any

from node.cli.asking import answer, show
from node.cli.exits import NO, YES, Unable
from node.cli.render import (
    UNKNOWN,
    Ink,
    age,
    clean,
    narrowed,
    or_unknown,
    short,
    span,
    table,
    width_of,
)
from node.cli.settings import state_of

MARKS = {True: "ok", False: "NO", None: "note"}
MARK_CHARS = 4
LEGS_SHOWN_MAX = 200
MATRIX = (
    "FROM", "TO", "INTERFACE", "BEACON", "PROBE OUT", "PROBE BACK", "STREAM", "ROUND TRIP",
    "CLOCK", "KEY",
)  # fmt: skip
EXPENDABLE = ("KEY", "CLOCK", "ROUND TRIP")


def run(flags: Namespace) -> int:
    """0 when every check passes; with no agent, this machine alone is examined."""
    from node.cli import alone

    state = state_of(flags)
    try:
        body = answer(flags, {"type": "doctor", "survey": flags.survey})
        body["checks"] = _looked_again(body["checks"], alone.private_files(state))
    except Unable as no:
        if no.code != "no_agent":
            raise
        body = alone.examine(state, no.sentence)
    show(flags, body, lambda ink: _drawn(body, ink))
    faults = [*body["checks"], *body.get("diagnoses", [])]
    blocked = any(row["sentence"] and row["ok"] is False for row in body.get("links", []))
    return NO if blocked or any(one["ok"] is False for one in faults) else YES


def _looked_again(told: list[dict[str, Any]], seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The agent's checks; what was looked at just now stands in the place of an older look."""
    fresh = {check["name"]: check for check in seen}
    return [fresh.get(check["name"], check) for check in told]


def _drawn(body: dict[str, Any], ink: Ink) -> list[str]:
    lines: list[str] = []
    width = max((len(check["name"]) for check in body["checks"]), default=0)
    for check in body["checks"]:
        lines += _check(check, width, ink)
    lines += _titled("interfaces", _interfaces(body["interfaces"]))
    lines += _titled("peers", _peers(body["peers"]))
    lines += _titled("links", _links(body.get("links", []), ink))
    lines += _titled("diagnoses", _diagnoses(body.get("diagnoses", []), ink))
    refused = [[clean(cause), str(count)] for cause, count in sorted(body["rejections"].items())]
    lines += _titled("datagrams refused", table(("CAUSE", "COUNT"), refused))
    return lines


def _check(check: dict[str, Any], width: int, ink: Ink) -> list[str]:
    paint = {True: ink.good, False: ink.bad, None: ink.warn}[check["ok"]]
    mark = paint(MARKS[check["ok"]].ljust(MARK_CHARS))
    lines = [f"{mark}  {clean(check['name']).ljust(width)}  {clean(check['sentence'])}"]
    if check["hint"] and check["ok"] is not True:
        lines.append(f"{' ' * (MARK_CHARS + 4 + width)}{clean(check['hint'])}")
    return lines


def _interfaces(interfaces: list[dict[str, Any]]) -> list[str]:
    rows = [
        [
            clean(each["name"]), or_unknown(each.get("kind")), _addresses(each.get("addresses")),
            or_unknown(each.get("beacons_sent")), or_unknown(each.get("beacons_heard")),
            clean(each.get("problem") or "none"),
        ]
        for each in interfaces
    ]  # fmt: skip
    return table(("NAME", "KIND", "ADDRESSES", "BEACONS SENT", "HEARD", "PROBLEM"), rows)


def _addresses(addresses: list[str] | None) -> str:
    return or_unknown(", ".join(map(clean, addresses or [])))


def _peers(peers: list[dict[str, Any]]) -> list[str]:
    rows = [
        [
            or_unknown(peer["name"]), short(peer["id"]), _heard(peer.get("beacon_heard")),
            _yes_or_no(peer.get("session")), _round_trip(peer.get("last_probe_ms")),
            or_unknown(peer.get("address")), clean(peer.get("problem") or "none"),
        ]
        for peer in peers
    ]  # fmt: skip
    return table(("NAME", "ID", "BEACON", "KEYS SHARED", "ROUND TRIP", "ADDRESS", "PROBLEM"), rows)


def _links(links: list[dict[str, Any]], ink: Ink) -> list[str]:
    """The matrix, one line per pair and interface, and under it a sentence per failing way."""
    rows = [_leg(row, name, beacon) for row in links for name, beacon in _ways_in(row)]
    lines, _dropped = narrowed(MATRIX, rows[:LEGS_SHOWN_MAX], EXPENDABLE, width_of(sys.stdout))
    if len(rows) > LEGS_SHOWN_MAX:
        lines.append(f"and {len(rows) - LEGS_SHOWN_MAX} more: --json has them all")
    said = dict.fromkeys((row["sentence"], row["ok"]) for row in links if row["sentence"])
    for sentence, ok in said:
        paint = ink.bad if ok is False else ink.warn
        lines.append(f"{paint(MARKS[ok].ljust(MARK_CHARS))}  {clean(sentence)}")
    return lines


def _ways_in(row: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [(each["name"], each["beacon_ms"]) for each in row["interfaces"]] or [("", None)]


def _leg(row: dict[str, Any], interface: str, beacon: int | None) -> list[str]:
    return [
        or_unknown(row["from"]["name"]), or_unknown(row["to"]["name"]), interface or "unknown",
        _heard(beacon), clean(row["probe_out"]), clean(row["probe_back"]), clean(row["stream"]),
        _trip(row["round_trip_ms"]), _clock(row["clock_offset_ms"], row["clock_within_ms"]),
        or_unknown(row["key_id"]),
    ]  # fmt: skip


def _trip(ms: float | None) -> str:
    return UNKNOWN if ms is None else f"{ms:.1f} ms"


def _clock(ahead_ms: int | None, within_ms: int | None) -> str:
    """How far its wall clock is from the teller's: `+0.03 s ± 0.02 s`."""
    if ahead_ms is None or within_ms is None:
        return UNKNOWN
    return f"{ahead_ms / 1000:+.2f} s ± {within_ms / 1000:.2f} s"


def _diagnoses(found: list[dict[str, Any]], ink: Ink) -> list[str]:
    width = max((len(each["name"]) for each in found), default=0)
    return [line for each in found for line in _check(each, width, ink)]


def _heard(ms_ago: int | None) -> str:
    return "not heard" if ms_ago is None else age(ms_ago)


def _yes_or_no(shared: bool | None) -> str:
    return UNKNOWN if shared is None else "yes" if shared else "no"


def _round_trip(ms: int | None) -> str:
    return "under 1 ms" if ms == 0 else span(ms)


def _titled(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)] if lines else []
