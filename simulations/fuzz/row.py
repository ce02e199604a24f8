"""One row of the table of abuse, and the table as text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

CAUSES_SHOWN: Final = 2


@dataclass(slots=True)
class Row:
    """One kind of abuse."""

    name: str
    inputs: int = 0
    believed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    cpu_us: float = 0.0
    """For each input."""
    refused: Counter[str] = field(default_factory=Counter)
    remark: str = ""

    @property
    def ratio(self) -> float:
        """Bytes answered for each byte put in."""
        return self.bytes_out / max(1, self.bytes_in)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name, "inputs": self.inputs, "believed": self.believed,
            "bytes_in": self.bytes_in, "bytes_out": self.bytes_out,
            "cpu_us_each": round(self.cpu_us, 1), "refused": dict(self.refused.most_common()),
            "remark": self.remark,
        }  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = [f"{'abuse':36} {'inputs':>7} {'believed':>8} {'out/in':>6} {'µs each':>7}"]
    for row in rows:
        causes = ", ".join(f"{count} {why}" for why, count in row.refused.most_common(CAUSES_SHOWN))
        said = "; ".join(part for part in (row.remark, causes) if part)
        figures = f"{row.inputs:>7,} {row.believed:>8} {row.ratio:>6.2f} {row.cpu_us:>7.0f}"
        lines.append(f"{row.name:36} {figures}  {said}")
    return "\n".join(lines)
