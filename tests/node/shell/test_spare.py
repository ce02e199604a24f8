"""Room kept back: given up when there is no other, and taken again when there is."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.shell.disk.files import ON_DISK
from node.shell.disk.journal_errors import failed, full
from node.shell.disk.spare import ENOUGH_BYTES, SHORT_BYTES, SPARE_BYTES, Spare
from node.shell.disk.state import StateError, explained

FOLDER = Path("/state")


@dataclass
class Volume:
    """A folder that counts bytes."""

    left: int
    quota: bool = False
    """What is free is not for us."""
    blind: bool = False
    sizes: dict[str, int] = field(default_factory=dict)

    def exists(self, path: Path) -> bool:
        return path.name in self.sizes

    def remove(self, path: Path) -> None:
        self.left += self.sizes.pop(path.name, 0)

    def free(self, path: Path) -> int:
        if self.blind:
            raise OSError(errno.EIO, "no")
        return self.left

    def fill(self, path: Path, count: int) -> None:
        if self.quota:
            raise OSError(errno.EDQUOT, "quota")
        self.sizes[path.name] = count
        self.left -= count


def spare_on(volume: Any) -> Spare:
    return Spare(FOLDER, volume)


def writing(volume: Volume, bytes_: int, no: Callable[[], StateError]) -> Callable[[], None]:
    def work() -> None:
        if volume.left < bytes_:
            raise no()
        volume.left -= bytes_

    return work


def test_a_write_that_finds_no_room_gets_the_spare_room_once() -> None:
    volume = Volume(ENOUGH_BYTES + SPARE_BYTES)
    spare = spare_on(volume)
    assert spare.look() == ""
    volume.left = 0
    work = writing(volume, SPARE_BYTES, lambda: full(FOLDER))
    spare.spend_on(work)
    assert (volume.left, volume.sizes) == (0, {})
    with pytest.raises(StateError, match="no space"):
        spare.spend_on(work)


def test_a_failed_sync_is_never_tried_again() -> None:
    volume = Volume(1 << 40)
    spare = spare_on(volume)
    spare.look()
    tried = []

    def work() -> None:
        tried.append(1)
        raise failed(FOLDER, OSError(errno.EIO, "sync"))

    with pytest.raises(StateError, match="a retry lies"):
        spare.spend_on(work)
    assert len(tried) == 1
    assert volume.sizes, "and it costs no room"


def test_a_secret_that_finds_no_room_gets_the_spare_room_too() -> None:
    volume = Volume(1 << 40)
    spare = spare_on(volume)
    spare.look()
    volume.left = 0

    def work() -> None:
        with explained("writing /state/secret"):
            if not volume.left:
                raise OSError(errno.EDQUOT, "quota")

    spare.spend_on(work)


def test_too_little_room_is_said_with_what_to_do_and_taken_back_a_good_deal_later() -> None:
    volume = Volume(1 << 40)
    spare = spare_on(volume)
    assert spare.look() == ""
    volume.left = SHORT_BYTES - 1
    told = spare.look()
    assert told == (
        "the disk under /state has 15.99 MiB left: what was promised stands, and nothing more is "
        "promised until 32 MiB are free there"
    )
    volume.left = ENOUGH_BYTES - 1
    assert spare.look() != "", "or it would change by the second"
    volume.left = ENOUGH_BYTES
    assert spare.look() == ""


def test_after_a_full_disk_nothing_more_is_promised_before_the_spare_room_is_back() -> None:
    volume = Volume(1 << 40)
    spare = spare_on(volume)
    spare.look()
    volume.left = 0
    spare.spend_on(writing(volume, 1, lambda: full(FOLDER)))
    volume.left = ENOUGH_BYTES + SPARE_BYTES - 1
    assert "until 40 MiB are free" in spare.look()
    volume.left, volume.quota = 1 << 40, True
    assert spare.look() != "", "a quota: what is free is not for us"
    volume.quota = False
    assert spare.look() == ""
    assert volume.sizes == {"spare-room": SPARE_BYTES}


def test_a_start_on_a_full_disk_gets_the_spare_room_before_it_writes_anything() -> None:
    volume = Volume(1 << 40)
    spare_on(volume).look()
    volume.left = SPARE_BYTES
    spare_on(volume).begin()
    assert volume.sizes, "there is room enough without"
    volume.left = 0
    spare_on(volume).begin()
    assert (volume.left, volume.sizes) == (SPARE_BYTES, {})
    volume.blind = True
    spare_on(volume).begin()


def test_when_nobody_can_tell_what_was_known_stays_so() -> None:
    volume = Volume(1 << 40)
    spare = spare_on(volume)
    assert spare.look() == ""
    volume.blind = True
    assert spare.look() == ""
    volume.blind, volume.left = False, 0
    told = spare.look()
    volume.blind = True
    assert spare.look() == told != ""


def test_the_spare_room_takes_real_room_and_a_second_agent_start_finds_it(tmp_path: Path) -> None:
    Spare(tmp_path, ON_DISK).look()
    made = (tmp_path / "spare-room").stat()
    assert made.st_size == SPARE_BYTES
    assert made.st_blocks * 512 >= SPARE_BYTES, "a file of holes keeps nothing back"
    assert made.st_mode & 0o777 == 0o600
    Spare(tmp_path, ON_DISK).look()
    assert (tmp_path / "spare-room").stat().st_ino == made.st_ino
