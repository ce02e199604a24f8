"""What the fields of an entry may be: one type for each sort, with its bounds.

Bounds are part of the encoding: an entry that breaks one is no entry, whoever signed it.
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from ledger.commands import AMOUNT_MAX, HOLD_ID_BYTES, LABEL_CHARS_MAX, LEGS_MAX, Leg
from ledger.limits import PRINCIPAL_CHARS_MAX, REASON_CHARS_MAX
from mesh.identity import NODE_ID_BYTES
from mesh.logs import HASH_BYTES

HoldId: TypeAlias = Annotated[bytes, Meta(min_length=HOLD_ID_BYTES, max_length=HOLD_ID_BYTES)]
Node: TypeAlias = Annotated[bytes, Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]
Hash: TypeAlias = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Legs: TypeAlias = Annotated[tuple[Leg, ...], Meta(min_length=1, max_length=LEGS_MAX)]
Term: TypeAlias = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
GangTerm: TypeAlias = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
"""Of the bookings that a gang becomes; 0: it stays leases."""
Start: TypeAlias = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
"""Wall time by the owner's clock: nanoseconds since 1970."""
Principal: TypeAlias = Annotated[str, Meta(max_length=PRINCIPAL_CHARS_MAX)]
Label: TypeAlias = Annotated[str, Meta(max_length=LABEL_CHARS_MAX)]
Reason: TypeAlias = Annotated[str, Meta(max_length=REASON_CHARS_MAX)]


class EntryFields(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
):  # fmt: skip
    """What every kind of entry is: fields in order, and no others."""
