"""What can run work here: words from the kernel's files."""

from pathlib import Path

from node.probes.network import read_interfaces
from node.probes.runtimes import cgroup_version, read_runtimes, selinux
from tests.node.probes.world import machine

V2 = "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1 = "31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


def test_a_server_with_docker_is_told_in_words(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {
            "proc/1/comm": "systemd\n",
            "proc/self/mountinfo": V2,
            "sys/fs/selinux/enforce": "1\n",
            "sys/module/apparmor/parameters/enabled": "Y\n",
            "sys/class/dmi/id/sys_vendor": "QEMU\n",
            "run/docker.sock": "",
        },
    )
    words = {name: word.value for name, word in read_runtimes(roots, ("hypervisor",)).items()}
    assert words == {
        "apparmor": "enabled",
        "cgroup": "2",
        "container": "no",
        "docker": "listens",
        "init": "systemd",
        "podman": "no service",
        "selinux": "enforcing",
        "virtual": "yes, QEMU",
    }


def test_what_cannot_be_read_is_unknown_with_its_reason(tmp_path: Path) -> None:
    found = read_runtimes(machine(tmp_path, {}), ())
    for name in ("init", "cgroup"):
        assert found[name].value is None
        assert found[name].note
    assert selinux("yes").value is None
    assert selinux("0").value == "permissive"
    assert cgroup_version(V1).value == "1"
    assert cgroup_version(V1 + V2).value == "1 and 2"


def test_a_container_is_known_by_the_mark_its_maker_leaves(tmp_path: Path) -> None:
    docker = machine(tmp_path / "docker", {".dockerenv": ""})
    podman = machine(tmp_path / "podman", {"run/.containerenv": ""})
    assert read_runtimes(docker, ())["container"].value == "docker"
    assert read_runtimes(podman, ())["container"].value == "podman"


def test_network_hardware_is_told_and_what_containers_bring_is_not(tmp_path: Path) -> None:
    base = "sys/class/net"
    roots = machine(
        tmp_path,
        {
            f"{base}/eth0/device/x": "",
            f"{base}/eth0/type": "1\n",
            f"{base}/eth0/operstate": "up\n",
            f"{base}/eth0/speed": "2500\n",
            f"{base}/eth0/mtu": "1500\n",
            f"{base}/wlp2s0/device/x": "",
            f"{base}/wlp2s0/wireless/x": "",
            f"{base}/wlp2s0/speed": "-1\n",
            f"{base}/veth12ab/type": "1\n",
            f"{base}/docker0/bridge/x": "",
        },
    )
    wired, wireless = read_interfaces(roots)
    assert (wired.name, wired.kind, wired.up, wired.speed_mbps, wired.mtu) == (
        "eth0",
        "ethernet",
        True,
        2500,
        1500,
    )
    assert (wireless.kind, wireless.up, wireless.speed_mbps) == ("wifi", False, None)
