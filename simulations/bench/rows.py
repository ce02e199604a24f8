"""What a row is, which rows there are, and how they are shown."""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Final, Literal, NamedTuple, TypedDict

Better = Literal["lower", "higher"]
TARGETS: Final = "targets.toml"
LONG: Final = "LONG"
"""Set in the environment: rows that take longer than an area may are measured too."""
_HEADINGS: Final = ("name", "n", "value", "unit", "limit", "ratio", "peer", "target", "")


class Row(TypedDict):
    """One figure, with what it is to be held against. None: not measured, or not set."""

    area: str
    name: str
    n: int
    value: float
    unit: str
    limit: float | None
    peer: float | None
    target: float | None
    better: Better


class Declared(NamedTuple):
    """A row as it is known before anything has run."""

    name: str
    unit: str
    better: Better


class Area:
    """One area and the rows it promises. A figure under any other name is our own bug."""

    def __init__(self, name: str, *rows: Declared) -> None:
        self.name = name
        self.declared = {row.name: row for row in rows}
        assert len(self.declared) == len(rows), f"{name} declares a row twice"

    def row(
        self, name: str, n: int, value: float, *,
        limit: float | None = None, peer: float | None = None,
    ) -> Row:  # fmt: skip
        """The measured row `name`; `n`: over how many."""
        declared = self.declared[name]
        return Row(
            area=self.name,
            name=name,
            n=n,
            value=_short(value),
            unit=declared.unit,
            limit=None if limit is None else _short(limit),
            peer=None if peer is None else _short(peer),
            target=target_of(self.name, name),
            better=declared.better,
        )


@cache
def targets() -> tuple[dict[str, Any], ...]:
    """Every table of targets.toml: {area, name, unit, better} and, where one is set, target."""
    text = resources.files("simulations").joinpath(TARGETS).read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["row"])


def target_of(area: str, name: str) -> float | None:
    """What was promised for this row, if anything was."""
    for table in targets():
        if (table["area"], table["name"]) == (area, name):
            target: float | None = table.get("target")
            return target
    return None


def ratio(row: Row) -> float | None:
    """The value as a multiple of its limit. At the limit it is 1, whichever way is better."""
    return row["value"] / row["limit"] if row["limit"] else None


def met(row: Row) -> bool | None:
    """Whether the target was reached; None when there is none."""
    if row["target"] is None:
        return None
    if row["target"] == 0:
        return row["value"] == 0  # "none at all" can't be gone below
    if row["better"] == "lower":
        return row["value"] < row["target"]
    return row["value"] > row["target"]


def table(rows: Sequence[Row]) -> str:
    """The rows of one area as aligned text: words to the left, figures to the right."""
    cells = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    return "\n".join(_line(line, widths) for line in cells)


def _cells(row: Row) -> tuple[str, ...]:
    times = ratio(row)
    verdict = {None: "", True: "met", False: "MISSED"}[met(row)]
    return (
        row["name"], f"{row['n']:,}", _figure(row["value"]), row["unit"], _figure(row["limit"]),
        "–" if times is None else f"{times:,.3g}×", _figure(row["peer"]), _figure(row["target"]),
        verdict,
    )  # fmt: skip


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    words = (0, 3, len(cells) - 1)
    return "  ".join(
        cell.ljust(width) if column in words else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 or value == round(value) else f"{value:,.4g}"


def _short(value: float) -> float:
    # Four places say more than any of these clocks can; the rest would only look exact.
    return float(f"{value:.4g}") if abs(value) < 10_000 else float(round(value))
