"""A quota over two real agents, from the command: issued, fetched, refused, moved, and shown."""

import json
import subprocess
from functools import partial
from typing import Any

import pytest

from simulations.demo.nodes import COMMAND, Node, until
from simulations.processes import real_mesh

PATIENCE_SECONDS = 20.0
AMONG = {"ann": 96, "bob": 96}


def typed(node: Node, *words: str, status: int = 0) -> str:
    """What the command prints, as a person would type it."""
    done = subprocess.run(
        [COMMAND, "--state", str(node.state), *words],
        capture_output=True, text=True, env=node.environment, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def quota(node: Node) -> dict[str, Any]:
    rows: list[dict[str, Any]] = json.loads(typed(node, "quota", "list", "--json"))["quotas"]
    return rows[0] if rows else {}


def here(node: Node) -> dict[str, Any]:
    found = [one for one in quota(node).get("at", ()) if one["here"]]
    return found[0] if found else {}


def reserve(node: Node, ram: str, status: int = 0) -> str:
    words = ("--ram", ram, "--node", node.name, "--principal", "alice", "--for", "10m")
    return typed(node, "reserve", *words, status=status)


@pytest.mark.timeout(120)
def test_a_quota_holds_over_two_agents_and_its_rights_go_where_they_are_needed() -> None:
    with real_mesh(list(AMONG), list(AMONG.values())) as nodes:
        ann, bob = nodes["ann"], nodes["bob"]
        assert "issued: ram 64 MiB, alice" in typed(
            ann, "quota", "issue", "alice", "--ram", "64MiB"
        )
        until("bob has heard of it", partial(quota, bob), PATIENCE_SECONDS)
        reserve(bob, "40MiB")  # none of it lay there
        assert here(bob)["rights"] == here(bob)["held"] == 40 << 20
        no = reserve(bob, "30MiB", status=4)
        assert "over the mesh alice holds 40 MiB of 64 MiB" in no
        assert "24 MiB of its rights lie at ann" in no
        typed(bob, "quota", "move", "alice", "--ram", "24MiB", "--from", "ann")
        until("they are there", lambda: here(bob)["rights"] == 64 << 20, PATIENCE_SECONDS)
        assert "24 MiB of its rights lie at bob" in reserve(ann, "30MiB", status=4)
        reserve(ann, "8MiB")  # and comes back from there by itself
        until("all is told", lambda: quota(ann)["held"] == 48 << 20, PATIENCE_SECONDS)
        row = quota(ann)
        assert (row["issued"], row["spare"], row["in_flight"]) == (64 << 20, 16 << 20, 0)
        told = typed(ann, "quota")
        assert "issued 64 MiB, held 48 MiB, spare 16 MiB" in told
        assert "ann (here)" in told
