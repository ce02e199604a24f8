"""What the wire may let through twice, or not let through at all."""

from typing import Any, Final

import pytest

from mesh.door.gate import Gate
from mesh.door.sessions import Session
from mesh.door.window import ReplayWindow
from mesh.kept import board
from mesh.kept.board import Board
from tests.planted.bug import Bug, Course, set_to

RAINY: Final = Course("duplication=10,late-replay=10", 3, 20, 4)

_pin = Board._pin


def counts_every_other_datagram(patch: pytest.MonkeyPatch) -> None:
    seal = Session.seal

    def bent(self: Session, *what: Any) -> bytes:
        sealed = seal(self, *what)
        self._next_out -= self.sent % 8 == 7
        return sealed

    patch.setattr(Session, "seal", bent)


def never_takes_down(patch: pytest.MonkeyPatch) -> None:
    """The sum of a board keeps the words that were replaced."""
    patch.setattr(Board, "_pin", lambda self, author, fact, _held: _pin(self, author, fact, None))


BUGS: Final = (
    Bug(
        "no-replay-window", "a datagram is taken as often as it comes", ("B11",), RAINY,
        set_to(ReplayWindow, "would_accept", lambda *_: True),
    ),
    Bug(
        "replay-window-lost", "after a restart a recorded greeting is taken for a new one",
        ("B11",), Course("late-replay=20,fast-restart=10", 3, 40, 4),
        set_to(Gate, "believes", lambda *_: True),
    ),
    Bug(
        "counter-reused", "a session seals two datagrams under one counter", ("B5",), RAINY,
        counts_every_other_datagram,
    ),
    Bug(
        "digest-never-matches", "what two machines keep never adds up to the same", ("V2",),
        Course("fast-restart=10", 3, 20, 8), never_takes_down,
    ),
    Bug(
        "facts-go-back", "an older word replaces a newer one", ("facts",),
        Course("delay=30,jitter=60,loss=10,foreign-memory=20", 4, 40),
        set_to(board, "supersedes", lambda new, old: new != old),
    ),
)  # fmt: skip
