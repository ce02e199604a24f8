"""The image of ourselves that the mesh has: what we last published, and whether it is still true.

Nothing is published because time passed; only because something changed enough to matter. So an
idle mesh is silent, and every peer's picture of us is the one we last signed.
"""

from dataclasses import dataclass
from typing import Final

from mesh.facts import Fact
from mesh.instant import Instant
from mesh.keys.keyring import Keyring
from node.core.picture.hysteresis import worth_publishing
from node.core.picture.knowledge import Knowledge
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
SILENT_IF_NONE: Final = (TOPIC_KEYS, TOPIC_MODELS)
"""Of what most nodes never have we say nothing, and what was said of it once would stay."""


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
    """As last seen; None: nobody has looked since the start."""
    models_told: bytes | None = None
    """What everybody takes for our models. None: nothing was ever said of any."""
    live: Live | None = None
    standing: tuple[str, str] | None = None
    keys: KeysHeld | None = None
    outcasts: bytes = b""

    def inventory_read(self, inventory: Inventory | Models) -> Statement | None:
        """A full probe came in. Where no model was ever seen there is nothing to tell of them."""
        if isinstance(inventory, Models):
            body, self.models = encode(inventory), inventory
            if body == (self.models_told or encode(NO_MODELS)):
                return None
            self.models_told = body
            return Statement(TOPIC_MODELS, body)
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
        held = _held(ring)
        if held == self.keys or ring.is_as_founded:
            return None
        self.keys = held
        return Statement(TOPIC_KEYS, encode(held))

    def told_back(self, fact: Fact, knowledge: Knowledge) -> Statement | None:
        """Words of ours that we may not have said in this start: an earlier one did, or a copy of
        this machine. They stand as ours until we say otherwise, so we do where they are not true.
        """
        if fact.author != knowledge.us:
            return None
        if fact.topic == TOPIC_MODELS:
            self.models_told = fact.body
            return None if self.models is None else self.inventory_read(self.models)
        if fact.topic == TOPIC_KEYS:
            self.keys = _held(knowledge.keys)
            body = encode(self.keys)
            return None if body == fact.body else Statement(TOPIC_KEYS, body)
        return None

    def begun(self, knowledge: Knowledge) -> list[Statement]:
        """A start: what our own board says of us, and is not so any more."""
        said = (knowledge.mesh.board.fact(knowledge.us, topic) for topic in SILENT_IF_NONE)
        stale = [self.told_back(fact, knowledge) for fact in said if fact is not None]
        return [one for one in (*stale, self.keys_are(knowledge.keys)) if one is not None]

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


def _held(ring: Keyring) -> KeysHeld:
    return KeysHeld(ring.primary.key_id.hex(), tuple(one.key_id.hex() for one in ring.keys))
