"""The control groups we live in, from our own up to the root that we can see.

A container or a service with a memory limit is a smaller machine than /proc/meminfo says. The
limit of *every* ancestor binds, so each is asked. Version 1 has one tree per controller, version 2
one tree for all; a machine may have both mounted, with the controllers in either.

Paths in /proc/self/cgroup count from the hierarchy's root while the mount may show only a part of
it (a container that was given its own group as /sys/fs/cgroup): mountinfo names the part.
"""

from dataclasses import dataclass
from typing import Final

from node.probes.sources import Roots, read_text

DEPTH_MAX: Final = 64
"""Folders between our group and the root; deeper nesting than any container tool makes."""

UNIFIED: Final = ""
"""The name under which the version 2 hierarchy stands in `groups_of_process`."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted hierarchy: its controllers (`UNIFIED` for version 2), where, and which part."""

    controllers: tuple[str, ...]
    root: str
    point: str


def parse_groups(text: str) -> dict[str, str]:
    """/proc/self/cgroup: controller → path. `0::/a` is version 2, `4:memory:/a` version 1."""
    groups: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3 and parts[2].startswith("/"):
            groups.update(dict.fromkeys(parts[1].split(","), parts[2]))
    return groups


def parse_hierarchies(mountinfo: str) -> tuple[Mount, ...]:
    """/proc/self/mountinfo: the cgroup mounts in it."""
    mounts: list[Mount] = []
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        place, kind = left.split(), right.split()
        if not separator or len(place) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            mounts.append(Mount((UNIFIED,), place[3], place[4]))
        elif kind[0] == "cgroup":
            mounts.append(Mount(tuple(kind[2].split(",")), place[3], place[4]))
    return tuple(mounts)


def folders(groups: dict[str, str], mounts: tuple[Mount, ...], controller: str) -> tuple[str, ...]:
    """Our group's folder in `controller`'s hierarchy and its ancestors', innermost first."""
    path = groups.get(controller)
    mount = next((mount for mount in mounts if controller in mount.controllers), None)
    if path is None or mount is None or ".." in path:
        return ()  # `/../..`: a group outside what our namespace may see
    inside = path if mount.root == "/" else path.removeprefix(mount.root)
    names = [name for name in inside.split("/") if name][:DEPTH_MAX]
    return tuple("/".join([mount.point, *names[:depth]]) for depth in range(len(names), -1, -1))


def own_folders(roots: Roots, controller: str) -> tuple[str, ...]:
    """As `folders`, for this process."""
    groups = parse_groups(read_text(f"{roots.proc}/self/cgroup") or "")
    mounts = parse_hierarchies(read_text(f"{roots.proc}/self/mountinfo") or "")
    return folders(groups, mounts, controller)
