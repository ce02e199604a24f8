"""`holdfast version`."""

import platform
from argparse import Namespace

from node.cli.asking import show
from node.cli.exits import YES
from node.config import VERSION


def run(flags: Namespace) -> int:
    """Which Holdfast, on which Python."""
    body = {"version": VERSION, "python": platform.python_version()}
    show(flags, body, lambda _ink: [f"holdfast {VERSION} (Python {body['python']})"])
    return YES
