"""Amounts as people write them, and as we count them: whole bytes, millicores and nanoseconds.

Two families of units look alike and differ by 7 % at a gigabyte: GB is 10⁹ bytes, GiB is 2³⁰. Both
are read, neither is ever taken for the other, and a bare number or a bare "G" is refused, because
guessing there is how a machine promises memory that it does not have. We print GiB throughout.

A need is rounded up to the next whole byte and room is printed rounded down: an amount that we
print as possible is possible when typed back.
"""

import re
from fractions import Fraction
from typing import Final

from mesh.instant import HOUR, MILLISECOND, MINUTE, SECOND, Duration

AMOUNT_MAX: Final = 2**62
AMOUNT_CHARS_MAX: Final = 40
KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30

_BYTE_UNITS: Final = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "pb": 10**15,
    "kib": KIB,
    "mib": MIB,
    "gib": GIB,
    "tib": 1 << 40,
    "pib": 1 << 50,
}
_CORE_UNITS: Final = {"m": 1, "core": 1000, "cores": 1000}
_TIME_UNITS: Final = {
    "d": 24 * HOUR,
    "h": HOUR,
    "m": MINUTE,
    "min": MINUTE,
    "s": SECOND,
    "ms": MILLISECOND,
}
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")
_SIGNED: Final = re.compile(r"[-−]\s*[0-9.]")
_NOT_FINITE: Final = re.compile(r"[+-]?(nan|inf|infinity)\b", re.IGNORECASE)


class AmountError(ValueError):
    """The text is not an amount; the message says what to write instead."""


def parse_bytes(text: str) -> int:
    """`4GiB`, `1.5 TB` → bytes. Raises AmountError on anything that leaves room for doubt."""
    number, unit = _split(text, "4GiB")
    if number == 0:
        raise AmountError(f"{text!r} asks for nothing: leave it out, or write 4GiB")
    if unit.lower() in {"", "k", "m", "g", "t", "p", "ki", "mi", "gi", "ti", "pi"}:
        letter = (unit[:1] or "g").upper()
        raise AmountError(
            f"{text!r} has no unit: write {_plain(number)}{letter}iB (binary) "
            f"or {_plain(number)}{letter}B (decimal)"
        )
    if re.fullmatch(r"[KMGTP]i?b", unit):
        raise AmountError(f"{text!r} reads as bits: write {_plain(number)}{unit[:-1]}B for bytes")
    scale = _BYTE_UNITS.get(unit.lower())
    if scale is None:
        raise AmountError(f"{text!r} has an unknown unit: write B, MB, GB, TB, MiB, GiB or TiB")
    exact = number * scale
    if exact.denominator != 1 and (scale == 1 or exact < 1):
        raise AmountError(f"{text!r} asks for a fraction of a byte: write whole bytes")
    return _bounded(text, -(-exact.numerator // exact.denominator), "4GiB")


def parse_cores(text: str) -> int:
    """`500m`, `2 cores`, `0.5 cores` → millicores. Raises AmountError."""
    number, unit = _split(text, "2 cores")
    scale = _CORE_UNITS.get(unit.lower())
    if scale is None or unit == "M":
        raise AmountError(
            f"{text!r} has no unit for cores: write '{_plain(number)} cores', "
            "or thousandths of a core as '500m'"
        )
    exact = number * scale
    if exact.denominator != 1:
        raise AmountError(f"{text!r} is finer than a thousandth of a core: write '500m'")
    return _bounded(text, exact.numerator, "2 cores")


def parse_duration(text: str) -> Duration:
    """`2h`, `90s`, `1d12h`, `1.5h` → nanoseconds. Units fall from left to right."""
    _split(text, "2h")  # the same doubts are refused with the same words
    total = Fraction(0)
    last = AMOUNT_MAX
    rest = text.strip()
    while rest:
        part = _SIZE.match(rest)
        scale = _TIME_UNITS.get(part[2].lower()) if part else None
        if part is None or scale is None:
            raise AmountError(f"{text!r} is not a duration: write 90s, 30m, 2h or 1d12h")
        if scale >= last:
            raise AmountError(f"{text!r} repeats a unit or has them out of order: write 1d12h")
        total += Fraction(part[1]) * scale
        last = scale
        rest = rest[part.end() :].lstrip()
    if total.denominator != 1:
        raise AmountError(f"{text!r} is finer than a nanosecond: write 90s")
    return _bounded(text, total.numerator, "2h")


def format_bytes(count: int, *, up: bool = False) -> str:
    """`12.3 GiB`: at most two decimals, rounded down (room) or up (needs and shortages)."""
    for scale, unit in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if abs(count) >= scale:
            return f"{_hundredths(count, scale, up=up)} {unit}"
    return f"{count} B"


def format_cores(millicores: int) -> str:
    """`2 cores`, `0.5 cores`: exact."""
    whole, rest = divmod(millicores, 1000)
    text = f"{whole}.{rest:03d}".rstrip("0").rstrip(".")
    return f"{text} core" if text == "1" else f"{text} cores"


def format_duration(duration: Duration) -> str:
    """`1d12h`, `90ms`: down to whole milliseconds, shortest units left out when zero."""
    parts: list[str] = []
    rest = duration
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _TIME_UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def format_amount(amount: int, unit: str, *, up: bool = False) -> str:
    """An amount in a pool's unit, for people."""
    match unit:
        case "bytes":
            return format_bytes(amount, up=up)
        case "millicores":
            return format_cores(amount)
        case "slots":
            return f"{amount} slot" if amount == 1 else f"{amount} slots"
        case "basis points":
            return f"{amount / 100:g} %"
        case _:
            return f"{amount} {unit}".strip()


def _split(text: str, example: str) -> tuple[Fraction, str]:
    """Number and unit of the first part; every doubt about the number is refused here."""
    if len(text) > AMOUNT_CHARS_MAX:
        raise AmountError(f"that is {len(text)} characters long: write an amount such as {example}")
    cleaned = text.strip()
    if not cleaned:
        raise AmountError(f"an amount is missing: write {example}")
    if _SIGNED.match(cleaned):
        raise AmountError(f"{text!r} is negative: write how much is needed, such as {example}")
    if _NOT_FINITE.match(cleaned):
        raise AmountError(f"{text!r} is not a number: write {example}")
    found = _SIZE.match(cleaned)
    if found is None or (found.end() < len(cleaned) and not found[2]):
        raise AmountError(f"{text!r} is not an amount: write digits and a unit, such as {example}")
    return Fraction(found[1]), cleaned[found.start(2) :].strip()


def _bounded(text: str, amount: int, example: str) -> int:
    if amount == 0:
        raise AmountError(f"{text!r} asks for nothing: leave it out, or write {example}")
    if amount > AMOUNT_MAX:
        raise AmountError(f"{text!r} is more than any machine has: write {example}")
    return amount


def _plain(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):g}"


def _hundredths(count: int, scale: int, *, up: bool) -> str:
    scaled = count * 100
    whole, rest = divmod(-(-scaled // scale) if up else scaled // scale, 100)
    if not rest:
        return str(whole)
    return f"{whole}.{rest:02d}" if rest % 10 else f"{whole}.{rest // 10}"
