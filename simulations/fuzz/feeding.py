"""The loop: inputs to a target until enough were fed, and a fault in full when there is one.

Each input's time is taken; the memory of each that is one of thousands is, and that of the whole
process now and then, for something small may be kept of each. A machine may be busy with other
things, so an input that was slow is fed twice more before it counts as such, by the time that this
process had.
"""

import resource
import time
import traceback
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

from simulations.fuzz.mutation import dice, mutant, neighbours
from simulations.fuzz.target import Target

SECONDS_MAX: Final = 0.25
"""One input, of 16 KiB at most: a reader of ours takes some microseconds, and a machine that checks
a signature half a millisecond."""
PEAK_BYTES_MAX: Final = 8 * 1024 * 1024
"""What one input may make a reader take while it looks."""
GROWTH_BYTES_MAX: Final = 128 * 1024 * 1024
"""What the process may grow by over one target: its tables fill, and then no more."""
WEIGHED_EVERY: Final = 20_000
NEIGHBOURS_SHARE: Final = 3
"""One third of a target's inputs at most are next neighbours; the rest is drawn."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, with which input, and how to see it again."""

    target: str
    number: int
    """Which of the inputs under this seed."""
    data: bytes
    what: str


@dataclass(slots=True)
class Fed:
    """What one target was fed."""

    inputs: int = 0
    taken: int = 0
    seconds: float = 0.0
    """Of processor time."""
    slowest_ms: float = 0.0
    faults: list[Fault] = field(default_factory=list)


def feed(target: Target, inputs: int, seed: int, faults_max: int = 1) -> Fed:
    """Feed `target` with `inputs` inputs of `seed`; stops at the last fault that is wanted."""
    fed = Fed()
    began, grown_from = time.process_time(), _resident()
    for number, data in enumerate(islice(inputs_of(target, inputs, seed), inputs)):
        what = _one(target, data, fed)
        if what is None and number % WEIGHED_EVERY == WEIGHED_EVERY - 1:
            what = _weigh(target, data, grown_from)
        fed.inputs += 1
        if what is not None:
            fed.faults.append(Fault(target.name, number, data, what))
            if len(fed.faults) >= faults_max:
                break
    if not fed.faults and (what := _checked(target)) is not None:
        fed.faults.append(Fault(target.name, fed.inputs, b"", what))
    fed.seconds = time.process_time() - began
    return fed


def inputs_of(target: Target, inputs: int, seed: int) -> Iterator[bytes]:
    """The inputs of one target under one seed, without end."""
    near = chain.from_iterable(neighbours(example) for example in target.examples)
    # Another seed begins elsewhere among the neighbours, so that many runs see them all.
    roll = dice(f"{target.name} {seed}")
    skipped = int(roll() * 50_000) if seed else 0
    yield from target.examples
    yield from islice(near, skipped, skipped + inputs // NEIGHBOURS_SHARE)
    while True:
        yield mutant(roll, target.examples, target.shape)


def _one(target: Target, data: bytes, fed: Fed) -> str | None:
    began = time.perf_counter()
    try:
        fed.taken += target.feed(data)
    except Exception:  # noqa: BLE001 - to find what nobody has named is the point
        return traceback.format_exc(limit=-6)
    took = time.perf_counter() - began
    if took > SECONDS_MAX:
        took = min(_time(target, data), _time(target, data))
        if took > SECONDS_MAX:
            return f"took {took:.2f} s of processor time"
    fed.slowest_ms = max(fed.slowest_ms, took * 1000)
    return None


def _time(target: Target, data: bytes) -> float:
    began = time.process_time()
    target.feed(data)
    return time.process_time() - began


def _weigh(target: Target, data: bytes, grown_from: int) -> str | None:
    tracemalloc.start()
    target.feed(data)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if peak > PEAK_BYTES_MAX:
        return f"took {peak:,} bytes of memory for {len(data)}"
    if _resident() - grown_from > GROWTH_BYTES_MAX:
        return f"the process grew by {_resident() - grown_from:,} bytes"
    return _checked(target)


def _checked(target: Target) -> str | None:
    try:
        target.check()
    except AssertionError:
        return traceback.format_exc(limit=-6)
    return None


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
