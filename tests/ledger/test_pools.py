"""Pool ids say what is counted, and in what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.pools import Unit, unit_of


@pytest.mark.parametrize(
    ("pool", "unit"),
    [
        ("ram", Unit.BYTES),
        ("cpu", Unit.MILLICORES),
        ("disk:/mnt/fast disk", Unit.BYTES),
        ("gpu:GPU-5b7c", Unit.BYTES),
        ("slots:licence", Unit.SLOTS),
        ("unified", Unit.BYTES),
    ],
)
def test_a_pool_id_carries_its_unit(pool: str, unit: Unit) -> None:
    assert unit_of(pool) is unit


@pytest.mark.parametrize("pool", ["", "RAM", "gpu:", "gpu", "ram:1", "vram:0", "disk:" + "x" * 300])
def test_anything_else_is_no_pool(pool: str) -> None:
    assert unit_of(pool) is None


def test_a_pool_id_with_control_characters_is_no_pool() -> None:
    assert unit_of("disk:/mnt\n") is None
    assert unit_of("disk:\ud800") is None


@given(st.text())
def test_any_text_is_a_pool_or_is_not(text: str) -> None:
    assert unit_of(text) in {None, *Unit}
