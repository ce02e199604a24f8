"""Making a record: chunk after chunk until it holds enough, saved after each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from simulations.campaign import beside
from simulations.campaign.origin import Origin, origin, uncommitted
from simulations.campaign.record import Aim, Record, Unfit, canary_options, load, read, save, sung
from simulations.campaign.swarm import Again, Failure, Live, Swarm, live, swarm
from simulations.campaign.tally import Tally
from simulations.campaign.twice import lived_twice

CHUNK_SEEDS: Final = 200
"""Some minutes of work: what is lost when somebody ends a campaign in the middle of one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """As much as was aimed at. `objections` empty: it is a record."""

    record: Record
    objections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A failure, or a person (None), came first. What was saved before can be resumed."""

    failure: Failure | None
    tally: Tally


def keep(
    path: Path, command: str, aim: Aim, *, workers: int, resume: bool,
    live: Live = live, again: Again = lived_twice,
    progress: Callable[[Tally], object] = lambda _: None,
) -> Kept | Stopped:  # fmt: skip
    """Run until `aim` is reached. Raises Unfit when the record can't be begun or gone on with."""
    if changed := uncommitted():
        raise Unfit(f"a record is of a commit, and {changed[0]} is in none: commit first")
    code = origin()
    record = _opened(path, command, aim, code, resume)
    while not record.reached:
        progress(record.tally)
        chunk = swarm(
            record.next_seed, workers=workers, count=CHUNK_SEEDS, draw=aim.draw,
            live=live, again=again,
            progress=lambda so_far: progress(_both(record.tally, so_far)),
        )  # fmt: skip
        if chunk.interrupted or chunk.failure is not None:
            return Stopped(chunk.failure, _both(record.tally, chunk))
        record.add(chunk.tally, chunk.next_seed)
        save(path, record)
    record.canary = sung(live(canary_options(aim.first_seed)))
    record.beside = beside.lived(aim.first_seed)
    objections = tuple(record.objections())
    if origin() != code:
        objections = (*objections, "the code changed under the campaign: use a checkout of its own")
    record.complete = not objections
    save(path, record)
    return Kept(record, objections)


def judge(path: Path) -> Kept:
    """Judge a record that was lived before by what is demanded now, and write down by which code.
    What was lived stays what it was. Raises Unfit."""
    record = read(path)
    if not record.reached:
        raise Unfit(f"{path.name} is not lived to its end: go on with --resume, on its own code")
    record.beside, record.judged = beside.lived(record.aim.first_seed), origin()
    objections = tuple(record.objections())
    record.complete = not objections
    save(path, record)
    return Kept(record, objections)


def _opened(path: Path, command: str, aim: Aim, code: Origin, resume: bool) -> Record:
    if not resume:
        if path.exists():
            raise Unfit(f"{path.name} is there already: go on with --resume, or choose another")
        return Record(command, code, aim, next_seed=aim.first_seed)
    record = load(path, code)
    if record.aim != aim:
        raise Unfit(f"{path.name} aims at something else: {record.command}")
    return record


def _both(before: Tally, chunk: Swarm) -> Tally:
    both = msgspec.structs.replace(before)
    both.merge(chunk.tally)
    return both
