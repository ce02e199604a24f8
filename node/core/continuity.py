"""Continuity: whether this disk forgot something since it was last heard of.

A journal can come back older than it was: a restored backup, a rolled-back snapshot, a disk that
lied about a sync. It looks perfectly healthy, and promises made since are gone from it. So beside
every durable block it is noted, in memory that no power cut leaves behind, how far we had come. At
the next start the same kernel boot, and a disk that is at least where the note says, prove that
this disk lost nothing. Anything else (a reboot, no note, no such memory) proves nothing, and the
start is assumed amnesiac.

The rule lives here, so that the simulator's starts are judged by it too; where the note lies is the
shell's affair (`node/shell/disk/marker.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ledger.observations import Continuity
from mesh.identity import NodeId
from mesh.letters.wire import parse_block
from mesh.logs import Position
from mesh.persistence import SPACE_BLOCK, SPACE_META, Write
from mesh.rejections import Rejection
from node.core.birth import META_EPOCH

HashAt = Callable[[int], bytes | None]
"""The hash of our own accepted chain's block at a height; None when there is no such block."""

Saved = Mapping[str, Mapping[bytes, bytes]]
"""A journal's spaces, as loaded."""


@dataclass(frozen=True, slots=True)
class Marker:
    """How far a node had come, as of its last durable block. `head` is None before the first."""

    boot_id: str
    epoch_counter: int
    head: Position | None


def continuity(noted: Marker | None, saved: Saved, own: NodeId, boot_id: str) -> Continuity:
    """What the note proves of the journal `saved`, in the kernel boot `boot_id`."""
    chain = own_positions(saved, own)
    head = chain[max(chain)] if chain else None
    disk = Marker(boot_id, kept_epoch(saved), head)
    proven, reason = prove(
        noted, disk, lambda height: chain[height].hash if height in chain else None
    )
    return Continuity(proven, reason)


def next_counter(noted: Marker | None, saved: Saved, own: NodeId) -> int:
    """The epoch counter of the start that is about to be: above every one there has been."""
    # A second quarantine within one start raises the era alone: the next epoch rises above it too.
    eras = [at.era.counter for at in own_positions(saved, own).values()]
    return max(kept_epoch(saved), 0 if noted is None else noted.epoch_counter, *eras, 0) + 1


def kept_epoch(saved: Saved) -> int:
    """The epoch counter that the journal remembers; 0 when it remembers none."""
    return int.from_bytes(saved.get(SPACE_META, {}).get(META_EPOCH, b""), "big")


def epoch_row(counter: int) -> Write:
    """What must be durable before anyone may hear of epoch `counter`."""
    return Write(SPACE_META, META_EPOCH, counter.to_bytes(8, "big"))


def own_positions(saved: Saved, own: NodeId) -> dict[int, Position]:
    """Height → where the block of our own chain stands that the journal has there."""
    blocks = [
        parse_block(value)
        for key, value in saved.get(SPACE_BLOCK, {}).items()
        if key.startswith(own)
    ]
    whole = [block for block in blocks if not isinstance(block, Rejection)]
    return {block.height: block.position for block in whole}


def prove(marker: Marker | None, disk: Marker, hash_at: HashAt) -> tuple[bool, str]:
    """Whether `disk` (what the journal says now, this boot) lost nothing, and why or why not."""
    if marker is None:
        return False, "there is no marker: a reboot, a first start, or a new folder"
    if marker.boot_id != disk.boot_id:
        return False, "the machine has been booted since"
    if disk.epoch_counter < marker.epoch_counter:
        return False, (
            f"the journal knows epoch {disk.epoch_counter}, the marker {marker.epoch_counter}: "
            "the disk went back in time"
        )
    return _head_held(marker.head, disk.head, hash_at)


def _head_held(noted: Position | None, head: Position | None, hash_at: HashAt) -> tuple[bool, str]:
    if noted is None:
        # Nothing was promised when it was noted; the disk can only have gained since.
        return True, "the marker and the journal agree: nothing had been promised"
    if head is None or head.height < noted.height:
        known = "no block" if head is None else f"block {head.height}"
        return False, f"the journal ends at {known}, the marker had seen block {noted.height}"
    if head.era != noted.era:
        # Also when the disk's era is the later one: it opened in doubt, and the marker was never
        # renewed to say that the doubt was settled.
        return False, "the journal and the marker speak of different eras"
    if hash_at(noted.height) != noted.hash:
        return False, f"block {noted.height} is not the one that the marker saw"
    return True, f"same boot, and block {noted.height} is still there"
