"""How long a person waits for the command, whole process, wall time.

`status` asks a real agent that was started for this. The limit is the bare interpreter doing
nothing, run in turns with the others.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from simulations.bench.agents import machines, start_first
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import NS_PER_MS, median, wall_ns
from simulations.demo.nodes import COMMAND, Node

ROUNDS: Final = 15
BARE: Final = "python -c pass"
WORDS: Final = ("--help", "--version", "status")

AREA: Final = Area(
    "command",
    *(
        Declared(f"start-up of holdfast {words}, {which}", "ms", "lower")
        for words in WORDS
        for which in ("best", "median")
    ),
)


def rows(rounds: int = ROUNDS) -> list[Row]:
    """All rows of the area, over `rounds` runs of each command."""
    with machines("anna") as (anna,):
        start_first(anna)
        taken = _timed(_commands(anna), anna.environment, rounds)
    found: list[Row] = []
    for words in WORDS:
        for which, pick in (("best", min), ("median", median)):
            found.append(
                AREA.row(
                    f"start-up of holdfast {words}, {which}", rounds, pick(taken[words]),
                    limit=pick(taken[BARE]),
                )
            )  # fmt: skip
    return found


def _commands(node: Node) -> dict[str, list[str]]:
    state = ["--state", str(node.state)]
    ours = {words: [str(COMMAND), *state, words] for words in WORDS}
    return {BARE: [sys.executable, "-c", "pass"], **ours}


def _timed(
    commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of each run, by command. The first run of each only warms the disk's cache."""
    taken: dict[str, list[float]] = {words: [] for words in commands}
    for number in range(rounds + 1):
        for words, command in commands.items():
            took = wall_ns(partial(_run, command, environment))
            if number > 0:
                taken[words].append(took / NS_PER_MS)
    return taken


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    # No timeout: with one, subprocess looks for the end at ever longer intervals, and every command
    # seems to take 64 ms. The area's own time limit is enough.
    subprocess.run(
        command, env=environment, check=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
