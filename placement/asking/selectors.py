"""`nvidia:24GB..:2`: cards in one word; and disks, and slots.

Parts stand between colons, in any order, each at most once: a vendor, a memory (`24GB` or `24GB..`
for at least so much room; `16GiB..32GiB` for a card with at most 32 GiB in all), a count, and
anything else is looked for in the card's name. The memory is not optional: it is what gets held,
and "a card" without an amount would have to be guessed.
"""

import re
from typing import Final

from placement.amounts import AmountError, parse_bytes
from placement.request import (
    DISK_CLASSES,
    GPU_COUNT_MAX,
    SLOTS_MAX,
    VENDORS,
    DiskNeed,
    GpuSelector,
    RequestError,
    SlotsNeed,
)

SELECTOR_CHARS_MAX: Final = 120
EXAMPLE: Final = "nvidia:24GB..:2"
_MEMORY: Final = re.compile(r"\.\.|[0-9]\s*[kmgtp]i?b?$|[0-9]\s*b$", re.IGNORECASE)
_COUNT: Final = re.compile(r"[0-9]{1,4}")


def parse_gpu_selector(text: str) -> GpuSelector:
    """Raises RequestError with what to write instead."""
    if len(text) > SELECTOR_CHARS_MAX:
        raise RequestError(f"a card selector of {len(text)} characters: write {EXAMPLE}")
    found: dict[str, str] = {}
    for part in (piece.strip() for piece in text.split(":")):
        role = _role(part)
        if not part or role in found:
            raise RequestError(f"{text!r} names the {role} twice or leaves a gap: write {EXAMPLE}")
        found[role] = part
    if "memory" not in found:
        raise RequestError(f"{text!r} does not say how much of the card: write {EXAMPLE}")
    least, most = _range(found["memory"])
    vendor = found.get("vendor", "").lower()
    return GpuSelector(
        memory_min=least,
        memory_max=most,
        vendor=None if vendor in {"", "any"} else vendor,
        count=_count(text, found.get("count", "1")),
        model=found.get("model", ""),
    )


def parse_disk(text: str) -> DiskNeed:
    """`20GiB` or `nvme:20GiB`. Raises RequestError."""
    if len(text) > SELECTOR_CHARS_MAX:
        raise RequestError(f"a disk of {len(text)} characters: write nvme:20GiB")
    disk_class, colon, amount = text.rpartition(":")
    disk_class = disk_class.strip().lower()
    if colon and disk_class not in DISK_CLASSES:
        known = ", ".join(DISK_CLASSES)
        raise RequestError(f"{text!r} names no disk class ({known}): write nvme:20GiB")
    return DiskNeed(amount=_bytes(amount), disk_class=disk_class or None)


def parse_slots(text: str) -> SlotsNeed:
    """`whisper` or `whisper:2`. Raises RequestError."""
    if len(text) > SELECTOR_CHARS_MAX:
        raise RequestError(f"slots of {len(text)} characters: write whisper:2")
    name, colon, count = text.strip().partition(":")
    return SlotsNeed(name, slots_count(count) if colon else 1)


def slots_count(text: str) -> int:
    """A number of slots as people write it. Raises RequestError."""
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > len(str(SLOTS_MAX)):
        raise RequestError(f"{text[:40]!r} is no number of slots: write whisper:2")
    return int(digits)


def _role(part: str) -> str:
    if part.lower() in VENDORS or part.lower() == "any":
        return "vendor"
    if _MEMORY.search(part):
        return "memory"
    # Nobody has 4090 cards; many have a 4090.
    return "count" if _COUNT.fullmatch(part) and int(part) <= GPU_COUNT_MAX else "model"


def _count(text: str, part: str) -> int:
    if int(part) == 0:
        raise RequestError(f"{text!r} asks for no card: write a count from 1 to {GPU_COUNT_MAX}")
    return int(part)


def _range(text: str) -> tuple[int, int | None]:
    least, _, most = text.partition("..")
    if not least.strip():
        raise RequestError(f"{text!r} has no lower end, and that is what is held: write 8GiB..")
    return _bytes(least), _bytes(most) if most.strip() else None


def _bytes(text: str) -> int:
    try:
        return parse_bytes(text)
    except AmountError as error:
        raise RequestError(str(error)) from error
