"""`holdfast simulate`: the door to the room above.

`simulations` stands above `node` and may use all of it; `node` may not know `simulations`. So this
one command is found by name, and only when somebody asks for it, as every command's module is. What
it is told comes as flags, what it answers is an exit status, and nothing else passes this door.
"""

from argparse import Namespace
from importlib import import_module
from typing import Final

COMMAND: Final = "simulations.command"


def run(flags: Namespace) -> int:
    """0 when every promise was kept; the other statuses are told in `simulations/command`."""
    status: int = import_module(COMMAND).run(flags)
    return status
