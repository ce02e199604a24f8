"""A seed lived in two processes is one history; where it is not, the first event that differs."""

import sys
from subprocess import CalledProcessError
from typing import Final

import pytest

from mesh.instant import SECOND
from simulations.campaign.origin import source
from simulations.campaign.twice import FRESH, Divergence, Moved, lived_twice
from simulations.options import Options

SMALL: Final = Options(
    7, nodes=2, duration=2 * SECOND, faults=(("loss", 6.0), ("kill", 6.0)),
    operations_per_second=3.0,
)  # fmt: skip
BEGIN: Final = """
from simulations.campaign import fresh
{planted}
fresh.main()
"""


def fresh_with(planted: str) -> tuple[str, ...]:
    """A fresh process in which somebody has broken something first."""
    return (sys.executable, "-c", BEGIN.format(planted=planted))


def test_a_seed_is_one_history_in_a_process_whose_strings_hash_otherwise() -> None:
    assert lived_twice(SMALL, source(), FRESH) is None


def test_where_two_lives_part_the_first_event_that_differs_is_named() -> None:
    planted = """
from simulations.invented.world import World
arrived = World._arrived
def bent(self, target, datagram, source):
    arrived(self, target, datagram + b"!" * (self.now > 1_500_000_000), source)
World._arrived = bent
"""
    parted = lived_twice(SMALL, source(), fresh_with(planted))
    assert isinstance(parted, Divergence)
    assert parted.second == 1
    assert parted.here.startswith("   1.5")
    assert "hears" in parted.here
    assert parted.there.split()[:4] == parted.here.split()[:4]
    assert parted.there != parted.here
    assert "part in virtual second 1" in parted.sentence


def test_a_verdict_that_differs_without_an_event_is_told_too() -> None:
    planted = """
from simulations.run import Run
Run._calm = lambda run: None
"""
    parted = lived_twice(SMALL, source(), fresh_with(planted))
    assert isinstance(parted, Divergence)
    assert "part in virtual second" in parted.sentence


def test_code_that_changed_on_the_disk_meanwhile_is_no_divergence() -> None:
    moved = lived_twice(SMALL, "other code", FRESH)
    assert isinstance(moved, Moved)
    assert "begin again" in moved.sentence


def test_a_fresh_process_that_fails_is_no_pass() -> None:
    with pytest.raises(CalledProcessError, match="exit status 9"):
        lived_twice(SMALL, source(), (sys.executable, "-c", "raise SystemExit(9)"))
