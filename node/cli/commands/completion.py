"""`holdfast completion bash|zsh|fish`."""

from argparse import Namespace

from node.cli.asking import show
from node.cli.exits import YES
from node.cli.parser import build


def run(flags: Namespace) -> int:
    """A script for the shell, to be sourced."""
    import shtab

    script = shtab.complete(build(), shell=flags.shell)
    show(flags, {"shell": flags.shell, "script": script}, lambda _ink: [script])
    return YES
