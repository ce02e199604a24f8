"""What can run work here, and what we run in ourselves: told by files, nothing is started."""

from pathlib import Path

from node.core.picture.topics import STATUS_UNKNOWN, Metric
from node.probes.cgroups import UNIFIED, parse_hierarchies
from node.probes.sources import Roots, exists, read_text, read_word

SOCKETS = (("docker", "docker.sock"), ("podman", "podman/podman.sock"))
"""Where their service listens; podman runs without one too, and then only its tool is there."""


def read_runtimes(roots: Roots, features: tuple[str, ...]) -> dict[str, Metric]:
    """By name; the value is a word."""
    found = {
        "init": _word(read_word(f"{roots.proc}/1/comm"), "/proc/1/comm"),
        "cgroup": cgroup_version(read_text(f"{roots.proc}/self/mountinfo") or ""),
        "selinux": selinux(read_word(f"{roots.sys}/fs/selinux/enforce")),
        "apparmor": _apparmor(roots),
        "container": _container(roots),
        "virtual": _virtual(roots, features),
    }
    for name, socket in SOCKETS:
        listens = exists(f"{roots.run}/{socket}")
        found[name] = Metric("listens" if listens else "no service", "name", f"/run/{socket}")
    return dict(sorted(found.items()))


def cgroup_version(mountinfo: str) -> Metric:
    """2, 1, or both beside each other."""
    source = "/proc/self/mountinfo"
    mounts = parse_hierarchies(mountinfo)
    unified = any(UNIFIED in mount.controllers for mount in mounts)
    older = any(UNIFIED not in mount.controllers for mount in mounts)
    if not mounts:
        return Metric(None, "name", source, STATUS_UNKNOWN, "no hierarchy is mounted")
    return Metric("1 and 2" if unified and older else "2" if unified else "1", "name", source)


def selinux(enforce: str | None) -> Metric:
    """As `getenforce` says it."""
    source = "/sys/fs/selinux/enforce"
    words = {"1": "enforcing", "0": "permissive", None: "absent"}
    if enforce not in words:
        return Metric(None, "name", source, STATUS_UNKNOWN, "neither 0 nor 1")
    return Metric(words[enforce], "name", source)


def _apparmor(roots: Roots) -> Metric:
    source = "/sys/module/apparmor/parameters/enabled"
    enabled = read_word(f"{roots.sys}/module/apparmor/parameters/enabled")
    return Metric("enabled" if enabled == "Y" else "absent", "name", source)


def _container(roots: Roots) -> Metric:
    if exists(f"{roots.run}/.containerenv"):
        return Metric("podman", "name", "/run/.containerenv")
    if exists(str(Path(roots.etc).parent / ".dockerenv")):
        return Metric("docker", "name", "/.dockerenv")
    return Metric("no", "name", "/run/.containerenv")


def _virtual(roots: Roots, features: tuple[str, ...]) -> Metric:
    """Whether this machine is itself a guest; its maker where that says whose."""
    if "hypervisor" not in features:
        return Metric("no", "name", "/proc/cpuinfo")
    maker = read_word(f"{roots.sys}/class/dmi/id/sys_vendor")
    return Metric(f"yes, {maker}" if maker else "yes", "name", "/proc/cpuinfo")


def _word(word: str | None, source: str) -> Metric:
    if word is None:
        return Metric(None, "name", source, STATUS_UNKNOWN, "could not be read")
    return Metric(word, "name", source)
