"""Every kind of fault by name, and the names for several of them together."""

import difflib
from typing import Final

from simulations.faults import clocks, disks, identity, machines, network, people, processes
from simulations.faults.fault import STRENGTH_MAX, Fault

CATALOGUE: Final[dict[str, Fault]] = {
    fault.name: fault
    for room in (network, processes, disks, clocks, machines, people, identity)
    for fault in room.FAULTS
}
ROOMS: Final = tuple(dict.fromkeys(fault.room for fault in CATALOGUE.values()))

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "all": tuple(CATALOGUE),
    "none": (),
    **{
        room: tuple(name for name, fault in CATALOGUE.items() if fault.room == room)
        for room in ROOMS
    },
    "lossy": ("loss", "delay", "jitter", "reordering", "duplication"),
    "cuts": ("one-way-cut", "isolation", "partition"),
    "amnesia": ("power-cut", "torn-tail", "lost-batch", "set-back", "lost-disk"),
    "restarts": ("kill", "kill-at-effect", "fast-restart", "slow-restart", "clean-stop"),
    "sleepy": ("pause", "suspend", "slow-node", "clock-leap"),
}
"""Name → the kinds it stands for. Rooms are groups too."""

Chosen = tuple[tuple[str, float], ...]
"""(kind, strength), in the order of the catalogue, each kind once."""


class UnknownFault(ValueError):
    """No such kind or group, or no such strength; the message says what to write instead."""


def read_faults(text: str) -> Chosen:
    """`all`, `lossy,kill=2`, `all,kill=0`: later words win. Raises UnknownFault."""
    chosen: dict[str, float] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, amount = word.partition("=")
        strength = _strength(word, amount) if amount else 1.0
        for kind in _kinds(name.strip()):
            chosen[kind] = strength
    return in_order(chosen)


def in_order(chosen: dict[str, float]) -> Chosen:
    """Without what is switched off, as the catalogue has it."""
    return tuple((name, chosen[name]) for name in CATALOGUE if chosen.get(name, 0) > 0)


def faults_text(chosen: Chosen) -> str:
    """The inverse of `read_faults`: what to write to get exactly these."""
    if dict(chosen) == dict.fromkeys(CATALOGUE, 1.0):
        return "all"
    words = (name if strength == 1 else f"{name}={strength:g}" for name, strength in chosen)
    return ",".join(words) or "none"


def _kinds(name: str) -> tuple[str, ...]:
    if name in CATALOGUE:
        return (name,)
    if name in GROUPS:
        return GROUPS[name]
    known = [*GROUPS, *CATALOGUE]
    near = difflib.get_close_matches(name[:40], known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"groups are {', '.join(GROUPS)}"
    raise UnknownFault(f"{name[:40]!r} is no kind of fault: {hint}")


def _strength(word: str, amount: str) -> float:
    try:
        strength = float(amount)
    except ValueError:
        raise UnknownFault(f"{word[:40]!r}: a strength is a number, 1 is the usual") from None
    if not 0 <= strength <= STRENGTH_MAX:
        raise UnknownFault(f"{word[:40]!r}: a strength is from 0 to {STRENGTH_MAX:g}")
    return strength
