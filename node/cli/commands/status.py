"""`holdfast status`: this node, its standing, what it has promised, and its peers."""

from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from node.cli.asking import answer, show, warn
from node.cli.commands.peers import peer_rows
from node.cli.draw_facts import foreign_lines
from node.cli.exits import YES
from node.cli.render import Ink, age, amount, clean, or_unknown, pairs, short, span, table
from node.cli.watching import watch

FOREIGN_UNKNOWN: Final = "-"
"""Of cores and disks nobody can tell whose work uses them."""
QUESTION: Final = {"type": "status"}


def run(flags: Namespace) -> int:
    """Ask and show; with --watch again and again."""
    if flags.watch:
        return watch(flags, partial(answer, flags, QUESTION), _watched)
    body = answer(flags, QUESTION)
    show(flags, body, lambda ink: _drawn(body, ink))
    if not flags.json:
        warn(body["warnings"])
    return YES


def _watched(body: dict[str, Any], ink: Ink) -> list[str]:
    """As without --watch, with the warnings among the rest: stderr would be drawn over."""
    notes = [ink.warn(f"note: {clean(sentence)}") for sentence in body["warnings"]]
    return [*notes, *([""] if notes else []), *_drawn(body, ink)]


def _drawn(body: dict[str, Any], ink: Ink) -> list[str]:
    node, mesh, log = body["node"], body["mesh"], body["log"]
    live = sum(1 for peer in body["peers"] if peer["liveness"] == "alive")
    lines = pairs(
        [
            ("node", f"{clean(node['name'])} ({short(node['id'])})"),
            ("up for", f"{span(node.get('uptime_ms'))}, epoch {node['epoch']}"),
            ("mesh", f"{mesh['id']}, here {or_unknown(mesh['address'])}"),
            *(("detector", told) for told in _detector(mesh)),
            *([("trust", clean(mesh["trust"]))] if mesh.get("trust") else []),
            ("standing", standing(body["standing"])),
            ("peers", f"{live} alive of {len(body['peers'])} known"),
            ("holds", _held(body["holds"])),
            ("ledger", _ledger(log)),
            ("state", or_unknown(node.get("state_folder"))),
        ]
    )
    read = body["holds"].get("read_ms_ago")
    seen = "" if read is None else f", read {age(read)}"
    lines += _section(f"pools{seen}", _pools(body["holds"]["pools"]), ink)
    users = body["holds"].get("foreign", ())
    lines += _section("used, and reserved by nobody", foreign_lines(users), ink)
    lines += _section("peers", peer_rows(body["peers"]), ink)
    refused = sorted(body["rejections"].items())
    if refused:
        told = ", ".join(f"{count} {clean(cause)}" for cause, count in refused)
        lines += ["", f"datagrams refused: {told}"]
    return lines


def _detector(mesh: dict[str, Any]) -> list[str]:
    """Which profile, and what speaks against our own word about others."""
    if mesh.get("profile") is None:
        return []
    told = clean(mesh["profile"])
    if mesh["partitioned"]:
        told += "; partitioned: more than half fell silent at once, nobody is declared dead yet"
    if mesh["degraded"]:
        told += "; degraded: this machine reaches so few that it accuses nobody any more"
    if mesh["late_score"]:
        told += f"; this machine is late itself ({mesh['late_score']} of 7): it looks longer"
    return [told]


def _held(holds: dict[str, Any]) -> str:
    waiting = holds.get("waiting", 0)
    return f"{holds['live']}, and {waiting} wait for room" if waiting else str(holds["live"])


def _ledger(log: dict[str, Any] | None) -> str:
    if log is None:
        return "empty"
    return f"era {log['era']}, height {log['height']}, head {short(log['head'])}"


def standing(body: dict[str, Any] | None) -> str:
    """`open`, or why not and for how long."""
    if body is None:
        return "unknown"
    text = clean(body["state"]).replace("_", " ")
    reason = clean(body["reason"])
    if body["state"] == "quarantine" and body.get("remaining_ms") is not None:
        left = span(body["remaining_ms"])
        return f"quarantined {left} more: this disk may have forgotten promises ({reason})"
    if reason and body["state"] != "open":
        text += f": {reason}"
    if body.get("remaining_ms") is not None:
        text += f" ({span(body['remaining_ms'])} to go)"
    return text


def _pools(pools: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            pool["pool"], pool["kind"], amount(pool["total"], pool["unit"]),
            amount(pool["promised"], pool["unit"]), amount(pool["room"], pool["unit"]),
            FOREIGN_UNKNOWN if pool.get("foreign") is None
            else amount(pool["foreign"], pool["unit"]),
            pool["state"],
        ]
        for pool in pools
    ]  # fmt: skip
    return table(("POOL", "KIND", "TOTAL", "PROMISED", "ROOM", "FOREIGN", "STATE"), rows)


def _section(title: str, lines: list[str], ink: Ink) -> list[str]:
    return ["", ink.bold(title), *lines] if lines else []
