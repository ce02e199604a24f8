"""Agents in networks as people have them. The wirings hold the limits; slow ones are for `make`."""

import json
import subprocess
import sys

import pytest

from simulations.networks.wirings import WIRINGS
from simulations.truth import sandbox

NOT_HERE = sandbox.why_not()
ON_DEMAND = ("one-way-alone", "one-way-with-a-helper", "by-a-helper-alone")
"""A death takes its time, and so does waiting for none."""
HERE = [wiring.name for wiring in WIRINGS if wiring.name not in ON_DEMAND]


@pytest.mark.skipif(NOT_HERE is not None, reason=str(NOT_HERE))
@pytest.mark.parametrize("wiring", HERE)
def test_everyone_finds_everyone_in(wiring: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulations.networks", "--json", wiring],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"]
    assert told["seconds"]


def test_a_wiring_that_is_not_there_is_refused_with_those_that_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulations.networks", "no-such"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "two-cables" in done.stderr
