"""What the machines of one process have in common, kept once.

A thousand machines that know each other keep a million facts, logs and rows, and nearly all of them
are equal: each was said by one and told to all. Here an equal one that was read before is handed
back in place of each that is read, so a world pays for what was said and not for what was heard.
Everything shared is frozen; and nothing of it can be told by any outcome, only by the memory used.
"""

from typing import Final, TypeVar

from mesh.facts import Fact
from mesh.letters.wire import keep_with
from mesh.logs import Block

SIGNED_MAX: Final = 200_000
ROWS_MAX: Final = 200_000
"""Past that we begin again: what is in use stays in use, and is shared no further."""

T = TypeVar("T")

_signed: dict[bytes, Fact | Block] = {}
_rows: dict[bytes, bytes] = {}


def one_of_each(read: T) -> T:
    """`read`, a fact or block, or an equal one from before."""
    assert isinstance(read, Fact | Block)
    known = _signed.get(read.signature)
    if known == read:
        return known
    if known is None:  # else a bent copy of what we have, which shall not take its place
        if len(_signed) >= SIGNED_MAX:
            _signed.clear()
        _signed[read.signature] = read
    return read


def row(value: bytes) -> bytes:
    """`value`, or equal bytes from before."""
    if len(_rows) >= ROWS_MAX:
        _rows.clear()
    return _rows.setdefault(value, value)


def share() -> None:
    """From here on this process keeps one of each."""
    keep_with(one_of_each)
