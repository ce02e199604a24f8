"""Proofs: every receipt of one block, as it travels, put together from parts that are made once.

Whoever waits for a block is handed a receipt of an entry in it, and a block may have hundreds of
both. All its receipts begin with the same bytes (the author's key, the header, the signature), and
each path from leaf to root ends as its neighbours' do. So the front is packed once, and the paths
are packed from the root downwards, each node's on the back of its parent's: a receipt is then three
strings put behind one another. `blocks.encode_receipt` says the same, in one go.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from mesh.logs import HASH_BYTES, Block, header_bytes, merkle_levels

_pack: Final = msgspec.msgpack.Encoder().encode
_FIVE: Final = b"\x95"
_ROOT: Final = _pack(())
_NOTHING: Final = _ROOT[0]
_SIBLING: Final = _pack((bytes(HASH_BYTES), False))[: -HASH_BYTES - 1]
"""How one step of a path begins: before the hash, and before the side that it stands on."""
_LEFT: Final = _pack(True)
_RIGHT: Final = _pack(False)


class Proofs:
    """The receipts of `block`, whose tree is `levels` if somebody has it already."""

    def __init__(self, block: Block, levels: Sequence[Sequence[bytes]] | None = None) -> None:
        parts = (block.public, header_bytes(block), block.signature)
        self._front = _FIVE + b"".join(_pack(part) for part in parts)
        self._entries = block.entries
        self._paths = _paths(levels or merkle_levels(block.entries))

    def receipt(self, line: int) -> bytes:
        """Proof of the entry at `line`."""
        return self._front + _pack(self._entries[line]) + self._paths[line]


def _paths(levels: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Of each leaf, its siblings up to the root, packed."""
    steps = [(0, b"")]
    for level in reversed(levels[:-1]):
        below: list[tuple[int, bytes]] = []
        for index in range(len(level)):
            count, above = steps[index // 2]
            sibling = index ^ 1
            if sibling < len(level):  # else it is carried up as it is
                side = _LEFT if sibling < index else _RIGHT
                count, above = count + 1, _SIBLING + level[sibling] + side + above
            below.append((count, above))
        steps = below
    return [bytes((_NOTHING + count,)) + path for count, path in steps]
