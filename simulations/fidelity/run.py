"""One seed: an evening and what it came to.

The seed draws everything: how many machines, how long things go wrong, which kinds of fault. Two in
five runs draw some kinds, two in five have all of them on, one in five has a single kind in
otherwise fair weather.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Final

from mesh.instant import SECOND, Duration
from simulations.fidelity.evening import CALM, Evening
from simulations.fidelity.faults import CATALOGUE
from simulations.fidelity.scheduling import live
from simulations.fidelity.village import Trace, village
from simulations.verdicts import Stalled

NODES: Final = (2, 3, 3, 4)
CHAOS_SECONDS: Final = (15, 30, 60)
OK: Final = "ok"
VIOLATED: Final = "violated"
STALLED: Final = "stalled"


@dataclass(frozen=True, slots=True)
class Options:
    """All that a run is drawn from."""

    seed: int
    nodes: int
    chaos: Duration
    faults: tuple[str, ...]

    @classmethod
    def draw(cls, seed: int, faults: tuple[str, ...] | None = None) -> "Options":
        """The run that `seed` stands for; `faults` instead of the drawn ones."""
        dice = Random(f"{seed}/fidelity/options")
        nodes, chaos = dice.choice(NODES), dice.choice(CHAOS_SECONDS) * SECOND
        names = list(CATALOGUE)
        mode = seed % 5
        if mode < 2:
            drawn = tuple(name for name in names if dice.random() < 0.4)
        else:
            drawn = (dice.choice(names),) if mode == 4 else tuple(names)
        return cls(seed, nodes, chaos, drawn if faults is None else faults)


@dataclass(slots=True)
class Result:
    """What one run came to."""

    options: Options
    verdict: str = OK
    violations: list[str] = field(default_factory=list)
    trace_hash: str = ""
    operations: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    starts: int = 0
    virtual_seconds: float = 0.0
    wall_seconds: float = 0.0
    told: list[str] = field(default_factory=list)

    @property
    def node_seconds(self) -> float:
        """Simulated seconds times machines."""
        return self.virtual_seconds * self.options.nodes


def run(options: Options) -> Result:
    """Live one seed. Raises only what nobody expected, with the seed as a note on it."""
    result, trace = Result(options), Trace()
    began = time.perf_counter()
    seed = f"{options.seed}/fidelity"

    async def story() -> None:
        async with village(seed, CALM, trace) as here:
            for number in range(options.nodes):
                here.add(f"n{number}")
            evening = Evening(seed, here, options.faults)
            try:
                await evening.live_through(options.chaos)
            finally:
                result.operations, result.outcomes = evening.operations, evening.outcomes
                result.faults, result.crashes = evening.struck, evening.crashes
                result.starts = sum(one.starts for one in here.residents.values())
                result.virtual_seconds = here.now / SECOND

    with _Noting(f"seed {options.seed}"):
        try:
            live(seed, story)
        except* AssertionError as broken:
            result.violations = [_said(error) for error in _leaves(broken)]
            stalled = all(isinstance(error, Stalled) for error in _leaves(broken))
            result.verdict = STALLED if stalled else VIOLATED
    result.trace_hash, result.told = trace.hexdigest(), trace.told
    result.wall_seconds = time.perf_counter() - began
    return result


class _Noting:
    """Writes a note on whatever leaves the block."""

    def __init__(self, note: str) -> None:
        self._note = note

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if error is not None:
            error.add_note(self._note)


def _said(error: AssertionError) -> str:
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = "" if where is None else f" ({where.tb_frame.f_code.co_qualname}:{where.tb_lineno})"
    return f"{error}{place}"


def _leaves(group: BaseExceptionGroup[AssertionError]) -> list[AssertionError]:
    leaves: list[AssertionError] = []
    for inner in group.exceptions:
        leaves += _leaves(inner) if isinstance(inner, BaseExceptionGroup) else [inner]
    return leaves
