"""`holdfast why-not NODE …`: what speaks against one node, and what would have to change; with
--nodes also what speaks against so many at once."""

from argparse import Namespace
from typing import Any

from node.cli.asking import show
from node.cli.commands.where import asked
from node.cli.exits import NO, YES, Unable
from node.cli.render import clean


def run(flags: Namespace) -> int:
    """0 when it would fit there, 1 with every reason when it would not."""
    flags.all, flags.brief = True, False
    told = _of_node(asked(flags), flags.candidate)
    if flags.nodes is not None:
        from node.cli import ganging

        told = ganging.together(flags, told)
    show(flags, told, lambda _ink: [clean(line) for line in told["text"]])
    return YES if told["fits"] else NO


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
