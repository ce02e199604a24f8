"""`holdfast up`: start an agent on this machine, in the foreground or (--detach) behind it."""

import sys
from argparse import Namespace
from threading import Thread

from node.cli import detached
from node.cli.asking import show
from node.cli.exits import YES
from node.cli.render import tell
from node.cli.settings import state_of, up_options
from node.cli.starting import Prepared, check_alone, check_offer, prepare
from node.cli.welcome import HINT, join_lines, welcome


def run(flags: Namespace) -> int:
    """Make what is missing, say so, and run."""
    options = up_options(state_of(flags), flags)
    check_alone(options)
    check_offer(options)
    prepared = prepare(options)
    if flags.detach:
        started = detached.start(prepared.options, flags)
        body = {**prepared.body, "pid": started.pid, "log": str(started.log), "ready": True}
        ready = f"the agent runs (pid {started.pid}); its log is {started.log}"
        show(flags, body, lambda _ink: [*prepared.steps, ready, *_next(prepared)])
        return YES
    return run_here(flags, _watched(prepared))


def _next(prepared: Prepared) -> list[str]:
    return join_lines(prepared.options.state) if prepared.new_mesh else []


def _watched(prepared: Prepared) -> Prepared:
    """On a terminal the join line follows by itself; in a log, how to come by one must do."""
    if not prepared.new_mesh:
        return prepared
    if not sys.stdout.isatty():
        return prepared._replace(steps=[*prepared.steps, f"  {HINT}"])
    # The agent takes this thread; a second one watches it from outside, as a person would.
    Thread(target=welcome, args=(prepared.options.state, tell), daemon=True).start()
    return prepared


def run_here(flags: Namespace, prepared: Prepared) -> int:
    """The agent, until it is told to stop."""
    from node import process

    show(flags, prepared.body, lambda _ink: prepared.steps)
    return process.main(prepared.options)
