"""`holdfast model inspect|estimate …`: what a model is, and how much room it would need."""

from argparse import Namespace


def run(flags: Namespace) -> int:
    """Sorted by the second word."""
    if flags.what == "estimate":
        from node.cli import estimating

        return estimating.run(flags)
    from node.cli import inspecting

    return inspecting.run(flags)
