"""Reach: who answers others and not us, and who does not hear us.

A node that a helper reaches is alive, so nobody is told that it is dead; but nothing gets from here
to there, and a grant could not be asked for. So it is with one whose words we hear while ours do
not arrive. That is a person's matter (a route, a firewall), so it is said.
"""

from typing import Final

from mesh.instant import SECOND, Duration, Instant
from mesh.roll.membership import Liveness, Member
from node.core.picture.knowledge import Knowledge

DEAF_FOR_MIN: Final[Duration] = 5 * SECOND
"""Silence towards us for so long is more than a lost packet or a restart."""
DOCTOR: Final = "see `holdfast doctor`"


def only_helper_of(knowledge: Knowledge, member: Member) -> str | None:
    """The name of who reaches `member` while it does not answer us; None: it does, or nobody."""
    since, sight = _silent_since(knowledge, member), knowledge.mesh.sightings.of(member.id)
    if since is None or sight is None or sight.helper is None:
        return None
    helper, vouched = sight.helper
    return knowledge.name_of(helper) if vouched >= since else None


def hears_us_not(knowledge: Knowledge, member: Member) -> bool:
    """Whether its words reach us while it answers none of ours."""
    since = _silent_since(knowledge, member)
    heard = member.last_heard
    return since is not None and heard is not None and heard - since >= DEAF_FOR_MIN


def trouble(knowledge: Knowledge, member: Member) -> str | None:
    """What is wrong with the way between this member and us; None: nothing that we can see."""
    if member.liveness is Liveness.LEFT:
        return None
    helper = only_helper_of(knowledge, member)
    if hears_us_not(knowledge, member):
        but = "" if helper is None else f", but helper {helper} does"
        return f"{member.name} is heard here and answers nothing: we do not reach it{but}"
    return None if helper is None else f"{member.name} is reachable only by helper {helper}"


def unreached(knowledge: Knowledge) -> list[str]:
    """One sentence for each member with which something is wrong on the way."""
    told = (trouble(knowledge, member) for member in knowledge.members())
    return [f"{sentence}; {DOCTOR}" for sentence in told if sentence is not None]


def _silent_since(knowledge: Knowledge, member: Member) -> Instant | None:
    sight = knowledge.mesh.sightings.of(member.id)
    since = None if sight is None else sight.silent_since
    return since if since is not None and knowledge.now - since >= DEAF_FOR_MIN else None
