"""The past, as it travels: what a node remembers of work, as the body of a fact.

Rows and not maps, for a node may remember two hundred kinds of work and a fact has its limit. What
is written by somebody else is read with doubt: a row that cannot be is left out, the rest counts.
"""

from typing import Final

import msgspec

from placement.history import FAILURE_KINDS, RECORDS_MAX, Failure, History, Observation, Scope
from placement.request import WORD_CHARS_MAX

TOPIC_HISTORY: Final = "history"
TOLD_BYTES_MAX: Final = 48 * 1024
"""Of one fact, whose limit is 64 KiB; what a node remembers beyond that it does not tell."""
BYTES_MAX: Final = (1 << 63) - 1


class ObservationRow(msgspec.Struct, frozen=True, array_like=True):
    """What past work of one scope took. Memory in bytes, time in milliseconds."""

    workload: str
    engine: str
    tool: str
    model: str
    peak_ram: int | None
    peak_vram: int | None
    wall_ms: int | None
    succeeded: bool
    samples: int


class FailureRow(msgspec.Struct, frozen=True, array_like=True):
    """How often in a row work of one scope went wrong."""

    workload: str
    engine: str
    tool: str
    model: str
    kind: str
    times: int


class PastFact(msgspec.Struct, frozen=True):
    """What a node remembers of work. Published under TOPIC_HISTORY when that changes."""

    observations: tuple[ObservationRow, ...] = ()
    failures: tuple[FailureRow, ...] = ()


def encode_past(history: History) -> bytes:
    """`history`, the first of it where not all of it has room."""
    failures = tuple(FailureRow(*one.scope, one.kind, one.times) for one in history.failures)
    rows = tuple(
        ObservationRow(
            *one.scope, one.peak_ram, one.peak_vram, one.wall_ms, one.succeeded, one.samples
        )
        for one in history.observations
    )
    body = msgspec.msgpack.encode(PastFact(rows, failures))
    while len(body) > TOLD_BYTES_MAX:
        rows, failures = rows[: len(rows) // 2], failures[: max(1, len(failures) * 3 // 4)]
        body = msgspec.msgpack.encode(PastFact(rows, failures))
    return body


def decode_past(body: bytes) -> History:
    """Raises msgspec.MsgspecError on what is no such fact; leaves out rows that cannot be."""
    try:
        fact = msgspec.msgpack.decode(body, type=PastFact)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(f"not readable: {error}") from error
    observations = [one for row in fact.observations[:RECORDS_MAX] if (one := _observation(row))]
    failures = [bad for row in fact.failures[:RECORDS_MAX] if (bad := _failure(row))]
    return History(tuple(observations), tuple(failures))


def scope_of(words: tuple[str, ...]) -> Scope | None:
    """Four words as a scope; None for anything else, and for one that says nothing."""
    if len(words) != len(Scope._fields) or not any(words):
        return None
    if any(len(word) > WORD_CHARS_MAX or not word.isprintable() for word in words):
        return None
    return Scope(*words)


def _observation(row: ObservationRow) -> Observation | None:
    scope = scope_of((row.workload, row.engine, row.tool, row.model))
    figures = [one for one in (row.peak_ram, row.peak_vram, row.wall_ms) if one is not None]
    if scope is None or row.samples < 1 or any(not 0 <= one <= BYTES_MAX for one in figures):
        return None
    return Observation(scope, row.peak_ram, row.peak_vram, row.wall_ms, row.succeeded, row.samples)


def _failure(row: FailureRow) -> Failure | None:
    words = (row.workload, row.engine, row.tool, row.model)
    scope = scope_of(words) if any(words) else Scope()
    if scope is None or row.kind not in FAILURE_KINDS or not 1 <= row.times <= BYTES_MAX:
        return None
    return Failure(scope, row.kind, row.times)
