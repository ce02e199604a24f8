"""What an owner may be asked about rights (`books/rights.py`).

As everywhere, what is said is what shall be afterwards and not what is added: so a retry asks for
nothing more. A total is of all that one log ever issued, gave, or took back.
"""

from typing import TypeAlias

import msgspec


class Issue(msgspec.Struct, frozen=True, tag="issue", forbid_unknown_fields=True):
    """Let the rights of `principal` that the owner ever issued be `total`. Its own operator's
    word: only the owner asks itself."""

    id: bytes
    session: bytes
    principal: str
    sort: str
    total: int


class Withdraw(msgspec.Struct, frozen=True, tag="withdraw", forbid_unknown_fields=True):
    """Let those that the owner ever did away with be `total`: they lie there, unused. As `issue`,
    its own operator's word."""

    id: bytes
    session: bytes
    principal: str
    sort: str
    total: int


class WriteOff(msgspec.Struct, frozen=True, tag="write_off", forbid_unknown_fields=True):
    """Let those that were lost with `node`, which is gone for good, be `total`. As `issue`, its own
    operator's word."""

    id: bytes
    session: bytes
    principal: str
    sort: str
    node: bytes
    total: int
    reason: str


class Give(msgspec.Struct, frozen=True, tag="give", forbid_unknown_fields=True):
    """Let all that the owner ever gave `to` be `total`, as far as it has them to spare; with
    `whole`, or else give nothing. Asked by `to`, or by the owner itself."""

    id: bytes
    session: bytes
    principal: str
    sort: str
    to: bytes
    total: int
    whole: bool = False


RightsCommand: TypeAlias = Issue | Withdraw | WriteOff | Give
