"""The continuity marker: what proves that this disk lost nothing, and what does not."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.identity import NodeId
from mesh.logs import Era, Position
from node.core.continuity import Marker, prove
from node.shell.disk.marker import (
    MarkerFile,
    filesystem_type,
    find_marker,
    read_boot_id,
    type_of_device,
)

NODE = NodeId(bytes(range(16)))
ERA = Era(3, b"e" * 16)
CHAIN = [bytes([height]) * 32 for height in range(10)]
needs_shm = pytest.mark.skipif(
    filesystem_type(Path("/dev/shm")) != "tmpfs", reason="no tmpfs on /dev/shm here"
)


def at(height: int, era: Era = ERA) -> Position:
    return Position(era, height, CHAIN[height])


def chain_up_to(top: int) -> "dict[int, bytes]":
    return dict(enumerate(CHAIN[: top + 1]))


@pytest.fixture
def volatile() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@given(st.integers(0, 9), st.integers(0, 9))
def test_proven_exactly_when_the_disk_is_at_least_where_the_marker_was(
    noted: int, found: int
) -> None:
    marker = Marker("boot", 5, at(noted))
    disk = Marker("boot", 5, at(found))
    proven, reason = prove(marker, disk, chain_up_to(found).get)
    assert proven == (found >= noted), reason


@pytest.mark.parametrize(
    ("disk", "words"),
    [
        (Marker("other", 5, at(4)), "booted"),
        (Marker("boot", 4, at(4)), "back in time"),
        (Marker("boot", 5, at(3)), "ends at block 3"),
        (Marker("boot", 5, None), "no block"),
        (Marker("boot", 5, at(6, Era(4, b"e" * 16))), "different eras"),
        (Marker("boot", 5, at(6, Era(3, b"f" * 16))), "different eras"),
    ],
)
def test_each_doubt_has_its_sentence(disk: Marker, words: str) -> None:
    proven, reason = prove(Marker("boot", 5, at(4)), disk, chain_up_to(9).get)
    assert not proven
    assert words in reason


def test_another_block_at_the_noted_height_is_a_doubt() -> None:
    proven, reason = prove(Marker("boot", 5, at(4)), Marker("boot", 5, at(6)), {4: b"x" * 32}.get)
    assert not proven
    assert "not the one" in reason


def test_no_marker_proves_nothing() -> None:
    assert not prove(None, Marker("boot", 5, at(4)), chain_up_to(4).get)[0]


def test_a_marker_from_before_the_first_promise_is_proof() -> None:
    assert prove(Marker("boot", 5, None), Marker("boot", 5, at(2)), chain_up_to(2).get)[0]


@needs_shm
@pytest.mark.parametrize("head", [None, at(7)])
def test_a_marker_comes_back_as_written(volatile: Path, head: Position | None) -> None:
    file, _ = find_marker({"HOLDFAST_RUNTIME_DIR": str(volatile)}, 0, NODE)
    assert file is not None
    assert file.read() is None
    marker = Marker("boot", 5, head)
    assert file.write(marker)
    assert file.read() == marker
    assert file.write(replace(marker, epoch_counter=6))
    assert file.read() == replace(marker, epoch_counter=6)
    assert len(list(volatile.iterdir())) == 1
    file.forget()
    file.forget()
    assert file.read() is None


@needs_shm
def test_two_nodes_keep_two_markers_in_one_folder(volatile: Path) -> None:
    environment = {"HOLDFAST_RUNTIME_DIR": str(volatile)}
    one, _ = find_marker(environment, 0, NODE)
    two, _ = find_marker(environment, 0, NodeId(bytes(16)))
    assert one is not None
    assert two is not None
    one.write(Marker("boot", 1, None))
    assert two.read() is None


def test_a_folder_that_survives_a_power_cut_is_refused_even_when_asked_for(tmp_path: Path) -> None:
    if filesystem_type(tmp_path) in ("tmpfs", "ramfs"):
        pytest.skip("the temporary folder is volatile here")
    file, sentence = find_marker({"HOLDFAST_RUNTIME_DIR": str(tmp_path)}, 0, NODE)
    assert file is None
    assert "may survive a power cut" in sentence


@needs_shm
def test_a_folder_that_others_may_write_is_refused(volatile: Path) -> None:
    volatile.chmod(0o777)
    file, sentence = find_marker({"HOLDFAST_RUNTIME_DIR": str(volatile)}, 0, NODE)
    assert file is None
    assert "somebody else" in sentence


@needs_shm
@given(st.binary(max_size=5000))
def test_any_bytes_in_the_file_are_a_marker_or_nothing(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "marker"
        path.write_bytes(data)
        assert MarkerFile(path).read() is None


def test_a_marker_that_cannot_be_written_is_withdrawn(tmp_path: Path) -> None:
    file = MarkerFile(tmp_path / "marker-x")
    assert file.write(Marker("boot", 1, None))
    (tmp_path / "marker-x.new").mkdir()  # in the way of the next write
    assert not file.write(Marker("boot", 2, None))
    assert file.read() is None


def test_the_mount_table_is_read_by_device() -> None:
    table = (
        "25 24 0:23 / /dev/shm rw shared:1 - tmpfs tmpfs rw\n"
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "nonsense\n"
    )
    assert type_of_device(table, "0:23") == "tmpfs"
    assert type_of_device(table, "254:0") == "ext4"
    assert type_of_device(table, "9:9") is None


@given(st.text())
def test_any_mount_table_can_be_read(table: str) -> None:
    assert type_of_device(table, "0:23") is None or "0:23" in table


@pytest.mark.skipif(not Path("/proc").exists(), reason="no /proc")
def test_a_boot_has_one_name() -> None:
    assert read_boot_id() == read_boot_id() is not None
