"""Gangs at the command line: `reserve --nodes 3 …`, and how members of gangs are shown."""

from argparse import Namespace
from collections.abc import Iterable
from typing import Any, Final

from node.cli.asking import Body, answer, show, warn
from node.cli.asks import document, term_ms
from node.cli.exits import YES, wrong_usage
from node.cli.render import Ink, clean, legs, pairs, short, span, table

NODES_MAX: Final = 64
"""As many as one gang may have."""
ALONE: Final = ("hold", "pid", "plan", "require_copy", "node")
"""Flags of a reservation on one node, which mean nothing for several."""
HEADERS: Final = ("ON", "WHAT", "ID", "COPIES ON")


def reserve(flags: Namespace, silence_seconds: float) -> int:
    """All of them, or none."""
    for name in ALONE:
        if getattr(flags, name):
            flag = "--" + name.replace("_", "-")
            raise wrong_usage(f"--nodes and {flag} exclude each other", "leave one of the two out")
    wait = getattr(flags, "wait", None)
    request: Body = {
        "type": "reserve_gang",
        "ask": document(flags),
        "nodes": count(flags.nodes),
        "term_ms": term_ms(flags.duration),
        "label": flags.label_text,
        "principal": flags.principal,
        "wait_ms": 0 if wait is None else term_ms(wait, "--wait"),
        "wait_for_opening": not flags.no_wait,
    }
    body = answer(flags, request, silence_seconds)
    show(flags, body, lambda ink: drawn(body, ink))
    if not flags.json:
        warn(body["warnings"])
    return YES


def count(text: str) -> int:
    """`--nodes 3`."""
    if not text.isascii() or not text.isdigit() or not 2 <= int(text[:6]) <= NODES_MAX:
        hint = f"2 to {NODES_MAX}; leave it out for one node"
        raise wrong_usage(f"--nodes: {text!r} is no number of nodes", hint)
    return int(text)


def drawn(body: Body, ink: Ink) -> list[str]:
    """A gang that stands, with each of its nodes."""
    rows = [
        ("gang", str(body["id"])),
        ("nodes", str(len(body["members"]))),
        ("lasts", f"booked for {span(body['term_ms'])}"),
        ("left", span(body["remaining_ms"])),
        ("give back", f"holdfast release {str(body['id'])[:10]} (all of them)"),
    ]
    members = [
        [
            clean(member["owner"]["name"]), legs(member["legs"]), short(member["id"]),
            ", ".join(clean(name) for name in member["stored_on"] or ()) or "its owner alone",
        ]
        for member in body["members"]
    ]  # fmt: skip
    return [ink.good("reserved, all of them"), *pairs(rows), "", *table(HEADERS, members)]


def told(holds: Iterable[dict[str, Any]]) -> list[str]:
    """One line for each gang of which something is held: which of its nodes there are."""
    gangs: dict[str, list[dict[str, Any]]] = {}
    for hold in holds:
        if hold.get("gang"):
            gangs.setdefault(hold["gang"]["id"], []).append(hold)
    lines = []
    for name in sorted(gangs):
        members, gang = gangs[name], gangs[name][0]["gang"]
        nodes = ", ".join(clean(member["owner"]["name"]) for member in members)
        of = gang["members"] or len(members)
        asker = clean(members[0]["holder"]["name"])
        lines.append(
            f"gang {short(name)}: {len(members)} of {of} nodes ({nodes}), {clean(gang['stage'])}; "
            f"asked for on {asker}, `holdfast release {short(name)}` there ends all of it"
        )
    return lines
