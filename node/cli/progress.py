"""What happens while somebody waits: one line that rewrites itself on a terminal, else plain lines.

Progress goes to stderr, so that what is piped onward is the answer and nothing else.
"""

import re
import shutil
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO

from mesh.instant import SECOND, Instant
from node.cli.render import clean, span
from node.shell import clock

CLEAR_LINE: Final = "\r\x1b[K"
REPEAT_SECONDS_MIN: Final = 10
"""A log is told as often that we still wait for the same thing."""
COUNTED: Final = re.compile(r"[0-9](?:[0-9dhm]*s|[0-9]* s|[0-9dh]*m) more")
"""What a sentence says that counts down by itself: `9 s more`, `4m59s more`, `29m more`."""
VARYING: Final = re.compile(rf"{COUNTED.pattern}|within [0-9][0-9dhms]*")
"""The same, and when a turn is to come: neither is news by itself."""


class ProgressLine:
    """Shows progress lines as they come. Call `done` before printing the answer."""

    def __init__(
        self, stream: TextIO | None = None, now: Callable[[], Instant] = clock.now
    ) -> None:
        self._stream = stream or sys.stderr
        self._now = now
        self._said_at = 0
        self._rewrites = self._stream.isatty()
        self._last = ""

    def __call__(self, body: dict[str, Any]) -> None:
        """One progress line: {sentence, remaining_ms?}."""
        sentence = clean(body.get("sentence", ""))
        if not sentence:
            return
        if not self._rewrites:
            self._plain(sentence)
            return
        remaining = body.get("remaining_ms")
        if remaining is not None and not COUNTED.search(sentence):
            sentence = f"{sentence} ({span(remaining)})"
        width = shutil.get_terminal_size().columns - 1
        self._write(CLEAR_LINE + sentence[:width])
        self._last = sentence

    def done(self) -> None:
        """Leave the terminal's line clean."""
        if self._rewrites and self._last:
            self._write(CLEAR_LINE)
        self._last = ""

    def _plain(self, sentence: str) -> None:
        # A countdown speaks every second; a log needs to hear now and then that it goes on.
        now, gist = self._now(), VARYING.sub("", sentence)
        if gist != self._last or now - self._said_at >= REPEAT_SECONDS_MIN * SECOND:
            self._write(sentence + "\n")
            self._said_at = now
        self._last = gist

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
