"""What may be owned twice: a card, a quota, a process."""

from typing import Any, Final

import pytest

from ledger import machine
from ledger.visits import admission
from node.core.processes import Process
from node.core.usage import ties
from node.core.usage.rivals import Rivals
from node.core.usage.ties import Ties
from tests.planted.bug import Bug, Course, set_to

RIVALS: Final = Course("same-card=12,one-kernel=8", 4, 30, 8)
FOUND_AGAIN: Final = Course("found-again=60", 4, 40)
GREEDY: Final = Course("greed=40", 3, 20, 4)
NUMBERS: Final = Course("pid-again=20", 3, 20, 4)
NUMBERS_AND_DEATHS: Final = Course("pid-again=20,kill=10", 3, 30, 4)

_holder_of = ties.holder_of


def pids_are_names(patch: pytest.MonkeyPatch) -> None:
    """A tie is to a number, and outlives what had it."""
    names: dict[int, bytes] = {}

    def holder_of(process: Process, own: Ties, carried: Any) -> bytes | None:
        for tied in own.all():
            names[tied.pid] = tied.hold
        return names.get(process.pid) or _holder_of(process, own, carried)

    patch.setattr(ties, "holder_of", holder_of)


BUGS: Final = (
    Bug(
        "rivals-grant-on", "two who say that one card is theirs both grant it", ("rival",), RIVALS,
        set_to(Rivals, "look", lambda _: ([], [])),
    ),
    Bug(
        "quota-ignored", "who asks gets whatever there is", ("quota",), GREEDY,
        set_to(admission, "over_quota", lambda *_: ("", ())),
    ),
    Bug(
        "anybody-may-force", "who may not force anything does", ("quota",), GREEDY,
        set_to(admission, "_may_not_force", lambda *_: None),
    ),
    Bug(
        "forbidden-pools-and-terms", "a pool is given to whom it is not for, and time beyond its "
        "own", ("quota",), GREEDY, set_to(admission, "forbidden", lambda *_: None),
    ),
    Bug(
        "pid-is-a-name", "who has the pid of a process that was tied has its hold too", ("tie",),
        NUMBERS, pids_are_names,
    ),
    Bug(
        "one-process-two-holds", "a process that is tied is tied to another hold as well",
        ("tie",), NUMBERS, set_to(ties, "holder_of", lambda *_: None),
    ),
    Bug(
        "ties-forgotten", "what ran under a hold runs under none after a restart", ("tie",),
        NUMBERS_AND_DEATHS, set_to(Ties, "restore", lambda *_: []),
    ),
    Bug(
        "outcasts-grant-on", "who was told that it is kept out grants what it is asked for",
        ("told",), FOUND_AGAIN, set_to(machine, "refuse_more", lambda *_: None),
    ),
)  # fmt: skip
