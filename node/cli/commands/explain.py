"""`holdfast explain …`: every candidate, with every reason."""

from argparse import Namespace

from node.cli.asking import show
from node.cli.commands.where import asked, text_of
from node.cli.exits import NO, YES


def run(flags: Namespace) -> int:
    """0 when a node fits now, 1 when none does."""
    flags.all, flags.brief = True, False
    body = asked(flags)
    show(flags, body, lambda _ink: text_of(body))
    return YES if body["decision"].get("chosen") is not None else NO
