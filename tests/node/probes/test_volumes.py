"""What a job should know before it trusts a volume: as observed."""

import os
from pathlib import Path

from node.probes.disks import DiskMount, parse_mounts
from node.probes.volumes import has_quota, is_encrypted, is_world_writable
from tests.node.probes.world import machine

NFS = DiskMount("/net", "server:/x", "nfs4", "0:60", ("rw", "usrquota"))


def test_encryption_is_seen_wherever_it_lies_in_the_stack(tmp_path: Path) -> None:
    block = "sys/class/block"
    roots = machine(
        tmp_path,
        {
            f"{block}/dm-1/dm/uuid": "LVM-abc\n",
            f"{block}/dm-1/slaves/dm-0/x": "",
            f"{block}/dm-0/dm/uuid": "CRYPT-LUKS2-abc-luks\n",
            f"{block}/dm-0/slaves/sda2/x": "",
            f"{block}/sda2/partition": "2\n",
            f"{block}/sda1/partition": "1\n",
            f"{block}/md0/slaves/dm-0/x": "",
            f"{block}/md0/slaves/sda1/x": "",
        },
    )

    def encrypted(device: str) -> bool | None:
        return is_encrypted(roots, DiskMount("/", f"/dev/{device}", "ext4", "9:9"))

    assert encrypted("dm-1") is True
    assert encrypted("sda1") is False
    assert encrypted("md0") is False  # one half of the mirror lies open
    assert encrypted("nowhere") is None
    assert is_encrypted(roots, NFS) is None


def test_quotas_are_read_from_how_it_was_mounted() -> None:
    lines = "27 1 8:1 / / rw - xfs /dev/sda1 rw,attr2,prjquota\n"
    lines += "28 1 8:2 / /srv rw - ext4 /dev/sda2 rw,usrjquota=aquota.user\n"
    lines += "29 1 8:3 / /tmp2 rw - ext4 /dev/sda3 rw,noquota\n"
    assert [has_quota(place) for place in parse_mounts(lines)] == [True, True, False]
    assert has_quota(NFS) is None


def test_a_sticky_folder_is_safe_and_one_without_is_not(tmp_path: Path) -> None:
    place = DiskMount(str(tmp_path), "/dev/sda1", "ext4", "8:1")
    for mode, answer in ((0o755, False), (0o1777, False), (0o777, True)):
        os.chmod(tmp_path, mode)  # noqa: PTH101
        assert is_world_writable(place) is answer
    assert is_world_writable(DiskMount("/nowhere", "/dev/sda1", "ext4", "8:1")) is None
    assert is_world_writable(NFS) is None
