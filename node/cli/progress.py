"""What happens while somebody waits: one line that rewrites itself on a terminal, else plain lines.

Progress goes to stderr, so that what is piped onward is the answer and nothing else.
"""

import shutil
import sys
from typing import Any, TextIO

from node.cli.render import clean, span

CLEAR_LINE = "\r\x1b[K"


class ProgressLine:
    """Shows progress lines as they come. Call `done` before printing the answer."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
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
        if remaining is not None and "remaining" not in sentence:
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
        # A log gets each sentence once, not once a second.
        if sentence != self._last:
            self._write(sentence + "\n")
        self._last = sentence

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
