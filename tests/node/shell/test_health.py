"""What `doctor` says of the machine: true, false, or a note; and what to do."""

import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from mesh.identity import NodeId
from node.probes.sources import Roots
from node.shell import health
from node.shell.datagrams.beacons import AirCounts, NetworkWarning, Trouble
from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.udp import GateCounts
from node.shell.disk.marker import find_marker
from node.shell.disk.state import StateFolder
from node.shell.opening import Opened
from node.shell.streams.outcomes import DialCounts, Failure
from node.shell.streams.places import Cut
from node.shell.streams.serving import StreamCounts

ETH = Interface("eth0", "10.0.0.1", 2, "10.0.0.255", multicast=True, loopback=False)
NO_NETWORK = NetworkWarning(Trouble.NO_NETWORK, "", "nothing besides loopback", "plug in a cable")
DEAF = NetworkWarning(Trouble.BEACON_PORT_TAKEN, "eth0", "another keeps the port", "find it")


def test_a_key_that_others_may_read_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    folder = StateFolder.open(tmp_path / "state")
    folder.identity()
    assert health.state_folder(folder).ok
    folder.key_path.chmod(0o644)
    check = health.state_folder(folder)
    assert check.ok is False
    assert check.hint == f"chmod 600 {folder.key_path}"


def test_what_was_set_aside_at_this_start_is_a_note_until_the_next(tmp_path: Path) -> None:
    def opened(said: list[str], warnings: tuple[str, ...] = ()) -> Opened:
        return cast(Opened, SimpleNamespace(said=said, standing_warnings=warnings))

    assert health.start(opened([])).ok is True
    assert health.start(opened(["no tmpfs"], ("no tmpfs",))).ok is True, "another check tells it"
    check = health.start(opened(["the journal is damaged: it was set aside as x.corrupt-1"]))
    assert check.ok is None
    assert "x.corrupt-1" in check.sentence


def test_the_journal_is_shown_with_the_room_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(bytes(2048))
    path.with_name("journal.sqlite3-wal").write_bytes(bytes(1024))
    assert health.journal(path).sentence.startswith("3 KiB on ")
    monkeypatch.setattr(health, "JOURNAL_ROOM_BYTES_MIN", 1 << 62)
    assert health.journal(path).ok is False


def test_a_journal_that_is_gone_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    assert health.journal(tmp_path / "nowhere" / "journal.sqlite3").ok is False


def test_without_a_volatile_folder_continuity_says_why_and_what_to_do(tmp_path: Path) -> None:
    check = health.marker(None, ("every start is in doubt here: no tmpfs",))
    assert check.ok is False
    assert "no tmpfs" in check.sentence
    assert "HOLDFAST_RUNTIME_DIR" in check.hint


def test_a_marker_is_named_with_its_folder_and_whether_it_exists() -> None:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="hf-", dir="/dev/shm") as folder:
        kept, _ = find_marker({"HOLDFAST_RUNTIME_DIR": folder}, os.getuid(), NodeId(bytes(16)))
        assert kept is not None
        assert f"is made once nothing is in doubt any more, in {folder} (tmpfs)" in (
            health.marker(kept, ()).sentence
        )
        kept.path.touch()
        assert "is there" in health.marker(kept, ()).sentence


def _machine(folder: Path, *, card: bool, driver: bool) -> Roots:
    if card:
        slot = folder / "sys/bus/pci/devices/0000:01:00.0"
        slot.mkdir(parents=True)
        (slot / "vendor").write_text("0x10de\n")
        (slot / "class").write_text("0x030200\n")
    if driver:
        (folder / "proc/driver/nvidia").mkdir(parents=True)
        (folder / "proc/driver/nvidia/version").write_text("NVRM version: 550.1\nGCC: 12\n")
    return Roots(proc=str(folder / "proc"), sys=str(folder / "sys"))


@pytest.mark.parametrize(
    ("card", "driver", "ok", "words"),
    [
        (True, True, True, "NVRM version: 550.1"),
        (True, False, False, "no driver is loaded for 1 NVIDIA card"),
        (False, False, None, "no NVIDIA card"),
    ],
)
def test_the_gpu_driver_is_there_or_it_says_why_not(
    tmp_path: Path, card: bool, driver: bool, ok: bool | None, words: str
) -> None:
    check = health.gpu_driver(_machine(tmp_path, card=card, driver=driver))
    assert check.ok is ok
    assert words in check.sentence
    assert "\n" not in check.sentence


def test_lost_datagrams_are_told_with_their_cause() -> None:
    counts = GateCounts(received=7, sent=5, too_long=2, send_failed=Counter({"EPERM": 3}))
    port, datagrams = health.ports(4653, counts, 4)
    assert "port 4653 is ours: 7 datagrams in, 5 out" in port.sentence
    assert datagrams.ok is False
    assert "4 dropped because we were busy, 2 too long" in datagrams.sentence
    assert "3 with EPERM" in datagrams.sentence
    assert health.ports(4653, GateCounts(), 0)[1].ok


def test_calls_that_failed_are_counted_by_cause() -> None:
    dialled = DialCounts(failed=Counter({Failure.UNREACHABLE: 2, Failure.WRONG_PEER: 1}))
    served = StreamCounts(accepted=3, cut=Counter({Cut.BAD_FRAME: 1}))
    check = health.calls(dialled, served)
    assert check.ok is False
    assert "2 unreachable; 1 wrong peer" in check.sentence
    assert "1 cut: not our frames" in check.sentence
    dialled.answered = 1
    assert health.calls(dialled, served).ok
    assert health.calls(DialCounts(), StreamCounts()).ok is None


def test_each_interface_has_its_addresses_its_beacons_and_its_troubles() -> None:
    counts = {"eth0": AirCounts(sent=4, heard=2), "wlan0": AirCounts(sent=1)}
    counts["eth0"].failed["ENETUNREACH"] += 1
    eth, wlan = health.air((ETH,), counts, (DEAF, NO_NETWORK))
    assert eth == {
        "name": "eth0", "addresses": ["10.0.0.1"], "beacons_sent": 4, "beacons_heard": 2,
        "problem": "another keeps the port; beacons could not be sent: 1 with ENETUNREACH",
    }  # fmt: skip
    assert wlan["problem"] == "it is down now"


def test_an_interface_that_has_said_nothing_yet_is_listed_and_has_no_problem() -> None:
    (row,) = health.air((ETH,), {}, ())
    assert (row["beacons_sent"], row["problem"]) == (0, None)


def test_beacons_are_heard_or_come_back_or_neither() -> None:
    heard, back, none = (
        health.reception({"eth0": air}, (), loopback_chosen=False)[0]
        for air in (AirCounts(heard=2), AirCounts(echoes=3), AirCounts(sent=3))
    )
    assert (heard.ok, back.ok, none.ok) == (True, None, None)
    assert "2 on eth0" in heard.sentence
    assert "our own come back" in back.sentence
    assert "not even our own" in none.sentence


def test_loopback_alone_is_a_fault_only_where_it_was_not_chosen() -> None:
    _, found = health.reception({}, (NO_NETWORK,), loopback_chosen=False)
    _, chosen = health.reception({}, (NO_NETWORK,), loopback_chosen=True)
    _, deaf = health.reception({}, (DEAF,), loopback_chosen=True)
    assert (found.ok, chosen.ok, deaf.ok) == (False, None, False)
