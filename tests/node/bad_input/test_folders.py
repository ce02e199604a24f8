"""The state folder is taken, read-only, full, or somebody else's: said, and nothing is lost."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simulations.demo.nodes import COMMAND, Node, until
from tests.node.bad_input.people import (
    House,
    command,
    hold,
    holds,
    kept,
    one_sentence,
    running,
    start,
    up,
)  # fmt: skip
from tests.node.bad_input.places import (
    NOBODY,
    needs_another_user,
    needs_mounts,
    read_only_view,
    run_inside,
    small_disk,
)  # fmt: skip


def test_a_second_agent_on_one_state_folder_is_told_so_and_the_first_goes_on(home: House) -> None:
    with running(home.node("ann"), "--first") as ann:
        booking, before = hold(ann), kept(ann.state)
        one_sentence(up(ann), 1, "an agent already runs on this state folder", "--state")
        assert holds(ann) == [booking]
        assert kept(ann.state).keys() == before.keys()
        assert kept(ann.state)["node.key"] == before["node.key"]


def test_the_loser_of_two_starts_at_once_names_the_winners_pid(home: House) -> None:
    # The door is not open yet, so only the lock can tell.
    with running(home.node("ann"), "--first") as ann:
        assert ann.process is not None
        (ann.state / "agent.sock").rename(ann.state / "away.sock")
        said = up(ann)
        (ann.state / "away.sock").rename(ann.state / "agent.sock")
        one_sentence(said, 1, f"another agent (pid {ann.process.pid})", "--state")


@needs_mounts
def test_a_read_only_state_folder_is_named_at_the_start_and_can_be_used_again_later(
    home: House,
) -> None:
    ann = home.node("ann")
    with running(ann, "--first"):
        booking = hold(ann)
    before = kept(ann.state)
    with read_only_view(ann.state) as inside:
        one_sentence(up(ann, prefix=inside), 1, "read-only", "--state")
        asked = command(ann, "where", "--ram", "1MiB", prefix=inside)
        assert asked.status == 0, asked
    assert kept(ann.state) == before
    with running(ann):
        assert holds(ann) == [booking]


@needs_mounts
def test_a_first_start_on_a_read_only_folder_leaves_nothing_behind(home: House) -> None:
    ann = home.node("ann")
    ann.state.mkdir(mode=0o700)
    with read_only_view(ann.state) as inside:
        one_sentence(up(ann, prefix=inside), 1, "read-only", "--state")
    assert list(ann.state.iterdir()) == []


@needs_another_user
def test_a_folder_that_this_user_may_not_write_is_named_with_its_owner(home: House) -> None:
    ann = home.node("ann")
    ann.state.mkdir(mode=0o700)
    os.chmod(home.folder, 0o755)  # noqa: PTH101
    one_sentence(up(ann, prefix=NOBODY), 1, "may not be read by this user", "--state")
    ann.state.chmod(0o755)
    one_sentence(up(ann, prefix=NOBODY), 1, "belongs to uid 0", "--state")
    os.chown(ann.state, 65534, 65534)
    ann.state.chmod(0o500)
    one_sentence(up(ann, prefix=NOBODY), 1, "permission denied", "--state")
    assert list(ann.state.iterdir()) == []


@needs_mounts
@pytest.mark.parametrize("size", ["4k", "32k"])
def test_a_full_disk_at_a_first_start_is_said_and_a_start_with_room_succeeds(
    home: House, size: str
) -> None:
    ann = home.node("ann")
    with small_disk(ann.state, size) as inside:
        one_sentence(up(ann, prefix=inside), 1, "free some space and start again")
        run_inside(inside, "mount", "-o", "remount,size=8m", str(ann.state))
        roomy = home.node("ann", inside)
        roomy.state = ann.state
        roomy.start("--first")
        told, _ = until(
            "it answers", lambda: command(roomy, "status", prefix=inside).status == 0, 20
        )
        assert told
        roomy.stop()


SECONDS_MAX = 60


def _from_inside(ann: Node) -> Node:
    """The same node, its folder reached through its own namespace of mounts."""
    assert ann.process is not None
    seen = replace(ann, state=Path(f"/proc/{ann.process.pid}/root{ann.state}"))
    seen.log = ann.log
    return seen


@contextlib.contextmanager
def _on_a_small_disk(home: House) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """A node that was not started yet, and the prefix of commands beside it."""
    ann = home.node("ann")
    with small_disk(ann.state, "64m") as inside:
        ann = home.node("ann", inside)
        try:
            yield ann, inside
        finally:
            ann.stop()


def _fill(disk: Path) -> None:
    with (disk / "filler").open("ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while filler.write(b"x" * size) == size:
                    pass


def _stands(ann: Node, state: str) -> bool:
    told = ann.ask(type="status")
    return "ok" in told and told["ok"]["standing"]["state"] == state


@needs_mounts
def test_a_disk_that_fills_under_a_running_agent_keeps_its_promises_and_takes_no_new_ones(
    home: House,
) -> None:
    with _on_a_small_disk(home) as (ann, inside):
        ann.start("--first")
        seen = _from_inside(ann)
        until("it answers", seen.answers, SECONDS_MAX)
        kept, given_back = hold(seen), hold(seen)
        _fill(seen.state)
        until("it is said", lambda: _stands(seen, "disk_full"), SECONDS_MAX)
        words = ("reserve", "--ram", "8MiB", "--node", "ann")
        refused = command(ann, *words, prefix=inside)
        assert refused.status == 1, refused
        assert "once there is room on its disk" in refused.out + refused.err
        assert "free some space there" in command(ann, "doctor", prefix=inside).out
        ann.kill()
        ann.start()
        seen = _from_inside(ann)
        until("it answers, on a full disk", seen.answers, SECONDS_MAX)
        until("it is said again", lambda: _stands(seen, "disk_full"), SECONDS_MAX)
        seen.granted(type="release", id=given_back)
        assert holds(seen) == [kept]
        (seen.state / "filler").unlink()
        until("it goes on", lambda: _stands(seen, "open"), SECONDS_MAX)
        hold(seen)
        ann.stop()
        said = ann.log.read_text()
        assert "nothing more is promised until 32 MiB are free there" in said
        assert "Traceback" not in said, said


@needs_mounts
def test_a_disk_without_even_the_spare_room_says_nothing_that_is_not_written_and_loses_nothing(
    home: House,
) -> None:
    with _on_a_small_disk(home) as (ann, inside):
        ann.start("--first")
        seen = _from_inside(ann)
        until("it answers", seen.answers, SECONDS_MAX)
        booking = hold(seen)
        spare = seen.state / "spare-room"
        until("there is spare room", spare.exists, SECONDS_MAX)
        spare.unlink()
        _fill(seen.state)
        argv = [*inside, str(COMMAND), "--state", str(ann.state), "release", booking]
        with subprocess.Popen(argv, env=ann.environment, stdout=subprocess.DEVNULL) as waiting:
            until("it is said", lambda: "refused" in seen.ask(type="status"), SECONDS_MAX)
            told = command(ann, "status", prefix=inside)
            one_sentence(told, 1, "nothing is written or answered until there is")
            assert waiting.poll() is None, "nothing is said that is not written"
            os.truncate(seen.state / "filler", (seen.state / "filler").stat().st_size - (1 << 20))
            assert waiting.wait(SECONDS_MAX) == 0
        assert holds(seen) == []
        ann.stop()
        assert "there is room on the disk again" in ann.log.read_text()
        run_inside(inside, "sh", "-c", 'cat /dev/zero >> "$1" || true', "sh", f"{ann.state}/filler")
        one_sentence(up(ann), 1, "free some space and start again")
        run_inside(inside, "rm", str(ann.state / "filler"))
        ann.start()
        seen = _from_inside(ann)
        until("it answers", seen.answers, SECONDS_MAX)
        assert _stands(seen, "open"), "nothing was in doubt"
        ann.stop()


def test_a_state_folder_that_is_gone_is_a_new_one_and_not_a_crash(home: House) -> None:
    ann = home.node("ann")
    with running(ann, "--first"):
        pass
    shutil.rmtree(ann.state)
    start(ann, "--first")
    assert holds(ann) == []
    ann.stop()
