"""`holdfast up`: start an agent on this machine, in the foreground or (--detach) behind it."""

from argparse import Namespace

from node.cli import detached
from node.cli.asking import show
from node.cli.exits import YES
from node.cli.settings import state_of, up_options
from node.cli.starting import Prepared, check_alone, check_offer, prepare


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
        show(flags, body, lambda _ink: [*prepared.steps, ready])
        return YES
    return run_here(flags, prepared)


def run_here(flags: Namespace, prepared: Prepared) -> int:
    """The agent, until it is told to stop."""
    from node import app

    show(flags, prepared.body, lambda _ink: prepared.steps)
    return app.main(prepared.options)
