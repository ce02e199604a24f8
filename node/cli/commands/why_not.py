"""`holdfast why-not [NODE] …`: what speaks against one node, or against each, and what would have
to change; with --nodes also what speaks against so many at once.
"""

from argparse import Namespace
from typing import Any

from node.cli.asking import show
from node.cli.commands.where import asked
from node.cli.exits import NO, YES, Unable, wrong_usage
from node.cli.render import clean


def run(flags: Namespace) -> int:
    """0 when it would fit there (or anywhere), 1 with every reason when it would not."""
    flags.all, flags.brief = True, False
    if flags.candidate is not None and " " in flags.candidate and not flags.words:
        flags.candidate, flags.words = None, [flags.candidate]  # no node is called like that
    if flags.candidate is None and flags.nodes is not None:
        raise wrong_usage("--nodes is asked of one NODE", "as in `why-not oak --nodes 3`")
    body = asked(flags)
    told = _of_all(body) if flags.candidate is None else _of_node(body, flags.candidate)
    if flags.nodes is not None:
        from node.cli import ganging

        told = ganging.together(flags, told)
    show(flags, told, lambda _ink: [clean(line) for line in told["text"]])
    return YES if told["fits"] else NO


def _of_all(body: dict[str, Any]) -> dict[str, Any]:
    """What the decision says of every node on which it would not fit."""
    decision = body["decision"]
    chosen, over = decision.get("chosen"), decision["passed_over"]
    names = tuple(f"{one['name']}: " for one in over)
    lines = [line for line in body["text"] if line.startswith(names)] if names else []
    head = [] if chosen is None else [f"it fits on {chosen['name']}"]
    misses = [{"node": one["name"], "misses": one["misses"]} for one in over]
    return {
        "node": None, "fits": chosen is not None, "misses": misses, "text": [*head, *lines],
    }  # fmt: skip


def _of_node(body: dict[str, Any], name: str) -> dict[str, Any]:
    """What the decision says of one node. Raises Unable when it is not among the candidates."""
    decision = body["decision"]
    chosen = decision.get("chosen")
    fits = [*([chosen] if chosen else []), *decision["runners_up"]]
    for place, fit in enumerate(fits):
        if name in {fit["name"], fit["node"]}:
            where = "it is the first choice" if place == 0 else f"{place} would be asked before it"
            return {"node": fit["name"], "fits": True, "misses": [], "text": [
                f"{fit['name']}: it fits; {where}"
            ]}  # fmt: skip
    for over in decision["passed_over"]:
        if name in {over["name"], over["node"]}:
            lines = [line for line in body["text"] if line.startswith(f"{over['name']}: ")]
            return {"node": over["name"], "fits": False, "misses": over["misses"], "text": lines}
    raise Unable("not_found", f"no node is called {name!r}", "`holdfast peers` lists them")
