"""Reach: who answers others and not us.

A node that a helper reaches is alive, so nobody is told that it is dead; but nothing gets from here
to there, and a grant could not be asked for. That is a person's matter (a route, a firewall), so it
is said.
"""

from typing import Final

from mesh.instant import SECOND, Duration
from mesh.membership import Liveness, Member
from node.core.knowledge import Knowledge

DEAF_FOR_MIN: Final[Duration] = 5 * SECOND
"""Silence towards us for so long is more than a lost packet or a restart."""


def only_helper_of(knowledge: Knowledge, member: Member) -> str | None:
    """The name of who reaches `member` while it does not answer us; None: it does, or nobody."""
    sight = knowledge.mesh.sightings.of(member.id)
    if sight is None or sight.waiting is None or sight.helper is None:
        return None
    helper, vouched = sight.helper
    deaf = knowledge.now - sight.waiting >= DEAF_FOR_MIN
    return knowledge.name_of(helper) if deaf and vouched >= sight.waiting else None


def unreached(knowledge: Knowledge) -> list[str]:
    """One sentence for each member that only a helper reaches."""
    return [
        f"{member.name} is reachable only by helper {helper}: see `holdfast doctor`"
        for member in knowledge.members()
        if member.liveness is not Liveness.LEFT
        and (helper := only_helper_of(knowledge, member)) is not None
    ]
