"""Cards as the PCI bus shows them; the kernel tells without touching a card."""

from node.probes.card import CARDS_MAX
from node.probes.sources import Roots, names_in, read_integer, read_word


def display_slots(roots: Roots, vendor: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """PCI addresses of `vendor`'s devices whose class begins as one of `classes`."""
    folder = f"{roots.sys}/bus/pci/devices"
    return tuple(
        slot
        for slot in names_in(folder)
        if read_word(f"{folder}/{slot}/vendor") == vendor
        and (read_word(f"{folder}/{slot}/class") or "").startswith(classes)
    )[:CARDS_MAX]


def numa_of(roots: Roots, slot: str) -> int | None:
    """The memory node that a card is near to. The kernel writes -1 where there is only one."""
    node = read_integer(f"{roots.sys}/bus/pci/devices/{slot}/numa_node") if slot else None
    return node if node is not None and node >= 0 else None
