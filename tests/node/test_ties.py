"""Running work and the holds it belongs to: real agents, real processes, the command itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from simulations.demo.nodes import COMMAND, Node, until
from simulations.processes import MIB, real_mesh

PATIENCE_SECONDS = 20.0
"""For a machine that is busy with others; what takes this long has not happened."""

WORK = "room = bytearray({mib} << 20); print('ready', flush=True); input()"
PARENT = (
    "import os, subprocess, sys; os.environ.pop('HOLDFAST_HOLD');"
    " subprocess.run([sys.executable, '-c', sys.argv[1]])"
)


@pytest.fixture(scope="module")
def mesh() -> Iterator[dict[str, Node]]:
    with real_mesh(["ann", "bob"], [256, 256]) as nodes:
        yield nodes


@contextmanager
def work(mib: int, hold: str = "", *, as_child: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A process that uses `mib`, or one whose child does, which itself knows of no hold."""
    code = WORK.format(mib=mib)
    argv = [sys.executable, "-c", *((PARENT, code) if as_child else (code,))]
    environment = {"HOLDFAST_HOLD": hold} if hold else {}
    with subprocess.Popen(
        argv, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate("done\n")


def command(node: Node, *words: str) -> str:
    done = subprocess.run(
        [COMMAND, "--state", node.state, *words],
        env=node.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def hold_of(node: Node, hold: str) -> dict[str, Any]:
    found = [row for row in node.granted(type="holds")["holds"] if row["id"] == hold]
    return found[0] if found else {}


def booked(asker: Node, owner: Node, ram: str) -> str:
    words = ("reserve", "--ram", ram, "--for", "1h", "--node", owner.name, "--json")
    return str(json.loads(command(asker, *words))["id"])


def used(hold: dict[str, Any]) -> int:
    return int(hold["legs"][0]["used"])


def test_a_lease_tied_to_a_process_shows_what_it_uses_and_ends_with_it(
    mesh: dict[str, Node],
) -> None:
    ann, bob = mesh["ann"], mesh["bob"]
    with work(40) as process:
        words = ("reserve", "--ram", "64MiB", "--pid", str(process.pid), "--json")
        hold = json.loads(command(ann, *words))["id"]
        seen, _ = until("it is seen as tied", lambda: _tied(ann, hold), PATIENCE_SECONDS)
        assert 40 * MIB <= used(seen) < 64 * MIB
        assert seen["kind"] == "carried"
        until("the other node knows it too", lambda: _tied(bob, hold), PATIENCE_SECONDS)
        shown = command(ann, "holds")
        assert "carried" in shown
        assert "nothing runs" not in shown
    until("it has ended with its process", lambda: not hold_of(ann, hold), PATIENCE_SECONDS)
    until("for everyone", lambda: not hold_of(bob, hold), PATIENCE_SECONDS)


def test_a_booking_under_which_nothing_runs_is_called_an_unused_promise(
    mesh: dict[str, Node],
) -> None:
    ann, bob = mesh["ann"], mesh["bob"]
    hold = booked(bob, ann, "24MiB")
    for node in (ann, bob):
        assert "nothing runs under it: an unused promise" in command(node, "holds")
    command(bob, "release", hold)


def test_the_environment_ties_a_process_and_its_children_to_a_booking(
    mesh: dict[str, Node],
) -> None:
    ann, bob = mesh["ann"], mesh["bob"]
    hold = booked(bob, ann, "64MiB")
    assert hold_of(ann, hold)["tied"] is False
    with work(20, hold, as_child=True):
        seen, _ = until("the owner sees it", lambda: _tied(ann, hold), PATIENCE_SECONDS)
        assert used(seen) >= 20 * MIB
        seen, _ = until("and tells", lambda: _tied(bob, hold), PATIENCE_SECONDS)
        assert used(seen) >= 20 * MIB
        assert seen["note"] == ""
    until("what ran has ended", lambda: hold_of(bob, hold)["tied"] is False, PATIENCE_SECONDS)
    command(bob, "release", hold)


def test_the_asker_goes_on_knowing_what_the_owner_said_is_left(mesh: dict[str, Node]) -> None:
    ann, bob = mesh["ann"], mesh["bob"]
    hold = booked(bob, ann, "16MiB")
    left = hold_of(bob, hold)["remaining_ms"]
    assert 3_500_000 < left <= 3_600_000
    until("time passes", lambda: hold_of(bob, hold)["remaining_ms"] < left, PATIENCE_SECONDS)
    command(bob, "release", hold)


def _tied(node: Node, hold: str) -> dict[str, Any]:
    seen = hold_of(node, hold)
    return seen if seen.get("tied") else {}


def test_what_runs_already_is_adopted_and_its_children_are_counted(mesh: dict[str, Node]) -> None:
    ann, bob = mesh["ann"], mesh["bob"]
    hold, other = booked(ann, ann, "64MiB"), booked(bob, bob, "8MiB")
    with work(20, "0" * 32, as_child=True) as process:
        words = ("adopt", str(process.pid), "--hold", hold[:10])
        assert "counts from now on" in command(ann, *words)
        seen, _ = until("its child is counted", lambda: _tied(ann, hold), PATIENCE_SECONDS)
        assert used(seen) >= 20 * MIB
        assert "counts already" in command(ann, *words)
        assert "is tied to hold" in refused(ann, "reserve", "--ram", "1MiB", "--pid", words[1])
        assert f"room on {bob.name}" in refused(ann, *words[:-1], other)
    until("it is gone", lambda: hold_of(ann, hold)["tied"] is False, PATIENCE_SECONDS)
    for node, held in ((ann, hold), (bob, other)):
        command(node, "release", held)


def refused(node: Node, *words: str) -> str:
    done = subprocess.run(
        [COMMAND, "--state", node.state, *words],
        env=node.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done
    return done.stderr


def test_work_that_uses_more_than_it_holds_is_told_to_its_holder_elsewhere(
    mesh: dict[str, Node],
) -> None:
    ann, bob = mesh["ann"], mesh["bob"]
    hold = booked(bob, ann, "8MiB")
    with work(96, hold):
        row, _ = until("the holder sees it", lambda: _alarmed(bob, hold), PATIENCE_SECONDS)
        assert row["alarms"][0]["sort"] == "overshoot"
        shown = command(bob, "holds")
        assert "more of ram than it holds" in shown
        assert "alarm.overshoot" in command(bob, "events")
    command(bob, "release", hold)


def _alarmed(node: Node, hold: str) -> dict[str, Any]:
    seen = hold_of(node, hold)
    return seen if seen.get("alarms") else {}


def test_a_node_on_which_such_work_failed_is_passed_over_until_somebody_forgives_it(
    mesh: dict[str, Node],
) -> None:
    ann, bob = mesh["ann"], mesh["bob"]
    asked = ("--ram", "8MiB", "--work", "training", "--node", "ann")
    failing = [sys.executable, "-c", "input(); raise SystemExit(3)"]
    with subprocess.Popen(failing, stdin=subprocess.PIPE, text=True) as process:
        command(ann, "reserve", *asked, "--pid", str(process.pid))
        command(bob, "where", *asked)
        process.communicate("done\n")
    until("the owner tells what it saw", lambda: _failures(bob, "ann"), PATIENCE_SECONDS)
    assert "training failed once (exec-crash)" in command(bob, "facts", "ann")
    said = subprocess.run(
        [COMMAND, "--state", bob.state, "where", *asked],
        env=bob.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (said.returncode, "exec-crash" in said.stdout) == (1, True)
    command(bob, "where", *asked, "--despite-failures")
    command(ann, "facts", "--forgive", "training")
    until("everybody has heard", lambda: not _failures(bob, "ann"), PATIENCE_SECONDS)
    command(bob, "where", *asked)


def _failures(node: Node, of: str) -> list[Any]:
    (told,) = node.granted(type="facts", node=of)["nodes"]
    return [] if told["history"] is None else list(told["history"]["failures"])
