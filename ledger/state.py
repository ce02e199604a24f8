"""State: books as one string of bytes, the same bytes wherever the same log was folded.

A checkpoint signs the hash of it, so that a log may begin there; whoever has folded the log reckons
the same bytes for itself, and whoever has not is given them. So there is one encoding: tables in
order, rows as arrays of their fields, and bytes that do not come out the same after decoding and
encoding again are no state.

What is *not* in it: counts that begin again at every checkpoint, and tables that follow from the
others (what lies on which pool).
"""

from dataclasses import fields
from typing import Annotated, Any, Final, get_type_hints

import msgspec
from msgspec import Meta

from ledger.accounts import AccountId, Counters, PoolState
from ledger.entries import EraOpened
from ledger.gangs import Gang
from ledger.holds import EndedHold, LiveHold
from ledger.plans import Plan
from mesh.logs import HASH_BYTES, STATE_BYTES_MAX, Era, EraStart

_LIVE: Final = tuple(field.name for field in fields(LiveHold))
_ENDED: Final = tuple(field.name for field in fields(EndedHold))
_PLAN: Final = tuple(field.name for field in fields(Plan))
_LiveRow: Final[Any] = tuple[tuple(get_type_hints(LiveHold)[name] for name in _LIVE)]  # type: ignore[misc]  # made from the fields, so that a new one is never forgotten
_EndedRow: Final[Any] = tuple[tuple(get_type_hints(EndedHold)[name] for name in _ENDED)]  # type: ignore[misc]  # as above

_PlanRow: Final[Any] = tuple[tuple(get_type_hints(Plan)[name] for name in _PLAN)]  # type: ignore[misc]  # as above


class StateRefused(ValueError):
    """These bytes are not the state of any books."""


class State(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Books, as values. `live` and `ended` are rows of the fields of their classes."""

    era: Era | None
    opening: EraOpened | None
    bookings_open: bool
    height: int
    head: Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
    eras: tuple[EraStart, ...]
    accounts: tuple[tuple[AccountId, Counters], ...]
    pools: tuple[tuple[str, PoolState], ...]
    live: tuple[_LiveRow, ...]
    ended: tuple[_EndedRow, ...]
    gangs: tuple[Gang, ...]
    plans: tuple[_PlanRow, ...]


_decoder: Final = msgspec.msgpack.Decoder(State)
_encoder: Final = msgspec.msgpack.Encoder()


def live_row(hold: LiveHold) -> tuple[Any, ...]:
    """A live hold as a row."""
    return tuple([getattr(hold, name) for name in _LIVE])


def plan_row(plan: Plan) -> tuple[Any, ...]:
    """A booking that starts later as a row."""
    return tuple([getattr(plan, name) for name in _PLAN])


def ended_row(hold: EndedHold) -> tuple[Any, ...]:
    """An ended hold as a row."""
    return tuple([getattr(hold, name) for name in _ENDED])


def encode_state(state: State) -> bytes:
    """The one encoding."""
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


def live_of(state: State) -> list[LiveHold]:
    """The live holds of a state."""
    return [LiveHold(*row) for row in state.live]


def ended_of(state: State) -> list[EndedHold]:
    """The ended holds of a state, the first to end first."""
    return [EndedHold(*row) for row in state.ended]


def plans_of(state: State) -> list[Plan]:
    """The plans of a state."""
    return [Plan(*row) for row in state.plans]
