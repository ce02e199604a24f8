"""Jetson: the card is part of the processor, and its memory is main memory.

NVML, where a JetPack has it, knows the name and little else (memory and temperature are not
supported); the load is in a file of the board, in thousandths, and the heat in a thermal zone.

Sources: NVIDIA Jetson Linux developer guide; `/sys/devices/platform/gpu.0/load` as read by
jetson-stats; model names as in `/proc/device-tree/model` of Orin and Xavier boards.
"""

from dataclasses import replace
from typing import Final

from node.probes.card import CardReading
from node.probes.sources import Roots, names_in, read_integer, read_text, read_word

LOADS: Final = (
    "devices/platform/gpu.0/load",
    "devices/platform/17000000.gpu/load",
    "devices/platform/bus@0/17000000.gpu/load",
    "devices/gpu.0/load",
)
"""Where kernels 4.9 to 6.x of the boards put it."""
ZONES: Final = ("gpu-thermal", "GPU-therm")


def is_tegra(roots: Roots) -> bool:
    """Whether this board is one."""
    return "nvidia,tegra" in (read_text(f"{roots.proc}/device-tree/compatible") or "")


def completed(roots: Roots, cards: tuple[CardReading, ...]) -> tuple[CardReading, ...]:
    """NVML's cards with what the board knows; where NVML knows none, the board's one card."""
    board = (read_text(f"{roots.proc}/device-tree/model") or "").rstrip("\x00\n") or "Jetson"
    if not cards:
        serial = (read_text(f"{roots.proc}/device-tree/serial-number") or "").rstrip("\x00\n")
        cards = (CardReading(f"tegra-{serial or 0}", board, source="the board"),)
    return tuple(
        replace(
            card,
            unified=True,
            memory_total=None,
            memory_free=None,
            utilisation=_load(roots) if card.utilisation is None else card.utilisation,
            temperature=_heat(roots) if card.temperature is None else card.temperature,
        )
        for card in cards
    )


def _load(roots: Roots) -> int | None:
    for place in LOADS:
        thousandths = read_integer(f"{roots.sys}/{place}")
        if thousandths is not None and 0 <= thousandths <= 1000:
            return thousandths // 10
    return None


def _heat(roots: Roots) -> int | None:
    folder = f"{roots.sys}/class/thermal"
    for zone in names_in(folder):
        if read_word(f"{folder}/{zone}/type") in ZONES:
            heat = read_integer(f"{folder}/{zone}/temp")
            return None if heat is None or not -40_000 <= heat <= 150_000 else heat // 1000
    return None
