"""Watching: an answer that is asked for again and again, until a person has seen enough.

On a terminal the screen is redrawn (rich is imported for that, and only then); elsewhere each
answer is printed below the last one, with --json one object per line. On a terminal an agent that
stops answering is said so above the last answer and its age, and asked on: a restart must not end
the watch. Elsewhere whoever reads us is better told by the exit status.

Ctrl-C is how a watch ends, so it is no failure: 0.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from mesh.instant import MILLISECOND, Instant
from node.cli.asking import show
from node.cli.exits import NO_AGENT, YES, Unable, wrong_usage
from node.cli.render import Ink, age, say
from node.shell import clock

EVERY_DEFAULT: Final = "1s"
EVERY_MS_MIN: Final = 200
"""A look costs the agent a millisecond or two; five a second is as fast as anybody reads."""
EVERY_MS_MAX: Final = 86_400_000

Look = Callable[[], dict[str, Any]]
Draw = Callable[[dict[str, Any], Ink], Sequence[str]]


def watch(
    flags: Namespace, look: Look, draw: Draw, rest: Callable[[float], None] = time.sleep
) -> int:
    """Look and show, every so often, until Ctrl-C."""
    seconds = _every_ms(flags) / 1000
    try:
        if sys.stdout.isatty() and not flags.json:
            _live(look, draw, seconds, rest)
        while True:
            body = look()
            show(flags, body, partial(draw, body))
            if not flags.json:
                say("")
            rest(seconds)
    except KeyboardInterrupt:
        return YES


def _every_ms(flags: Namespace) -> int:
    from node.cli.asks import term_ms

    every = term_ms(flags.every or EVERY_DEFAULT, "--every")
    if not EVERY_MS_MIN <= every <= EVERY_MS_MAX:
        raise wrong_usage("--every: from 0.2s to 1d", "write it as 2s")
    return every


def _live(look: Look, draw: Draw, seconds: float, rest: Callable[[float], None]) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console()
    ink, last = Ink.of(sys.stdout), Last()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(Text.from_ansi("\n".join(last.page(look, draw, ink))), refresh=True)
            rest(seconds)


class Last:
    """The last answer, for as long as no other comes."""

    def __init__(self, now: Callable[[], Instant] = clock.now) -> None:
        self._now = now
        self._lines: list[str] = []
        self._at: Instant | None = None

    def page(self, look: Look, draw: Draw, ink: Ink) -> list[str]:
        """What to show now. Raises Unable when there was never an answer, or can't be one."""
        try:
            body = look()
        except Unable as no:
            if self._at is None or no.status != NO_AGENT:
                raise
            old = age((self._now() - self._at) // MILLISECOND)
            return [ink.bad(f"{no.sentence}; what follows is from {old}"), "", *self._lines]
        self._lines, self._at = list(draw(body, ink)), self._now()
        return self._lines
