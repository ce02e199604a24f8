"""Starting an agent in the background: the same command again, in a session of its own.

We wait for what a caller will do next, which is to ask on the socket; a process that merely exists
is no readiness. When the child ends first, its own last words are the report.
"""

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from io import BufferedWriter
from pathlib import Path
from typing import Final, NamedTuple

from node.cli import client
from node.cli.exits import NO, Unable
from node.cli.render import clean
from node.config import SETTINGS, UpOptions
from node.shell.telling.rolling import LOG_BYTES_MAX, LOG_NAME, make_room, open_log

THIS_COMMAND: Final = (sys.executable, "-P", "-m", "node.cli")
"""-P: the folder we happen to stand in must not lend us its `mesh`."""
READY_SECONDS_MAX: Final = 30.0
LOOK_SECONDS: Final = 0.05
LAST_LINES: Final = 8
REASON: Final = "holdfast: "
LAST_BYTES: Final = 8 * 1024


class Started(NamedTuple):
    """A ready agent."""

    pid: int
    log: Path


def start(options: UpOptions, flags: Namespace, command: Sequence[str] = THIS_COMMAND) -> Started:
    """Start it and return once it answers. Raises Unable with what it said when it ends early."""
    log = options.state / LOG_NAME
    with _opened(log) as output:
        began = output.tell()
        child = subprocess.Popen(
            [*command, *up_words(options, flags)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _wait_until_ready(child, options.state, log, began)
    child.returncode = 0  # it outlives us on purpose, and Popen need not complain about that
    return Started(child.pid, log)


def up_words(options: UpOptions, flags: Namespace) -> list[str]:
    """`up` with the same flags, whatever command was given: an invite is not passed on."""
    words = ["up", "--state", str(options.state)]
    for setting in SETTINGS:
        if setting.name == "secret_file" or getattr(flags, setting.name, None) is None:
            continue  # by now the secret is in the folder
        said = getattr(flags, setting.name)
        if isinstance(said, bool):
            words.append(setting.flag)
        else:
            values = said if isinstance(said, list) else [said]
            words.extend(f"{setting.flag}={value}" for value in values)
    return words


def _wait_until_ready(child: "subprocess.Popen[bytes]", state: Path, log: Path, began: int) -> None:
    for _look in range(int(READY_SECONDS_MAX / LOOK_SECONDS)):
        status = child.poll()
        if status is not None:
            raise Unable(
                "not_started",
                f"the agent stopped while starting (exit {status}): {_last_words(log, began)}",
                f"its log is {log}",
                status if status in (1, 2, 4) else NO,
            )
        if _answers(state):
            return
        time.sleep(LOOK_SECONDS)
    raise Unable(
        "not_ready",
        f"the agent (pid {child.pid}) has not answered within {READY_SECONDS_MAX:g} s; it still "
        f"runs: {_last_words(log, began)}",
        f"its log is {log}",
    )


def _answers(state: Path) -> bool:
    if not client.running(state):
        return False
    try:
        client.ask(state, {"type": "status"})
    except Unable:
        return False
    return True


def _opened(log: Path) -> BufferedWriter:
    try:
        if log.exists() and log.stat().st_size >= LOG_BYTES_MAX:
            make_room(log)
        output = os.fdopen(open_log(log), "ab")
    except OSError as error:
        raise Unable("no_log", f"the log {log} cannot be written: {error.strerror}") from error
    output.seek(0, os.SEEK_END)
    return output


def _last_words(log: Path, began: int) -> str:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(began, size - LAST_BYTES))
        said = file.read().decode(errors="replace")
    lines = [clean(line) for line in said.splitlines() if line.strip()]
    # The command's own way of saying no is worth more than the events before it.
    reasons = [line.removeprefix(REASON) for line in lines if line.startswith(REASON)]
    return " | ".join(reasons or lines[-LAST_LINES:]) or "it said nothing"
