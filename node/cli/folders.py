"""The state folder's own complaints, in the command's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from node.cli.exits import NO, Unable


@contextmanager
def explained() -> Iterator[None]:
    """Turn a StateError inside the block into the end of the command."""
    from node.shell.disk.state import StateError

    try:
        yield
    except StateError as error:
        raise Unable("state_folder", error.sentence, error.hint, NO) from error
