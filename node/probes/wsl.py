"""Windows Subsystem for Linux: Linux in a machine that belongs to Windows.

Its cards have no PCI device here and are counted by NVML. Windows uses them too: what it takes is
missing from `free` and belongs to no process that can be seen, and its driver may move a card's
memory into RAM when the card is full, so that a job runs slowly instead of failing.
"""

from dataclasses import replace
from typing import Final

from node.probes.card import CardReading
from node.probes.sources import Roots, read_word

NOTE: Final = "Windows shares this card, and its driver may move memory of it into RAM"


def is_wsl(roots: Roots) -> bool:
    """Whether this kernel is Microsoft's."""
    return "microsoft" in (read_word(f"{roots.proc}/sys/kernel/osrelease") or "").lower()


def shared(cards: tuple[CardReading, ...]) -> tuple[CardReading, ...]:
    """The cards, with what to know about them."""
    return tuple(replace(card, note="; ".join(filter(None, (card.note, NOTE)))) for card in cards)
