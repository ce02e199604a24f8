"""Findings: what a diagnosis may look at, and what it says when it finds something."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

from mesh.rejections import Rejection
from node.core.phrases import counted, listed
from node.core.picture.evidence import Airway
from node.core.reachability.links import Link, Stray, Telling
from node.core.reachability.matrix import Ends, Survey, Way, silent, ways
from node.core.reachability.places import (
    DOCKER_DEFAULT,
    airway_of,
    host_of,
    is_tailscale,
    network_of,
    shared_network,
)

STRAYS_TOLD_MAX: Final = 4


class Diagnosis(Enum):
    """The name of each, as `--json` and the guide have it."""

    NO_NETWORK = "no network"
    BRIDGES = "container bridges"
    TAILSCALE = "tailscale"
    VPN = "vpn"
    TWO_TUNNELS = "two tunnels"
    WSL_NAT = "wsl nat"
    WINDOWS_FIREWALL = "windows firewall"
    ISOLATION = "access point isolation"
    MACOS = "macos local network"
    FIREWALL = "firewall"
    WRONG_KEY = "wrong key"
    OLD_VERSION = "old version"
    SHARED_MACHINE = "two agents on one machine"
    PORT_TAKEN = "port taken"
    MDNS = "mdns"


class Finding(NamedTuple):
    """One situation that was found. `ok` False: it explains a fault; None: good to know."""

    name: Diagnosis
    ok: bool | None
    sentence: str
    hint: str
    nodes: tuple[str, ...] = ()
    """Whom it is about, by id."""

    @property
    def body(self) -> dict[str, Any]:
        """As a surface sends it."""
        return {
            "name": self.name.value, "ok": self.ok, "sentence": self.sentence, "hint": self.hint,
            "nodes": list(self.nodes),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a diagnosis may look at."""

    survey: Survey
    housemates: Mapping[str, str]
    """Other nodes on this very machine: id → name."""

    @property
    def us(self) -> Telling:
        return self.survey.tellings[self.survey.us]

    @property
    def airways(self) -> tuple[Airway, ...]:
        return self.us.evidence.airways

    @property
    def outside(self) -> list[Airway]:
        """Our interfaces that lead off this machine, by what they are."""
        return [airway for airway in self.airways if airway.kind not in ("loopback", "bridge")]

    @property
    def alone(self) -> bool:
        """Whether nobody answers us at all."""
        return not any(link.liveness == "alive" for link in self.us.links)

    @property
    def missed(self) -> list[Link]:
        """Peers that owe us an answer."""
        return [link for link in self.us.links if link.liveness != "left" and silent(link)]

    def deaf_to(self) -> list[Link]:
        """Peers that hear us and whose words never reach us: our own door is shut."""
        found = []
        for link in self.missed:
            theirs = self.survey.tellings.get(link.id)
            back = None if theirs is None else link_of(theirs, self.us.id)
            out, home = ways(Ends(self.us.id, link.id, link, back))
            if (out, home) == (Way.OK, Way.LOST):
                found.append(link)
        return found


# What they share ----------------------------------------------------------------------------------


def link_of(telling: Telling, node: str) -> Link | None:
    """What the teller saw of `node`."""
    return next((link for link in telling.links if link.id == node), None)


def only_bridges(link: Link) -> bool:
    """Whether it is known only behind container bridges."""
    return bool(link.places) and all(
        kind == "bridge" or (not kind and _in_docker(place)) for place, kind in link.places.items()
    )


def _in_docker(place: str) -> bool:
    network = network_of(host_of(place))
    return network is not None and network.version == 4 and network.overlaps(DOCKER_DEFAULT)


def at_tailscale(place: str) -> bool:
    """Whether this HOST:PORT is one that Tailscale gives out."""
    return is_tailscale(host_of(place))


def is_tailscale_way(airway: Airway) -> bool:
    """Whether this interface is Tailscale's."""
    return any(is_tailscale(host_of(text)) for text in airway.networks)


def route_of(telling: Telling) -> Airway | None:
    """The interface by which the teller goes outside."""
    evidence = telling.evidence
    return next((airway for airway in evidence.airways if airway.name == evidence.route), None)


def tunnelled(telling: Telling) -> bool:
    """Whether everything from there goes through a tunnel."""
    way = route_of(telling)
    return way is not None and way.kind == "tunnel"


def behind_another_tunnel(scene: Scene, link: Link) -> bool:
    """Whether a peer is behind a tunnel that leads elsewhere."""
    theirs = scene.survey.tellings.get(link.id)
    if theirs is not None:
        apart = shared_network(scene.airways, theirs.evidence.airways) is None
        return tunnelled(theirs) and apart
    kinds = {kind for kind in link.places.values() if kind != "bridge"}
    near = any(airway_of(host_of(place), scene.airways) for place in link.places)
    return kinds == {"tunnel"} and not near


def is_on(link: Link, airways: list[Airway]) -> bool:
    """Whether one of its addresses is on one of these interfaces."""
    return any(airway_of(host_of(place), airways) for place in link.places)


def strays_of(scene: Scene, *causes: Rejection) -> list[Stray]:
    """Datagrams refused for these causes."""
    wanted = [cause.value for cause in causes]
    return [stray for stray in scene.us.strays if stray.cause in wanted]


def told_from(strays: list[Stray]) -> str:
    """How many came from where."""
    told = [
        f"{counted(stray.count, 'datagram')} from {stray.source}"
        for stray in strays[:STRAYS_TOLD_MAX]
    ]
    more = len(strays) - STRAYS_TOLD_MAX
    return listed([*told, f"{more} other sources"] if more > 0 else told)
