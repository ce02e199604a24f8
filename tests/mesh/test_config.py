from dataclasses import replace

import pytest

from mesh.config import MeshConfig, balanced, fast, lan
from mesh.instant import SECOND


def test_the_defaults_are_a_consistent_set() -> None:
    assert lan() == balanced() == MeshConfig()


def test_the_fast_profile_differs_in_how_long_a_suspect_has_and_in_nothing_else() -> None:
    assert replace(fast(), suspicion=4 * SECOND, suspicion_stretch=3) == balanced()


@pytest.mark.parametrize(
    "change",
    [
        {"probe_period": 0},
        {"helpers_count": 0},
        {"suspicion": -1},
        {"suspicion_stretch": 0},
        {"gossip_fanout": 0},
        {"members_max": -1},
        {"beacon_shortest": 10**12},
        {"greet_first": 10**12},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        MeshConfig(**change)  # type: ignore[arg-type] # the table above is heterogeneous
