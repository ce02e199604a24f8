"""What is seen while a run takes longer than a blink: one bar on a terminal, and nothing elsewhere.

Drawn by hand, without a thread of its own: a swarm forks, and a process that forks has one thread.
"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHOWN_AFTER_SECONDS: Final = 1.0
DRAWN_EVERY_SECONDS: Final = 0.1


class Bar:
    """A bar on stderr, from one second on; gone again at the end. Use with `with`."""

    def __init__(self, *, wanted: bool = True) -> None:
        """`wanted` False: nothing is drawn, because something else is told meanwhile."""
        self._began = time.perf_counter()
        self._drawn = 0.0
        self._wanted = wanted and sys.stderr.isatty()
        self._shown: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._shown is not None:
            self._shown[0].stop()

    def __call__(self, what: str, share: float) -> None:
        """`what` is under way, and so much of it is done, 0 to 1."""
        now = time.perf_counter()
        early = now - self._began < SHOWN_AFTER_SECONDS or now - self._drawn < DRAWN_EVERY_SECONDS
        if not self._wanted or early:
            return
        self._drawn = now
        if self._shown is None:
            self._shown = _opened()
        progress, task = self._shown
        progress.update(task, description=what, completed=min(1.0, max(0.0, share)))
        progress.refresh()


def _opened() -> "tuple[Progress, TaskID]":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.description:<34}"), BarColumn(), TaskProgressColumn(),
        TimeElapsedColumn(), console=Console(stderr=True), auto_refresh=False, transient=True,
    )  # fmt: skip
    progress.start()
    return progress, progress.add_task("", total=1.0)
