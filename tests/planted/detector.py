"""What the detector may do wrong: whom it doubts, whose word it takes, and how long it waits."""

from typing import Any, Final

import pytest

from mesh.identity import NodeId
from mesh.roll.membership import Liveness
from mesh.watch.fitness import Fitness
from mesh.watch.lookout import Lookout
from mesh.watch.suspicion import Due, Suspicions
from tests.planted.bug import Bug, Course, set_to

DEATHS: Final = Course("slow-restart=15", 5, 40, 2)
CUT_OFF: Final = Course("isolation=12", 6, 50, 2)
SLOW: Final = Course("slow-node=20", 5, 40, 2)
SLEEPY: Final = Course("pause=15", 4, 40, 2)
GONE: Final = Course("off-for-good=60", 5, 30, 2)
DEAF: Final = Course("slow-restart=15,loss=15", 5, 40, 2)

_accused, _due, _doubt, _reported = (
    Lookout.accused, Suspicions.due, Suspicions.doubt, Lookout.reported,
)  # fmt: skip


def death_by_hearsay(patch: pytest.MonkeyPatch) -> None:
    """Whoever is accused is given up, and nobody looks for himself."""

    def accused(
        self: Lookout, target: NodeId, epoch_counter: int, accuser: NodeId, now: int
    ) -> list[Any]:
        effects = _accused(self, target, epoch_counter, accuser, now)
        member = self._roll.member(target)
        if member is None or member.liveness not in (Liveness.ALIVE, Liveness.SUSPECT):
            return effects
        return [*effects, *self._roll.suspect(target), *self._bury(target, now)]

    patch.setattr(Lookout, "accused", accused)


def no_last_look(self: Suspicions, now: int) -> list[Due]:
    return [Due(due.target, over=True) for due in _due(self, now)]


def counts_thrice(self: Suspicions, target: NodeId, doubter: NodeId, now: int) -> None:
    for echo in (b"", b"1", b"2"):
        _doubt(self, target, NodeId(doubter + echo), now)


def a_no_is_a_yes(
    self: Lookout, target: NodeId, _alive: bool, helper: NodeId, now: int
) -> list[Any]:
    return _reported(self, target, True, helper, now)


BUGS: Final = (
    Bug(
        "death-by-hearsay", "an accusation is a death", ("death",), DEATHS, death_by_hearsay,
    ),
    Bug(
        "no-last-look", "nobody looks again before a death", ("death",), DEATHS,
        set_to(Suspicions, "due", no_last_look),
    ),
    Bug(
        "accuser-counts-thrice", "one doubt counts as three", ("death",), DEAF,
        set_to(Suspicions, "doubt", counts_thrice),
    ),
    Bug(
        "freeze-ignored", "who is cut off declares the others dead", ("death",), CUT_OFF,
        set_to(Suspicions, "turned", lambda *_: False),
    ),
    Bug(
        "own-sleep-is-theirs", "who was away takes it for the others' silence",
        ("doubt", "death"), SLEEPY, set_to(Lookout, "late", lambda *_: None),
    ),
    Bug(
        "local-health-ignored", "who is slow looks at others as if it were well",
        ("doubt", "death"), SLOW, set_to(Fitness, "score", lambda *_: 0),
    ),
    Bug(
        "a-no-is-a-yes", "a helper's early no is taken for a yes", ("V2",), GONE,
        set_to(Lookout, "reported", a_no_is_a_yes),
    ),
)  # fmt: skip
