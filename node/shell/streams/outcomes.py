"""How a call to a peer may end when it does not end with an answer, and how often each was."""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum


class Failure(IntEnum):
    """Why a call failed, in the order of how far it came."""

    NO_ADDRESS = 0
    UNREACHABLE = 1
    SILENT = 2
    """Something accepted the connection and then did not go on in time."""
    HANDSHAKE = 3
    NOT_LET_IN = 4
    """The far end closed after our handshake: it does not take our certificate, or it is full."""
    WRONG_PEER = 5
    BAD_FRAME = 6
    DEADLINE = 7
    CUT_OFF = 8
    """The connection ended before the answer came: it may have been carried out or not."""
    REFUSED = 9
    """The service said no; `detail` is its sentence."""
    TOO_LONG = 10
    """The request is larger than a frame holds, and was not sent."""


class StreamFailed(Exception):
    """A call that got no answer."""

    def __init__(self, cause: Failure, detail: str) -> None:
        super().__init__(f"{cause.name.lower().replace('_', ' ')}: {detail}")
        self.cause = cause
        self.detail = detail


@dataclass(slots=True)
class DialCounts:
    """What the dialler did since the start, for `doctor`."""

    dialled: int = 0
    answered: int = 0
    failed: Counter[Failure] = field(default_factory=Counter)
