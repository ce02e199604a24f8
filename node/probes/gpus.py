"""Every card of this machine, asked so that a bad one costs only itself.

Who made a card decides who reads it: NVML (`nvidia.py`), the kernel's own files (`amd.py`,
`intel.py`), a board's (`jetson.py`), or macOS (`apple.py`). A driver that hangs does so inside a
system call, where nothing can end it; so all are asked side by side with `Patience`, each for
itself and against one deadline, and one that has not answered is not asked again before it has. A
card that the kernel has put to sleep is not asked at all: the question would wake it. What is
refused is None with its reason; none is zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

from node.probes import amd, apple, intel, jetson, wsl
from node.probes.card import CARDS_MAX, CardReading
from node.probes.nvidia import Interview, load_nvml, nvidia_slots, read_slot
from node.probes.patience import Answer, Patience
from node.probes.sources import Roots, RunLimited, read_word, sees_the_kernels_pids

Reader: TypeAlias = Callable[[str, tuple[int, ...]], tuple[CardReading, ...]]
"""Asks the card in a slot; the pids are those whose use is wanted. May block, may not raise."""

STARTLESS: Final = "NVML is not installed, or does not start"
CARDS_SECONDS_MAX: Final = 2.0
"""For all cards of one look together."""
INIT_SECONDS_MAX: Final = 2.0
"""Without persistence mode the first question starts the driver, which takes seconds. The first
look does not wait for that: a later one finds what it became."""


class Cards:
    """Every card of this machine, and what is remembered of those that sleep or hang."""

    def __init__(self, roots: Roots, run_limited: RunLimited, nvml: Any = None) -> None:
        """`nvml`: the pynvml module already initialised; None: find it at the first look."""
        self._roots = roots
        self._run_limited = run_limited
        self._nvml = nvml
        self._nvml_note = ""
        self._readers: dict[str, Reader] = {}
        self._slots: tuple[str, ...] | None = None
        self._last: dict[str, tuple[CardReading, ...]] = {}
        self._patience = Patience()

    def look(self, *, search: bool = False, pids: Sequence[int] = ()) -> tuple[CardReading, ...]:
        """All cards now, ordered by UUID. `search`: also look for cards that came or went. `pids`:
        whose use is asked for where a driver tells it process by process only."""
        if self._slots is None or search:
            self._slots = self._find_slots()
        quiet = {slot: why for slot in self._slots if (why := self._why_not(slot)) is not None}
        answers = self._patience.ask(
            {
                slot: partial(self._readers[slot], slot, tuple(pids))
                for slot in self._slots
                if slot not in quiet
            },
            CARDS_SECONDS_MAX,
        )
        cards: list[CardReading] = []
        for slot in self._slots:
            if slot in quiet:
                cards += self._remembered(slot, quiet[slot])
            else:
                cards += self._taken(slot, answers[slot])
        return tuple(sorted(cards, key=lambda card: card.uuid))

    def _find_slots(self) -> tuple[str, ...]:
        self._readers = {}
        for slot in self._nvidia():
            self._readers[slot] = self._ask_nvml
        for slot in amd.slots(self._roots):
            self._readers[slot] = lambda slot, pids: amd.read_card(self._roots, slot, pids)
        for slot in intel.slots(self._roots):
            self._readers[slot] = lambda slot, pids: intel.read_card(self._roots, slot, pids)
        if apple.is_macos():
            self._readers["apple"] = lambda _slot, _pids: apple.read_card(self._run_limited)
        return tuple(self._readers)[:CARDS_MAX]

    def _nvidia(self) -> tuple[str, ...]:
        slots = nvidia_slots(self._roots)
        if self._nvml is None:
            self._start()
        if slots:
            return slots
        # Cards without a PCI device of their own (WSL, Jetson): NVML can count them.
        count = 0
        if self._nvml is not None:
            ask = Interview(self._nvml).ask
            counting = partial(ask, "nvmlDeviceGetCount")
            count = self._patience.ask_one("count", counting, CARDS_SECONDS_MAX) or 0
        if not count and jetson.is_tegra(self._roots):
            return ("tegra",)
        return tuple(f"index:{index}" for index in range(min(count, CARDS_MAX)))

    def _start(self) -> None:
        def start() -> None:
            self._nvml = load_nvml()  # also long after we stopped waiting

        self._patience.ask_one("start", start, INIT_SECONDS_MAX)
        late = self._patience.waits_for("start")
        self._nvml_note = "NVML is still starting" if late else STARTLESS

    def _ask_nvml(self, slot: str, _pids: tuple[int, ...]) -> tuple[CardReading, ...]:
        if slot == "tegra":
            return jetson.completed(self._roots, ())
        cards = read_slot(self._nvml, slot)
        if not sees_the_kernels_pids(self._roots):
            cards = tuple(replace(card, used_by_pid={}, note=_noted(card)) for card in cards)
        if not slot.startswith("index:"):
            return cards
        return jetson.completed(self._roots, cards) if jetson.is_tegra(self._roots) else cards

    def _why_not(self, slot: str) -> str | None:
        """Why this card is not to be asked now."""
        if self._nvml is None and self._readers[slot] == self._ask_nvml and slot != "tegra":
            return self._nvml_note
        if is_asleep(self._roots, slot):
            return "asleep, and not woken to be asked"
        return None

    def _taken(self, slot: str, answer: Answer[tuple[CardReading, ...]]) -> tuple[CardReading, ...]:
        if answer.failure is not None:
            raise answer.failure
        if answer.result is None:
            return self._remembered(slot, "the driver does not answer")
        self._last[slot] = answer.result
        return wsl.shared(answer.result) if wsl.is_wsl(self._roots) else answer.result

    def _remembered(self, slot: str, note: str) -> tuple[CardReading, ...]:
        """What never changes of a card, and nothing that does."""
        cards = self._last.get(slot) or (CardReading(slot, slot=slot),)
        return tuple(
            replace(
                card,
                memory_free=None,
                used_by_pid={},
                utilisation=None,
                temperature=None,
                figures={},
                note=note,
            )
            for card in cards
        )


def _noted(card: CardReading) -> str:
    why = "the driver counts by pids that mean others here: no use is matched to a hold"
    return f"{card.note}; {why}" if card.note else why


def is_asleep(roots: Roots, slot: str) -> bool:
    """Whether the kernel has put the card to sleep; telling does not wake it."""
    status = read_word(f"{roots.sys}/bus/pci/devices/{slot}/power/runtime_status")
    return status == "suspended"
