"""Beacons: "a member of this mesh may be found here". Readable by anyone, forgeable by none.

A beacon is believed for nothing. It can be replayed from anywhere at any time, so the most it may
cause is one rate-limited hello to the address it came from; what is true is settled there.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgpack

from mesh.datagram import (
    EPOCH_COUNTER_MAX,
    HEADER_BYTES,
    TAG_BYTES,
    Header,
    Kind,
    tagged,
    untagged,
    write_header,
)
from mesh.identity import NodeId
from mesh.rejections import Rejection
from mesh.secret import MeshKeys

BEACON_FIELDS_MAX: Final = 16
BEACON_SEQUENCE_MAX: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a beacon says: who, in which run, and the port to knock on. `seq` tells copies apart."""

    node: NodeId
    epoch_counter: int
    port: int
    seq: int


def write_beacon(keys: MeshKeys, beacon: Beacon) -> bytes:
    """The beacon as a datagram of some 90 bytes."""
    body: bytes = msgpack.packb(
        {
            "mesh": keys.mesh_id,
            "epoch": beacon.epoch_counter,
            "port": beacon.port,
            "seq": beacon.seq,
        }
    )
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
    if epoch_counter is None or port is None or seq is None:
        return Rejection.MALFORMED
    return Beacon(header.sender, epoch_counter, port, seq)


def _number(plain: dict[Any, Any], name: str, least: int, most: int) -> int | None:
    value = plain.get(name)
    return value if type(value) is int and least <= value <= most else None
