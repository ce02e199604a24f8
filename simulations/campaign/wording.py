"""What was asked, answered and written, in words: one short phrase each, for transcripts.

Every function here takes what came over a wire or from a disk, where a bad night may have bent it;
so each has a phrase for what cannot be read, and none raises.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec

from ledger.commands import (
    AMOUNT_MAX,
    Answer,
    Hold,
    Leg,
    Resume,
    decode_answer,
    decode_command,
    decode_signed,
)
from ledger.entries import Closed, EntryRefused, EraOpened, PoolStateSet, decode_entry
from ledger.pools import Unit, unit_of
from mesh.instant import MILLISECOND, Duration, in_seconds
from mesh.letters.datagram import Kind
from mesh.logs import Block
from node.core import requests
from node.core.effects import Reply
from node.core.requests import Request

NameOf = Callable[[bytes], str]
"""What people call a node, by its id."""

UNREADABLE: Final = "something that cannot be read"
_KIND_AT: Final = 3
"""Where a datagram says what it is, behind magic and version."""
_HEX_SHOWN: Final = 8
_MIB: Final = 1 << 20


def short(identity: bytes | str) -> str:
    """As much of an id as tells it from the others of one night."""
    text = identity if isinstance(identity, str) else identity.hex()
    return text[:_HEX_SHOWN]


def span(duration: Duration) -> str:
    """A duration: `2.5 s`."""
    return f"{in_seconds(duration):g} s"


def legs(of: tuple[Leg, ...]) -> str:
    """`ram 512 MiB + cpu 2000 millicores`."""
    return " + ".join(f"{leg.pool} {_amount(leg)}" for leg in of)


def _amount(leg: Leg) -> str:
    if leg.amount == AMOUNT_MAX:
        return "as much as can be written"
    unit = unit_of(leg.pool)
    if unit is Unit.BYTES and leg.amount % _MIB == 0:
        return f"{leg.amount // _MIB} MiB"
    return f"{leg.amount} {unit.value if unit is not None else 'of something unknown'}"


def request(asked: Request) -> str:
    """A person's request: `reserve ram 1GiB node n2 for 60 s`."""
    tag = str(asked.__struct_config__.tag).replace("_", " ")
    match asked:
        case requests.Reserve(ask, term_ms):
            how = " (hold only)" if asked.hold_only else ""
            tied = "" if asked.pid is None else f" for process {asked.pid}"
            return f"{tag} {_plain(ask)} for {span(term_ms * MILLISECOND)}{tied}{how}"
        case requests.Where(ask):
            return f"{tag} {_plain(ask)}"
        case requests.Post(hold) | requests.Release(hold) | requests.Renew(hold):
            return f"{tag} {short(hold)}"
        case requests.Extend(hold, term_ms):
            return f"{tag} {short(hold)} to {span(term_ms * MILLISECOND)}"
        case requests.Shrink(hold, kept) | requests.Transfer(hold, kept):
            return f"{tag} {short(hold)} {_plain(kept)}"
        case _:
            return tag


def _plain(ask: Mapping[str, object]) -> str:
    return " ".join(f"{key} {value}" for key, value in ask.items())


def reply(given: Reply) -> str:
    """The answer to a person: `posted 1a2b3c4d at n2, stored on n3`, or the refusal."""
    body = given.body
    if not given.ok:
        return f"no ({body['code']}): {body['sentence']}"
    ended = body.get("state") or body.get("outcome")
    if ended is None or "id" not in body:
        return "done"
    owner = body.get("owner") or {}
    kept = body.get("stored_on")
    where = f" at {owner['name']}" if owner.get("name") else ""
    copies = "" if kept is None else f", stored on {' '.join(kept) or 'nobody'}"
    return f"{ended} {short(body['id'])}{where}{copies}"


def command(signed: bytes) -> str:
    """A command as it crosses the mesh: `hold 1a2b3c4d ram 512 MiB (booking, 60 s)`."""
    try:
        asked = decode_command(decode_signed(signed).body)
    except msgspec.MsgspecError:
        return UNREADABLE
    said = f"{asked.__struct_config__.tag} {short(asked.id)}"
    match asked:
        case Hold():
            return f"{said} {legs(asked.legs)} ({asked.kind.value}, {span(asked.term)})"
        case Resume():
            return f"{said} with {len(asked.receipts)} receipts"
        case _:
            return said


def outcome(body: bytes) -> str:
    """An owner's answer to a command: `no room 1a2b3c4d: …`."""
    try:
        answer: Answer = decode_answer(body)
    except msgspec.MsgspecError:
        return UNREADABLE
    detail = f": {answer.detail}" if answer.detail else ""
    return f"{answer.outcome.value} {short(answer.id)}{detail}"


def block(of: Block, name_of: NameOf) -> str:
    """A block of a log: `block 12 of era 3 (1a2b3c4d): hold 5e6f…, post 5e6f…`."""
    said = ", ".join(_entry(raw, name_of) for raw in of.entries)
    return f"block {of.height} of era {of.era.counter} ({short(of.hash)}): {said}"


def heights(of: Sequence[int]) -> str:
    """`block 7`, `blocks 4 to 6`, `4 blocks up to 12`."""
    low, high = min(of), max(of)
    if len(of) == 1:
        return f"block {low}"
    run_on = high - low + 1 == len(of)
    return f"blocks {low} to {high}" if run_on else f"{len(of)} blocks up to {high}"


def _entry(raw: bytes, name_of: NameOf) -> str:
    try:
        entry = decode_entry(raw)
    except EntryRefused:
        return UNREADABLE
    said = [str(entry.__struct_config__.tag)]
    if (identity := getattr(entry, "id", None)) is not None:
        said.append(short(identity))
    if leg := getattr(entry, "legs", None):
        said.append(legs(leg))
    if (holder := getattr(entry, "holder", None)) is not None:
        said.append(f"for {name_of(holder)}")
    match entry:
        case EraOpened(era):
            said.append(str(era.counter))
        case PoolStateSet(pool, state):
            said += [pool, state.value]
        case Closed(how=how):
            said.append(how.value)
        case _:
            for name in ("by", "why"):
                if isinstance(value := getattr(entry, name, None), Enum):
                    said.append(f"({value.value})")
    return " ".join(said)


def datagram(of: bytes) -> str:
    """A datagram from outside: `SEALED, 84 bytes`."""
    known = len(of) > _KIND_AT and of[_KIND_AT] in list(Kind)
    kind = Kind(of[_KIND_AT]).name.lower() if known else "rubbish"
    return f"{kind}, {len(of)} bytes"
