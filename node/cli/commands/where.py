"""`holdfast where …`: can it run, where, and why not elsewhere."""

from argparse import Namespace

from node.cli import client
from node.cli.asking import answer, show
from node.cli.asks import document, term_ms
from node.cli.exits import NO, YES
from node.cli.render import clean, tell
from node.cli.settings import state_of


def run(flags: Namespace) -> int:
    """0 when a node fits now, 1 when none does."""
    ask = document(flags)
    if flags.duration is not None:
        term_ms(flags.duration)
        ask["for"] = flags.duration
    if flags.peer or client.running(state_of(flags)):
        body = answer(
            flags, {"type": "where", "ask": ask, "list_all": flags.all, "brief": flags.brief}
        )
    else:
        from node.cli import alone
        from placement.decide import Policy

        here = alone.look(state_of(flags))
        tell(here.sentence)
        body = here.where(ask, Policy(flags.all, flags.brief))
    show(flags, body, lambda _ink: [clean(line) for line in body["text"]])
    return YES if body["decision"].get("chosen") is not None else NO
