"""A folder of AXIS's cases: every file of it is scored or named, every miss is told.

Scored are files of the kinds `placement` (cases marked *match*) and `requirements` (all rows).
Other kinds speak of things that are not decided by requests and pictures: they are named. The bar
is every case.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from simulations.score.axis import misses_of_case, misses_of_row

FILE_BYTES_MAX: Final = 64 << 20
MATCH: Final = "match"


class Unreadable(ValueError):
    """The folder, or a file in it, is not what it should be; the message says which and why."""


@dataclass(slots=True)
class FolderScore:
    """What came of one folder."""

    scored: dict[str, tuple[int, int]] = field(default_factory=dict)
    """File name → (cases that agree, cases)."""
    misses: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """File name → why it is not scored."""

    @property
    def met(self) -> bool:
        """Whether there was something to agree with, and we agree with all of it."""
        return bool(self.scored) and not self.misses

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "files": {
                name: {"agree": agree, "cases": cases}
                for name, (agree, cases) in self.scored.items()
            },
            "misses": self.misses,
            "not_scored": self.left_out,
            "met": self.met,
        }

    def lines(self) -> list[str]:
        """For people."""
        told = [f"miss  {miss}" for miss in self.misses]
        told += [f"{name}: {agree} of {cases}" for name, (agree, cases) in self.scored.items()]
        told += [f"{name}: not scored: {why}" for name, why in self.left_out.items()]
        agree = sum(agree for agree, _ in self.scored.values())
        cases = sum(cases for _, cases in self.scored.values())
        return [*told, f"axis: {agree} of {cases} agree"]


def score_folder(folder: Path) -> FolderScore:
    """Every `*.json` of `folder`, in the order of names. Raises Unreadable."""
    if not folder.is_dir():
        raise Unreadable(f"{folder} is no folder")
    score = FolderScore()
    for path in sorted(folder.glob("*.json")):
        told = _read(path)
        match told.get("kind"):
            case "placement":
                _score(score, path, _cases(path, told))
            case "requirements":
                _score(score, path, _rows(path, told))
            case kind:
                score.left_out[path.name] = f"{kind or 'its kind'} is not decided by a picture"
    return score


def _cases(path: Path, told: dict[str, Any]) -> list[tuple[str, list[str]]]:
    defaults = told.get("defaults", {})
    try:
        return [
            (case["id"], misses_of_case(case, defaults))
            for case in told["cases"]
            if case.get("adopt", MATCH) == MATCH
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable(f"{path}: a case is not of the schema: {error!r}") from error


def _rows(path: Path, told: dict[str, Any]) -> list[tuple[str, list[str]]]:
    try:
        return [(repr(row["text"]), misses_of_row(row)) for row in told["rows"]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable(f"{path}: a row is not of the schema: {error!r}") from error


def _score(score: FolderScore, path: Path, found: list[tuple[str, list[str]]]) -> None:
    score.scored[path.name] = (sum(1 for _, misses in found if not misses), len(found))
    score.misses += [f"{path.name} {name}: {miss}" for name, misses in found for miss in misses]


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise Unreadable(f"{path} is larger than {FILE_BYTES_MAX >> 20} MiB")
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Unreadable(f"{path} is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise Unreadable(f"{path} is no table")
    return told
