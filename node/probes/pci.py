"""Cards as the PCI bus shows them; the kernel tells without touching a card."""

from node.probes.card import CARDS_MAX
from node.probes.sources import Roots, names_in, read_word


def display_slots(roots: Roots, vendor: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """PCI addresses of `vendor`'s devices whose class begins as one of `classes`."""
    folder = f"{roots.sys}/bus/pci/devices"
    return tuple(
        slot
        for slot in names_in(folder)
        if read_word(f"{folder}/{slot}/vendor") == vendor
        and (read_word(f"{folder}/{slot}/class") or "").startswith(classes)
    )[:CARDS_MAX]
