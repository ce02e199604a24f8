"""`holdfast leave`: say goodbye and stop."""

from argparse import Namespace

from node.cli.asking import answer, show
from node.cli.exits import YES


def run(flags: Namespace) -> int:
    """The state folder stays: `holdfast up` comes back as the same node."""
    body = answer(flags, {"type": "leave"})
    show(flags, body, lambda _ink: ["left the mesh; the agent stops. `holdfast up` comes back"])
    return YES
