"""A measurement over real streams: what it says was really carried, and both ends can use it."""

from pathlib import Path

from node.core import requests
from node.core.picture.throughputs import TIMED_BYTES_MIN
from node.core.reachability.measuring import ROUNDS
from tests.node.test_app import village


async def test_a_link_is_measured_both_ways_over_real_streams(tmp_path: Path) -> None:
    async with village(tmp_path, "ann", "bob") as here:
        before = here.apps["ann"].dialler.counts.answered
        reply = await here.ask("ann", requests.Measure("bob"))
        (link,) = reply.body["links"]
        assert (link["name"], link["answered"]) == ("bob", True)
        # A loopback that needs a second for a megabyte is no loopback.
        assert link["received_bytes_per_second"] > 8 * TIMED_BYTES_MIN
        assert link["sent_bytes_per_second"] > 8 * TIMED_BYTES_MIN
        assert here.apps["ann"].dialler.counts.answered >= before + 2 * ROUNDS
        shown = here.apps["ann"].agent.knowledge.timings
        assert shown.of(here.apps["bob"].here.birth.identity.id, 0) is not None
