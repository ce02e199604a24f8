"""Mounted disks worth promising room on.

One volume counts once however often it is mounted: bind mounts and subvolumes share their space.
What lives in memory, what is read only and what only boots the machine is left out. A file server
may be gone, and asking it then blocks for ever in the kernel, so network mounts are asked with
`Patience`; local ones directly.
"""

import os
import re
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from node.probes.patience import Answer, Patience
from node.probes.sources import Roots, exists, names_in, read_integer, read_text

NETWORK_SECONDS_MAX: Final = 1.0
VOLUMES_MAX: Final = 64
STACK_DEPTH_MAX: Final = 8
"""Device mapper layers (crypt on lvm on raid …) followed down to the disk."""

LOCAL_FILESYSTEMS: Final = (
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "jfs", "ntfs3",
    "overlay", "reiserfs", "vfat", "xfs", "zfs",
)  # fmt: skip
NETWORK_FILESYSTEMS: Final = (
    "9p", "afs", "ceph", "cifs", "fuse.cephfs", "fuse.glusterfs", "fuse.sshfs", "gpfs", "lustre",
    "nfs", "nfs4", "smb3", "virtiofs",
)  # fmt: skip
BOOT_MOUNTS: Final = ("/boot", "/efi")

FLASH_PREFIXES: Final = ("mmcblk", "mtd", "pmem")
VIRTUAL_PREFIXES: Final = ("vd", "xvd", "nbd", "rbd", "loop")
"""A virtual disk's rotational flag is the hypervisor's default, not a fact about any disk."""


@dataclass(frozen=True, slots=True)
class DiskMount:
    """One line of mountinfo that is worth promising. `number`: major:minor of its device."""

    mount: str
    device: str
    filesystem: str
    number: str
    options: tuple[str, ...] = field(default=(), compare=False)
    """Of the filesystem, as it was mounted."""

    @property
    def network(self) -> bool:
        """Whether its answers come over a wire."""
        return self.filesystem in NETWORK_FILESYSTEMS


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a volume that ordinary users may ever have, and may have now."""

    total: int
    free: int
    inodes: int = 0
    """How many files it can have; 0 where it has no such limit (btrfs)."""
    inodes_free: int = 0


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume as it was just seen. `space` None: it did not answer, and `note` says how."""

    place: DiskMount
    kind: str
    space: Space | None
    note: str = ""


def parse_mounts(mountinfo: str) -> tuple[DiskMount, ...]:
    """/proc/self/mountinfo: the mounts worth promising, each volume once, at its shortest path."""
    shortest: dict[str, DiskMount] = {}
    for line in mountinfo.splitlines():
        found = _parse_line(line)
        if found is None:
            continue
        key = _volume_key(found)
        known = shortest.get(key)
        if known is None or (len(found.mount), found.mount) < (len(known.mount), known.mount):
            shortest[key] = found
    return tuple(sorted(shortest.values(), key=lambda place: place.mount))[:VOLUMES_MAX]


def _parse_line(line: str) -> DiskMount | None:
    left, _, right = line.partition(" - ")
    place, kind = left.split(" "), right.split(" ")
    if len(place) < 6 or len(kind) < 2:
        return None
    mount, filesystem, device = _unescape(place[4]), kind[0], _unescape(kind[1])
    if filesystem not in LOCAL_FILESYSTEMS and filesystem not in NETWORK_FILESYSTEMS:
        return None
    if "ro" in place[5].split(",") or mount.startswith(BOOT_MOUNTS) or not mount.startswith("/"):
        return None
    if filesystem == "overlay" and mount != "/":
        return None  # a container's files, stored on a volume that is listed already
    if device.startswith("/dev/loop"):
        return None  # an image file, stored likewise
    options = tuple(kind[2].split(",")) if len(kind) > 2 else ()
    return DiskMount(mount, device, filesystem, place[2], options)


def _volume_key(place: DiskMount) -> str:
    # Subvolumes of one btrfs have numbers of their own, datasets of one zpool names of their own.
    if place.filesystem == "zfs":
        return place.device.partition("/")[0]
    return place.device if place.device.startswith("/dev/") or place.network else place.number


def _unescape(text: str) -> str:
    """mountinfo writes blanks and backslashes as three octal digits."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), text)


def kind_of(disk: str, rotational: int | None) -> str:
    """nvme | ssd | hdd | unknown, from the kernel's name for a whole disk and its flag."""
    if disk.startswith("nvme"):
        return "nvme"
    if disk.startswith(FLASH_PREFIXES):
        return "ssd"
    if disk.startswith(VIRTUAL_PREFIXES) or rotational is None:
        return "unknown"
    return "hdd" if rotational else "ssd"


def read_volumes(roots: Roots, patience: Patience) -> tuple[Volume, ...]:
    """Every volume worth promising, as it is now."""
    mounts = parse_mounts(read_text(f"{roots.proc}/self/mountinfo") or "")
    far = {place.mount: partial(read_space, place.mount) for place in mounts if place.network}
    answers = patience.ask(far, NETWORK_SECONDS_MAX)
    return tuple(
        _far(place, answers[place.mount]) if place.network else _near(roots, place)
        for place in mounts
    )


def _near(roots: Roots, place: DiskMount) -> Volume:
    kind = _kind_of_device(roots, place)
    try:
        return Volume(place, kind, read_space(place.mount))
    except OSError as failure:
        return Volume(place, kind, None, f"does not answer: {failure}")


def _far(place: DiskMount, answer: Answer[Space]) -> Volume:
    if isinstance(answer.failure, OSError):
        return Volume(place, "network", None, f"does not answer: {answer.failure}")
    if answer.failure is not None:
        raise answer.failure
    if answer.result is None:
        return Volume(place, "network", None, f"no answer within {NETWORK_SECONDS_MAX} s")
    return Volume(place, "network", answer.result)


def read_space(mount: str) -> Space:
    """Raises OSError. What only root may fill is left out of both figures."""
    figures = os.statvfs(mount)
    kept_for_root = figures.f_bfree - figures.f_bavail
    unit = figures.f_frsize
    total, free = (figures.f_blocks - kept_for_root) * unit, figures.f_bavail * unit
    return Space(total, free, figures.f_files, figures.f_favail)


def _kind_of_device(roots: Roots, place: DiskMount) -> str:
    return _kind_of_stack(roots, block_name(roots, place), STACK_DEPTH_MAX)


def block_name(roots: Roots, place: DiskMount) -> str:
    """What the kernel calls the device that is mounted."""
    name = os.path.basename(os.path.realpath(f"{roots.sys}/dev/block/{place.number}"))  # noqa: PTH119
    if not exists(f"{roots.sys}/class/block/{name}"):
        name = os.path.basename(os.path.realpath(place.device))  # noqa: PTH119  btrfs, by its source
    return name


def _kind_of_stack(roots: Roots, name: str, depth: int) -> str:
    """The slowest disk that a stack of mapped devices rests on."""
    below = names_in(f"{roots.sys}/class/block/{name}/slaves")
    if below and depth > 0:
        kinds = {_kind_of_stack(roots, part, depth - 1) for part in below}
        return next((k for k in ("unknown", "hdd", "ssd", "nvme") if k in kinds), "unknown")
    disk = whole_disk(roots, name)
    return kind_of(disk, read_integer(f"{roots.sys}/class/block/{disk}/queue/rotational"))


def whole_disk(roots: Roots, name: str) -> str:
    """The disk that `name` is a partition of, or `name` itself."""
    place = os.path.realpath(f"{roots.sys}/class/block/{name}")  # sda1 lies in the folder of sda
    if exists(f"{place}/partition"):
        return os.path.basename(os.path.dirname(place))  # noqa: PTH119, PTH120
    return name
