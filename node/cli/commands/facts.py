"""`holdfast facts [NODE]`: hardware and live figures, each with its age and its unknowns."""

from argparse import Namespace
from functools import partial

from node.cli import client
from node.cli.asking import Body, answer, show
from node.cli.draw_facts import facts_lines
from node.cli.exits import NO, YES, wrong_usage
from node.cli.render import clean, tell
from node.cli.settings import state_of
from node.cli.watching import watch


def run(flags: Namespace) -> int:
    """From the agent, from a peer, or from the probes of this machine alone; with --watch again
    and again."""
    if flags.forgive is not None:
        return _forgive(flags)
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


def _forgive(flags: Namespace) -> int:
    """What made such work fail on this machine is mended."""
    if flags.peer or flags.node or flags.watch:
        raise wrong_usage("--forgive is a word about this machine alone", "leave out the rest")
    body = answer(flags, {"type": "forgive", "workload": flags.forgive})
    count = body["forgotten"]
    said = (
        f"forgotten: {count} kind{'' if count == 1 else 's'} of failure of {clean(flags.forgive)}"
    )
    show(flags, body, lambda _ink: [said])
    return YES if count else NO
