"""`python -m simulations.crashes`: die at boundaries, start again, and tell what was found."""

import argparse
import sys
import tempfile
from pathlib import Path

from simulations.crashes import gangs
from simulations.crashes.sweep import Report, sweep
from simulations.truth import sandbox

NOT_PERMITTED = 3


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m simulations.crashes", description=__doc__)
    parser.add_argument("--tries", type=int, default=300, help="SIGKILLs with a start after each")
    parser.add_argument("--all", action="store_true", help="a SIGKILL at every boundary there is")
    parser.add_argument("--every", type=int, default=5, help="of the boundaries looked at alive")
    parser.add_argument("--seed", type=int, default=1, help="which boundaries")
    parser.add_argument("--gangs", type=int, nargs="?", const=len(gangs.CELLS), default=0,
        metavar="CELLS", help="so many stages of a gang over processes, instead")  # fmt: skip
    parser.add_argument("--folder", type=Path, help="on the disk to try")
    asked = parser.parse_args(arguments)
    if asked.gangs:
        return _gangs(asked, arguments)
    folder = asked.folder or Path(tempfile.gettempdir())
    tries = None if asked.all else asked.tries
    report = sweep(folder, tries=tries, every=asked.every, seed=asked.seed)
    print(told(report))
    return 1 if report.faults else 0


def _gangs(asked: argparse.Namespace, arguments: list[str] | None) -> int:
    """Outside: make the sandbox. Inside (`--folder`): the run itself."""
    if asked.folder is None:
        if (reason := sandbox.why_not()) is not None:
            print(f"gangs       not tried here: {reason}")
            return NOT_PERMITTED
        words = sys.argv[1:] if arguments is None else arguments
        return sandbox.run_inside(["-m", "simulations.crashes", *words])
    # The newest stage first: where the asker is surest of itself, somebody else must be too.
    cells = sorted(gangs.CELLS, key=lambda cell: cell.stands is not True)[: asked.gangs]
    wrong = gangs.run(asked.folder, cells)
    print(gangs.told(cells, wrong))
    return 1 if wrong else 0


def told(report: Report) -> str:
    """For people."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in report.kinds.most_common())
    lines = [
        f"boundaries  {report.boundaries}: {kinds}",
        f"looked at   {report.looked} by another reader, while the story went on",
        f"killed at   {report.killed}, and started again"
        + (f" ({report.outlived} were over before)" if report.outlived else ""),
        f"faults      {len(report.faults)}, in {report.seconds:.0f} s",
    ]
    return "\n".join([*lines, *report.faults])


if __name__ == "__main__":
    sys.exit(main())
