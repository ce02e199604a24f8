"""The notary: whose signatures under which facts this node has already checked.

A record comes in a hello, in a rumour from several mouths and in a parcel, and each time it is the
same bytes; checking a signature costs as much as all else that is done about a fact. What is
remembered is a hash over the whole fact, signature included, and only of facts that were good:
rubbish pays in full every time, and can't push anything out.
"""

import hashlib
from collections import OrderedDict
from typing import Final

import msgpack

from mesh.facts import Fact, check_fact

REMEMBERED_MAX: Final = 4096
"""Facts, 32 bytes each; the longest unasked gives way. A mesh that forms shows everybody's few."""


class Notary:
    """One node's own memory of what it has checked, for one mesh."""

    def __init__(self, mesh_id: bytes) -> None:
        self._mesh_id = mesh_id
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def vouches(self, fact: Fact) -> bool:
        """Whether its author really said this, in this mesh: `check_fact`, once per fact."""
        seal = _seal_of(fact)
        if seal in self._good:
            self._good.move_to_end(seal)
            return True
        if not check_fact(fact, self._mesh_id):
            return False
        self._good[seal] = None
        if len(self._good) > REMEMBERED_MAX:
            self._good.popitem(last=False)
        return True

    def __len__(self) -> int:
        return len(self._good)


def _seal_of(fact: Fact) -> bytes:
    # Packed, not joined: else a byte could slide from one field into the next, and a signature
    # that was checked over one fact would vouch for another.
    fields = [fact.public, fact.topic, fact.version, fact.body, fact.signature]
    return hashlib.sha256(msgpack.packb(fields)).digest()
