"""`holdfast where …`: can it run, where, and why not elsewhere."""

from argparse import Namespace
from typing import Any

from node.cli import client
from node.cli.asking import answer, show
from node.cli.asks import document
from node.cli.exits import NO, YES, wrong_usage
from node.cli.render import clean, tell
from node.cli.settings import state_of
from node.cli.when import about, told

SUPPOSITIONS = ("without", "plus", "freed")


def run(flags: Namespace) -> int:
    """0 when a node fits now, 1 when none does."""
    if flags.nodes is not None:
        from node.cli import ganging

        return ganging.where(flags)
    ask = document(flags)
    body = asked(flags, ask)
    fits = body["decision"].get("chosen") is not None
    if not fits and flags.model is not None and _several(flags):
        from node.cli import ganging

        body = ganging.beside(flags, body, ask)
    show(flags, body, lambda _ink: text_of(body))
    return YES if fits else NO


def _several(flags: Namespace) -> bool:
    """Whether there may be nodes to share it out to; what is supposed of some says nothing of
    several."""
    supposed = any(getattr(flags, name) for name in SUPPOSITIONS)
    return not supposed and bool(flags.peer or client.running(state_of(flags)))


def asked(flags: Namespace, ask: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the agent says, or this machine alone where none runs."""
    ask = document(flags) if ask is None else ask
    time = about(flags)
    if flags.duration is not None:
        ask["for"] = flags.duration
    supposed = {name: value for name in SUPPOSITIONS if (value := getattr(flags, name))}
    if flags.peer or client.running(state_of(flags)):
        said = {"ask": ask, "list_all": flags.all, "brief": flags.brief, **supposed, **time}
        return told(answer(flags, {"type": "where", **said}))
    if flags.start is not None:
        raise wrong_usage(
            "what is planned is known to a mesh, and no agent runs here", "`holdfast up`"
        )
    if supposed:
        raise wrong_usage("suppositions are about a mesh, and no agent runs here", "`holdfast up`")
    from node.cli import alone
    from placement.decide import Policy

    here = alone.look(state_of(flags))
    tell(here.sentence)
    return here.where(ask, Policy(flags.all, flags.brief))


def text_of(body: dict[str, Any]) -> list[str]:
    return [clean(line) for line in body["text"]]
