"""What is asked for: "8GiB ram, 2 cores", or keywords, as the cluster's request document."""

from __future__ import annotations

import re
from typing import Any

from .errors import Misuse

KINDS = {
    "ram": "ram", "memory": "memory", "core": "cpu", "cores": "cpu", "cpu": "cpu",
    "gpu": "gpus", "gpus": "gpus", "vram": "gpus", "disk": "disks",
}  # fmt: skip
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LISTS = ("gpus", "disks")
_AMOUNT = re.compile(r"([a-z]+:)?[0-9]")
"""A number, behind a vendor or a class of disks where it matters: `nvidia:24GB..`."""
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)")


def document(text: str, more: dict[str, Any]) -> dict[str, Any]:
    """`text`: amounts with what they are of, between commas; `more`: keys of a request document.

    Words that are no amounts go as they are, as in "run ollama inference on a 7b model".
    """
    asked: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        amount, _, kind = part.rpartition(" ")
        if kind not in KINDS or not _AMOUNT.match(amount):
            asked = {"words": text}
            break
        key = KINDS[kind]
        if key in _LISTS:
            asked.setdefault(key, []).append(amount)
        elif key in asked:
            raise Misuse(f"{text!r} asks twice for {kind}")
        else:
            asked[key] = f"{amount} cores" if key == "cpu" else amount
    asked.update({key: value for key, value in more.items() if value is not None})
    if not asked:
        raise Misuse('say what is needed, as in "8GiB ram" or ram="8GiB"')
    return asked


def milliseconds(term: str) -> int:
    """`1h`, `90s`, `250ms`."""
    found = _SPAN.fullmatch(term.strip())
    if found is None:
        raise Misuse(f"{term!r} is no time: write 90s, 10m or 1h")
    return round(float(found.group(1)) * SECONDS[found.group(2)] * 1000)
