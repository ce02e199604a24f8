"""Disks that fail under a real agent, or come back with less than they had: what it says and keeps.

That a quarantine ends, and with what, is looked at elsewhere: here nobody waits for half a minute.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulations.demo.nodes import Node, StepFailed, until
from tests.node.bad_input.people import House, command, ends, hold, holds, running, start

HALF_A_PAGE = 2048
SICK_DISK = (sys.executable, "-m", "tests.node.bad_input.sick_disk")


def test_a_disk_whose_sync_fails_ends_the_agent_in_one_sentence_and_loses_nothing_told(
    home: House,
) -> None:
    ann = home.node("ann")
    ann.command = SICK_DISK
    start(ann, "--first")
    booking = hold(ann)
    (ann.state / "sick").touch()
    with pytest.raises(StepFailed, match="closed the door"):
        hold(ann)  # no yes for what may be on no disk
    assert ends(ann) == 1
    said = ann.log.read_text()
    assert "Traceback" not in said, said
    assert "check the disk, then start again: a restart is safe, a retry lies" in said
    (ann.state / "sick").unlink()
    with running(ann):
        assert booking in holds(ann)
        assert ann.granted(type="status")["standing"]["state"] == "open", "nothing is in doubt"


def _parts(state: Path) -> Iterator[Path]:
    yield from (path for path in state.iterdir() if path.name.startswith("journal.sqlite3"))


def _put_back(state: Path, backup: Path) -> None:
    for part in _parts(state):
        part.unlink()
    for part in _parts(backup):
        shutil.copy(part, state / part.name)


def _reason(ann: Node) -> str:
    """Why it is in quarantine, as its agent says."""
    with running(ann):
        standing = ann.granted(type="status")["standing"]
        assert standing["state"] == "quarantine", standing
        assert standing["remaining_ms"] > 30_000
        ann.kill()
    return str(standing["reason"])


def test_a_disk_that_came_back_with_less_is_noticed_and_nothing_is_granted_on_it(
    home: House,
) -> None:
    ann, backup, whole = home.node("ann"), home.folder / "backup", home.folder / "whole"
    start(ann, "--first")
    hold(ann)
    ann.kill()
    shutil.copytree(ann.state, backup, ignore=shutil.ignore_patterns("agent.sock", "spare-room"))
    start(ann)
    log = ann.state / "journal.sqlite3-wal"
    written = log.stat().st_size
    later = hold(ann)
    ann.kill()
    shutil.copytree(ann.state, whole, ignore=shutil.ignore_patterns("agent.sock", "spare-room"))
    marker = next(ann.runtime.glob("**/marker-*"))
    seen = marker.read_bytes()

    # A torn page: the end of what was written is on no platter, and half a page before it is.
    log.write_bytes(log.read_bytes()[: written + HALF_A_PAGE])
    assert "the marker had seen block" in _reason(ann)

    _put_back(ann.state, backup)
    marker.write_bytes(seen)
    assert "the disk went back in time" in _reason(ann)

    for part in _parts(ann.state):
        part.unlink()
    marker.write_bytes(seen)
    assert "the disk went back in time" in _reason(ann)

    _put_back(ann.state, whole)
    with running(ann):
        told = command(ann, "status").out
        assert "s more: this disk may have forgotten promises (there is no marker" in told, told
        refused = command(ann, "reserve", "--ram", "8MiB", "--node", "ann", "--no-wait")
        assert refused.status == 1, refused
        assert "quarantine" in refused.err, refused
        assert later in holds(ann), "what is on the disk is shown, and nothing is granted"


def test_a_backup_older_than_a_new_secret_is_known_to_lack_it_and_is_not_shut_out(
    home: House,
) -> None:
    ann, bob, backup = home.node("ann"), home.node("bob"), home.folder / "backup"
    with running(bob, "--first"):
        with running(ann, "--first", "--secret-file", str(bob.state / "secret")):
            until("they know each other", lambda: _alive(bob), 15)
        shutil.copytree(ann.state, backup)
        with running(ann):
            until("it is back", lambda: _alive(bob), 15)
            assert command(bob, "keys", "generate").status == 0
            assert command(bob, "keys", "install").status == 0
            until("both have it", lambda: _missing(bob)["installed"] == [], 15)
        shutil.rmtree(ann.state)
        shutil.copytree(backup, ann.state)
        with running(ann):
            until("it is known to lack it", lambda: _missing(bob)["installed"] == ["ann"], 15)
            old, new = _keys(bob)["primary"]["key"], _keys(bob)["installed"]["key"]
            refused = command(bob, "keys", "use", new)
            assert refused.status == 1, refused
            assert "ann: do not have it yet; nothing was changed" in refused.err, refused
            for step in (("install", new), ("use", new), ("remove", old)):
                done = command(bob, "keys", *step)
                assert done.status == 0, done
            until("it speaks under the new one", lambda: _keys(ann)["primary"]["key"] == new, 15)
            assert _alive(bob)
            assert _alive(ann)


def _alive(node: Node) -> bool:
    return [row["liveness"] for row in node.granted(type="status")["peers"]] == ["alive"]


def _keys(node: Node) -> dict[str, Any]:
    """State → the key that is in it."""
    told = json.loads(command(node, "keys", "list", "--json").out)
    return {key["state"]: key for key in told["keys"]}


def _missing(node: Node) -> dict[str, Any]:
    """State → at whom the key that is in it is missing."""
    return {state: key["missing_at"] for state, key in _keys(node).items()}
