"""What the ledger asks of the agent around it. Order is a promise.

`Append` stands before every `Reply` that rests on it; the agent turns it into a durable write, so
no answer leaves before its entry is on disk.
"""

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from ledger.commands import Answer
from mesh.logs import Base, Block
from mesh.persistence import Persist


@dataclass(frozen=True, slots=True)
class Append:
    """This block continues our own log: persist it, then let the mesh tell everyone."""

    block: Block


@dataclass(frozen=True, slots=True)
class Rebase:
    """Recovery chose `chain` (from our disk and our peers) as our log: it replaces what we had.

    The opening block of the new era follows as an `Append`.
    """

    chain: tuple[Block, ...]
    base: Base | None = None
    """Where it begins, if that is not at height 0."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The answer to the command that was asked with `token`."""

    token: int
    answer: Answer


class Fence(msgspec.Struct, frozen=True, gc=False):
    """This grant is ending and nothing may revive it: end what *we* started under it, look, and
    report `Fenced`. Its room returns only then.

    `lapsed`: nobody gave it back, its carrier fell silent. Work that was started by hand and is
    still watched keeps its room until it is gone: say nothing before.
    """

    hold: bytes
    lapsed: bool = False


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """Whether we grant has changed. `state`, `reason` as in `node.core.picture.topics.Standing`."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should know: one sentence, and the hold it concerns if there is one."""

    code: str
    sentence: str
    hold: bytes | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """This hold was granted, and its asker says what work it is for. It stands before the answer,
    and in no log: what work a hold is for is nobody's promise."""

    hold: bytes
    work: tuple[str, ...]


LedgerEffect: TypeAlias = (
    Append | Rebase | Reply | Fence | StandingChanged | Alarm | Described | Persist
)
