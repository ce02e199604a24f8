"""Slots of described machines: promised, waited for and given back, with every check."""

import re
from pathlib import Path

import pytest

from mesh.instant import HOUR, MINUTE
from node.cli.render import Ink
from simulations.faults.catalogue import read_faults
from simulations.whatif.findings import findings
from simulations.whatif.table import BadFile
from simulations.whatif.tables import lines
from tests.simulations.whatif.files import ONE_MACHINE, cluster, studied

SPEAKS = ONE_MACHINE + "slots = { whisper = 2, licence = 1 }\n"
ANNA = """
[[job]]
name = "speech"
request = { slots = ["whisper"], ram = "64MiB" }
count = 3
at = "1m"
runs = "20m"
principal = "anna"
"""


def test_who_finds_no_slot_free_waits_until_one_is_given_back(tmp_path: Path) -> None:
    found = findings(studied(tmp_path, SPEAKS, ANNA, HOUR))
    assert (found["total"]["placed_at_once"], found["total"]["placed_later"]) == (2, 1)
    whisper = next(pool for pool in found["pools"] if pool["pool"] == "slots:whisper")
    assert (whisper["total"], whisper["promised_peak"], whisper["promised_mean"]) == (2, 2, 1.0)
    (anna,) = found["principals"]
    assert anna["taken"]["slots_slot_hours"] == 1, "three times twenty minutes"
    told = "\n".join(lines(found, Ink(on=False)))
    assert re.search(r"slots +3 slots +1 slot +2 slots +0 slots", told)
    assert "1 slot·h" in told


def test_slots_are_kept_through_a_mesh_in_which_much_goes_wrong(tmp_path: Path) -> None:
    machines = SPEAKS + ONE_MACHINE.replace("attic", "cellar")
    jobs = ANNA.replace("20m", "2m")
    study = studied(tmp_path, machines, jobs, 15 * MINUTE, faults=read_faults("lossy"))
    assert (study.verdict, study.violations) == ("ok", ())
    assert [asker.placed and asker.placed.machine for asker in study.askers] == ["attic"] * 3


@pytest.mark.parametrize("slots", ['["whisper"]', "{ whisper = -1 }", '{ "a b" = 1 }', "3"])
def test_slots_that_cannot_be_are_refused_with_their_table(tmp_path: Path, slots: str) -> None:
    with pytest.raises(BadFile, match=r"machines\.toml, line 2: .* 'attic': slots: "):
        cluster(tmp_path, ONE_MACHINE + f"slots = {slots}\n")
