"""The `[principal.NAME]` sections of the configuration: who may hold how much on this machine.

[principal.bob]
token = "a long random word"      # whoever shows it is bob; or:
peers = ["6llnvfkx"]              # nodes that speak for bob, by the beginning of their id
quota = { ram = "48GiB", cpu = "8 cores", slots = 2 }
rights = ["gpu"]                  # of these, only what its rights over the mesh cover
holds_per_minute = 6
lease_max = "8h"
pools = ["ram", "cpu", "gpu"]
may_force = true

[principal.default]               # every node that no section names, each for itself
quota = { ram = "8GiB" }
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.limits import BOOKING_TERM_MAX, PRINCIPAL_CHARS_MAX
from ledger.policy import DEFAULT, PEERS_MAX, PRINCIPALS_MAX, Policy, Principal, key_of
from ledger.pools import Unit, unit_of
from placement.amounts import AmountError, parse_bytes, parse_cores, parse_duration

KINDS: Final = ("ram", "unified", "cpu", "gpu", "mig", "disk", "slots")
TOKEN_CHARS_MIN: Final = 16
"""A token is a secret: shorter ones are guessed."""
TOKEN_CHARS_MAX: Final = 512
PEER_CHARS_MIN: Final = 8
RATE_MAX: Final = 6000
_PEER: Final = re.compile(r"[a-z2-7]+")


class PolicyError(ValueError):
    """What is written of a principal cannot be; the sentence says what to write."""


def read_principals(said: object) -> Policy:
    """The policy that a document's `principal` table says. Raises ValueError with the sentence."""
    if isinstance(said, Policy):
        return said
    if not isinstance(said, Mapping):
        raise PolicyError("principals are written as sections, [principal.NAME], in the file")
    if len(said) > PRINCIPALS_MAX:
        raise PolicyError(f"{len(said)} principals; {PRINCIPALS_MAX} is the most")
    return Policy({name: _principal(str(name), table) for name, table in sorted(said.items())})


def _principal(name: str, table: object) -> Principal:
    if not name or len(name) > PRINCIPAL_CHARS_MAX or not name.isprintable():
        raise PolicyError(f"{name[:40]!r} is no name for a principal")
    if not isinstance(table, Mapping):
        raise PolicyError(f"[principal.{name}] is a section with settings of its own")
    strangers = sorted(set(table) - set(_READERS))
    if strangers:
        known = ", ".join(_READERS)
        raise PolicyError(
            f"[principal.{name}] has no setting {strangers[0]!r}; it may set: {known}"
        )
    fields: dict[str, Any] = {}
    for key, said in table.items():
        try:
            fields["key" if key == "token" else key] = _READERS[key](said)
        except ValueError as error:
            raise PolicyError(f"[principal.{name}] {key}: {error}") from error
    if name == DEFAULT and ("key" in fields or "peers" in fields):
        raise PolicyError("[principal.default] is for those who are nobody else: no token or peers")
    if name != DEFAULT and not ("key" in fields or fields.get("peers")):
        raise PolicyError(f"[principal.{name}] needs a token, or peers that speak for it")
    return Principal(name, **fields)


def _quota(said: object) -> dict[str, int]:
    if not isinstance(said, Mapping):
        raise PolicyError('write it as { ram = "48GiB", cpu = "8 cores" }')
    return {kind: _amount(_kind(kind), amount) for kind, amount in sorted(said.items())}


def _amount(kind: str, said: object) -> int:
    unit = unit_of(kind) or unit_of(f"{kind}:x")
    if unit is Unit.SLOTS:
        if isinstance(said, bool) or not isinstance(said, int) or said < 0:
            raise PolicyError(f"{said!r} is no number of slots")
        return said
    if said == 0 and not isinstance(said, bool):
        return 0
    if not isinstance(said, str):
        raise PolicyError(f"{said!r} has no unit: write it as text, as in '48GiB' or '8 cores'")
    try:
        return parse_bytes(said) if unit is Unit.BYTES else parse_cores(said)
    except AmountError as error:
        raise PolicyError(str(error)) from error


def _kind(said: object) -> str:
    if said not in KINDS:
        raise PolicyError(f"{said!r} is no kind of pool: {', '.join(KINDS)}")
    return str(said)


def _rights(said: object) -> tuple[str, ...]:
    return tuple(_kind(kind) for kind in _texts(said))


def _rate(said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or not 1 <= said <= RATE_MAX:
        raise PolicyError(f"{said!r} is no rate: write a whole number from 1 to {RATE_MAX}")
    return said


def _lease_max(said: object) -> int:
    if not isinstance(said, str):
        raise PolicyError(f"{said!r} has no unit: write it as text, as in '8h'")
    try:
        span = parse_duration(said)
    except AmountError as error:
        raise PolicyError(str(error)) from error
    if not 0 < span <= BOOKING_TERM_MAX:
        raise PolicyError(f"{said!r} is not from 1 s to 30 days")
    return span


def _pools(said: object) -> tuple[str, ...]:
    names = _texts(said)
    for name in names:
        if name not in KINDS and unit_of(name) is None:
            raise PolicyError(f"{name!r} is neither a kind of pool nor a pool")
    return names


def _peers(said: object) -> tuple[str, ...]:
    peers = tuple(peer.lower() for peer in _texts(said))
    for peer in peers:
        if len(peer) < PEER_CHARS_MIN or not _PEER.fullmatch(peer):
            raise PolicyError(
                f"{peer[:40]!r} is no node's id: {PEER_CHARS_MIN} characters of it or more, "
                "as `holdfast peers` shows it"
            )
    return peers


def _token(said: object) -> bytes:
    # Neither the token nor a part of it is ever in a sentence.
    if not isinstance(said, str) or not TOKEN_CHARS_MIN <= len(said) <= TOKEN_CHARS_MAX:
        raise PolicyError(f"a token is text of {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} characters")
    return key_of(said)


def _flag(said: object) -> bool:
    if not isinstance(said, bool):
        raise PolicyError(f"{said!r} is neither true nor false")
    return said


def _texts(said: object) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise PolicyError("write it as a list of text, as in ['ram', 'gpu']")
    if len(said) > PEERS_MAX:
        raise PolicyError(f"that is {len(said)} entries; {PEERS_MAX} is the most")
    return tuple(dict.fromkeys(said))


_READERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "token": _token,
    "peers": _peers,
    "quota": _quota,
    "rights": _rights,
    "holds_per_minute": _rate,
    "lease_max": _lease_max,
    "pools": _pools,
    "may_force": _flag,
}
