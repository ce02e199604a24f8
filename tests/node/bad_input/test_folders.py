"""The state folder is taken, read-only, full, or somebody else's: said, and nothing is lost."""

import json
import os
import shutil
import subprocess

import pytest

from simulations.demo.nodes import COMMAND, until
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


FILL = 'cat /dev/zero >> "$1/filler" 2>/dev/null || true'


@needs_mounts
def test_a_disk_that_fills_under_a_running_agent_keeps_its_promises_and_takes_no_new_ones(
    home: House,
) -> None:
    ann = home.node("ann")
    with small_disk(ann.state, "64m") as inside:
        # A namespace of mounts is not ours: its sockets are reached by the command inside.
        ann = home.node("ann", inside)
        ann.start("--first")
        until("it answers", lambda: command(ann, "status", prefix=inside).status == 0, 20)
        words = ("reserve", "--ram", "8MiB", "--node", "ann", "--json")
        kept, given_back = (
            json.loads(command(ann, *words, prefix=inside).out)["id"] for _ in range(2)
        )
        run_inside(inside, "sh", "-c", FILL, "sh", str(ann.state))
        until("it is said", lambda: "disk full" in command(ann, "status", prefix=inside).out, 20)
        refused = command(ann, *words, prefix=inside)
        assert refused.status == 1, refused
        assert "once there is room on its disk" in refused.out + refused.err
        assert "free some space there" in command(ann, "doctor", prefix=inside).out
        assert command(ann, "release", given_back, prefix=inside).status == 0
        holds = command(ann, "holds", "--json", prefix=inside).out
        assert kept in holds
        assert given_back not in holds
        run_inside(inside, "rm", str(ann.state / "filler"))
        until("it goes on", lambda: command(ann, *words, prefix=inside).status == 0, 20)
        ann.stop()
        said = ann.log.read_text()
        assert "nothing more is promised until 32 MiB are free there" in said
        assert "Traceback" not in said, said


@needs_mounts
def test_a_disk_without_even_the_spare_room_says_nothing_that_is_not_written_and_loses_nothing(
    home: House,
) -> None:
    ann = home.node("ann")
    with small_disk(ann.state, "64m") as inside:
        ann = home.node("ann", inside)
        ann.start("--first")
        until("it answers", lambda: command(ann, "status", prefix=inside).status == 0, 20)
        made = command(ann, "reserve", "--ram", "8MiB", "--json", prefix=inside)
        booking = json.loads(made.out)["id"]
        spare = str(ann.state / "spare-room")
        until("there is spare room", lambda: run_inside(inside, "ls", spare), 20)
        run_inside(inside, "rm", spare)
        run_inside(inside, "sh", "-c", FILL, "sh", str(ann.state))
        argv = [*inside, str(COMMAND), "--state", str(ann.state), "release", booking]
        with subprocess.Popen(argv, env=ann.environment, stdout=subprocess.DEVNULL) as waiting:
            until("it is said", lambda: command(ann, "status", prefix=inside).status == 1, 20)
            told = command(ann, "status", prefix=inside)
            one_sentence(told, 1, "nothing is written or answered until there is")
            assert waiting.poll() is None, "nothing is said that is not written"
            run_inside(inside, "truncate", "-s", "-1M", str(ann.state / "filler"))
            assert waiting.wait(20) == 0
        assert booking not in command(ann, "holds", "--json", prefix=inside).out
        run_inside(inside, "sh", "-c", FILL, "sh", str(ann.state))
        ann.stop()
        assert "there is room on the disk again" in ann.log.read_text()
        run_inside(inside, "sh", "-c", FILL, "sh", str(ann.state))
        one_sentence(up(ann), 1, "free some space and start again")
        run_inside(inside, "rm", str(ann.state / "filler"))
        ann.start()
        until("it answers", lambda: command(ann, "status", prefix=inside).status == 0, 20)
        assert "open" in command(ann, "status", prefix=inside).out, "nothing was in doubt"
        ann.stop()


def test_a_state_folder_that_is_gone_is_a_new_one_and_not_a_crash(home: House) -> None:
    ann = home.node("ann")
    with running(ann, "--first"):
        pass
    shutil.rmtree(ann.state)
    start(ann, "--first")
    assert holds(ann) == []
    ann.stop()
