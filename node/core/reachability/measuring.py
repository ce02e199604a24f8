"""Measuring: moving something over a link because a person wants to know what it carries.

The agents time whatever they move anyway (`throughputs.py`); in a small mesh that is little, and a
link may never have carried enough to tell. A measurement asks each peer for a body and sends it
one, a few times over, one peer after the other, and ends early on a slow link. Nobody else can
start one: a peer only serves, and what it is asked for it would also give to a sync.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import shake_128
from typing import Any, Final, TypeAlias

from mesh.effects import Call
from mesh.identity import NodeId, id_text
from mesh.instant import SECOND, Duration, Instant
from mesh.roll.membership import Liveness
from node.core.effects import Progress, Reply
from node.core.names import find_node
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused

SERVICE_MEASURE: Final = "measure"
BODY_BYTES: Final = 1_000_000
"""Just below what a frame takes. On a gigabit 8 ms, where a round trip is under one."""
ROUNDS: Final = 4
"""Each way. The first ones find a connection that is still opening its window."""
CALL_WAIT: Final[Duration] = 15 * SECOND
LONG_ENOUGH: Final[Duration] = SECOND
"""A body that took so long has told enough: that way is not tried again."""
PEERS_AT_ONCE_MAX: Final = 64
MEASUREMENTS_MAX: Final = 2
"""Under way at one time; they would measure each other."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One body: to or from `peer`."""

    peer: NodeId
    sends: bool


@dataclass(slots=True)
class _Measurement:
    token: int
    peers: list[NodeId]
    steps: list[_Step] = field(default_factory=list)
    began: Instant = 0
    failed: dict[NodeId, None] = field(default_factory=dict)


Step: TypeAlias = Call | Progress | Reply


class Measuring:
    """All measurements under way."""

    def __init__(self, knowledge: Knowledge, number: Callable[[], int]) -> None:
        """`number`: of the next call, which nobody else uses."""
        self._knowledge, self._number = knowledge, number
        self._under_way: dict[int, _Measurement] = {}
        self._calls: dict[int, int] = {}

    def begin(self, token: int, node: str | None, now: Instant) -> list[Step]:
        """Measure the link with `node`, or with everyone alive. May raise Refused."""
        if len(self._calls) >= MEASUREMENTS_MAX:
            raise Refused("refused", "links are being measured already", "wait a minute")
        peers = self._whom(node)
        steps = [_Step(peer, sends) for peer in peers for sends in (False, True) * ROUNDS]
        self._under_way[token] = _Measurement(token, peers, steps)
        return self._next(self._under_way[token], now)

    def cancel(self, token: int) -> None:
        """Whoever asked is gone."""
        self._under_way.pop(token, None)

    def answered(self, call: int, body: bytes | None, now: Instant) -> list[Step] | None:
        """A body is there, or is not. None: that call was none of ours."""
        token = self._calls.pop(call, None)
        if token is None:
            return None
        measurement = self._under_way.get(token)
        if measurement is None:
            return []
        step = measurement.steps.pop(0)
        if body is None or len(body) != (0 if step.sends else BODY_BYTES):
            # Too slow, gone, or of a version that knows no such thing: it is asked no more.
            measurement.failed[step.peer] = None
            measurement.steps = [one for one in measurement.steps if one.peer != step.peer]
        elif now - measurement.began >= LONG_ENOUGH:
            measurement.steps = [one for one in measurement.steps if one != step]
        return self._next(measurement, now)

    def _next(self, measurement: _Measurement, now: Instant) -> list[Step]:
        token = measurement.token
        if not measurement.steps:
            del self._under_way[token]
            return [Reply(token, ok=True, body=self._body(measurement))]
        step = measurement.steps[0]
        measurement.began = now
        call = self._number()
        self._calls[call] = token
        asks = filler() if step.sends else b""
        addresses = self._knowledge.addresses_of(step.peer)
        way = "to" if step.sends else "from"
        sentence = f"measuring the link {way} {self._knowledge.name_of(step.peer)}"
        return [
            Progress(token, {"stage": "measuring", "sentence": sentence}),
            Call(call, step.peer, addresses, SERVICE_MEASURE, asks, now + CALL_WAIT),
        ]

    def _body(self, measurement: _Measurement) -> dict[str, Any]:
        knowledge = self._knowledge
        rows = []
        for peer in measurement.peers:
            found = knowledge.timings.of(peer, knowledge.now)
            rows.append(
                {
                    "id": id_text(peer),
                    "name": knowledge.name_of(peer),
                    "received_bytes_per_second": None if found is None else found.received,
                    "sent_bytes_per_second": None if found is None else found.sent,
                    "answered": peer not in measurement.failed,
                }
            )
        return {"links": rows}

    def _whom(self, node: str | None) -> list[NodeId]:
        members = {one.id: one for one in self._knowledge.members()}
        if node is not None:
            peer = find_node(node, {one: member.name for one, member in members.items()})
            return [peer]
        live = [one for one in sorted(members) if members[one].liveness is Liveness.ALIVE]
        if not live:
            raise Refused("not_possible", "no other node is alive", "`holdfast peers` lists them")
        return live[:PEERS_AT_ONCE_MAX]


def served(body: bytes) -> bytes:
    """What a peer that measures gets: a body for nothing, and nothing for a body."""
    return b"" if body else filler()


@cache
def filler() -> bytes:
    """What is moved: no tunnel on the way can make it shorter, as it could zeroes."""
    return shake_128(b"holdfast measure").digest(BODY_BYTES)
