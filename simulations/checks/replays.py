"""B11 and the counters: what was heard once changes nothing the second time."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from mesh.door.sessions import SEALED_HEADER_BYTES, SESSION_TAG_BYTES
from mesh.effects import Address
from mesh.letters.datagram import HEADER_BYTES, TAG_BYTES, Kind
from node.core.effects import Effect
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host

KIND_AT: Final = 3
"""Where a datagram says what it is, behind magic and version."""
SEALED: Final = (int(Kind.SEALED), int(Kind.CONFIRM))


class _Before(NamedTuple):
    mark: bytes
    heard_before: bool
    refused: int
    state: tuple[object, ...] | None


class ReplaysChangeNothing(Check):
    """A datagram that a host took once is refused, or at least without any trace, ever after.

    Taken means: not counted among the refused. What is looked at is everything a replay must not
    move: who is who and how alive, boards and logs, and the books.
    """

    promises = ("B11",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._taken: dict[str, set[bytes]] = defaultdict(set)
        self._before: dict[str, _Before] = {}

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        mark = datagram[-TAG_BYTES:]  # a tag over all of it: nothing else ends alike
        again = mark in self._taken[host.name]
        state = _state_of(host) if again else None
        refused = host.alive.mesh.rejections.total()
        self._before[host.name] = _Before(mark, again, refused, state)

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        before = self._before.pop(host.name, None)
        if before is None or cause != "datagram":
            return
        if before.heard_before:
            self.looks("B11")
        if before.heard_before and before.state != _state_of(host):
            raise self.broken("B11", f"a datagram played back to {host.name} changed something")
        if host.alive.mesh.rejections.total() == before.refused:
            self._taken[host.name].add(before.mark)


def _state_of(host: Host) -> tuple[object, ...]:
    agent = host.alive
    members = tuple(
        (one.id, one.trust, one.liveness, one.epoch, one.answered, one.last_heard)
        for one in agent.mesh.roll.members()
        if one.met
    )
    books = agent.ledger.books
    return agent.mesh.root, members, books.height, books.head, len(books.live)


class CountersAreUsedOnce(Check):
    """B5 of the wire: no session of a node seals two datagrams under one counter."""

    promises = ("B5",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._used: dict[tuple[str, bytes], dict[bytes, bytes]] = defaultdict(dict)

    def ended(self, host: Host, how: str) -> None:
        for key in [key for key in self._used if key[0] == host.name]:
            del self._used[key]  # its sessions have ended with it

    def sent(self, host: Host, to: Address | None, datagram: bytes) -> None:
        if len(datagram) < SEALED_HEADER_BYTES or datagram[KIND_AT] not in SEALED:
            return
        tag = datagram[HEADER_BYTES : HEADER_BYTES + SESSION_TAG_BYTES]
        counter = datagram[HEADER_BYTES + SESSION_TAG_BYTES : SEALED_HEADER_BYTES]
        before = self._used[host.name, tag].setdefault(counter, datagram[-TAG_BYTES:])
        if before != datagram[-TAG_BYTES:]:
            raise self.broken("B5", f"{host.name} sealed two datagrams under one counter")
