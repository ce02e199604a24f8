"""Offers: the text of a share, and the rules by which offers stand beside each other.

Pure: `shares.py` knows who else is there, this file says whether they leave room. Refusals are
sentences that name the agent in the way and what to do about it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from node.probes.memory import MIB

RAM_BYTES_MIN: Final = 16 * MIB
RAM_BYTES_MAX: Final = 2**60
CORES_MAX: Final = 65_536
GPUS_MAX: Final = 64

UNITS: Final[Mapping[str, int]] = {
    **{unit + "iB": 1024**power for power, unit in enumerate("KMGT", 1)},
    **{unit + "B": 1000**power for power, unit in enumerate("kMGT", 1)},
    "KB": 1000,
}


class ShareRefused(Exception):
    """The offer cannot be made. The message is a whole sentence and says what to do."""


class Offer(msgspec.Struct, frozen=True):
    """The part of the machine that one agent may promise. `gpus`: UUIDs, sorted."""

    ram: int
    millicores: int
    gpus: tuple[str, ...] = ()


class ShareRecord(msgspec.Struct, frozen=True):
    """Line 1 of a share's file. `offer` None: the whole machine. `slots`: what they are called."""

    pid: int
    state_folder: str
    offer: Offer | None
    slots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capacity:
    """What there is to share out. None: not known, so not to be promised twice either."""

    ram: int | None
    millicores: int | None
    gpus: tuple[str, ...]


def parse_offer(text: str) -> Offer:
    """`ram=2GiB,cores=1[,gpu=UUID …]`. Raises ShareRefused with a sentence."""
    ram = millicores = 0
    gpus: list[str] = []
    seen: set[str] = set()
    for part in text.split(","):
        name, separator, amount = (piece.strip() for piece in part.partition("="))
        if not separator or name not in ("ram", "cores", "gpu"):
            raise ShareRefused(f"'{part}' is no part of an offer: write ram=2GiB,cores=1,gpu=UUID.")
        if name != "gpu" and name in seen:
            raise ShareRefused(f"The offer names {name} twice: write it once.")
        seen.add(name)
        if name == "ram":
            ram = _parse_bytes(amount)
        elif name == "cores":
            millicores = _parse_cores(amount)
        else:
            gpus.append(_parse_gpu(amount))
    if "ram" not in seen or "cores" not in seen:
        raise ShareRefused("An offer needs both memory and cores: write ram=2GiB,cores=1.")
    if len(set(gpus)) != len(gpus) or len(gpus) > GPUS_MAX:
        raise ShareRefused(f"The offer names a card twice, or more than {GPUS_MAX} cards.")
    return Offer(ram, millicores, tuple(sorted(gpus)))


def _parse_bytes(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,6})?)\s*([A-Za-z]+)?", text)
    if found is None:
        raise ShareRefused(f"ram={text} is not an amount of memory: write it like ram=2GiB.")
    if found[2] not in UNITS:
        raise ShareRefused(f"ram={text} needs a unit: KiB, MiB, GiB or TiB (or kB, MB, GB, TB).")
    amount = int(Decimal(found[1]) * UNITS[found[2]])
    if not RAM_BYTES_MIN <= amount <= RAM_BYTES_MAX:
        raise ShareRefused(f"ram={text} is out of range: offer between 16 MiB and 1 EiB.")
    return amount


def _parse_cores(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)|([0-9]{1,9})m", text)
    if found is None:
        raise ShareRefused(f"cores={text} is not a number of cores: write it like cores=1.5.")
    millicores = int(found[2]) if found[1] is None else int(Decimal(found[1]) * 1000)
    if not 0 < millicores <= CORES_MAX * 1000:
        raise ShareRefused(f"cores={text} is out of range: offer between 0.001 and {CORES_MAX}.")
    return millicores


def _parse_gpu(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9:./_-]{1,128}", text) is None:
        raise ShareRefused(f"gpu={text} is not a card's UUID: `holdfast facts` lists them.")
    return text


def offer_text(offer: Offer) -> str:
    """The offer as it would be written; `parse_offer` reads it back."""
    units = [(name, size) for name, size in UNITS.items() if name.endswith("iB")]
    fitting = [(name, size) for name, size in units if offer.ram % size == 0]
    if fitting:
        name, size = fitting[-1]
        ram = f"{offer.ram // size}{name}"
    else:
        ram = f"{Decimal(offer.ram) / 1000}kB"
    cores = f"{Decimal(offer.millicores) / 1000:f}"
    return ",".join([f"ram={ram}", f"cores={cores}", *(f"gpu={uuid}" for uuid in offer.gpus)])


def check_claim(
    offer: Offer | None, state_folder: str, capacity: Capacity, others: Iterable[ShareRecord],
    slots: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Raises ShareRefused when `offer`, or slots so called, cannot stand beside the others'."""
    others = tuple(others)
    for other in others:
        if other.state_folder == state_folder:
            raise ShareRefused(
                f"{_who(other)} already runs on this state folder: stop it, or choose another "
                "folder with --state."
            )
        if offer is None or other.offer is None:
            _refuse_whole(offer, other)
        _check_slots(slots, other)
    if offer is not None:
        _check_cards(offer, capacity, others)
        _check_amount("ram", offer.ram, capacity.ram, others, lambda one: one.ram)
        _check_amount("cores", offer.millicores, capacity.millicores, others, _millicores)


def _millicores(offer: Offer) -> int:
    return offer.millicores


def _refuse_whole(offer: Offer | None, other: ShareRecord) -> None:
    if other.offer is None:
        raise ShareRefused(
            f"{_who(other)} offers this whole machine: stop it, or start it again with "
            "--offer so that there is a part left."
        )
    assert offer is None
    raise ShareRefused(
        f"{_who(other)} offers {offer_text(other.offer)} of this machine: stop it, or start this "
        "agent with an --offer of its own."
    )


def _check_slots(slots: tuple[str, ...], other: ShareRecord) -> None:
    # How many there are in all nobody can read, so one agent counts them. To share them out is not
    # needed: whoever may ask one agent of a mesh may ask them all.
    twice = [name for name in slots if name in other.slots]
    if twice:
        raise ShareRefused(
            f"{_who(other)} has slots called {', '.join(twice)} already, and of one machine only "
            "one agent may promise them: leave them to it, or declare them here and not there."
        )


def _check_cards(offer: Offer, capacity: Capacity, others: tuple[ShareRecord, ...]) -> None:
    for uuid in offer.gpus:
        for other in others:
            if other.offer is not None and uuid in other.offer.gpus:
                raise ShareRefused(f"{_who(other)} offers the card {uuid}: offer another, or none.")
        if uuid not in capacity.gpus:
            cards = ", ".join(capacity.gpus) or "none"
            raise ShareRefused(f"There is no card {uuid} here. Cards of this machine: {cards}.")


def _check_amount(
    name: str,
    amount: int,
    capacity: int | None,
    others: tuple[ShareRecord, ...],
    of: Callable[[Offer], int],
) -> None:
    show = _show_ram if name == "ram" else _show_cores
    if capacity is None:
        raise ShareRefused(f"How much {name} this machine has is not known, so none can be shared.")
    taken = [(other, of(other.offer)) for other in others if other.offer is not None]
    left = capacity - sum(part for _, part in taken)
    if amount <= left:
        return
    holders = "; ".join(f"{_who(other)} offers {show(part)}" for other, part in taken)
    because = f" ({holders})" if holders else ""
    raise ShareRefused(
        f"{name}: {show(amount)} is more than the {show(max(0, left))} left of "
        f"{show(capacity)} that this machine can share out{because}: offer less, or stop an agent."
    )


def _show_ram(amount: int) -> str:
    return f"{amount / MIB:.0f} MiB"


def _show_cores(millicores: int) -> str:
    return f"{millicores / 1000:g} cores"


def _who(record: ShareRecord) -> str:
    return f"The agent with pid {record.pid} (state folder {record.state_folder})"
