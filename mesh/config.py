"""Every number the mesh may be told, with its unit, its default and the reason for it.

One frozen value, checked once when it is built. The machine takes it whole, so two machines of one
simulation may differ, and a test may make an hour pass in a second.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.instant import MILLISECOND, SECOND, Duration


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """How often, how many, how long. See `lan` for the values we ship."""

    # The probe cycle ---------------------------------------------------------------------------
    probe_period: Duration = SECOND
    """One member is looked at per period. Shorter finds a death sooner and costs everyone more."""
    helpers_count: int = 3
    """Asked in each of two waves."""
    suspicion: Duration = 4 * SECOND
    """The least silence between doubt and DEAD. Python, a swapping laptop and Wi-Fi pause for
    seconds; 0 leaves it to what the news of a doubt needs to get around (`watch/suspicion.py`)."""
    suspicion_stretch: int = 3
    """So many times the least, where nobody confirms what we found."""
    lag_forgiven: Duration = SECOND
    """Woken later than this we were the ones who slept: we look again before we accuse."""

    # Finding each other ------------------------------------------------------------------------
    greet_first: Duration = 250 * MILLISECOND
    greet_longest: Duration = 10 * SECOND
    """A hello to a node that has never answered is repeated at doubling intervals."""
    dead_retry_first: Duration = 10 * SECOND
    dead_retry_longest: Duration = 60 * SECOND
    """The dead are still tried, for ever, so that a healed network needs nobody's help."""
    beacon_burst: tuple[Duration, ...] = (0, 300 * MILLISECOND, 700 * MILLISECOND)
    beacon_shortest: Duration = SECOND
    beacon_longest: Duration = 30 * SECOND
    """After the burst the interval doubles (Trickle, RFC 6206) and starts over at a new face."""
    beacon_redundancy: int = 3
    """So many known faces in an interval, and we let our turn pass: 1,000 nodes must not cost a
    link 1,000 beacons. RFC 6206 (§6.5) has 1 to 5; up to four nodes always hear each other."""
    greetings_per_second: int = 100
    greetings_burst: int = 64
    """Hellos that we begin with. A restarted node of 1,000 has met all after 5 s (half of them
    greet it first), and nobody's socket is buried under a thousand hellos of 1,200 bytes."""

    # Telling each other ------------------------------------------------------------------------
    gossip_delay: Duration = 20 * MILLISECOND
    """News waits this long for company: one datagram then carries several."""
    gossip_fanout: int = 3
    gossip_transmissions: int = 4
    """How often we tell one rumour. Few on purpose: the state root finds whoever missed it."""
    gossip_slots_max: int = 4096
    sync_after: Duration = 100 * MILLISECOND
    """Roots that differ for less than this are a rumour under way, not a gap."""
    sync_calls_max: int = 2
    sync_deadline: Duration = 5 * SECOND
    sync_pause: Duration = 10 * SECOND
    """After a sync that brought nothing and left the roots as they were: ask again only then."""

    # How much we remember ----------------------------------------------------------------------
    members_max: int = 1024
    hints_max: int = 256
    """Nodes that we know only by hearsay; the oldest gives way."""
    seeds_max: int = 256
    topics_per_author_max: int = 16
    attic_blocks_max: int = 4096
    """Per author. What is cut off by an honest restart is a handful of blocks."""

    def __post_init__(self) -> None:
        if self.suspicion < 0:
            raise ValueError("suspicion must not be less than nothing")
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than nothing")
        for shorter, longer in _ORDERED:
            if getattr(self, shorter) > getattr(self, longer):
                raise ValueError(f"{shorter} must not exceed {longer}")


_POSITIVE = (
    "probe_period", "helpers_count", "suspicion_stretch", "lag_forgiven", "greet_first",
    "dead_retry_first", "beacon_shortest", "beacon_redundancy", "greetings_per_second",
    "greetings_burst", "gossip_delay", "gossip_fanout",
    "gossip_transmissions", "gossip_slots_max", "sync_after", "sync_calls_max", "sync_deadline",
    "sync_pause", "members_max", "hints_max", "seeds_max", "topics_per_author_max",
    "attic_blocks_max",
)  # fmt: skip
_ORDERED = (
    ("greet_first", "greet_longest"),
    ("dead_retry_first", "dead_retry_longest"),
    ("beacon_shortest", "beacon_longest"),
)


def lan() -> MeshConfig:
    """A few dozen machines in one building: the defaults."""
    return MeshConfig()


def balanced() -> MeshConfig:
    """A machine may pause for four seconds and nobody takes it for dead: the default."""
    return MeshConfig()


def fast() -> MeshConfig:
    """A death is known sooner, and a pause of two seconds is all that is forgiven."""
    return MeshConfig(suspicion=0, suspicion_stretch=6)


PROFILES: Final[dict[str, Callable[[], MeshConfig]]] = {"balanced": balanced, "fast": fast}
"""What `--profile` may name."""
