"""`holdfast doctor`: what works, what does not, and what to do about it."""

from argparse import Namespace
from typing import Any

from node.cli.asking import answer, show
from node.cli.exits import NO, YES, Unable
from node.cli.render import UNKNOWN, Ink, age, clean, or_unknown, short, span, table
from node.cli.settings import state_of

MARKS = {True: "ok", False: "NO", None: "note"}
MARK_CHARS = 4


def run(flags: Namespace) -> int:
    """0 when every check passes; with no agent, this machine alone is examined."""
    from node.cli import alone

    state = state_of(flags)
    try:
        body = answer(flags, {"type": "doctor"})
        body["checks"] = _looked_again(body["checks"], alone.private_files(state))
    except Unable as no:
        if no.code != "no_agent":
            raise
        body = alone.examine(state, no.sentence)
    show(flags, body, lambda ink: _drawn(body, ink))
    return NO if any(check["ok"] is False for check in body["checks"]) else YES


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


def _heard(ms_ago: int | None) -> str:
    return "not heard" if ms_ago is None else age(ms_ago)


def _yes_or_no(shared: bool | None) -> str:
    return UNKNOWN if shared is None else "yes" if shared else "no"


def _round_trip(ms: int | None) -> str:
    return "under 1 ms" if ms == 0 else span(ms)


def _titled(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)] if lines else []
