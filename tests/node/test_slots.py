"""Slots over two real agents, from the command: declared, seen, granted, refused, lowered."""

import json
from functools import partial
from typing import Any

import pytest

from simulations.demo.nodes import Node, until
from simulations.processes import meet, real_mesh
from tests.node.test_quotas import typed

PATIENCE_SECONDS = 20.0


def told(node: Node, *words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(typed(node, *words, "--json").splitlines()[0])
    return answer


def slots(node: Node) -> dict[str, tuple[int, int, int]]:
    """Of one agent's own: (in all, promised, room)."""
    pools = told(node, "status")["holds"]["pools"]
    figures = ("total", "promised", "room")
    return {
        pool["pool"]: tuple(pool[name] for name in figures)
        for pool in pools
        if pool["unit"] == "slots"
    }


@pytest.mark.timeout(120)
def test_slots_are_declared_by_one_agent_and_reserved_by_the_other() -> None:
    with real_mesh(["ann", "bob"], [96, 96], start=False) as nodes:
        ann, bob = nodes["ann"], nodes["bob"]
        bob.state.mkdir(mode=0o700)
        (bob.state / "config.toml").write_text("[slots]\nwhisper = 2\nlicence = 1\n")
        meet([ann, bob])
        assert slots(bob) == {"slots:licence": (1, 0, 1), "slots:whisper": (2, 0, 2)}
        hold = told(ann, "reserve", "--slots", "whisper", "--ram", "4MiB", "--for", "10m")["id"]
        assert "slots:whisper 1 slot" in typed(ann, "holds")
        no = typed(ann, "where", "--slots", "whisper:2", status=1)
        assert "bob: not enough slots called whisper (needs 2, has 1 free of 2)." in no
        assert "ann: no slots called whisper." in no
        assert "with --slots whisper:1 on bob" in typed(
            ann, "reserve", "--slots", "whisper:2", status=1
        )
        bob.stop()
        bob.start("--slots", "whisper=1")
        until("bob is back", bob.answers, PATIENCE_SECONDS)
        until("it has looked", lambda: slots(bob) == {"slots:whisper": (1, 1, 0)}, PATIENCE_SECONDS)
        until("ann knows", partial(_sees_bob, ann), PATIENCE_SECONDS)
        typed(ann, "release", hold)
        assert slots(bob) == {"slots:whisper": (1, 0, 1)}


def _sees_bob(node: Node) -> bool:
    return any(one["liveness"] == "alive" for one in told(node, "peers", "list")["peers"])


def test_a_second_agent_of_one_machine_does_not_start_with_slots_that_the_first_one_has() -> None:
    with real_mesh(["ann", "bob"], [64, 64], start=False) as nodes:
        nodes["ann"].start("--first", "--slots", "whisper=1")
        until("ann is up", nodes["ann"].answers, PATIENCE_SECONDS)
        bob = nodes["bob"]
        bob.start("--first", "--slots", "ffmpeg=1", "--slots", "whisper=1")
        assert bob.process is not None
        assert bob.process.wait(PATIENCE_SECONDS) == 1
        assert "has slots called whisper already" in bob.log.read_text()
