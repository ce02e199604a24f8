"""Options: everything that one run is made of, drawn from its seed or given by a person.

A seed alone is a run: from it come the number of nodes, how long, which faults and how strong. What
a person gives stands above what is drawn, and the line that repeats a run names all of it, so that
a run which was made smaller can be repeated too.

Of five seeds two are a swarm (some faults, none strong enough to hide another), two have every
fault on, and one is calm but for a single kind, each kind in its turn: long quiet stretches find
what constant disturbance never lets happen, and the other way round (Groce et al., "Swarm Testing",
2012).
"""

import json
import shlex
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import Any, Final, Self

from mesh.instant import SECOND, Duration
from placement.amounts import format_duration
from simulations.faults.catalogue import (
    CATALOGUE,
    Chosen,
    faults_text,
    in_order,
)

NODES: Final = (3, 4, 5, 5, 5, 5, 6, 7)
NODES_MAX: Final = 10_000
HORIZONS: Final = (15, 20, 30, 30, 40, 40, 60, 60, 100, 120)
"""Seconds of chaos. Short ones find most; a long one lets bookings run out and eras pile up."""
DURATION_MAX: Final[Duration] = 24 * 3600 * SECOND
WHOLE_EVERY: Final = 11
"""Every so many seeds of a brief campaign one is as long as it was drawn; prime to the five of a
round, so that each mode has its long ones."""
STRENGTHS: Final = (0.3, 1.0, 1.0, 3.0)
ALONE: Final = 6.0
"""The strength of a kind that is alone: it must happen often to have happened at all."""
OPERATIONS: Final = (6.0, 12.0, 16.0, 24.0)
"""Per second of virtual time, over the whole mesh: bookings crowd each other, or there is no race
to lose."""
ED25519_EVERY: Final = 20
"""Every so many seeds one pays for real signatures."""
SCHEMES: Final = ("stand-in", "ed25519")
MODES: Final = ("swarm", "all", "one", "named")
_ROUND: Final = ("swarm", "all", "swarm", "all", "one")


class BadOptions(ValueError):
    """These options mean no run; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Options:
    """One run. `duration` is that of the chaos; joining and the calm come on top."""

    seed: int
    nodes: int = 5
    duration: Duration = 40 * SECOND
    faults: Chosen = ()
    mode: str = "named"
    operations_per_second: float = 6.0
    scheme: str = "stand-in"
    without: tuple[str, ...] = ()
    """Labels of occurrences that are left out (`simulations.faults.nemesis.Injection`)."""
    canary: bool = False
    """A lie is told to the checkers: the run must fail, or nobody is looking."""

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= NODES_MAX:
            raise BadOptions(f"{self.nodes} nodes: write 1 to {NODES_MAX}")
        if not 0 < self.duration <= DURATION_MAX:
            raise BadOptions("a run lasts more than nothing and at most a day")
        if self.mode not in MODES or self.scheme not in SCHEMES:
            raise BadOptions(f"mode {self.mode!r} or scheme {self.scheme!r} is not known")
        if not 0 <= self.operations_per_second <= 10_000:
            raise BadOptions("operations per second: 0 to 10000")
        if unknown := [name for name, _ in self.faults if name not in CATALOGUE]:
            raise BadOptions(f"no kind of fault is called {unknown[0]!r}")

    @classmethod
    def draw(cls, seed: int, **fixed: Any) -> Self:
        """The run that `seed` stands for; `fixed` fields stand above what is drawn."""
        dice = Random(f"{seed}/options")
        mode = _ROUND[seed % len(_ROUND)]
        drawn: dict[str, Any] = {
            "nodes": dice.choice(NODES),
            "duration": dice.choice(HORIZONS) * SECOND,
            "operations_per_second": dice.choice(OPERATIONS),
            "faults": _faults(mode, seed, dice),
            "scheme": SCHEMES[seed % ED25519_EVERY == 0],
            "mode": "named" if "faults" in fixed else mode,
        }
        return cls(seed, **(drawn | fixed))

    @classmethod
    def brief(cls, seed: int, horizon: Duration) -> Self:
        """As drawn, but no chaos outlasts `horizon`. Every eleventh stays as long as it was:
        what only time brings about (a booking that runs out, eras that pile up) must not go
        missing."""
        drawn = cls.draw(seed)
        if seed % WHOLE_EVERY == 0 or drawn.duration <= horizon:
            return drawn
        return drawn.but(duration=horizon)

    def but(self, **changes: Any) -> Self:
        """The same run with some fields changed."""
        return replace(self, **changes)

    # As text -------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """One line; `from_json` is its inverse."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises BadOptions on anything else than what `to_json` writes."""
        try:
            plain = json.loads(text)
        except json.JSONDecodeError as error:
            raise BadOptions(f"not JSON: {error}") from error
        known = {field.name for field in fields(cls)}
        if not isinstance(plain, dict) or not {"seed"} <= set(plain) <= known:
            raise BadOptions(f"options are a table with some of {', '.join(sorted(known))}")
        plain["faults"] = tuple((name, strength) for name, strength in plain.get("faults", ()))
        plain["without"] = tuple(plain.get("without", ()))
        return cls(**plain)

    @property
    def drawn_alone(self) -> bool:
        """Whether the seed says it all."""
        return self == type(self).draw(self.seed)

    def arguments(self) -> tuple[str, ...]:
        """What to write behind `holdfast simulate` to get this run again."""
        if self.drawn_alone:
            return ("--replay", str(self.seed))
        words = [
            "--seed", str(self.seed), "--nodes", str(self.nodes),
            "--for", format_duration(self.duration), "--faults", faults_text(self.faults),
            "--operations", f"{self.operations_per_second:g}",
        ]  # fmt: skip
        if self.scheme != "stand-in":
            words += ["--scheme", self.scheme]
        if self.without:
            words += ["--without", ",".join(self.without)]
        if self.canary:
            words += ["--canary"]
        return tuple(words)

    @property
    def line(self) -> str:
        """The one line that repeats this run."""
        return shlex.join(("holdfast", "simulate", *self.arguments()))


def _faults(mode: str, seed: int, dice: Random) -> Chosen:
    names = tuple(CATALOGUE)
    if mode == "all":
        return in_order(dict.fromkeys(names, 1.0))
    if mode == "one":
        return ((names[seed // len(_ROUND) % len(names)], ALONE),)
    return in_order({name: dice.choice(STRENGTHS) for name in names if dice.random() < 0.4})
