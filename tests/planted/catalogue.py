"""Every planted bug, by name; and those that the simulator does not show yet, with the reason."""

from typing import Final

from tests.planted import (
    changes,
    checkpoints,
    copies,
    detector,
    gangs,
    grants,
    later,
    members,
    owners,
    rights,
    starts,
    wire,
)
from tests.planted.bug import Bug

ESCAPE: Final[dict[str, str]] = {
    "own-head-ahead-ignored": "a quarantine hears of later blocks first; without one the real rule "
    "does not always bring the logs together either, so the two cannot be told apart",
    "ignores-own-expiry": "an asker tries every two seconds, so its hold must be on its way for 30 "
    "s; the story in tests/simulations/test_planted_faults.py shows it",
    "local-health-ignored": "who is slow and looks as if it were well doubts more often, and each "
    "doubt is answered: no promise breaks, only the count of doubts, which `make bench` measures",
    "epoch-twice": "twins are followed and risen above by design; every run ended in agreement",
}
"""Bug → why no run shows it. They can be tried by name all the same."""

ALL: Final[dict[str, Bug]] = {
    bug.name: bug
    for room in (
        grants,
        changes,
        starts,
        copies,
        wire,
        members,
        gangs,
        detector,
        owners,
        later,
        checkpoints,
        rights,
    )
    for bug in room.BUGS
}
BUGS: Final[dict[str, Bug]] = {name: bug for name, bug in ALL.items() if name not in ESCAPE}
"""Those that must be caught."""
