"""What it costs to look at this machine: all of it once, and how it is doing, again and again.

CPU time, not wall time: a look must not cost the machine what it reports. Tools are not asked for
their versions here; that starts other programs, once per program and change.
"""

import tempfile
from pathlib import Path
from typing import Final

from node.probes.instruments import instruments
from node.probes.inventory import read_inventory
from node.probes.sampler import Sampler
from node.probes.shares import Onlooker
from node.shell import clock
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import best_us

ROUNDS: Final = 30
US_PER_MS: Final = 1000

AREA: Final = Area(
    "facts",
    Declared("full probe", "ms", "lower"),
    Declared("live sample", "ms", "lower"),
)


def rows() -> list[Row]:
    """All rows of the area."""
    tools = instruments()

    def probe() -> None:
        read_inventory(None, {}, tools=tools, ask_versions=False)

    with tempfile.TemporaryDirectory() as folder:
        sampler = Sampler(tools, Onlooker(Path(folder)), clock.now)
        full, live = AREA.declared
        return [
            AREA.row(full, ROUNDS, best_us(probe, ROUNDS) / US_PER_MS),
            AREA.row(live, ROUNDS, best_us(lambda: sampler.sample(()), ROUNDS) / US_PER_MS),
        ]
