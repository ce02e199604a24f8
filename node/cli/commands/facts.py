"""`holdfast facts [NODE]`: hardware and live figures, each with its age and its unknowns."""

from argparse import Namespace
from functools import partial

from node.cli import client
from node.cli.asking import Body, answer, show
from node.cli.draw_facts import facts_lines
from node.cli.exits import NO, YES
from node.cli.render import tell
from node.cli.settings import state_of
from node.cli.watching import watch


def run(flags: Namespace) -> int:
    """From the agent, from a peer, or from the probes of this machine alone; with --watch again
    and again."""
    if flags.watch:
        return watch(flags, partial(_look, flags), facts_lines)
    body = _look(flags, tell_alone=True)
    show(flags, body, lambda ink: facts_lines(body, ink))
    return YES if body["nodes"] else NO


def _look(flags: Namespace, *, tell_alone: bool = False) -> Body:
    if flags.peer or client.running(state_of(flags)):
        return answer(flags, {"type": "facts", "node": flags.node})
    from node.cli import alone

    here = alone.look(state_of(flags))
    if tell_alone:
        tell(here.sentence)
    return here.facts(flags.node)
