"""What each process has on a card, by the fdinfo that all kernel graphics drivers write.

Source: kernel documentation gpu/drm-usage-stats: `drm-pdev`, `drm-client-id`, and by region
`drm-resident-*`, `drm-total-*` or, of amdgpu before 6.13, `drm-memory-*`. Memory of the card's own
is called vram (amdgpu, xe) or local (i915); main memory that it maps, gtt or system.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from node.probes.sources import Roots, names_in, read_text, whole

DESCRIPTORS_MAX: Final = 4096
"""Of one process; a browser has some hundreds."""
UNITS: Final = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
OWN: Final = ("vram", "local")
SHARED: Final = ("gtt", "system")


class DrmClient(NamedTuple):
    """One opening of a card by a process. `own`: bytes it has in the card's own memory; `shared`:
    of main memory, for the card."""

    slot: str
    client: int
    own: int
    shared: int


def parse_fdinfo(text: str) -> DrmClient | None:
    """/proc/PID/fdinfo/FD of an open card; None for anything else."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.partition(":")
        if separator:
            fields[name] = value.strip()
    client = whole(fields.get("drm-client-id"))
    slot = fields.get("drm-pdev")
    if client is None or not slot:
        return None
    return DrmClient(slot, client, _bytes_in(fields, OWN), _bytes_in(fields, SHARED))


def _bytes_in(fields: Mapping[str, str], kinds: tuple[str, ...]) -> int:
    """Over all regions of these kinds. `resident` is what is there now; the others stand in."""
    regions = {name.split("-", 2)[2] for name in fields if name.count("-") >= 2}
    total = 0
    for region in sorted(regions):
        if region.startswith(kinds):
            names = (f"drm-{word}-{region}" for word in ("resident", "memory", "total"))
            told = [amount for name in names if (amount := amount_of(fields.get(name))) is not None]
            total += told[0] if told else 0
    return total


def amount_of(value: str | None) -> int | None:
    """`123 KiB` in bytes."""
    words = (value or "").split()
    number = whole(words[0]) if words else None
    unit = UNITS.get(words[1] if len(words) > 1 else "")
    return None if number is None or number < 0 or unit is None else number * unit


def use_of(
    clients: Iterable[tuple[int, DrmClient]], slot: str, *, shared: bool = False
) -> dict[int, int]:
    """pid → bytes of the card in `slot`; `shared`: of main memory instead. One opening held by
    several descriptors, or inherited by a child, counts once, for the first of them."""
    counted: set[int] = set()
    used: dict[int, int] = {}
    for pid, client in clients:
        if client.slot == slot and client.client not in counted:
            counted.add(client.client)
            used[pid] = used.get(pid, 0) + (client.shared if shared else client.own)
    return used


def read_clients(roots: Roots, pids: Iterable[int]) -> Iterator[tuple[int, DrmClient]]:
    """Every opening of a card by these processes that we may see."""
    for pid in pids:
        links = f"{roots.proc}/{pid}/fd"
        for name in names_in(links)[:DESCRIPTORS_MAX]:
            try:
                is_card = os.readlink(f"{links}/{name}").startswith("/dev/dri/")  # noqa: PTH115
            except OSError:
                continue
            if not is_card:
                continue
            found = parse_fdinfo(read_text(f"{roots.proc}/{pid}/fdinfo/{name}") or "")
            if found is not None:
                yield pid, found
