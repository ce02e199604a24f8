"""What we say of ourselves, and when."""

from node.core.picture.self_image import SelfImage
from node.core.picture.topics import TOPIC_STANDING, decode_standing
from simulations.invented.hardware import GIB, inventory, sample


def test_the_same_inventory_is_told_once() -> None:
    image = SelfImage()
    assert image.inventory_read(inventory("ann", GIB, 4).inventory) is not None
    assert image.inventory_read(inventory("ann", GIB, 4).inventory) is None
    assert image.inventory_read(inventory("ann", 2 * GIB, 4).inventory) is not None


def test_slow_drift_is_measured_against_what_was_told_and_gets_out() -> None:
    image = SelfImage()
    step = 40 << 20
    told = [image.sampled(sample(GIB, 4, ram_foreign=n * step).live) is not None for n in range(5)]
    assert told == [True, False, True, False, True]


def test_a_standing_is_told_when_it_changes_and_not_because_time_passes() -> None:
    image = SelfImage()
    told = image.stands("quarantine", "the marker is gone", 20_000)
    assert told is not None
    assert told.topic == TOPIC_STANDING
    assert decode_standing(told.body).remaining_ms == 20_000
    assert image.stands("quarantine", "the marker is gone", 10_000) is None
    assert image.stands("open", "", None) is not None
