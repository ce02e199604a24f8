"""Why a node is passed over: the codes, in the order of checking, and how bad each is."""

from enum import Enum
from typing import Final

import msgspec


class Reason(Enum):
    """One code per rule. The order is the order of checking, of counting and of showing."""

    place: int
    """In that order, from 0. Said by each itself: to look it up takes longer than to tell of it."""

    def __init__(self, _words: str) -> None:
        self.place = len(type(self).__members__)

    NOT_ALIVE = "not alive"
    QUARANTINED = "quarantined"
    BOOKINGS_CLOSED = "bookings closed"
    CLOSED = "closed"
    OUTCAST = "kept out"
    DISK_FULL = "disk full"
    STANDING_UNKNOWN = "standing unknown"
    SUSPECT = "suspect"
    OTHER_OS = "other os"
    OTHER_ARCH = "other arch"
    TOOL_MISSING = "tool missing"
    LABEL_DIFFERS = "label differs"
    POOL_MISSING = "pool missing"
    POOL_NOT_OPEN = "pool not open"
    ROOM_UNKNOWN = "room unknown"
    NOT_ENOUGH_ROOM = "not enough room"
    NOT_TOGETHER = "fits singly, not together"
    NO_SUCH_DEVICE = "no such device"
    NOT_ENOUGH_DEVICES = "not enough devices"
    OTHER_DISK_CLASS = "other disk class"
    PRESSURE = "memory pressure"
    BATTERY_LOW = "battery low"
    TOO_HOT = "too hot"
    FAILED_BEFORE = "failed before"
    PEAK_TOO_HIGH = "took more before"
    PINNED_ELSEWHERE = "pinned elsewhere"


SOON: Final = (Reason.QUARANTINED, Reason.BOOKINGS_CLOSED)
"""Reasons that end by themselves: a node with no other is offered as `soon` when nothing fits."""

DOUBTS: Final = (Reason.ROOM_UNKNOWN, Reason.STANDING_UNKNOWN)
"""Reasons that say we don't know, rather than no."""


class Verdict(Enum):
    """How well something fits, from best to worst. A candidate's is the worst of its pools'."""

    FITS = "fits"
    TIGHT = "tight"
    UNKNOWN = "unknown"
    NO = "no"


TIGHT_SHARE: Final = 10
"""Less than a tenth of the room left afterwards is tight: one browser tab away from swapping."""


def verdict_of(room: int, left: int, unit: str = "bytes") -> Verdict:
    """Fits or tight, for an amount that leaves `left` of `room`."""
    if unit == "slots":
        return Verdict.FITS  # nothing else eats of them: the last is as good as the first
    return Verdict.TIGHT if left * TIGHT_SHARE < room else Verdict.FITS


_BADNESS: Final = {verdict: place for place, verdict in enumerate(Verdict)}


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of several; nothing asked of anything fits."""
    return max(verdicts, key=_BADNESS.__getitem__, default=Verdict.FITS)


class Miss(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One failing rule of one candidate.

    `subject`: what was asked for (a pool, a tool, a system). `found`: what is there instead, in
    words. `need`, `have` and `missing` are in `unit`; None where an amount makes no sense or is not
    known. `total`: all there is of it even when empty, so "too small" and "too full" differ.
    `option`: the option of the command that asked for it.
    """

    reason: Reason
    subject: str
    found: str = ""
    need: int | None = None
    have: int | None = None
    missing: int | None = None
    total: int | None = None
    unit: str = ""
    option: str = ""


def short_of(
    reason: Reason,
    subject: str,
    need: int,
    have: int,
    unit: str,
    *,
    total: int | None = None,
    option: str = "",
) -> Miss:
    """A shortage in figures."""
    return Miss(reason, subject, "", need, have, need - have, total, unit, option)
