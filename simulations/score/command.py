"""The command line of the score."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from simulations.score.folder import Unreadable, score_folder
from simulations.score.models import BARS, Score, score

MET, MISSED, MISUSED = 0, 1, 64
FILE_BYTES_MAX: Final = 256 << 20


def main(words: Sequence[str]) -> int:
    """0 when every bar is met, 1 below one, 64 when the file is none of ours."""
    flags = _parser().parse_args(words)
    return _axis(flags) if flags.what == "axis" else _models(flags)


def _axis(flags: argparse.Namespace) -> int:
    try:
        made = score_folder(flags.folder)
    except Unreadable as wrong:
        print(f"score: {wrong}", file=sys.stderr)
        return MISUSED
    print(json.dumps(made.as_json(), indent=2) if flags.json else "\n".join(made.lines()))
    return MET if made.met else MISSED


def _models(flags: argparse.Namespace) -> int:
    try:
        vectors = _read(flags.vectors)
    except (OSError, ValueError) as wrong:
        print(f"score: {flags.vectors}: {wrong}", file=sys.stderr)
        return MISUSED
    made = score(vectors)
    if flags.json:
        print(json.dumps(made.as_json(), indent=2))
    else:
        print("\n".join(_text(made)))
    return MET if made.met() else MISSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulations.score")
    below = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    models = below.add_parser("models", help="model memory against measured models")
    models.add_argument("--vectors", type=Path, required=True, metavar="FILE")
    models.add_argument("--json", action="store_true")
    axis = below.add_parser("axis", help="placement and plain words against AXIS's cases")
    axis.add_argument("--folder", type=Path, required=True, metavar="DIR")
    axis.add_argument("--json", action="store_true")
    return parser


def _read(path: Path) -> list[dict[str, Any]]:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ValueError(f"is larger than {FILE_BYTES_MAX >> 20} MiB")
    told = json.loads(path.read_text(encoding="utf-8"))
    vectors = told.get("vectors") if isinstance(told, dict) else None
    if not isinstance(vectors, list) or not all(isinstance(one, dict) for one in vectors):
        raise ValueError("has no list of vectors")
    return vectors


def _text(made: Score) -> list[str]:
    lines = [f"miss  {miss}" for miss in made.misses]
    lines += ["", f"{'measure':<12}{'points':>8}{'met':>8}{'share':>9}{'bar':>8}"]
    for name, (met, points) in made.tally.items():
        share = met / points if points else 1.0
        verdict = "" if share >= BARS[name] else "  BELOW"
        lines.append(f"{name:<12}{points:>8,}{met:>8,}{share:>9.2%}{BARS[name]:>8.0%}{verdict}")
    lines.append(f"{made.models:,} models; {'every bar is met' if made.met() else 'below the bar'}")
    return lines
