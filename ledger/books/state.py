"""State: books as one string of bytes, the same bytes wherever the same log was folded.

A checkpoint signs the hash of it, so that a log may begin there; whoever has folded the log reckons
the same bytes for itself, and whoever has not is given them. So there is one encoding: tables in
order, rows as arrays of their fields, and bytes that do not come out the same after decoding and
encoding again are no state.

What is *not* in it: counts that begin again at every checkpoint, and tables that follow from the
others (what lies on which pool).
"""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from ledger.accounts import AccountId, Counters, PoolState
from ledger.books.gangs import Gang
from ledger.books.holds import EndedHold, LiveHold
from ledger.books.plans import Plan
from ledger.books.rights import RightsRow
from ledger.entries import EraOpened
from mesh.logs import HASH_BYTES, STATE_BYTES_MAX, Era, EraStart

RightsRows: TypeAlias = tuple[bool, tuple[tuple[RightsRow, int], ...]]
"""Whether they are spent, and the totals."""


class StateRefused(ValueError):
    """These bytes are not the state of any books."""


class State(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Books, as values, each an array of its fields."""

    era: Era | None
    opening: EraOpened | None
    bookings_open: bool
    height: int
    head: Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
    eras: tuple[EraStart, ...]
    accounts: tuple[tuple[AccountId, Counters], ...]
    pools: tuple[tuple[str, PoolState], ...]
    live: tuple[LiveHold, ...]
    ended: tuple[EndedHold, ...]
    gangs: tuple[Gang, ...]
    plans: tuple[Plan, ...]
    rights: RightsRows | None = None
    """Left out where there are none: a log that knows no quotas reads as it always did."""


_decoder: Final = msgspec.msgpack.Decoder(State)
_encoder: Final = msgspec.msgpack.Encoder()


def encode_state(state: State) -> bytes:
    """The one encoding."""
    if state.rights is None:
        return _encoder.encode(msgspec.structs.astuple(state)[:-1])
    return _encoder.encode(state)


def decode_state(raw: bytes) -> State:
    """Raises StateRefused on anything but the one encoding of a whole, well-typed state."""
    if len(raw) > STATE_BYTES_MAX:
        raise StateRefused(f"{len(raw)} bytes; {STATE_BYTES_MAX} is the limit")
    try:
        state = _decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise StateRefused(str(error)) from error
    if encode_state(state) != raw:
        raise StateRefused("not the one encoding of this state")
    return state


def rights_of(state: State) -> tuple[bool, dict[RightsRow, int]]:
    """Whether rights are spent, and the totals of a state."""
    if state.rights is None:
        return False, {}
    return state.rights[0], dict(state.rights[1])
