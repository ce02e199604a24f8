import pytest

from mesh.config import MeshConfig, lan


def test_the_defaults_are_a_consistent_set() -> None:
    assert lan() == MeshConfig()


@pytest.mark.parametrize(
    "change",
    [
        {"probe_tries": ()},
        {"probe_tries": (5, 1)},
        {"helpers_after": 1},
        {"helpers_after": 2_000_000_000},
        {"suspicion": 0},
        {"gossip_fanout": 0},
        {"members_max": -1},
        {"beacon_shortest": 10**12},
        {"greet_first": 10**12},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        MeshConfig(**change)  # type: ignore[arg-type] # the table above is heterogeneous
