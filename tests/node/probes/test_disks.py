import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.probes import disks
from node.probes.disks import DiskMount, Space, kind_of, parse_mounts, read_space, read_volumes
from node.probes.patience import Patience
from node.probes.sources import Roots
from tests.node.probes.world import machine

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw
27 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
28 27 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw
29 27 259:2 /srv /srv/bind rw - ext4 /dev/nvme0n1p2 rw
40 27 0:44 /@home /home rw - btrfs /dev/sda1 rw,subvol=/@home
41 27 0:45 /@data /data/long rw - btrfs /dev/sda1 rw,subvol=/@data
42 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
43 27 8:33 / /mnt/old\040disk ro - ext4 /dev/sdc1 ro
44 27 8:49 / /mnt/big\040disk rw - xfs /dev/sdd1 rw
45 27 0:60 / /net/models rw - nfs4 server:/models rw,addr=192.0.2.9
46 27 0:61 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
47 27 0:70 / /tank rw - zfs tank rw
48 27 0:71 / /tank/a rw - zfs tank/a rw
"""


def test_each_volume_counts_once_at_its_shortest_path() -> None:
    mounts = [place.mount for place in parse_mounts(MOUNTS)]
    assert mounts == ["/", "/home", "/mnt/big disk", "/net/models", "/tank"]


def test_only_the_root_of_a_container_is_an_overlay_worth_promising() -> None:
    line = "46 27 0:61 / / rw - overlay overlay rw\n"
    assert parse_mounts(line) == (DiskMount("/", "overlay", "overlay", "0:61"),)


def test_the_kind_of_a_disk_is_only_said_when_the_kernel_can_know_it() -> None:
    assert kind_of("nvme0n1", 0) == "nvme"
    assert kind_of("sda", 0) == "ssd"
    assert kind_of("sda", 1) == "hdd"
    assert kind_of("mmcblk0", None) == "ssd"
    assert kind_of("vda", 1) == "unknown"
    assert kind_of("sda", None) == "unknown"


def _sys_of_a_crypt_on_a_partition(folder: Path) -> Roots:
    roots = machine(
        folder,
        {
            "proc/self/mountinfo": f"27 1 253:0 / {folder} rw - ext4 /dev/mapper/root rw\n",
            "sys/devices/sda/queue/rotational": "1\n",
            "sys/devices/sda/sda2/partition": "2\n",
            "sys/devices/dm-0/queue/rotational": "0\n",
            "sys/devices/dm-0/slaves/sda2": "",
        },
    )
    for name, place in {"sda": "sda", "sda2": "sda/sda2", "dm-0": "dm-0"}.items():
        link = folder / "sys/class/block" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder / "sys/devices" / place)
    number = folder / "sys/dev/block/253:0"
    number.parent.mkdir(parents=True)
    number.symlink_to(folder / "sys/devices/dm-0")
    return roots


def test_an_encrypted_volume_is_as_slow_as_the_disk_below_it(tmp_path: Path) -> None:
    roots = _sys_of_a_crypt_on_a_partition(tmp_path)
    (volume,) = read_volumes(roots, Patience())
    assert volume.kind == "hdd"
    assert volume.space is not None
    assert volume.space.total == read_space(str(tmp_path)).total  # others write there meanwhile


def test_a_file_server_that_is_gone_costs_its_own_volume_and_its_time_limit_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "45 27 0:60 / /net/gone rw - nfs4 server:/gone rw\n27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    roots = machine(tmp_path, {"proc/self/mountinfo": line})
    forever, real = threading.Event(), disks.read_space
    monkeypatch.setattr(disks, "NETWORK_SECONDS_MAX", 0.05)
    monkeypatch.setattr(
        disks, "read_space", lambda mount: forever.wait(30) if mount != "/" else real(mount)
    )
    patience = Patience()
    root, gone = read_volumes(roots, patience)
    before = threading.active_count()
    for _ in range(3):
        _, gone = read_volumes(roots, patience)
    assert threading.active_count() == before, "it is not asked again before it has answered"
    forever.set()
    assert root.space is not None
    assert (gone.space, gone.kind) == (None, "network")
    assert gone.note == "no answer within 0.05 s"


def test_a_mount_that_went_away_is_unknown_and_not_empty(tmp_path: Path) -> None:
    line = f"27 1 8:1 / {tmp_path}/none rw - ext4 /dev/sda1 rw\n"
    (volume,) = read_volumes(machine(tmp_path, {"proc/self/mountinfo": line}), Patience())
    assert volume.space is None
    assert volume.note


def test_what_only_root_may_fill_is_in_neither_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = SimpleNamespace(
        f_frsize=4096, f_blocks=1000, f_bfree=300, f_bavail=250, f_files=70, f_favail=60
    )
    monkeypatch.setattr(disks.os, "statvfs", lambda mount: figures)
    assert read_space("/") == Space(950 * 4096, 250 * 4096, 70, 60)


def test_this_machine_has_a_disk() -> None:
    assert any(volume.space for volume in read_volumes(Roots(), Patience()))


@given(st.one_of(st.text(), st.text(alphabet=" -/\\01743,rwo\next4", max_size=80)))
def test_no_text_makes_the_mount_parser_raise(text: str) -> None:
    assert all(place.mount.startswith("/") for place in parse_mounts(text))


@given(st.lists(st.sampled_from(MOUNTS.splitlines()), max_size=20))
def test_no_volume_is_ever_counted_twice(lines: list[str]) -> None:
    mounts = parse_mounts("\n".join(lines))
    assert len({place.device.partition("/a")[0] for place in mounts}) == len(mounts)
