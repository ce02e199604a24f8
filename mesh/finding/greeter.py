"""The greeter: turns every sign of a node into hellos, at a bounded pace.

Signs are cheap and may be lies (a beacon can be replayed, a record may be old), so a sign earns a
hello and nothing else. When two nodes hear each other at the same moment, one of them speaks first
(which one, the ids say; everyone is first towards half of the others); the other waits until the
first may have come to it in its line, and usually need not speak at all.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from mesh.config import MeshConfig
from mesh.door.challenges import speaks_first
from mesh.door.post import Post
from mesh.effects import Address, MeshEffect, Send
from mesh.finding.contacts import Contacts
from mesh.finding.hints import Hints
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, Duration, Instant, earliest
from mesh.roll.membership import Liveness, Member, Roll

_LOTS: Final = 1 << 16
TURN: Final[Duration] = 100 * MILLISECOND
"""How long the second to speak waits for the first one's hello, beside their lines."""


class Greeter:
    """Whom we seek, and what we send to find them."""

    def __init__(self, own: NodeId, config: MeshConfig, roll: Roll, post: Post) -> None:
        self._own = own
        self._config = config
        self._roll = roll
        self._post = post
        self._contacts = Contacts(
            config.members_max + config.hints_max + config.seeds_max,
            config.greetings_per_second, config.greetings_burst,
        )  # fmt: skip
        self._hints = Hints()
        self._ours: tuple[Address, ...] = ()
        self._seeds: dict[Address, None] = {}

    @property
    def next_wake(self) -> Instant | None:
        return earliest(self._contacts.next_wake, self._hints.next_wake)

    def stand_at(self, addresses: Iterable[Address]) -> None:
        """Where we are ourselves: nobody else is there, though a container's bridge may say so."""
        self._ours = tuple(addresses)

    def seeds(self, addresses: Iterable[Address], now: Instant) -> None:
        """Somebody may be there; we do not know who. A person's word: it is tried for ever."""
        for address in addresses:
            if address in self._seeds or len(self._seeds) < self._config.seeds_max:
                self._seeds[address] = None
                self._seek_seed(address, now)

    def around(self, now: Instant, *, lost_some: bool) -> None:
        """Our interfaces have changed. Whom we could not reach may be in reach now; and with
        `lost_some` of our addresses gone, those who wrote to them should hear where we are."""
        for member in self._roll.members():
            with_us = member.liveness is Liveness.ALIVE and self._post.gate.has_session(member.id)
            if member.has_left or (with_us and not lost_some):
                continue
            self.at_once(member.id, now)
        for address in self._seeds:
            self._seek_seed(address, now)

    def hint(self, node: NodeId, addresses: Iterable[Address], now: Instant) -> int:
        """Nobody vouches for it, and it matters only while `node` is not with us.

        Returns how many of the addresses were refused: too many such words at once.
        """
        member = self._roll.member(node)
        alive = member is not None and member.liveness is Liveness.ALIVE
        if node == self._own or (alive and self._post.gate.has_session(node)):
            return 0
        return sum(1 for address in addresses if not self._hints.told(address, now))

    def everyone(self, now: Instant) -> None:
        """A new run begins: nobody shares a session with it yet."""
        for member in self._roll.members():
            gone = member.has_left or member.liveness is Liveness.DEAD
            first = self._config.dead_retry_first if gone else self._config.greet_first
            longest = self._config.dead_retry_longest if gone else self._config.greet_longest
            self._contacts.seek(member.id, now, first, longest)

    def sign_of(self, node: NodeId, now: Instant) -> None:
        """A beacon, or a record that somebody passed on."""
        if node in self._roll.revoked:
            return
        at = now if speaks_first(self._own, node) else now + TURN + self._contacts.line
        self._contacts.nudge(node, at, self._config.greet_first, self._config.greet_longest)

    def greeted_by(self, node: NodeId, now: Instant) -> None:
        """It has said hello and we have answered: it is about to become a session."""
        self._contacts.put_off(node, now)

    def at_once(self, node: NodeId, now: Instant) -> None:
        """We have just lost what we shared with a member that is there."""
        self._contacts.seek(node, now, self._config.greet_first, self._config.greet_longest)

    def gone(self, node: NodeId, now: Instant) -> None:
        """Nobody to seek any more."""
        self._contacts.reached(node, now)

    def introduced(self, node: NodeId, now: Instant) -> None:
        """Its newest record is on the board."""
        member = self._roll.member(node)
        if member is None or member.has_left:
            return
        # Whoever signs something new is likely to live, whatever we have concluded.
        if member.liveness is Liveness.DEAD or not self._post.gate.has_session(node):
            self.sign_of(node, now)

    def lost(self, node: NodeId, now: Instant) -> None:
        """Declared dead: try again later, and for ever.

        All who miss it take turns, each at moments of its own: so it is tried by somebody every ten
        seconds or sooner, and a cut that is mended is crossed at once by the first of many.
        """
        first = self._config.dead_retry_first
        alive = sum(one.liveness is Liveness.ALIVE for one in self._roll.reachable())
        longest = min(self._config.dead_retry_longest, (alive + 1) * first)
        lot = int.from_bytes(sha256(self._own + node).digest()[:2], "big")
        turn = first // 2 + first * lot // _LOTS
        self._contacts.seek(node, now + turn, min(2 * turn, longest), longest)
        member = self._roll.member(node)
        for address in member.answered if member else ():
            if address in self._seeds:  # another node may live there by now
                self._seek_seed(address, now + first)

    def met(self, node: NodeId, address: Address, now: Instant) -> None:
        """It has answered our challenge."""
        self._contacts.reached(node, now)
        self._contacts.reached(address, now)
        self._hints.met(address, now)

    def wake(self, now: Instant) -> list[MeshEffect]:
        """The hellos that are due."""
        effects = self._post.hello(None, self._hints.due(now), now)
        for aim in self._contacts.due(now):
            if isinstance(aim, Address):
                effects += self._post.hello(None, self._elsewhere((aim,)), now)
            elif (member := self._roll.member(aim)) is not None:
                effects += self.greet(member, now)
            else:
                self._contacts.reached(aim, now)  # a hint that has given way to newer ones
        return effects

    def greet_ourselves(self, addresses: Iterable[Address], now: Instant) -> list[MeshEffect]:
        """Hello to whoever speaks with our own key at these addresses, which are not ours."""
        elsewhere = self._elsewhere(addresses)
        hellos = self._post.gate.hellos(self._own, now) if elsewhere else []
        return [Send(address, hello, urgent=True) for hello in hellos for address in elsewhere]

    def greet(self, member: Member, now: Instant) -> list[MeshEffect]:
        """Hello to everywhere this member might be."""
        return self._post.hello(member.id, self._elsewhere(member.addresses), now)

    def _seek_seed(self, address: Address, at: Instant) -> None:
        for member in self._roll.reachable():
            if member.address == address and self._post.gate.has_session(member.id):
                return  # Somebody is there, and is with us.
        longest = self._config.dead_retry_longest
        self._contacts.seek(address, at, self._config.greet_first, longest)

    def _elsewhere(self, addresses: Iterable[Address]) -> tuple[Address, ...]:
        return tuple(address for address in addresses if address not in self._ours)
