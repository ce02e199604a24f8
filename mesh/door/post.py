"""The post: sealing letters for members and saying hello, wherever the gate allows it.

It holds the one gate of this run. A new epoch takes a new gate, so everybody who sends goes through
here and nobody keeps a gate of their own.
"""

from collections.abc import Iterable

from mesh.door.gate import Gate
from mesh.door.sightings import Sightings
from mesh.effects import Address, MeshEffect, Send
from mesh.facts import Fact
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.letters.messages import FactNews, Message
from mesh.letters.wire import encode
from mesh.roll.membership import Liveness, Member, Roll


class Post:
    """Letters out."""

    def __init__(self, gate: Gate, roll: Roll, sightings: Sightings) -> None:
        self.gate = gate
        self._sightings = sightings
        self._roll = roll
        self._reach: tuple[Member, ...] = ()
        self._reach_of: tuple[Gate, int, int] | None = None
        """Which gate, at which of its changes and the roll's, `_reach` was made of."""

    def letter(
        self, to: NodeId, message: Message, now: Instant, *, urgent: bool = False
    ) -> list[MeshEffect]:
        """One letter to where `to` last proved itself. Nothing when we share no session."""
        return self.payload(to, encode((message,)), now, urgent=urgent)

    def answer(
        self, to: NodeId, address: Address, message: Message, now: Instant, *, urgent: bool
    ) -> list[MeshEffect]:
        """One letter back to where a letter came from."""
        return self._sealed(to, address, encode((message,)), now, urgent=urgent)

    def payload(
        self, to: NodeId, payload: bytes, now: Instant, *, urgent: bool = False
    ) -> list[MeshEffect]:
        """Letters that are already laid end to end."""
        member = self._roll.member(to)
        address = member.address if member else None
        return [] if address is None else self._sealed(to, address, payload, now, urgent=urgent)

    def hello(
        self, to: NodeId | None, addresses: Iterable[Address], now: Instant
    ) -> list[MeshEffect]:
        """The same to each address: the first that answers wins."""
        addresses = tuple(addresses)
        if not addresses:
            return []
        if to is not None:
            self._sightings.greeted(to, now)
        member = None if to is None else self._roll.member(to)
        there = member is not None and member.liveness is Liveness.ALIVE
        hellos = [self.gate.hello(to, now)] if there else self.gate.hellos(to, now)
        return [Send(address, hello, urgent=True) for hello in hellos for address in addresses]

    def parting(self, to: NodeId, fact: Fact | None, now: Instant) -> list[MeshEffect]:
        """The last letter to somebody, if it fits one datagram: it may be the first to hear."""
        letter = b"" if fact is None else encode((FactNews(fact),))
        fits = 0 < len(letter) <= self.gate.payload_bytes_max
        return self.payload(to, letter, now, urgent=True) if fits else []

    def within_reach(self) -> tuple[Member, ...]:
        """Members that are worth a letter and that we can write to."""
        made_of = (self.gate, self.gate.session_changes, self._roll.changes)
        if made_of != self._reach_of:
            sessions = self.gate.open_sessions
            self._reach = tuple(one for one in self._roll.reachable() if one.id in sessions)
            self._reach_of = made_of
        return self._reach

    def _sealed(
        self, to: NodeId, address: Address, payload: bytes, now: Instant, *, urgent: bool
    ) -> list[MeshEffect]:
        datagram = self.gate.seal(to, payload, now)
        return [] if datagram is None else [Send(address, datagram, urgent)]
