"""An agent that is killed while somebody waits at its door, by the command as people use it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns

from mesh.instant import HOUR, MILLISECOND
from simulations.demo.nodes import COMMAND, Node, until
from tests.node.bad_input.people import House, running, start


def test_a_gang_that_waits_outlives_the_agent_that_was_asked_for_it(
    home: House, tmp_path: Path
) -> None:
    ann, bob = home.node("ann"), home.node("bob")
    with running(bob, "--first"):
        secret = ("--secret-file", str(bob.state / "secret"))
        with running(ann, "--first", *secret):
            until("they know each other", lambda: _waits_for(ann, "bob"), 15)
            full = {"ram": "60MiB", "node": "bob"}
            booking = bob.granted(type="reserve", ask=full, term_ms=600_000)["id"]
            said = tmp_path / "said"
            words = ("--nodes", "2", "--ram", "16MiB", "--for", "1h", "--wait", "5m")
            with _reserving(ann, said, *words) as reserve:
                until("it stands in both lines", lambda: _line(ann) and _line(bob), 15)
                before = _line(ann), _line(bob)
                ann.kill()
                start(ann)
                until("it is told again where it stands", lambda: "have room" in _since(said), 20)
                assert (_line(ann), _line(bob)) == before, "the same places"
                assert reserve.poll() is None
                bob.granted(type="release", id=booking)
                out, _ = reserve.communicate(timeout=30)
            assert reserve.returncode == 0, said.read_text()
            gang = json.loads(out)
            assert {one["owner"]["name"] for one in gang["members"]} == {"ann", "bob"}
            assert [_members(node) for node in (ann, bob)] == [[gang["id"]], [gang["id"]]]
            assert _line(ann) == _line(bob) == []


def test_so_does_one_that_waits_for_a_later_start(home: House, tmp_path: Path) -> None:
    ann, bob = home.node("ann"), home.node("bob")
    with running(bob, "--first"):
        secret = ("--secret-file", str(bob.state / "secret"))
        with running(ann, "--first", *secret):
            until("they know each other", lambda: _waits_for(ann, "bob"), 15)
            then = (time_ns() + HOUR) // MILLISECOND
            full = {"ram": "60MiB", "node": "bob"}
            plan = bob.granted(type="reserve", ask=full, term_ms=7_200_000, start_at_ms=then)["id"]
            said = tmp_path / "said"
            words = ("--nodes", "2", "--ram", "16MiB", "--start", "+90m", "--for", "1h")
            with _reserving(ann, said, *words, "--wait", "5m") as reserve:
                until("it was refused, and waits", lambda: _refused(said.read_text()), 15)
                ann.kill()
                start(ann)
                until("it is told so again", lambda: _refused(_since(said)), 20)
                assert reserve.poll() is None
                assert [_planned(node) for node in (ann, bob)] == [[], [plan]]
                bob.granted(type="release", id=plan)
                out, _ = reserve.communicate(timeout=40)
            assert reserve.returncode == 0, said.read_text()
            gang = json.loads(out)
            members = {one["owner"]["name"]: one["id"] for one in gang["members"]}
            assert [_planned(node) for node in (ann, bob)] == [[members["ann"]], [members["bob"]]]


@contextmanager
def _reserving(node: Node, said: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`holdfast reserve` by the command, with what it says on the way in the file `said`."""
    with said.open("wb") as progress:
        reserve = subprocess.Popen(
            [str(COMMAND), "--state", str(node.state), "reserve", *words, "--json"],
            stdout=subprocess.PIPE, stderr=progress, env=node.environment,
        )  # fmt: skip
    try:
        yield reserve
    finally:
        reserve.kill()


def _refused(said: str) -> bool:
    return "leaves no room for it then): nothing is held meanwhile" in said


def _waits_for(node: Node, peer: str) -> bool:
    peers = node.granted(type="status")["peers"]
    return any(row["name"] == peer and row["log"] is not None for row in peers)


def _since(said: Path) -> str:
    """What it said since its agent was gone."""
    return said.read_text().partition("the agent stopped")[2]


def _line(node: Node) -> list[str]:
    return [row["id"] for row in node.granted(type="holds", waiting=True)["waiting"]]


def _members(node: Node) -> list[str]:
    rows = node.granted(type="holds")["holds"]
    return [row["gang"]["id"] for row in rows if row["gang"] and row["owner"]["name"] == node.name]


def _planned(node: Node) -> list[str]:
    rows = node.granted(type="holds")["holds"]
    return [
        row["id"] for row in rows if row["state"] == "planned" and row["owner"]["name"] == node.name
    ]
