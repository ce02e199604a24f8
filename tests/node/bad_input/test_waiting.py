"""An agent that is killed while somebody waits at its door, by the command as people use it."""

import json
import subprocess
from pathlib import Path

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
            with said.open("wb") as progress:
                words = ("reserve", "--nodes", "2", "--ram", "16MiB", "--for", "1h", "--wait", "5m")
                reserve = subprocess.Popen(
                    [str(COMMAND), "--state", str(ann.state), *words, "--json"],
                    stdout=subprocess.PIPE, stderr=progress, env=ann.environment,
                )  # fmt: skip
            try:
                until("it stands in both lines", lambda: _line(ann) and _line(bob), 15)
                before = _line(ann), _line(bob)
                ann.kill()
                start(ann)
                until("it is told again where it stands", lambda: _told_since(said), 20)
                assert (_line(ann), _line(bob)) == before, "the same places"
                assert reserve.poll() is None
                bob.granted(type="release", id=booking)
                out, _ = reserve.communicate(timeout=30)
            finally:
                reserve.kill()
            assert reserve.returncode == 0, said.read_text()
            gang = json.loads(out)
            assert {one["owner"]["name"] for one in gang["members"]} == {"ann", "bob"}
            assert [_members(node) for node in (ann, bob)] == [[gang["id"]], [gang["id"]]]
            assert _line(ann) == _line(bob) == []


def _waits_for(node: Node, peer: str) -> bool:
    peers = node.granted(type="status")["peers"]
    return any(row["name"] == peer and row["log"] is not None for row in peers)


def _told_since(said: Path) -> bool:
    return "have room" in said.read_text().partition("the agent stopped")[2]


def _line(node: Node) -> list[str]:
    return [row["id"] for row in node.granted(type="holds", waiting=True)["waiting"]]


def _members(node: Node) -> list[str]:
    rows = node.granted(type="holds")["holds"]
    return [row["gang"]["id"] for row in rows if row["gang"] and row["owner"]["name"] == node.name]
