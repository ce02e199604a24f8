"""Gangs at the command line: `reserve --nodes 3 …`, and how members of gangs are shown."""

from argparse import Namespace
from collections.abc import Iterable
from typing import Any, Final

from node.cli import when
from node.cli.asking import Body, answer, show, warn
from node.cli.asks import document, process, term_ms
from node.cli.exits import NO, YES, wrong_usage
from node.cli.render import Ink, clean, legs, pairs, short, span, table

NODES_MAX: Final = 64
"""As many as one gang may have."""
ALONE: Final = ("hold", "plan", "require_copy", "node")
"""Flags of a reservation on one node, which mean nothing for several."""
SAID_MAX: Final = 4
"""Lines about ways that do not fit either; JSON has them all."""
HEADERS: Final = ("ON", "WHAT", "ID", "COPIES ON")


def reserve(flags: Namespace, said: Body, silence_seconds: float) -> int:
    """All of them, or none. `said`: on whose word."""
    for name in ALONE:
        if getattr(flags, name):
            flag = "--" + name.replace("_", "-")
            raise wrong_usage(f"--nodes and {flag} exclude each other", "leave one of the two out")
    ask = document(flags)
    request: Body = {
        "type": "reserve_gang",
        "ask": ask,
        "nodes": count(flags.nodes),
        "term_ms": term_ms(flags.duration),
        "label": flags.label_text,
        "principal": flags.principal,
        "wait_ms": term_ms(flags.wait, "--wait") if flags.wait else 0,
        "priority": flags.priority,
        "wait_for_opening": not flags.no_wait,
        **said,
    }
    if flags.carried or flags.pid is not None:
        if flags.duration is not None:
            raise wrong_usage("such a gang lasts while its asker keeps it up", "leave --for out")
        request["carried"] = True
    if flags.pid is not None:
        request["pid"], request["pid_started"] = process(flags.pid)
    if flags.start:
        request["start_at_ms"] = when.wall_ms(flags.start)
    if flags.split is not None:
        request["parts"] = _way(flags, ask)["asks"]
    if request["wait_ms"]:
        from node.cli import patience

        body = patience.answer_in_time(flags, request, silence_seconds)
    else:
        body = answer(flags, request, silence_seconds)
    show(flags, body, lambda ink: drawn(body, ink, flags.pid))
    if not flags.json:
        warn(body["warnings"])
    return YES


def where(flags: Namespace) -> int:
    """`where --nodes 3 …`: 0 when all of them can be had at once, 1 when they can't."""
    body = offered(flags)
    show(flags, body, lambda _ink: [clean(line) for line in body["text"]])
    return YES if body["offer"]["chosen"] is not None else NO


def offered(flags: Namespace) -> Body:
    """On which nodes at once, or why not."""
    if flags.node:
        raise wrong_usage("--nodes and --node exclude each other", "leave one of the two out")
    ask = document(flags)
    if flags.duration is not None:
        ask["for"] = flags.duration
    question = {"type": "where_gang", "ways": [_way(flags, ask)], **when.about(flags)}
    return when.told(answer(flags, question))


def together(flags: Namespace, told: Body) -> Body:
    """What speaks against one node, and what against so many at once with it."""
    body = offered(flags)
    ways = body["offer"]["ways"]
    decision = ways[body["offer"]["chosen"] or 0]["decision"]
    members = [fit["name"] for fit in decision["members"]]
    spare = [fit["name"] for fit in decision["spare"]]
    if not members:
        fitting = f" ({', '.join(spare)})" if spare else ""
        line = f"{decision['nodes']} nodes at once: {len(spare)} fit now{fitting}"
    elif told["node"] in members:
        line = f"{decision['nodes']} nodes at once: it would be one of {', '.join(members)}"
    else:
        later = "it would be asked if one of them refused"
        later = later if told["node"] in spare else "they come before it"
        rest = later if told["fits"] else "without it"
        line = f"{decision['nodes']} nodes at once: {', '.join(members)}; {rest}"
    gang = {"nodes": decision["nodes"], "members": members, "spare": spare}
    fits = told["fits"] and bool(members)
    return {**told, "fits": fits, "gang": gang, "text": [*told["text"], line]}


def beside(flags: Namespace, body: Body, ask: dict[str, Any]) -> Body:
    """The answer for a model that no single node can run: on which several it would."""
    from node.cli.splitting import ways

    made = ways(flags, ask)
    if not made:
        return body
    gang = answer(flags, {"type": "where_gang", "ways": made})
    lines = gang["text"] if gang["offer"]["chosen"] is not None else gang["text"][:SAID_MAX]
    return {**body, "gang": gang, "text": [*body["text"], "", *lines]}


def _way(flags: Namespace, ask: dict[str, Any]) -> dict[str, Any]:
    """What is asked of each of the nodes: the same of all, or its part of a model."""
    nodes = count(flags.nodes)
    if flags.split is None:
        return {"asks": [ask] * nodes}
    if flags.model is None:
        raise wrong_usage("--split is for a model, and none is named", "name one: --model")
    from node.cli.splitting import way

    return way(flags, ask, nodes, flags.split)


def count(text: str) -> int:
    """`--nodes 3`."""
    if not text.isascii() or not text.isdigit() or not 2 <= int(text[:6]) <= NODES_MAX:
        hint = f"2 to {NODES_MAX}; leave it out for one node"
        raise wrong_usage(f"--nodes: {text!r} is no number of nodes", hint)
    return int(text)


def drawn(body: Body, ink: Ink, pid: str | None = None) -> list[str]:
    """A gang that stands, with each of its nodes."""
    lasts = [("lasts", f"booked for {span(body['term_ms'])}"), ("left", span(body["remaining_ms"]))]
    if body["kind"] == "carried":
        while_it = "this node's agent runs" if pid is None else f"process {pid} runs"
        lasts = [("lasts", f"as long as {while_it}; all of it ends when one of them is lost")]
    if body["starts_at_ms"] is not None:
        lasts[1] = ("starts", when.shown(body["starts_at_ms"]))
    rows = [
        ("gang", str(body["id"])),
        ("nodes", str(len(body["members"]))),
        *lasts,
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
