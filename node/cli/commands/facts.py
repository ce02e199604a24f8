"""`holdfast facts [NODE]`: hardware and live figures, each with its age and its unknowns."""

from argparse import Namespace

from node.cli import client
from node.cli.asking import answer, show
from node.cli.draw_facts import facts_lines
from node.cli.exits import NO, YES
from node.cli.render import tell
from node.cli.settings import state_of


def run(flags: Namespace) -> int:
    """From the agent, from a peer, or from the probes of this machine alone."""
    if flags.peer or client.running(state_of(flags)):
        body = answer(flags, {"type": "facts", "node": flags.node})
    else:
        from node.cli import alone

        here = alone.look(state_of(flags))
        tell(here.sentence)
        body = here.facts(flags.node)
    show(flags, body, lambda ink: facts_lines(body, ink))
    return YES if body["nodes"] else NO
