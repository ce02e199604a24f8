"""Naming: nodes that call themselves the same. Names are not identities, and people need both."""

from typing import Final

from mesh.identity import NodeId, short_id
from mesh.roll.admission import folded
from mesh.roll.membership import Liveness, Member
from node.core.phrases import listed
from node.core.picture.knowledge import Knowledge

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


def objection(knowledge: Knowledge, member: Member) -> str | None:
    """Why `member` does not count here; and, where its name is another's, whether both show the
    same hardware. A machine says that of itself, so it is a hint for a person and no proof."""
    holder = knowledge.mesh.roll.admission.pins.get(folded(member.name))
    if not member.objection or holder is None or holder == member.id:
        return member.objection or None
    its, theirs = (_fingerprint(knowledge, node) for node in (member.id, holder))
    same = its is not None and its == theirs
    return f"{member.objection}; both show the same hardware" if same else member.objection


def _fingerprint(knowledge: Knowledge, node: NodeId) -> str | None:
    inventory = knowledge.inventory(node)
    return None if inventory is None else inventory.fingerprint


def warnings(knowledge: Knowledge) -> list[str]:
    """For `status`."""
    return [f"{sentence}; {REMEDY}" for sentence in shared(knowledge)]
