"""The image of ourselves that the mesh has: what we last published, and whether it is still true.

Nothing is published because time passed; only because something changed enough to matter. So an
idle mesh is silent, and every peer's picture of us is the one we last signed.
"""

from dataclasses import dataclass
from typing import Final

from mesh.instant import Instant
from mesh.keys.keyring import Keyring
from node.core.picture.hysteresis import worth_publishing
from node.core.picture.throughputs import TOPIC_THROUGHPUT, Timings
from node.core.picture.topics import (
    TOPIC_INVENTORY,
    TOPIC_KEYS,
    TOPIC_LIVE,
    TOPIC_MODELS,
    TOPIC_REVOKED,
    TOPIC_STANDING,
    Inventory,
    KeysHeld,
    Live,
    Models,
    Standing,
    encode,
)

NO_MODELS: Final = Models((), (), ())


@dataclass(frozen=True, slots=True)
class Statement:
    """A fact to be signed and told."""

    topic: str
    body: bytes


@dataclass(slots=True)
class SelfImage:
    """What we last said about ourselves, by topic."""

    inventory: Inventory | None = None
    models: Models | None = None
    live: Live | None = None
    standing: tuple[str, str] | None = None
    keys: KeysHeld | None = None
    outcasts: bytes = b""

    def inventory_read(self, inventory: Inventory | Models) -> Statement | None:
        """A full probe came in. Where no model was ever seen there is nothing to tell of them."""
        if isinstance(inventory, Models):
            if inventory == (self.models or NO_MODELS):
                return None
            self.models = inventory
            return Statement(TOPIC_MODELS, encode(inventory))
        if inventory == self.inventory:
            return None
        self.inventory = inventory
        return Statement(TOPIC_INVENTORY, encode(inventory))

    def sampled(self, live: Live) -> Statement | None:
        """A live sample came in; told only when it moved enough."""
        if not worth_publishing(self.live, live):
            return None
        self.live = live
        return Statement(TOPIC_LIVE, encode(live))

    def timed(self, timings: Timings, now: Instant) -> Statement | None:
        """What our links carry; told once one has been timed, and when that says something new."""
        body = timings.news(now)
        return None if body is None else Statement(TOPIC_THROUGHPUT, body)

    def keys_are(self, ring: Keyring) -> Statement | None:
        """Which secrets we take for the mesh's; told once there has been a change of secret."""
        held = KeysHeld(ring.primary.key_id.hex(), tuple(one.key_id.hex() for one in ring.keys))
        if held == self.keys or ring.is_as_founded:
            return None
        self.keys = held
        return Statement(TOPIC_KEYS, encode(held))

    def keeps_out(self, body: bytes) -> Statement | None:
        """Who is revoked, as far as we know; told once there is anybody."""
        if body == self.outcasts:
            return None
        self.outcasts = body
        return Statement(TOPIC_REVOKED, body)

    def stands(self, state: str, reason: str, remaining_ms: int | None) -> Statement | None:
        """Whether we grant; told when the state or its reason changes, not when time passes."""
        if self.standing == (state, reason):
            return None
        self.standing = (state, reason)
        return Statement(TOPIC_STANDING, encode(Standing(state, reason, remaining_ms)))
