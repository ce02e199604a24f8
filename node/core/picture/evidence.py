"""Evidence: what a machine can say of its own footing on the network.

The shell gathers it by looking and never by changing anything; here it is only data, told to
whoever asks for links, so that `doctor` on one machine can name a firewall on another. Everything
has a bound, because it is read from peers too.
"""

from typing import Annotated, Final

import msgspec

WORD_CHARS_MAX: Final = 128
"""Of any name of an interface, an address, a firewall or a version."""
AIRWAYS_MAX: Final = 64
"""Interfaces of one machine; a host of many containers has more, and bridges rank last."""
NETWORKS_MAX: Final = 16
"""Networks on one interface."""
WORDS_MAX: Final = 64
"""Entries in any other list."""

Word = Annotated[str, msgspec.Meta(max_length=WORD_CHARS_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

LINUX: Final = "linux"
DARWIN: Final = "darwin"
WSL_NAT: Final = "nat"
WSL_MIRRORED: Final = "mirrored"
WSL_UNKNOWN: Final = "unknown"


class Airway(msgspec.Struct, frozen=True):
    """One interface: the networks it is on, and the beacons that went out and came in there."""

    name: Word
    kind: Word = "other"
    """ethernet | wifi | loopback | bridge | tunnel | other"""
    networks: Annotated[tuple[Word, ...], msgspec.Meta(max_length=NETWORKS_MAX)] = ()
    """Our address and how much of it the link shares: `192.168.1.7/24`."""
    sent: Count = 0
    heard: Count = 0
    echoes: Count = 0
    """Our own, come back: the way out works."""


class Evidence(msgspec.Struct, frozen=True):
    """What one look at the machine found. Empty: nobody has looked yet."""

    platform: Word = ""
    wsl: Word = ""
    """How Windows shares its network with this Linux: nat | mirrored | unknown; "" on no WSL."""
    firewalls: Annotated[tuple[Word, ...], msgspec.Meta(max_length=WORDS_MAX)] = ()
    """Packet filters that are active here: nftables, iptables, firewalld, ufw."""
    airways: Annotated[tuple[Airway, ...], msgspec.Meta(max_length=AIRWAYS_MAX)] = ()
    route: Word = ""
    """The interface by which this machine goes to the outside; "" when there is no such route."""
    send_failed: dict[Word, Count] = {}
    """Datagrams that the system refused to send, by its name for why (EHOSTUNREACH, EPERM)."""
    taken: Annotated[tuple[Word, ...], msgspec.Meta(max_length=WORDS_MAX)] = ()
    """Interfaces on which another program keeps the port of beacons to itself."""
    mdns: Word = ""
    """What keeps mDNS from working; "" when nothing does, or when it is switched off."""


NO_EVIDENCE: Final = Evidence()
