"""Terrain: what lies between this machine and the others, gathered for `doctor`.

The slow part (the kernel's rules, the way outside) is looked at rarely and aside; the quick part is
what the sockets have counted anyway. It only looks: nothing here opens a port or changes a rule.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from mesh.instant import MILLISECOND, Duration
from node.core.picture.evidence import (
    AIRWAYS_MAX,
    NETWORKS_MAX,
    WORD_CHARS_MAX,
    WORDS_MAX,
    Airway,
    Evidence,
)
from node.probes.addresses import read_addresses
from node.probes.sources import Roots, run_in_thread
from node.probes.tools import VERSION_SECONDS_MAX, what_it_says
from node.probes.walls import RULES_BYTES_MAX, read_walls
from node.probes.ways_out import interface_of, own_address_outwards, platform, wsl_mode
from node.shell.datagrams.beacons import AirCounts, NetworkWarning, Trouble
from node.shell.datagrams.interfaces import Interface

LOOK_EVERY_SECONDS: Final = 300
"""A firewall is switched on once a year; listing its rules costs two short processes."""
WALL_MOVED_MIN: Final[Duration] = 5 * MILLISECOND
"""A smaller move of the wall clock is not worth telling; the difference shown allows for it."""
ROOT: Final = 0


@dataclass(frozen=True, slots=True)
class Terrain:
    """The slow part. The default: nobody has looked."""

    platform: str = ""
    wsl: str = ""
    walls: tuple[str, ...] = ()
    route: str = ""


def look() -> Terrain:
    """This machine's. Takes a few milliseconds, or as long as its programs may hang."""
    roots = Roots()
    addresses = read_addresses(roots)
    route = interface_of(own_address_outwards(), addresses)
    return Terrain(platform(), wsl_mode(roots, addresses), read_walls(roots, _say), route)


def _say(command: list[str]) -> str:
    if os.geteuid() != ROOT:
        return ""  # the kernel lists its rules to nobody else, and a refusal would fill a log
    listing = partial(what_it_says, command, run_in_thread)
    return listing(VERSION_SECONDS_MAX, RULES_BYTES_MAX)


def evidence(
    terrain: Terrain,
    seen: Sequence[Interface],
    air: Mapping[str, AirCounts],
    send_failed: Mapping[str, int],
    mdns: str,
    warnings: Sequence[NetworkWarning] = (),
) -> Evidence:
    """All of it, as it is told."""
    names = list(dict.fromkeys(interface.name for interface in seen))[:AIRWAYS_MAX]
    return Evidence(
        platform=terrain.platform,
        wsl=terrain.wsl,
        firewalls=terrain.walls,
        airways=tuple(_airway(name, seen, air.get(name, AirCounts())) for name in names),
        route=terrain.route[:WORD_CHARS_MAX],
        send_failed=dict(sorted(send_failed.items())[:WORDS_MAX]),
        taken=tuple(dict.fromkeys(_deaf_on(warnings)))[:WORDS_MAX],
        mdns=mdns[:WORD_CHARS_MAX],
    )


def _deaf_on(warnings: Sequence[NetworkWarning]) -> Iterator[str]:
    for warning in warnings:
        if warning.trouble is Trouble.BEACON_PORT_TAKEN:
            yield warning.interface[:WORD_CHARS_MAX]


def _airway(name: str, seen: Sequence[Interface], counted: AirCounts) -> Airway:
    own = [interface for interface in seen if interface.name == name]
    networks = tuple(f"{_bare(one.address)}/{one.link_bits}" for one in own[:NETWORKS_MAX])
    return Airway(
        name[:WORD_CHARS_MAX], own[0].kind, networks, counted.sent, counted.heard, counted.echoes
    )


def _bare(address: str) -> str:
    return address.partition("%")[0]


def moved(told: Duration | None, ahead: Duration) -> Duration:
    """How far ahead the wall clock is said to be: what was told, unless it moved since."""
    return ahead if told is None or abs(ahead - told) > WALL_MOVED_MIN else told
