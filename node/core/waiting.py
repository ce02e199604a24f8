"""Who waits for this node's room, as plain JSON rows for `holds --waiting`.

Only an owner knows its line: another node's is asked for there (`--peer`).
"""

from typing import Any

from mesh.identity import NodeId
from node.core import answers
from node.core.picture.knowledge import Knowledge


def waiting(knowledge: Knowledge) -> list[dict[str, Any]]:
    """Our own line, the first first."""
    return [
        {
            "id": one.id.hex(),
            "owner": answers.who(knowledge, knowledge.us),
            "place": one.place,
            "legs": [answers.leg(leg) for leg in one.legs],
            "principal": one.principal,
            "label": one.label,
            "holder": answers.who(knowledge, NodeId(one.holder)),
            "priority": one.priority,
            "waited_ms": answers.ms(one.waited),
            "turn_in_ms": answers.ms(one.turn_in),
            "gang": one.gang.hex() or None,
        }
        for one in knowledge.ledger.waiting(knowledge.now)
    ]
