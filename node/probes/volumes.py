"""What a job should know before it trusts a volume with its files: as observed, never assumed."""

import os
import stat
from typing import Final

from node.probes.disks import STACK_DEPTH_MAX, DiskMount, block_name
from node.probes.sources import Roots, exists, names_in, read_word

QUOTA_OPTIONS: Final = frozenset(
    {
        "gqnoenforce", "gquota", "grpquota", "pqnoenforce", "pquota", "prjquota", "quota",
        "uqnoenforce", "uquota", "usrquota",
    }
)  # fmt: skip
"""As ext4 and xfs write them; `usrjquota=FILE` too."""
CRYPT_PREFIX: Final = "CRYPT-"
"""Of a mapped device's name for itself, whatever encrypts it (LUKS, plain)."""


def is_world_writable(place: DiskMount) -> bool | None:
    """Whether anybody may write at its top and remove what others wrote (no sticky bit). A file
    server is not asked: it may be gone."""
    if place.network:
        return None
    try:
        mode = os.stat(place.mount).st_mode  # noqa: PTH116
    except OSError:
        return None
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def has_quota(place: DiskMount) -> bool | None:
    """Whether it is mounted with quotas; of a file server nobody can tell."""
    if place.network:
        return None
    names = {option.partition("=")[0] for option in place.options}
    return bool(names & QUOTA_OPTIONS) or bool(names & {"usrjquota", "grpjquota"})


def is_encrypted(roots: Roots, place: DiskMount) -> bool | None:
    """Whether a device below it encrypts. False: none that this kernel runs; a disk that encrypts
    by itself, or a hypervisor's, does not show. None: no device of ours is below it."""
    if place.network or not place.device.startswith("/dev/"):
        return None
    name = block_name(roots, place)
    if not exists(f"{roots.sys}/class/block/{name}"):
        return None
    return _encrypts(roots, name, STACK_DEPTH_MAX)


def _encrypts(roots: Roots, name: str, depth: int) -> bool:
    folder = f"{roots.sys}/class/block/{name}"
    if (read_word(f"{folder}/dm/uuid") or "").startswith(CRYPT_PREFIX):
        return True
    below = names_in(f"{folder}/slaves") if depth > 0 else ()
    return bool(below) and all(_encrypts(roots, part, depth - 1) for part in below)
