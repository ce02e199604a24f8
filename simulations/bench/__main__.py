"""`python -m simulations.bench AREA [--json FILE]`: measure, print a table, keep the rows."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from simulations.bench.rows import LONG, Row, table

AREAS: Final = (
    "placement", "ledger", "mesh", "simulator", "command", "node", "facts", "model",
)  # fmt: skip
ALL: Final = "all"
AREA_SECONDS_MAX: Final = 20 * 60
"""An area that has not ended by then never will."""
LONG_SECONDS_MAX: Final = 4 * 60 * 60
"""Under LONG=1: two and a half hours of them the mesh loses a fifth of its datagrams."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the areas that were named; exit status 0 when all could be measured."""
    options = _parse(arguments)
    rows: list[Row] = []
    for area in AREAS if options.area == ALL else (options.area,):
        rows += _measure(area)
    if options.json is not None:
        text = json.dumps(rows, ensure_ascii=False, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulations.bench", description=__doc__)
    parser.add_argument("area", choices=(*AREAS, ALL), help="what to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    return parser.parse_args(arguments)


def _measure(area: str) -> list[Row]:
    began = time.perf_counter()
    with _time_limit(area):
        rows: list[Row] = import_module(f"simulations.bench.{area}").rows()
    took = time.perf_counter() - began
    sys.stdout.write(f"{area}, measured in {took:.0f} s\n{table(rows)}\n\n")
    sys.stdout.flush()
    return rows


@contextmanager
def _time_limit(area: str) -> Iterator[None]:
    """Too late is like Ctrl-C: what was started is stopped on the way out."""
    seconds_max = LONG_SECONDS_MAX if os.environ.get(LONG) else AREA_SECONDS_MAX
    late = threading.Timer(seconds_max, os.kill, (os.getpid(), signal.SIGINT))
    late.daemon = True
    late.start()
    try:
        yield
    except KeyboardInterrupt:
        if late.finished.is_set():
            raise TimeoutError(f"{area} has not ended after {seconds_max} s") from None
        raise
    finally:
        late.cancel()


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` would ignore it
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
