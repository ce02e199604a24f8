"""What was decided, as data: frozen, canonical, and the same bytes on every peer.

Integers and text only: a float could be printed in two ways. No age, no clock, and no asker, unless
the objective is `local` and the asker is part of the question.
"""

import hashlib
from typing import NamedTuple

import msgspec

from placement.reasons import Miss, Verdict


class Leg(NamedTuple):
    """So much of one pool: what a hold would ask of the owner."""

    pool: str
    amount: int


class PoolFit(msgspec.Struct, frozen=True, gc=False):
    """How one pool would take it. `left`: of `room`, when this and nothing else is placed."""

    pool: str
    label: str
    unit: str
    amount: int
    room: int
    left: int
    verdict: Verdict


class Metric(msgspec.Struct, frozen=True, gc=False):
    """The one figure that ranked this node. `value` None: nothing was asked and nothing is known.

    `source`: every figure of room is computed, from the books and the owner's published readings.
    """

    name: str
    value: int | None
    unit: str
    pool: str
    source: str


class Fit(msgspec.Struct, frozen=True, gc=False):
    """A node where it can run, with the legs to hold there.

    `score`: 0–100, derived from the metric, for the eye. It decides nothing.
    """

    node: str
    name: str
    verdict: Verdict
    metric: Metric
    score: int
    legs: tuple[Leg, ...]
    pools: tuple[PoolFit, ...]


class PassedOver(msgspec.Struct, frozen=True, gc=False):
    """A node where it cannot, with every failing rule."""

    node: str
    name: str
    verdict: Verdict
    misses: tuple[Miss, ...]


class Change(msgspec.Struct, frozen=True, gc=False):
    """The nearest change that would make `node` fit: the one rule that it fails."""

    node: str
    name: str
    miss: Miss


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer to one question about one picture.

    `fitting` and `counts` are exact over all `considered` nodes; `runners_up` and `passed_over` are
    complete up to a few dozen nodes and the nearest ones beyond (`complete`). `soon`: nodes that
    only wait for their books to open, offered when nothing fits now.
    """

    question: str
    objective: str
    chosen: Fit | None
    runners_up: tuple[Fit, ...]
    soon: tuple[Fit, ...]
    passed_over: tuple[PassedOver, ...]
    changes: tuple[Change, ...]
    considered: int
    fitting: int
    counts: tuple[tuple[str, int], ...]
    complete: bool
    guesses: tuple[str, ...]


def decision_bytes(decision: Decision) -> bytes:
    """Canonical JSON: sorted keys, no spaces. Equal decisions are equal bytes, everywhere."""
    return msgspec.json.encode(decision, order="sorted")


def digest(decision: Decision) -> str:
    """SHA-256 of the decision's bytes, as hex."""
    return hashlib.sha256(decision_bytes(decision)).hexdigest()


def decode_decision(body: bytes) -> Decision:
    """Raises msgspec.MsgspecError on anything but a whole decision."""
    return msgspec.json.decode(body, type=Decision)
