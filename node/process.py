"""The process around the agent: signals, starts that follow one another, and the exit status."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace

import trio

from node.app import App, live
from node.config import UpOptions
from node.shell import collector
from node.shell.copied import as_a_copy
from node.shell.datagrams.udp import PortTaken
from node.shell.disk.state import StateError
from node.shell.driver import AgentStopped
from node.shell.telling.events import EventWriter
from node.shell.telling.rolling import output_of

ANOTHER_OF_US = (
    "another machine shows this node's key and is ahead of us each time: is this state folder a "
    "copy? Stop one of the two for good, or start the copy with --new-identity"
)
"""Two that share a key drive each other's epoch up for ever; a forgetful disk settles at once."""

RESTARTS_MAX = 3
"""How often one process may start its agent again above an epoch that its disk had forgotten."""


async def live_until_signalled(
    options: UpOptions, environment: Mapping[str, str], log: EventWriter
) -> None:
    """As `live`, and SIGTERM or SIGINT is a clean stop."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def obey(app: App) -> None:
                async for _ in signals:
                    app.stopping.set()

            async def run(task_status: trio.TaskStatus[App]) -> None:
                await live(options, environment, log, task_status)
                nursery.cancel_scope.cancel()

            nursery.start_soon(obey, await nursery.start(run))


def main(options: UpOptions) -> int:
    """Run an agent until it is told to stop. The exit status is documented in commands.md."""
    log = EventWriter(output_of(options.state), pretty=None if not options.json_logs else False)
    collector.settle()
    for _ in range(RESTARTS_MAX):
        ended: list[Exception] = []
        try:
            trio.run(live_until_signalled, options, os.environ, log)
        except* (AgentStopped, StateError, PortTaken) as group:
            ended = [*_leaves(group)]
        refused = [why for why in ended if not isinstance(why, AgentStopped)]
        copy = None if not refused else as_a_copy(refused[0], options)
        if copy is not None:
            log.write("identity.copied", copy.sentence, {})
            options = copy.options
            continue
        if refused:
            why = refused[0]
            sys.stderr.write(f"holdfast: {why}\n")
            return 1
        if not ended:
            return 0
        log.write("restart", str(ended[0]), {})
        # Words for one start: what a peer has just proven makes neither true a second time.
        options = replace(options, first=False, new_identity=False)
    sys.stderr.write(f"holdfast: {ANOTHER_OF_US}\n")
    return 1


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    leaves: list[Exception] = []
    for inner in group.exceptions:
        leaves += _leaves(inner) if isinstance(inner, BaseExceptionGroup) else [inner]
    return leaves
