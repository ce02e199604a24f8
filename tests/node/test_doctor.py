"""`doctor` over real sockets: who hears whom, whose door is shut, and whose clock is off."""

from pathlib import Path
from typing import Any

import trio

from mesh.instant import SECOND
from node.core import requests
from node.shell import clock
from node.shell.surroundings import Surroundings
from node.shell.terrain import Terrain
from tests.node.test_app import Village, village

DEAF_SECONDS = 6
"""Each second one question, and several make a silence."""

SHUT = (
    "bob hears ann on lo but ann never hears bob: UDP {} is blocked inbound on ann "
    "(nftables active)"
)


async def examined(here: Village, name: str) -> dict[str, Any]:
    reply = await here.ask(name, requests.Doctor())
    assert reply.ok
    return reply.body


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
        await trio.sleep(DEAF_SECONDS)
        for name in ("ann", "bob"):
            body = await examined(here, name)
            said = [row["sentence"] for row in body["links"] if row["ok"] is False]
            assert set(said) == {SHUT.format(ann.gate.port)}
        (finding,) = [
            one for one in (await examined(here, "ann"))["diagnoses"] if one["name"] == "firewall"
        ]
        assert finding["ok"] is False
        assert finding["nodes"] == [row(body, "ann", "bob")["to"]["id"]]
