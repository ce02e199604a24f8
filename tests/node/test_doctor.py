"""`doctor` over real sockets: who hears whom, whose door is shut, and whose clock is off."""

from pathlib import Path
from typing import Any

import trio
import trio.testing

from mesh.instant import SECOND
from node.core import requests
from node.shell import clock
from node.shell.datagrams.terrain import Terrain
from node.shell.surroundings import Surroundings
from tests.node.test_app import Village, village

DEAF_SECONDS_MAX = 15
"""Each second one question, and several make a silence."""

SHUT = (
    "bob hears ann on lo but ann never hears bob: UDP {} is blocked inbound on ann "
    "(nftables active)"
)


async def examined(here: Village, name: str) -> dict[str, Any]:
    reply = await here.ask(name, requests.Doctor())
    assert reply.ok
    return reply.body


def faults(body: dict[str, Any]) -> set[str]:
    return {row["sentence"] for row in body["links"] if row["ok"] is False}


def row(body: dict[str, Any], one: str, other: str) -> dict[str, Any]:
    pairs = {(row["from"]["name"], row["to"]["name"]): row for row in body["links"]}
    found: dict[str, Any] = pairs[one, other]
    return found


async def test_a_shut_door_and_a_clock_that_is_off_are_named_over_real_sockets(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, "ann", "bob") as here:
        ann, bob = here.apps["ann"], here.apps["bob"]
        # Bob's clock on the wall is a day ahead; ann has a firewall that lets no datagram in.
        bob.around = Surroundings(wall=lambda: clock.wall() + 86_400 * SECOND)
        await trio.sleep(2.2)  # both have told their agents what they see

        healthy = await examined(here, "ann")
        there = row(healthy, "ann", "bob")
        assert (there["probe_out"], there["probe_back"], there["stream"]) == ("ok", "ok", "ok")
        assert there["sentence"] is None
        assert [each["name"] for each in there["interfaces"] if each["in_use"]] == ["lo"]
        assert abs(there["clock_offset_ms"] - 86_400_000) <= there["clock_within_ms"] < 1_000
        assert there["key_id"] == ann.here.birth.keys.primary.key_id.hex()

        here.muted.add("bob")
        ann._terrain = Terrain("linux", walls=("nftables",))
        for name in ("ann", "bob"):
            with trio.fail_after(DEAF_SECONDS_MAX):
                while not (said := faults(body := await examined(here, name))):
                    await trio.sleep(0.5)
            assert said == {SHUT.format(ann.gate.port)}
        (finding,) = [
            one for one in (await examined(here, "ann"))["diagnoses"] if one["name"] == "firewall"
        ]
        assert finding["ok"] is False
        assert finding["nodes"] == [row(body, "ann", "bob")["to"]["id"]]


async def test_events_are_followed_over_the_door_and_a_peer_that_goes_is_among_them(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, "ann", "bob") as here:
        told: list[dict[str, Any]] = []

        async def progress(line: dict[str, Any]) -> None:
            told.append(line)

        past = {"type": "events", "follow": False, "since_ms": None}
        granted, body = await here.apps["ann"]._serve_local(past, progress)
        assert granted
        assert body == {"events": len(told)}
        assert [line["number"] for line in told] == list(range(1, len(told) + 1))
        assert {"up", "peer.alive"} <= {line["kind"] for line in told}

        told.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.apps["ann"]._serve_local, {"type": "events"}, progress)
            await trio.testing.wait_all_tasks_blocked(0.01)
            here.apps["bob"].leaving = True
            await here.stop("bob")
            with trio.fail_after(5):
                while not any(line["kind"] == "peer.left" for line in told):
                    await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
        assert not here.apps["ann"].chronicle.is_full
