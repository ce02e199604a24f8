"""A full look at the machine: what it is. Published when it changes.

Costs a few milliseconds, and once per installed tool the time that it takes to say its version.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from node.core.picture.topics import (
    STATUS_OK,
    STATUS_UNKNOWN,
    Inventory,
    Metric,
    VolumeFact,
)
from node.probes.addresses import address_facts, read_addresses
from node.probes.card import gpu_fact
from node.probes.cpu import read_cpu
from node.probes.disks import Volume
from node.probes.host import read_host
from node.probes.instruments import Instruments, instruments
from node.probes.network import read_interfaces
from node.probes.offers import Offer, offer_text
from node.probes.pci import numa_of
from node.probes.pools import Slots, disk_pool, look, pool_facts
from node.probes.runtimes import read_runtimes
from node.probes.sources import Roots
from node.probes.tools import read_tools
from node.probes.volumes import has_quota, is_encrypted, is_world_writable


def read_inventory(
    share: Offer | None,
    labels: Mapping[str, str],
    system_reserve: int | None = None,
    tools: Instruments | None = None,
    *,
    ask_versions: bool = True,
    slots: Slots = (),
) -> Inventory:
    """This machine, or the share of it. `ask_versions`: start tools to ask for their version."""
    tools = tools or instruments()
    host, cpu = read_host(tools.roots), read_cpu(tools.roots)
    seen = look(tools, share, search=True)
    return Inventory(
        hostname=host.hostname,
        os=host.os,
        os_version=host.os_version,
        kernel=host.kernel,
        arch=host.arch,
        cpu_model=figure(cpu.model, "name", "/proc/cpuinfo"),
        cores_logical=figure(cpu.cores_logical, "cores", "/proc/cpuinfo"),
        cores_physical=figure(cpu.cores_physical, "cores", "/proc/cpuinfo"),
        memory_total=figure(seen.memory.total, "bytes", seen.memory.source, seen.memory.note),
        pools=pool_facts(seen, share, system_reserve, slots),
        gpus=tuple(gpu_fact(card, numa_of(tools.roots, card.slot)) for card in seen.cards),
        volumes=tuple(_volume_fact(tools.roots, volume, share) for volume in seen.volumes),
        tools=read_tools(tools.path, tools.versions, tools.run_limited, ask_versions=ask_versions),
        addresses=address_facts(read_addresses(tools.roots)),
        labels=dict(sorted(labels.items())),
        share=None if share is None else offer_text(share),
        fingerprint=host.fingerprint,
        boot=host.boot,
        version=holdfast_version(),
        cpu_features=cpu.features,
        interfaces=read_interfaces(tools.roots),
        runtimes=read_runtimes(tools.roots, cpu.features),
    )


def figure(value: int | str | None, unit: str, source: str, note: str = "") -> Metric:
    """A metric that says it is unknown when it is."""
    if value is None:
        return Metric(None, unit, source, STATUS_UNKNOWN, note or "the kernel does not say")
    return Metric(value, unit, source, STATUS_OK, note)


def _volume_fact(roots: Roots, volume: Volume, share: Offer | None) -> VolumeFact:
    """`pool` is empty for a share: it sees the disk, and may not promise it."""
    place = volume.place
    return VolumeFact(
        mount=place.mount,
        device=place.device,
        filesystem=place.filesystem,
        kind=volume.kind,
        total=None if volume.space is None else volume.space.total,
        pool=disk_pool(volume) if share is None else "",
        world_writable=is_world_writable(place),
        encrypted=is_encrypted(roots, place),
        quota=has_quota(place),
    )


def holdfast_version() -> str:
    """The version that is installed; "unknown" when we run from a bare folder of sources."""
    # As `importlib.metadata` would say it, without the megabyte of mail and archives behind that:
    # an installed distribution has a folder NAME-VERSION.dist-info beside its packages.
    for folder in sys.path:
        for found in sorted(Path(folder).glob("holdfast-*.dist-info")):
            return found.name.removeprefix("holdfast-").removesuffix(".dist-info")
    return "unknown"
