import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.instant import SECOND
from node.config import SLOT_NAMES_MAX
from node.probes.memory import MIB
from node.probes.offers import Capacity, Offer, ShareRefused
from node.probes.shares import (
    USE_AGE_MAX,
    Onlooker,
    claim_share,
    live_shares,
    parse_use,
    registry_folder,
    use_line,
)

GIB = 1024 * MIB
MACHINE = Capacity(ram=4 * GIB, millicores=4000, gpus=())

AGENT = """
import sys
from pathlib import Path
from node.probes.offers import Capacity, ShareRefused, parse_offer
from node.probes.shares import claim_share
folder, state, text = sys.argv[1:]
offer = parse_offer(text) if text else None
try:
    claim = claim_share(offer, Capacity(4 * 2**30, 4000, ()), Path(state), Path(folder))
except ShareRefused as refusal:
    print("refused:", refusal, flush=True)
else:
    print("claimed", flush=True)
sys.stdin.read()
"""


@contextmanager
def agent(folder: Path, state: Path, offer: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A real process that claims a share and keeps it until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(folder), str(state), offer],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_two_processes_that_want_more_than_there_is_cannot_both_have_it(tmp_path: Path) -> None:
    with (
        agent(tmp_path / "m", tmp_path / "a", "ram=3GiB,cores=1") as (first, said),
        agent(tmp_path / "m", tmp_path / "b", "ram=3GiB,cores=1") as (_, answer),
    ):
        assert said == "claimed\n"
        assert answer.startswith("refused: ram: 3072 MiB is more than the 1024 MiB left")
        assert f"pid {first.pid}" in answer
        assert str(tmp_path / "a") in answer


def test_a_share_is_free_again_the_moment_its_process_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    with agent(folder, tmp_path / "a", "ram=3GiB,cores=1") as (first, _):
        first.send_signal(signal.SIGKILL)
        first.wait()
        with agent(folder, tmp_path / "b", "ram=3GiB,cores=1") as (_, said):
            assert said == "claimed\n"
            assert len(live_shares(folder, None)) == 1


def test_a_whole_machine_and_a_share_exclude_each_other(tmp_path: Path) -> None:
    with agent(tmp_path / "m", tmp_path / "a", "") as (first, said):
        assert said == "claimed\n"
        with pytest.raises(ShareRefused, match=f"pid {first.pid} .*whole machine"):
            claim_share(Offer(GIB, 1000), MACHINE, tmp_path / "b", tmp_path / "m")


def test_of_many_claims_at_once_only_as_many_win_as_fit(tmp_path: Path) -> None:
    outcomes: list[object] = []

    def claim(number: int) -> None:
        try:
            outcomes.append(claim_share(Offer(GIB, 100), MACHINE, tmp_path / f"{number}", tmp_path))
        except ShareRefused as refusal:
            outcomes.append(refusal)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [outcome for outcome in outcomes if isinstance(outcome, Onlooker)]
    assert len(won) == 4
    assert len(outcomes) == 12
    for claimed in won:
        claimed.release()  # type: ignore[attr-defined]  # a winner is a Claim


def test_the_longest_claim_of_slots_is_read_back_whole(tmp_path: Path) -> None:
    names = tuple(f"{number:02}" + "x" * 61 for number in range(SLOT_NAMES_MAX))
    cards = tuple(f"GPU-{number:02}" + "0" * 36 for number in range(64))
    machine = Capacity(4 * GIB, 4000, cards)
    ours = claim_share(Offer(GIB, 1000, cards), machine, tmp_path / "a", tmp_path / "m", names)
    assert [record for record, _ in live_shares(tmp_path / "m", None)] == [ours.record]
    with pytest.raises(ShareRefused, match="has slots called 31xxx"):
        claim_share(Offer(GIB, 1000), machine, tmp_path / "b", tmp_path / "m", names[-1:])
    ours.release()


def test_what_the_others_have_not_used_yet_is_not_ours_to_promise(tmp_path: Path) -> None:
    ours = claim_share(Offer(GIB, 1000), MACHINE, tmp_path / "a", tmp_path / "m")
    theirs = claim_share(Offer(2 * GIB, 1000), MACHINE, tmp_path / "b", tmp_path / "m")
    now = 1000 * SECOND
    assert ours.outstanding_of_others(now) == 2 * GIB
    theirs.publish_use(GIB // 2, now)
    assert ours.outstanding_of_others(now) == 2 * GIB - GIB // 2
    assert theirs.outstanding_of_others(now) == GIB
    assert Onlooker(tmp_path / "m").outstanding_of_others(now) == 3 * GIB - GIB // 2
    theirs.publish_use(5 * GIB, now)
    assert ours.outstanding_of_others(now) == 0
    theirs.release()
    assert ours.outstanding_of_others(now) == 0
    ours.release()


def test_a_use_that_was_told_too_long_ago_counts_for_nothing(tmp_path: Path) -> None:
    ours = claim_share(Offer(GIB, 1000), MACHINE, tmp_path / "a", tmp_path / "m")
    theirs = claim_share(Offer(GIB, 1000), MACHINE, tmp_path / "b", tmp_path / "m")
    theirs.publish_use(GIB, 1000 * SECOND)
    assert ours.outstanding_of_others(1000 * SECOND + USE_AGE_MAX) == 0
    assert ours.outstanding_of_others(1000 * SECOND + USE_AGE_MAX + 1) == GIB
    assert ours.outstanding_of_others(999 * SECOND) == GIB
    theirs.release()
    ours.release()


def test_a_released_share_can_be_claimed_again_by_the_same_agent(tmp_path: Path) -> None:
    for _ in range(2):
        claim_share(None, MACHINE, tmp_path / "a", tmp_path / "m").release()


def test_one_state_folder_cannot_be_claimed_twice_even_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    claim = claim_share(Offer(GIB, 100), MACHINE, tmp_path / "a", tmp_path / "m")
    with pytest.raises(ShareRefused, match="--state"):
        claim_share(Offer(GIB, 100), MACHINE, tmp_path / "link", tmp_path / "m")
    claim.release()


def test_what_strangers_put_into_the_folder_is_not_a_share(tmp_path: Path) -> None:
    (tmp_path / "rubbish.share").write_bytes(b"\xff\x00 not json")
    (tmp_path / "link.share").symlink_to("/etc/passwd")
    (tmp_path / "folder.share").mkdir()
    os.mkfifo(tmp_path / "fifo.share")
    assert live_shares(tmp_path, 0) == ()
    claim_share(None, MACHINE, tmp_path / "a", tmp_path).release()


def test_a_folder_that_cannot_be_used_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "file").write_text("")
    for folder in ("link", "file", "none/below"):
        with pytest.raises(ShareRefused, match="HOLDFAST_MACHINE_DIR"):
            claim_share(None, MACHINE, tmp_path / "a", tmp_path / folder)


def test_a_folder_that_somebody_keeps_locked_is_refused_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr("node.probes.shares.LOCK_TRIES_MAX", 2)
    monkeypatch.setattr("node.probes.shares.LOCK_PAUSE_SECONDS", 0.001)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(ShareRefused, match="locked"):
            claim_share(None, MACHINE, tmp_path / "a", tmp_path)
    finally:
        os.close(descriptor)


def test_the_folder_can_be_chosen_by_the_environment() -> None:
    assert registry_folder({}) == Path("/dev/shm/holdfast-machine")
    assert registry_folder({"HOLDFAST_MACHINE_DIR": "/run/x"}) == Path("/run/x")


@given(st.binary(max_size=80), st.integers(0, 2**63))
def test_no_bytes_make_a_use_raise_or_be_believed_without_their_check_sum(
    line: bytes, now: int
) -> None:
    assert parse_use(line, now) == 0


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 63), st.integers(1, 255))
def test_a_torn_use_counts_for_nothing(used: int, now: int, place: int, flip: int) -> None:
    line = bytearray(use_line(used, now))
    assert parse_use(bytes(line), now) == used
    line[place] ^= flip
    assert parse_use(bytes(line), now) in (0, used)  # a flip in the padding changes nothing
