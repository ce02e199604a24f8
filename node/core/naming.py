"""Naming: nodes that call themselves the same. Names are not identities, and people need both."""

from typing import Final

from mesh.admission import folded
from mesh.identity import short_id
from mesh.membership import Liveness
from node.core.knowledge import Knowledge
from node.core.phrases import listed

REMEDY: Final = "call one of them something else: `holdfast up --name`; until then use their ids"


def shared(knowledge: Knowledge) -> list[str]:
    """One sentence for each name that several go by who have proven who they are."""
    called: dict[str, list[str]] = {folded(knowledge.our_name): [short_id(knowledge.us)]}
    for member in knowledge.mesh.roll.members():
        if member.met and member.liveness is not Liveness.LEFT:
            called.setdefault(folded(member.name), []).append(short_id(member.id))
    return [
        f"{listed(sorted(ids))} are {'both' if len(ids) == 2 else 'all'} {name}"
        for name, ids in sorted(called.items())
        if len(ids) > 1
    ]


def warnings(knowledge: Knowledge) -> list[str]:
    """For `status`."""
    return [f"{sentence}; {REMEDY}" for sentence in shared(knowledge)]
