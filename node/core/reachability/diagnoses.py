"""Named diagnoses: what usually keeps machines from finding each other, and what to do about it.

Each is a function of collected evidence that finds one well-known situation, or nothing. They rest
on what people have reported of systems like this one: the same dozen causes, again and again, and
hardly ever the program itself. A situation is a fault (`ok` False) only where it explains something
that does not work just now; else it is a note (`ok` None), for whoever wonders next week.

The section of the same name in `docs/guides/troubleshooting.md` says more about each.
"""

from collections.abc import Callable
from typing import Final

from mesh.rejections import Rejection
from node.core.phrases import counted, listed
from node.core.picture.evidence import DARWIN, WSL_MIRRORED, WSL_NAT
from node.core.reachability.findings import (
    Diagnosis,
    Finding,
    Scene,
    at_tailscale,
    behind_another_tunnel,
    is_on,
    is_tailscale_way,
    only_bridges,
    route_of,
    strays_of,
    told_from,
    tunnelled,
)
from node.core.reachability.places import host_of, is_tailscale

BEACONS_IN_VAIN: Final = 5
"""So many beacons sent on one interface and none heard: by then a neighbour would have spoken."""
HYPER_V: Final = "'{40E0AC32-46A5-438A-A0B2-2B479E8F2E90}'"
"""The number by which Windows knows WSL's virtual machine creator (Microsoft's WSL networking
page)."""


def diagnose(scene: Scene) -> list[Finding]:
    """Every situation that is found, the faults first."""
    found = [finding for look in LOOKS if (finding := look(scene)) is not None]
    return sorted(found, key=lambda finding: finding.ok is None)


def no_network(scene: Scene) -> Finding | None:
    """Nothing but loopback is up."""
    if not scene.airways or any(airway.kind != "loopback" for airway in scene.airways):
        return None
    return Finding(
        Diagnosis.NO_NETWORK, None,
        "only loopback is used: agents on this machine can be met, and no others",
        "plug in a cable or join a Wi-Fi, or leave out `--interface`; the agent looks again by "
        "itself every few seconds",
    )  # fmt: skip


def bridges(scene: Scene) -> Finding | None:
    """A peer, or we, can be had only at an address that exists on every machine with containers."""
    if scene.airways and not scene.outside and any(a.kind == "bridge" for a in scene.airways):
        names = listed(airway.name for airway in scene.airways if airway.kind == "bridge")
        return Finding(
            Diagnosis.BRIDGES, False if scene.alone else None,
            f"this machine speaks only on container bridges ({names}), which end on this machine",
            "in a container use the host's network (`--network host`), or publish the agent's port "
            "for UDP and TCP and join by invite",
        )  # fmt: skip
    behind = [link for link in scene.missed if only_bridges(link)]
    if not behind:
        return None
    told = "; ".join(f"{link.name} is known only at {listed(link.places)}" for link in behind)
    return Finding(
        Diagnosis.BRIDGES, False,
        f"{told}: an address on a container bridge, where every machine with containers answers "
        "for itself",
        "on that machine bring up its real interface, or run the agent outside of the container "
        "network (`--network host`), or name its outer address with `--seed`",
        tuple(link.id for link in behind),
    )  # fmt: skip


def tailscale(scene: Scene) -> Finding | None:
    """Tailscale carries no broadcast and no multicast: its nodes must be named."""
    ours = [host_of(text) for airway in scene.airways for text in airway.networks
            if is_tailscale(host_of(text)) and airway.kind != "ethernet"]  # fmt: skip
    behind = [link for link in scene.missed if link.places and all(map(at_tailscale, link.places))]
    if not ours and not behind:
        return None
    if behind and not ours:
        who = listed(link.name for link in behind)
        return Finding(
            Diagnosis.TAILSCALE, False,
            f"{who} can be reached only through Tailscale, and Tailscale is not up here",
            "`tailscale up` here, or bring that machine onto a network that both share",
            tuple(link.id for link in behind),
        )  # fmt: skip
    return Finding(
        Diagnosis.TAILSCALE, False if scene.alone or behind else None,
        f"Tailscale is up here ({listed(ours)}); it carries no beacons, so whoever is reached only "
        "through it must be named once",
        f"there: `holdfast up --seed {ours[0]}:{scene.us.port}`, or `holdfast invite` here; allow "
        f"UDP and TCP {scene.us.port} in the tailnet's access rules",
        tuple(link.id for link in behind),
    )  # fmt: skip


def vpn(scene: Scene) -> Finding | None:
    """The way outside leads through a tunnel; many VPNs cut off the local network."""
    way = route_of(scene.us)
    if way is None or way.kind != "tunnel" or is_tailscale_way(way):
        return None
    return Finding(
        Diagnosis.VPN, False if scene.alone else None,
        f"everything from here goes through the tunnel {way.name}: many VPNs cut off the local "
        "network, and none of them carries beacons",
        "allow local network access in the VPN's settings, or name a node with "
        f"`--seed HOST:{scene.us.port}`, or join by invite",
    )  # fmt: skip


def two_tunnels(scene: Scene) -> Finding | None:
    """We and a peer are behind one tunnel each, and share no network."""
    if not tunnelled(scene.us):
        return None
    lost = [link for link in scene.missed if behind_another_tunnel(scene, link)]
    if not lost:
        return None
    who = listed(link.name for link in lost)
    return Finding(
        Diagnosis.TWO_TUNNELS, False,
        f"this machine and {who} are each behind a tunnel of their own and share no network: "
        "neither has an address at which the other can reach it",
        "put both into one VPN, or leave one of the tunnels, or give a node that both reach as a "
        "seed: it tells each about the other, but datagrams still need one way between the two",
        tuple(link.id for link in lost),
    )  # fmt: skip


def wsl_nat(scene: Scene) -> Finding | None:
    """WSL2 in its first networking mode: behind an address that only Windows can reach."""
    if scene.us.evidence.wsl != WSL_NAT:
        return None
    return Finding(
        Diagnosis.WSL_NAT, False if scene.alone else None,
        "this is WSL2 in NAT mode: its 172.x address can be reached from this Windows alone",
        "in %UserProfile%\\.wslconfig under [wsl2] write networkingMode=mirrored, then "
        "`wsl --shutdown`; or run the agent on another machine",
    )  # fmt: skip


def windows_firewall(scene: Scene) -> Finding | None:
    """WSL2 shares the addresses of Windows, and with them the rules of its firewall."""
    if scene.us.evidence.wsl != WSL_MIRRORED or not (scene.alone or scene.deaf_to()):
        return None
    port = scene.us.port
    return Finding(
        Diagnosis.WINDOWS_FIREWALL, False,
        "this is WSL2 in mirrored mode and nobody's words come in: the Windows firewall drops what "
        "comes from outside unless a rule lets it through, above all on a network of the profile "
        "Public",
        "in an administrator's PowerShell: `New-NetFirewallHyperVRule -Name Holdfast -DisplayName "
        f"Holdfast -Direction Inbound -VMCreatorId {HYPER_V} -Protocol UDP -LocalPorts {port}`, "
        "the same for TCP, and `Get-NetConnectionProfile` shows the profile",
        tuple(link.id for link in scene.deaf_to()),
    )  # fmt: skip


def isolation(scene: Scene) -> Finding | None:
    """An access point that keeps its guests apart: nobody on the Wi-Fi hears anybody."""
    wifi = [airway for airway in scene.airways if airway.kind == "wifi"]
    lost = [link for link in scene.missed if is_on(link, wifi) and not link.beacons]
    hint = (
        "switch off client (AP, guest) isolation in the access point, use its main network in "
        "place of the guests', or connect one of the two by cable; a seed does not help here"
    )
    if lost:
        who = listed(link.name for link in lost)
        return Finding(
            Diagnosis.ISOLATION, False,
            f"{who} is on the same Wi-Fi as this machine ({wifi[0].name}), and neither beacons "
            "nor direct datagrams come through: the access point keeps its guests apart",
            hint, tuple(link.id for link in lost),
        )  # fmt: skip
    vain = [a for a in wifi if a.sent >= BEACONS_IN_VAIN and not a.heard]
    if not vain or not scene.alone:
        return None
    return Finding(
        Diagnosis.ISOLATION, None,
        f"{vain[0].sent} beacons went out on {vain[0].name} and none came in: when another node is "
        "on this Wi-Fi, the access point keeps its guests apart",
        hint,
    )  # fmt: skip


def macos(scene: Scene) -> Finding | None:
    """macOS 15 lets a program reach the local network only after a person has said so."""
    evidence = scene.us.evidence
    refused = evidence.send_failed.get("EHOSTUNREACH", 0)
    if evidence.platform != DARWIN or not refused:
        return None
    return Finding(
        Diagnosis.MACOS, False if scene.alone else None,
        f"macOS refused {counted(refused, 'datagram')} with EHOSTUNREACH: it does not let this "
        "program reach the local network",
        "System Settings > Privacy & Security > Local Network: switch on the terminal (or the "
        "program) from which the agent was started, then start it again",
    )  # fmt: skip


def firewall(scene: Scene) -> Finding | None:
    """A packet filter is active here."""
    active = scene.us.evidence.firewalls
    if not active:
        return None
    deaf = scene.deaf_to()
    port = scene.us.port
    if deaf:
        who = listed(link.name for link in deaf)
        told = f"{who} hears us and we never hear {who}: {listed(active)} here drops what comes in"
    elif scene.alone:
        told = f"{listed(active)} is active here, and nobody answers us"
    else:
        told = f"{listed(active)} is active here; peers are heard through it"
    return Finding(
        Diagnosis.FIREWALL, False if deaf or (scene.alone and scene.missed) else None, told,
        allowing(active, port), tuple(link.id for link in deaf),
    )  # fmt: skip


def allowing(active: tuple[str, ...], port: int) -> str:
    """The lines that let us through, for the front end that is in use."""
    if "ufw" in active:
        return f"`ufw allow {port}` (UDP and TCP) and `ufw allow 4653/udp` for beacons"
    if "firewalld" in active:
        return (
            f"`firewall-cmd --permanent --add-port={port}/udp --add-port={port}/tcp "
            "--add-port=4653/udp`, then `firewall-cmd --reload`"
        )
    if "iptables" in active:
        return (
            f"`iptables -I INPUT -p udp -m multiport --dports 4653,{port} -j ACCEPT` and "
            f"`iptables -I INPUT -p tcp --dport {port} -j ACCEPT`"
        )
    return (
        f"let UDP 4653 and UDP and TCP {port} in, as in `nft insert rule inet filter input udp "
        f"dport {{ 4653, {port} }} accept`; `nft list ruleset` shows your own names"
    )


def wrong_key(scene: Scene) -> Finding | None:
    """Somebody near speaks Holdfast under another secret."""
    strays = strays_of(scene, Rejection.UNKNOWN_KEY)
    if not strays:
        return None
    return Finding(
        Diagnosis.WRONG_KEY, False if scene.alone else None,
        f"made under another secret: {told_from(strays)}",
        "`holdfast keys list` on both shows the key ids; whoever belongs here joins with "
        "`holdfast join INVITE`; another mesh on the same network is no fault",
    )  # fmt: skip


def old_version(scene: Scene) -> Finding | None:
    """Somebody speaks a later version than we do, or one that we do not speak at all."""
    strays = strays_of(scene, Rejection.UNKNOWN_VERSION, Rejection.UNKNOWN_KIND)
    ahead = [link for link in scene.us.links if link.passed_over]
    ours = scene.us.version or "this version"
    told = [f"of a version or kind that {ours} does not speak: {told_from(strays)}"]
    told = told if strays else []
    for link in ahead:
        what = listed(f"{count} {sort}" for sort, count in sorted(link.passed_over.items()))
        told.append(f"{link.name}, which runs {link.version or 'another version'}, said {what}")
    if not told:
        return None
    return Finding(
        Diagnosis.OLD_VERSION, False if strays and scene.alone else None, "; ".join(told),
        f"`holdfast version` on both; upgrade the older one (here: {ours}). What both know goes on "
        "meanwhile",
        tuple(link.id for link in ahead),
    )  # fmt: skip


def shared_machine(scene: Scene) -> Finding | None:
    """Several agents on one machine."""
    if not scene.housemates:
        return None
    return Finding(
        Diagnosis.SHARED_MACHINE, None,
        f"on this very machine there is also {listed(scene.housemates.values())}",
        "that is fine when each has its own --state, --port and --offer; else stop one of them",
        tuple(scene.housemates),
    )  # fmt: skip


def port_taken(scene: Scene) -> Finding | None:
    """Another program keeps the port of beacons to itself."""
    taken = scene.us.evidence.taken
    if not taken:
        return None
    return Finding(
        Diagnosis.PORT_TAKEN, False if scene.alone else None,
        f"another program keeps UDP 4653 to itself on {listed(taken)}: no beacon is heard there",
        "`ss -ulpn sport = :4653` shows which; until it is stopped, join by invite or `--seed`",
    )  # fmt: skip


def mdns(scene: Scene) -> Finding | None:
    """Found by beacons and seeds only."""
    trouble = scene.us.evidence.mdns
    if not trouble:
        return None
    return Finding(
        Diagnosis.MDNS, None, f"mDNS does not work here: {trouble}",
        "beacons, invites and seeds work without it; `--no-mdns` switches it off",
    )  # fmt: skip


LOOKS: Final[tuple[Callable[[Scene], Finding | None], ...]] = (
    no_network, bridges, tailscale, vpn, two_tunnels, wsl_nat, windows_firewall, isolation, macos,
    firewall, wrong_key, old_version, shared_machine, port_taken, mdns,
)  # fmt: skip
