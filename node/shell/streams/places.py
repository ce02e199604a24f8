"""The places at the stream port: how many far ends there may be, of what sort, and from where.

A connection costs a handshake (a millisecond of ours) before anybody has proven anything, a task,
and as much memory as is sent on it. So everything is counted: connections, those without a proven
member at their far end, those of one address, those of one member, the requests and the bytes that
are being served. Whoever finds no place is told nothing and counted by name.

One address may not take all places of strangers, and may not shake hands without end. On loopback
this is not asked: whoever is on this machine already can do worse, and a whole mesh may live there.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final, TypeVar

import trio

from mesh.door.allowance import Bucket
from mesh.identity import NodeId
from mesh.instant import SECOND

CONNECTIONS_MAX: Final = 64
STRANGERS_MAX: Final = 24
"""Connections without a proven member at their far end, of the above."""
STRANGERS_PER_SOURCE_MAX: Final = 8
HANDSHAKES_PER_SECOND: Final = 20
"""From one address. A mesh behind one router has its calls go over a connection each, and keeps
it; and 20 handshakes are two hundredths of a second of work."""
HANDSHAKES_BURST: Final = 60
SOURCES_MAX: Final = 1024
"""Addresses remembered; the one longest unseen gives way, and may begin afresh."""
CONNECTIONS_PER_MEMBER_MAX: Final = 8
"""Ours keep one, and a second for a moment when both ends think differently of the first."""
IN_FLIGHT_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of all requests that are being served. Sixteen of the largest; a parcel has a quarter of that."""


class Cut(Enum):
    """Why a connection was ended by us."""

    TOO_MANY = "too many connections"
    TOO_MANY_STRANGERS = "too many connections without a member's key"
    TOO_MANY_OF_SOURCE = "too many connections without a member's key from one address"
    TOO_OFTEN = "connections too often from one address"
    TOO_MANY_OF_MEMBER = "too many connections of one member"
    HANDSHAKE_FAILED = "TLS handshake failed"
    HANDSHAKE_SLOW = "TLS handshake took too long"
    BAD_FRAME = "not our frames"
    NOT_A_REQUEST = "frames that are no requests"
    FRAME_SLOW = "a frame was begun and not finished"
    FLOOD = "more requests in flight than allowed"
    TOO_MUCH = "more bytes in flight than allowed"
    ANSWER_SLOW = "our answers were not read"
    STRANGER_STAYED = "a stranger stayed too long"


class CutOff(Exception):
    """Ends one connection, for the reason it carries."""

    def __init__(self, why: Cut) -> None:
        super().__init__(why.value)
        self.why = why


class Places:
    """Who is in. Each of the three doors is a `with`: what was taken is given back at its end."""

    def __init__(self) -> None:
        self.connections = 0
        self.strangers = 0
        self.in_flight_bytes = 0
        self._strangers_of: Counter[str] = Counter()
        self._of_member: Counter[NodeId] = Counter()
        self._handshakes: OrderedDict[str, Bucket] = OrderedDict()

    @contextmanager
    def connection(self) -> Iterator[None]:
        """One far end, whoever it is. Raises CutOff."""
        if self.connections >= CONNECTIONS_MAX:
            raise CutOff(Cut.TOO_MANY)
        self.connections += 1
        try:
            yield
        finally:
            self.connections -= 1

    @contextmanager
    def stranger(self, source: str | None) -> Iterator[None]:
        """For as long as nothing is proven. Raises CutOff. `source` None: not to be told."""
        if self.strangers >= STRANGERS_MAX:
            raise CutOff(Cut.TOO_MANY_STRANGERS)
        if source is not None and self._strangers_of[source] >= STRANGERS_PER_SOURCE_MAX:
            raise CutOff(Cut.TOO_MANY_OF_SOURCE)
        if source is not None and not self._may_shake_hands(source):
            raise CutOff(Cut.TOO_OFTEN)
        self.strangers += 1
        if source is not None:
            self._strangers_of[source] += 1
        try:
            yield
        finally:
            self.strangers -= 1
            if source is not None:
                _drop_one(self._strangers_of, source)

    @contextmanager
    def member(self, peer: NodeId) -> Iterator[None]:
        """A proven member's connection. Raises CutOff."""
        if self._of_member[peer] >= CONNECTIONS_PER_MEMBER_MAX:
            raise CutOff(Cut.TOO_MANY_OF_MEMBER)
        self._of_member[peer] += 1
        try:
            yield
        finally:
            _drop_one(self._of_member, peer)

    @contextmanager
    def request(self, size: int) -> Iterator[None]:
        """One request's bytes, for as long as they are kept. Raises CutOff."""
        if self.in_flight_bytes + size > IN_FLIGHT_BYTES_MAX:
            raise CutOff(Cut.TOO_MUCH)
        self.in_flight_bytes += size
        try:
            yield
        finally:
            self.in_flight_bytes -= size

    def _may_shake_hands(self, source: str) -> bool:
        now = int(trio.current_time() * SECOND)
        bucket = self._handshakes.pop(source, None)
        if bucket is None:
            bucket = Bucket(HANDSHAKES_PER_SECOND, HANDSHAKES_BURST, now)
        self._handshakes[source] = bucket
        if len(self._handshakes) > SOURCES_MAX:
            self._handshakes.popitem(last=False)
        return bucket.take(now)


def source_of(raw: trio.abc.Stream) -> str | None:
    """The far end's address; None on loopback, and where there is no such thing."""
    if not isinstance(raw, trio.SocketStream):
        return None
    try:
        host = str(raw.socket.getpeername()[0])
    except (OSError, IndexError):
        return None  # gone already
    return None if host == "::1" or host.removeprefix("::ffff:").startswith("127.") else host


_Key = TypeVar("_Key", str, NodeId)


def _drop_one(counter: Counter[_Key], key: _Key) -> None:
    """Names of which there are none left are not kept: anybody may make up more."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
