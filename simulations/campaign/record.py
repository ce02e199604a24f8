"""A record: a campaign that a stranger can repeat, and its counts.

It says what was run (command, commit, versions), how much (seeds, answered operations, faults, rare
states), and what was looked at how often. It grows in chunks, and is saved after each, so a long
one may end at any time and go on another day; only ever with the very same code. The counts of one
set of seeds do not depend on how they were cut into chunks, and `history` is one number for all
that happened: whoever repeats it gets the same.

A record that has shown too little is refused: too few books changed, a fault that never struck, a
rare state that was never reached, a promise that nobody looked at, a canary that sang to the deaf.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from mesh.instant import SECOND
from simulations.campaign.beside import Beside
from simulations.campaign.origin import Origin
from simulations.campaign.tally import Tally
from simulations.coverage import BESIDE, never_reached, never_struck
from simulations.options import Options
from simulations.results import OK, Result

SHARE_CHANGED_MIN: Final = 0.4
"""Of all answered operations. Refusals are cheap: a million of them would show little."""
SUMS: Final[Mapping[str, tuple[str, ...]]] = {
    "double grants": ("I3", "G1", "G2"),
    "lost confirmed leases": ("B1", "B13"),
    "unbalanced journals": ("I1", "I2", "I4"),
}
"""What a record says in plain words → the promises that say it in the checks."""


class Aim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a record must hold at least."""

    operations: int
    """Answered ones."""
    seeds: int
    first_seed: int
    horizon_s: int | None = None
    """No chaos is longer, but that of every eleventh seed (`Options.brief`). None: as drawn."""

    def draw(self, seed: int) -> Options:
        """The run that `seed` stands for in this campaign."""
        if self.horizon_s is None:
            return Options.draw(seed)
        return Options.brief(seed, self.horizon_s * SECOND)


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The run that must fail, and how it did."""

    line: str
    verdict: str
    violations: tuple[str, ...]


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """As it lies in its file."""

    command: str
    origin: Origin
    aim: Aim
    next_seed: int
    complete: bool = False
    found: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    """In plain words: what must be nought."""
    looked: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    """How often it was looked for."""
    canary: Canary | None = None
    beside: tuple[Beside, ...] = ()
    """Lives that reach what no drawn one comes to."""
    judged: Origin | None = None
    """By which code it was judged, where that is not the code that was lived."""
    tally: Tally = msgspec.field(default_factory=Tally)

    @property
    def reached(self) -> bool:
        """Whether it holds as much as it should."""
        tally, aim = self.tally, self.aim
        return tally.answered >= aim.operations and tally.seeds >= aim.seeds

    def add(self, chunk: Tally, next_seed: int) -> None:
        """All seeds up to `next_seed`."""
        self.tally.merge(chunk)
        self.next_seed = next_seed
        for words, promises in SUMS.items():
            self.looked[words] = sum(self.tally.checks.get(one, 0) for one in promises)
            self.found[words] = sum(self.tally.broken.get(one, 0) for one in promises)

    def objections(self) -> list[str]:
        """Why this shows too little, in sentences; none when it is a record."""
        tally = self.tally
        said = [] if self.reached else ["it does not hold what it aims at"]
        if tally.share_changed < SHARE_CHANGED_MIN:
            said.append(
                f"only {tally.share_changed:.0%} of the answered operations changed a book, and "
                f"{SHARE_CHANGED_MIN:.0%} must"
            )
        said += [f"this never struck: {one}" for one in never_struck(tally.faults, tally.seeds)]
        said += [f"never reached: {one}" for one in never_reached(tally.states, tally.seeds)]
        said += self._beside()
        said += [f"nobody ever looked for {words}" for words, n in self.looked.items() if not n]
        said += [f"{n} {words}" for words, n in self.found.items() if n]
        if tally.verdicts != {OK: tally.seeds}:
            said.append(f"not every seed passed: {dict(tally.verdicts)}")
        if not tally.lived_twice:
            said.append("no seed was lived twice")
        if self.canary is None or self.canary.verdict == OK:
            said.append("the run that must fail did not: nobody is looking")
        return said

    def _beside(self) -> list[str]:
        """What the lives beside the drawn ones have not shown."""
        seen = Counter[str](self.tally.states)
        for life in self.beside:
            if life.verdict == OK:
                seen.update(life.states)
        failed = [f"{life.line} is {life.verdict}" for life in self.beside if life.verdict != OK]
        unseen = [one for one in BESIDE if not seen[one]]
        return [*failed, *(f"never reached, nor by {BESIDE[one]}: {one}" for one in unseen)]


class Unfit(ValueError):
    """This record cannot go on; the message says why."""


def canary_options(seed: int) -> Options:
    """A run in which a lie is told to the checks."""
    return Options.draw(seed, canary=True)


def sung(result: Result) -> Canary:
    """What came of the canary's run."""
    return Canary(result.options.line, result.verdict, result.violations)


def read(path: Path) -> Record:
    """A record as it lies there, of whatever code. Raises Unfit when it is none at all."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        raise Unfit(f"{path.name} was never begun: leave out --resume") from None
    except msgspec.MsgspecError as error:
        raise Unfit(f"{path.name} is no record of ours: {error}") from error


def load(path: Path, origin: Origin) -> Record:
    """A record that was begun. Raises Unfit when it is of other code, or no record at all."""
    record = read(path)
    # The commit may have moved on, as long as not one line of what is run has changed.
    if msgspec.structs.replace(record.origin, commit=origin.commit) != origin:
        raise Unfit(f"{path.name} was begun with other code or libraries: begin a new one")
    return record


def save(path: Path, record: Record) -> None:
    """All of it or none of it, whenever this is interrupted."""
    text = msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=1)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(text + b"\n")
    beside.replace(path)
