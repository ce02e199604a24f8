"""What the agent asks of the world: the mesh's effects, and a few of its own.

Carried out by the shell strictly in order; nothing behind a `Persist` happens before it is durable,
except a `Send` marked urgent.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

from ledger.observations import KeptOut, Override, TwinLives
from mesh.effects import Address, Answer, Broadcast, Call, Send
from mesh.identity import NodeId
from mesh.keys.keyring import Keyring
from mesh.persistence import Persist


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of a surface's request: `ok` with a plain JSON-able body, or a refusal."""

    token: int
    ok: bool
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """One line for whoever waits on request `token`; `body` has at least a `sentence`."""

    token: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened that a person or a log may want to know. `kind` is in the catalogue."""

    kind: str
    sentence: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TellBooks:
    """What the ledger has to know. It never leaves the agent."""

    seen: TwinLives | Override | KeptOut


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that the bulletin should tell; it becomes an `Event` with names."""

    kind: str
    sentence: str
    node: NodeId


@dataclass(frozen=True, slots=True)
class Look:
    """Probe the machine again now, not at the next tick: a grant is about to rest on it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Tell us (`report(WorkEnded)`) when this process is gone. `started` guards a reused pid."""

    hold: bytes
    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """We may have forgotten something: the proof of continuity is void from here on. It is made
    anew only once a quarantine is over, so that a crash in one does not skip the next."""


@dataclass(frozen=True, slots=True)
class KeepKeys:
    """These are the mesh's secrets from here on: in the state folder, and under every new stream.
    Nothing behind it happens before it is durable."""

    keys: Keyring


@dataclass(frozen=True, slots=True)
class Stop:
    """We cannot go on safely: end the process with this sentence. A restart is safe.

    `seeds`: this machine is a copy, and may go on only under a new identity, which finds the mesh
    at these addresses.
    """

    sentence: str
    seeds: tuple[Address, ...] | None = None


Effect: TypeAlias = (
    Send
    | Broadcast
    | Call
    | Answer
    | Persist
    | Reply
    | Progress
    | Event
    | Look
    | Watch
    | Doubt
    | KeepKeys
    | Stop
)
