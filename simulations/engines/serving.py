"""Starting a server on loopback, waiting until it answers, and ending it with whatever it left."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from mesh.instant import SECOND, Duration
from node.probes.models.rest import NoAnswer, ask
from node.shell import clock

READY_MAX: Final[Duration] = 120 * SECOND
END_SECONDS_MAX: Final = 10
POLL_SECONDS: Final = 0.2


class NotServing(Exception):
    """It ended, or never answered; the text is the end of its log."""


class Serving(NamedTuple):
    """A server that answers."""

    port: int
    log: Path


@contextmanager
def serving(words: Sequence[str], port: int, log: Path) -> Iterator[Serving]:
    """`words` as a process of its own, from its first answer on. Raises NotServing."""
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(words, stdout=out, stderr=out, start_new_session=True)
        except OSError as error:
            raise NotServing(f"{words[0]} cannot be started: {error.strerror}") from error
    try:
        _wait(process, port, log)
        yield Serving(port, log)
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = clock.now() + READY_MAX
    while clock.now() < until and process.poll() is None:
        try:
            ask(port, "/v1/models", clock.now)
        except NoAnswer:
            time.sleep(POLL_SECONDS)
        else:
            return
    raise NotServing("\n".join(log.read_text(errors="replace").splitlines()[-12:]))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
