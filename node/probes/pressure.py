"""Pressure stall information: the share of time in which work waited for memory, disk or cores."""

from typing import Final

from node.core.picture.topics import STATUS_UNKNOWN, Metric
from node.probes.sources import Roots, read_text

WATCHED: Final = (("memory", "some"), ("memory", "full"), ("cpu", "some"), ("io", "full"))


def parse_pressure(text: str) -> dict[str, float]:
    """/proc/pressure/*: "some" and "full" → avg10 in percent. Other lines are left out."""
    averages: dict[str, float] = {}
    for line in text.splitlines():
        words = line.split()
        figures = [word.removeprefix("avg10=") for word in words if word.startswith("avg10=")]
        percent = _percent(figures[0]) if figures else None
        if percent is not None and words[0] in ("some", "full"):
            averages[words[0]] = percent
    return averages


def _percent(word: str) -> float | None:
    digits = word.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(word) <= 12):
        return None
    percent = float(word)
    return percent if percent <= 100 else None


def read_pressure(roots: Roots) -> dict[str, Metric]:
    """One metric for each of WATCHED."""
    texts = {what: read_text(f"{roots.proc}/pressure/{what}") for what in ("memory", "cpu", "io")}
    return {
        f"psi_{what}_{kind}_avg10": pressure_metric(what, kind, texts[what])
        for what, kind in WATCHED
    }


def pressure_metric(what: str, kind: str, text: str | None) -> Metric:
    """`text` None: the kernel was built or started without pressure stall information."""
    source = f"/proc/pressure/{what}"
    if text is None:
        return Metric(None, "percent", source, STATUS_UNKNOWN, "the kernel does not measure it")
    percent = parse_pressure(text).get(kind)
    if percent is None:
        return Metric(None, "percent", source, STATUS_UNKNOWN, f"no {kind} line in it")
    return Metric(percent, "percent", source)
