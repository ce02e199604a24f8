"""`holdfast model inspect WHAT`: what a model is, by its own files; nothing is loaded."""

from argparse import Namespace


def run(flags: Namespace) -> int:
    """Sorted by the second word."""
    from node.cli import inspecting

    return inspecting.run(flags)
