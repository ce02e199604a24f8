"""The agent's program, for one whose end is planned: SIGKILL just before or just after the commit
of an entry of its own log. The plan is a line in a file in its state folder, and good for once.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger.entries import decode_entry
from mesh.identity import NodeId
from mesh.letters.wire import parse_block
from mesh.logs import Block
from mesh.persistence import SPACE_BLOCK, Write
from node.app import App
from node.cli.main import main

PLAN: Final = "dies"
"""`before gang complete`, `after post`: when, and the entry by its tag."""

_commit = App.commit


def tags(writes: list[Write], own: NodeId) -> Iterator[str]:
    """What is written into our own log, by kind."""
    for write in writes:
        if write.space == SPACE_BLOCK and write.key.startswith(own) and write.value is not None:
            block = parse_block(write.value)
            assert isinstance(block, Block), "we just wrote it"
            for raw in block.entries:
                yield str(type(decode_entry(raw)).__struct_config__.tag)


def _dies(plan: Path) -> None:
    plan.unlink()
    os.kill(os.getpid(), signal.SIGKILL)


def commit(self: App, writes: list[Write]) -> None:
    """As it was, and perhaps for the last time."""
    plan = self.here.folder.path / PLAN
    when, _, tag = plan.read_text().partition(" ") if plan.exists() else ("", "", "")
    now = bool(when) and tag in tags(writes, self.agent.identity.id)
    if now and when == "before":
        _dies(plan)
    _commit(self, writes)
    if now:
        _dies(plan)


if __name__ == "__main__":
    App.commit = commit  # type: ignore[method-assign] # mortal, on purpose
    sys.exit(main())
