"""Feed every reader of foreign bytes with bent ones. Exit status 1 when one of them faulted.

python -m simulations.fuzz --inputs 100000 [--seed 1] [--target NAME]… [--record FILE]
python -m simulations.fuzz --abuse [--inputs 100000]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from simulations.fuzz.abuse import rows
from simulations.fuzz.feeding import Fault, Fed, feed
from simulations.fuzz.record import added, written
from simulations.fuzz.registry import chosen
from simulations.fuzz.row import table
from simulations.fuzz.target import Target, shares

INPUTS: Final = 100_000
SHOWN_BYTES_MAX: Final = 400
MISUSED: Final = 64
"""EX_USAGE of sysexits.h."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0: no fault; 1: at least one, told in full."""
    flags = _flags(arguments)
    if flags.abuse:
        return _abuse(flags)
    try:
        targets = chosen(flags.target)
    except LookupError as error:
        _say(str(error.args[0]))
        return MISUSED
    counts = shares(targets, flags.inputs)
    fed = {target.name: _one(target, counts[target.name], flags.seed) for target in targets}
    if flags.record is not None:
        flags.record.write_text(written(added(flags.record, flags.seed, fed)), encoding="utf-8")
    faults = [fault for one in fed.values() for fault in one.faults]
    total = sum(one.inputs for one in fed.values())
    seconds = sum(one.seconds for one in fed.values())
    _say(f"{total:,} inputs in {seconds:,.0f} s of processor time, {len(faults)} faults")
    if flags.json:
        _say(json.dumps({name: _plain(one) for name, one in fed.items()}))
    return 1 if faults else 0


def _abuse(flags: argparse.Namespace) -> int:
    found = rows(flags.inputs / INPUTS)
    _say(table(found))
    if flags.json:
        _say(json.dumps([row.plain for row in found]))
    return 1 if any(row.believed for row in found) else 0


def _one(target: Target, inputs: int, seed: int) -> Fed:
    fed = feed(target, inputs, seed)
    each = 1e6 * fed.seconds / max(1, fed.inputs)
    _say(
        f"{target.name:34} {fed.inputs:>10,} inputs {fed.taken:>9,} taken {each:>8.1f} µs each"
        f" {fed.slowest_ms:>7.1f} ms slowest"
    )
    for fault in fed.faults:
        _tell(fault, seed)
    return fed


def _tell(fault: Fault, seed: int) -> None:
    shown = fault.data[:SHOWN_BYTES_MAX]
    _say(
        f"\nFAULT in {fault.target!r}, input {fault.number} of seed {seed}"
        f" ({len(fault.data)} bytes)\n{shown!r}\n{fault.what}"
    )


def _plain(fed: Fed) -> dict[str, object]:
    return {
        "inputs": fed.inputs, "taken": fed.taken, "cpu_seconds": round(fed.seconds, 1),
        "slowest_ms": round(fed.slowest_ms, 1), "faults": len(fed.faults),
    }  # fmt: skip


def _flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulations.fuzz", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--inputs", type=int, default=INPUTS, help="to all targets together")
    parser.add_argument("--seed", type=int, default=1, help="of every die (1)")
    parser.add_argument("--target", action="append", default=[], help="beginning of a name")
    parser.add_argument("--record", type=Path, metavar="FILE", help="add what was fed to FILE")
    parser.add_argument("--abuse", action="store_true", help="what replays, lies and floods do")
    parser.add_argument("--json", action="store_true", help="the figures as JSON, last")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
