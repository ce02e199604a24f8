"""Taking back what the disk kept: members, their records, and all logs.

A row that cannot be read is counted and left out: other members have a copy of everything here that
is not ours, and what is ours the ledger verifies before it trusts it.
"""

from collections import Counter
from collections.abc import Mapping

from mesh.identity import Epoch, NodeId
from mesh.kept.board import Board
from mesh.kept.chains import Chains
from mesh.persistence import SPACE_PEER
from mesh.rejections import Rejection
from mesh.roll.membership import NEVER_MET, Roll
from mesh.roll.storage import load_blocks, parse_peer

Spaces = Mapping[str, Mapping[bytes, bytes]]


def restore_members(
    saved: Spaces, roll: Roll, board: Board, refused: Counter[Rejection | str]
) -> dict[NodeId, Epoch]:
    """Everyone we remember; the highest epoch each has proven is returned, for the gate."""
    highest: dict[NodeId, Epoch] = {}
    for key, value in sorted(saved.get(SPACE_PEER, {}).items()):
        remembered = parse_peer(value)
        if remembered is None:
            refused["disk: a peer's row that cannot be read"] += 1
            continue
        node = NodeId(key)
        roll.restore(node, remembered)
        if remembered.epoch != NEVER_MET:
            highest[node] = remembered.epoch
        if remembered.record is not None:
            board.offer(remembered.record)
    return highest


def restore_logs(
    saved: Spaces, own: NodeId, roll: Roll, chains: Chains, refused: Counter[Rejection | str]
) -> None:
    """Every log. An author whose own row is gone gets its place back: its key is in its blocks."""
    logs, unread = load_blocks(saved)
    misplaced = 0
    for author in sorted(logs):
        kept = logs[author]
        misplaced += chains.restore(author, kept.chain, kept.attic, kept.base, kept.spare)
        for block in kept.chain[:1]:
            if author != own:
                roll.admit(author, block.public)
    for cause, rows in (("cannot be read", unread), ("is out of place", misplaced)):
        if rows:
            refused[f"disk: a block that {cause}"] += rows
