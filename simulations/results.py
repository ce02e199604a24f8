"""What one run came to: a verdict, what was broken, and the counts that show it was a real run."""

from dataclasses import dataclass, field
from typing import Any, Final

from mesh.instant import in_seconds
from simulations.options import Options

OK: Final = "ok"
VIOLATED: Final = "violated"
"""A promise was broken, or an agent stopped itself on an assertion of its own."""
STALLED: Final = "stalled"
"""Something that must come never came."""
DIVERGED: Final = "diverged"
"""The same options lived twice were two histories."""
INTERNAL: Final = "internal"
"""The simulator itself is wrong: no verdict on the product."""

EXIT_CODES: Final = {OK: 0, VIOLATED: 2, STALLED: 3, DIVERGED: 4, INTERNAL: 6}


@dataclass(frozen=True, slots=True)
class Result:
    """One run. `violations` begin with the promise, as `B1: …`; the first is what ended it."""

    options: Options
    verdict: str
    violations: tuple[str, ...]
    trace_hash: str
    operations: dict[str, int]
    """granted | refused | unknown → how many answered operations ended so."""
    unheard: int
    """Operations whose asker's agent died first: no answer, and not counted as one."""
    changed: int
    """Of those, how many changed a book."""
    kinds: dict[str, int]
    """`reserve: granted`, `post: too late` … → how many."""
    faults: dict[str, int]
    states: dict[str, int]
    """Rare states of `simulations.coverage` that were reached → how often."""
    checks: dict[str, int]
    """Promise → how often it was checked."""
    struck: tuple[str, ...]
    """Labels of the faults that happened, in order: what `Options.without` may name."""
    virtual_seconds: float
    wall_seconds: float
    transcript_tail: tuple[str, ...] = field(default=())

    @property
    def seed(self) -> int:
        return self.options.seed

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def answered(self) -> int:
        return sum(self.operations.values())

    def to_json(self) -> dict[str, Any]:
        """The documented keys first; more may follow."""
        return {
            "seed": self.seed,
            "verdict": self.verdict,
            "violations": list(self.violations),
            "trace_hash": self.trace_hash,
            "operations": self.operations,
            "faults": self.faults,
            "virtual_seconds": self.virtual_seconds,
            "wall_seconds": self.wall_seconds,
            "changed": self.changed,
            "unheard": self.unheard,
            "kinds": self.kinds,
            "states": self.states,
            "checks": self.checks,
            "nodes": self.options.nodes,
            "chaos_seconds": in_seconds(self.options.duration),
            "replay": self.options.line,
        }
