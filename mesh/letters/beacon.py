"""Beacons: "a member of this mesh may be found here". Readable by anyone, forgeable by none.

A beacon is believed for nothing. It can be replayed from anywhere at any time, so the most it may
cause is one rate-limited hello to the address it came from; what is true is settled there.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgpack

from mesh.identity import Epoch, NodeId
from mesh.keys.secret import MeshKeys
from mesh.letters.datagram import (
    EPOCH_COUNTER_MAX,
    HEADER_BYTES,
    TAG_BYTES,
    Header,
    Kind,
    tagged,
    untagged,
    write_header,
)
from mesh.rejections import Rejection

BEACON_FIELDS_MAX: Final = 16
BEACON_SEQUENCE_MAX: Final = 2**32 - 1
BEACON_SEQUENCES: Final = BEACON_SEQUENCE_MAX + 1
START_BYTES: Final = 8
"""Of an epoch's nonce: enough to tell two starts apart, and everybody knows the whole of it."""


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a beacon says: who, in which run, and the port to knock on. `seq` tells copies apart.

    `start`: the front of the epoch's nonce, so that we know our own beacon from that of another
    machine with our key; older versions leave it out.
    """

    node: NodeId
    epoch_counter: int
    port: int
    seq: int
    start: bytes = b""

    def is_of(self, epoch: Epoch) -> bool:
        """Whether it may have been sent in this run."""
        return self.epoch_counter == epoch.counter and epoch.nonce.startswith(self.start)


def beacon_of(node: NodeId, epoch: Epoch, port: int, seq: int) -> Beacon:
    """What `node` says in this run of it."""
    return Beacon(node, epoch.counter, port, seq, epoch.nonce[:START_BYTES])


def write_beacon(keys: MeshKeys, beacon: Beacon) -> bytes:
    """The beacon as a datagram of some 100 bytes."""
    said: dict[str, Any] = {
        "mesh": keys.mesh_id,
        "epoch": beacon.epoch_counter,
        "port": beacon.port,
        "seq": beacon.seq,
    }
    body: bytes = msgpack.packb(said | {"start": beacon.start} if beacon.start else said)
    return tagged(keys.beacon_mac, write_header(Kind.BEACON, keys.key_id, beacon.node) + body)


def read_beacon(keys: MeshKeys, header: Header, datagram: bytes) -> Beacon | Rejection:
    """The beacon in `datagram`, whose header has been read already."""
    if len(datagram) <= HEADER_BYTES + TAG_BYTES:
        return Rejection.TOO_SHORT
    content = untagged(keys.beacon_mac, datagram)
    if content is None:
        return Rejection.BAD_TAG
    try:
        plain = msgpack.unpackb(
            content[HEADER_BYTES:], max_map_len=BEACON_FIELDS_MAX, max_array_len=0, max_ext_len=0
        )
    except ValueError:
        return Rejection.MALFORMED
    if type(plain) is not dict or plain.get("mesh") != keys.mesh_id:
        return Rejection.MALFORMED
    epoch_counter = _number(plain, "epoch", 0, EPOCH_COUNTER_MAX)
    port = _number(plain, "port", 1, 65535)
    seq = _number(plain, "seq", 0, BEACON_SEQUENCE_MAX)
    start = plain.get("start", b"")
    if epoch_counter is None or port is None or seq is None:
        return Rejection.MALFORMED
    if type(start) is not bytes or len(start) not in (0, START_BYTES):
        return Rejection.MALFORMED
    return Beacon(header.sender, epoch_counter, port, seq, start)


def _number(plain: dict[Any, Any], name: str, least: int, most: int) -> int | None:
    value = plain.get(name)
    return value if type(value) is int and least <= value <= most else None
