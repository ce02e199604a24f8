"""Company: whether the others are there, most of them, or hardly any.

A node that sees nobody looks just like one that is alone in the world, and neither complains by
itself: systems like ours have sat split for days. So everyone who was ever met is remembered, over
restarts too, and whoever sees nobody of them, or fewer than half, says so in `status` and as an
event. It is a word for people. Nothing is decided by it: no side of a cut is the right one.
"""

from enum import Enum
from typing import Final, NamedTuple

from mesh.instant import SECOND, Duration, Instant
from mesh.roll.membership import Liveness, Member, Roll
from node.core.phrases import counted, listed

GRACE: Final[Duration] = 30 * SECOND
"""After a start the others are given so long to answer before anybody is called missing."""
NAMED_MAX: Final = 5


class Sight(Enum):
    """How much of the mesh is seen. The value is the kind of event that says so."""

    NOBODY_YET = ""
    WHOLE = "mesh.whole"
    FEW = "mesh.few"
    ALONE = "mesh.alone"


class Seen(NamedTuple):
    """One look: who of those remembered is missing."""

    sight: Sight
    known: int
    missing: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What to say of it; "" when there is nothing to say."""
        if self.sight is Sight.NOBODY_YET:
            return ""
        there = self.known - len(self.missing)
        if self.sight is Sight.WHOLE:
            return f"{there} of {counted(self.known, 'remembered node')} are there"
        who = listed([*self.missing[:NAMED_MAX], *self._more()])
        if self.sight is Sight.ALONE:
            return f"none of {counted(self.known, 'remembered node')} answers; missing: {who}"
        return f"fewer than half of {self.known} remembered nodes answer; missing: {who}"

    def _more(self) -> list[str]:
        more = len(self.missing) - NAMED_MAX
        return [f"{more} more"] if more > 0 else []


HINT: Final = (
    "`holdfast doctor` says which way fails; `holdfast forget NODE` for one that is gone for good"
)


def look(roll: Roll) -> Seen:
    """Who of those that were ever met is there."""
    known = [member for member in roll.members() if _is_expected(member)]
    missing = tuple(sorted(member.name for member in known if not _is_there(member)))
    there = len(known) - len(missing)
    if not known:
        return Seen(Sight.NOBODY_YET, 0, ())
    if not there:
        return Seen(Sight.ALONE, len(known), missing)
    sight = Sight.FEW if 2 * there < len(known) else Sight.WHOLE
    return Seen(sight, len(known), missing)


def _is_expected(member: Member) -> bool:
    return member.counts and member.liveness is not Liveness.LEFT


def _is_there(member: Member) -> bool:
    # A suspicion may be over in a second. One that was never heard since our start is another
    # matter: everyone remembered begins as a suspect.
    waiting = member.liveness is Liveness.SUSPECT and member.last_heard is not None
    return member.liveness is Liveness.ALIVE or waiting


class Company:
    """What was last said of it, so that each change is said once."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll
        self._begun: Instant | None = None
        self._looked_at = -1
        self._told = Sight.NOBODY_YET

    def news(self, now: Instant) -> Seen | None:
        """The look that is worth an event, if there is one."""
        if self._begun is None:
            self._begun = now
        settling = now - self._begun < GRACE
        if self._looked_at == self._roll.changes and not settling:
            return None
        seen = look(self._roll)
        if settling and self._told is Sight.NOBODY_YET and seen.sight is not Sight.WHOLE:
            return None
        self._looked_at = self._roll.changes
        told, self._told = self._told, seen.sight
        first = told is Sight.NOBODY_YET and seen.sight is Sight.WHOLE
        return None if seen.sight in (told, Sight.NOBODY_YET) or first else seen

    def warning(self, now: Instant) -> str | None:
        """For `status`: who is missing, once there was time to answer."""
        settling = self._begun is None or now - self._begun < GRACE
        if settling and self._told is Sight.NOBODY_YET:
            return None
        seen = look(self._roll)
        alarming = seen.sight in (Sight.FEW, Sight.ALONE)
        return f"{seen.sentence}; {HINT}" if alarming else None
