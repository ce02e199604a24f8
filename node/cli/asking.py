"""What every command that asks has in common: whom to ask, and how to show the answer."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

from node.cli import client
from node.cli.progress import ProgressLine
from node.cli.render import Ink, clean, say, tell
from node.cli.settings import state_of

Body = client.Body


def answer(flags: Namespace, request: Body, silence_seconds: float | None = None) -> Body:
    """Ask the peer named by --peer, else the agent on this machine. Raises Unable."""
    if getattr(flags, "peer", None):
        from node.cli import remote

        return remote.ask(flags, request)
    line = ProgressLine()
    limit = silence_seconds or client.SILENCE_SECONDS_MAX
    try:
        return client.ask(state_of(flags), request, line, limit)
    finally:
        line.done()


def show(flags: Namespace, body: Any, draw: Callable[[Ink], Sequence[str]]) -> None:
    """The answer: one JSON object with --json, else lines for people."""
    if flags.json:
        print(json.dumps(body, sort_keys=True))
        return
    say(draw(Ink.of(sys.stdout)))


def warn(sentences: Sequence[str]) -> None:
    """What should be known beside the answer."""
    for sentence in sentences:
        tell(f"note: {clean(sentence)}")
