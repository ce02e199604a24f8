"""Is this a command, is it signed, and is it meant for this start of ours?

The first guards of the column, before anything is looked up. They read the whole command before any
of it is acted on; what they let through needs no second look.
"""

import msgspec

from ledger.books.rights import is_sort
from ledger.commands import (
    AMOUNT_MAX,
    HOLD_ID_BYTES,
    LABEL_CHARS_MAX,
    LEGS_MAX,
    Answer,
    Asked,
    Command,
    Extend,
    GrantKind,
    Hold,
    Leg,
    Outcome,
    Post,
    Release,
    Renew,
    Resume,
    Shrink,
    SignedCommand,
    Transfer,
    Wait,
    check_command,
    decode_command,
)
from ledger.commands.gangs import Settle
from ledger.commands.rights import Give, Issue, RightsCommand, Withdraw, WriteOff
from ledger.granting import Refused
from ledger.limits import (
    NONCE_BYTES_MAX,
    PATIENCE_MAX,
    PRINCIPAL_CHARS_MAX,
    PRIORITY_MAX,
    PROOF_BYTES_MAX,
    REASON_CHARS_MAX,
    RECEIPT_BYTES_MAX,
    RECEIPTS_MAX,
)
from ledger.pools import unit_of
from ledger.visits.enlisted import malformed_enlisting
from mesh.identity import NODE_ID_BYTES, NodeId
from mesh.instant import Duration


def checked(asked: Asked, owner: NodeId, session: bytes, closed: str | None) -> Command | Answer:
    """The command; or the answer that refuses it. `closed`: why this owner answers nobody."""
    try:
        command = decode_command(asked.body)
    except (msgspec.MsgspecError, RecursionError) as error:
        return Answer(_unreadable(str(error)), b"", session, str(error)[:200])
    fault = malformed(command)
    if fault is not None:
        return Answer(fault.outcome, command.id, session, fault.detail)
    if isinstance(asked, SignedCommand) and not check_command(asked, owner):
        return Answer(Outcome.BAD_SIGNATURE, command.id, session)
    if command.session != session:
        return Answer(Outcome.WRONG_SESSION, command.id, session)
    if closed is not None:
        return Answer(Outcome.CLOSED, command.id, session, closed)
    return command


def malformed(command: Command) -> Refused | None:
    """What is wrong with the shape of a command; None when it is whole."""
    if len(command.id) != HOLD_ID_BYTES:
        return _wrong(f"a hold id has {HOLD_ID_BYTES} bytes")
    match command:
        case Post() | Release():
            return None  # they have nothing else, and are asked most
        case Hold() | Transfer():
            return _misshapen(command) or _bad_legs(command.legs) or _bad_term(command.term)
        case Wait():
            return _bad_wait(command) or malformed(command.hold)
        case Shrink():
            return _bad_legs(command.legs)
        case Extend():
            return _bad_term(command.term)
        case Issue() | Withdraw() | WriteOff() | Give():
            return _bad_rights(command)
        case Renew() if len(command.nonce) > NONCE_BYTES_MAX:
            return _wrong(f"a nonce has at most {NONCE_BYTES_MAX} bytes")
        case Settle() if len(command.proof) > RECEIPT_BYTES_MAX:
            return _wrong(f"a proof has at most {RECEIPT_BYTES_MAX} bytes")
        case Resume() if not 1 <= len(command.receipts) <= RECEIPTS_MAX:
            return _wrong(f"a resume carries 1 to {RECEIPTS_MAX} receipts")
    return None


def _bad_rights(command: RightsCommand) -> Refused | None:
    if not command.principal or len(command.principal) > PRINCIPAL_CHARS_MAX:
        return _wrong(f"a principal's name has 1 to {PRINCIPAL_CHARS_MAX} characters")
    if not command.principal.isprintable():
        return _wrong("a principal's name can be printed")
    if not is_sort(command.sort):
        return Refused(Outcome.NOT_A_POOL, f"{command.sort[:40]!r} is not a kind of pool")
    if not 0 < command.total <= AMOUNT_MAX:
        return Refused(Outcome.BAD_AMOUNT, f"{command.total} is not a total: 1 to {AMOUNT_MAX}")
    if isinstance(command, Give | WriteOff):
        party = command.to if isinstance(command, Give) else command.node
        if len(party) != NODE_ID_BYTES:
            return _wrong(f"a node's id has {NODE_ID_BYTES} bytes")
    if isinstance(command, WriteOff) and len(command.reason) > REASON_CHARS_MAX:
        return _wrong("the reason is too long")
    return None


def _bad_wait(wait: Wait) -> Refused | None:
    if (wait.hold.id, wait.hold.session) != (wait.id, wait.session):
        return _wrong("a place in the line is for the hold whose id it has")
    if wait.hold.start is not None:
        return _wrong("what starts later does not wait in line")
    if not 0 < wait.patience <= PATIENCE_MAX:
        return _wrong(f"a wait lasts more than nothing and at most {PATIENCE_MAX} ns")
    if not 0 <= wait.priority <= PRIORITY_MAX:
        return _wrong(f"a priority is from 0 to {PRIORITY_MAX}")
    if not 0 <= wait.rank <= AMOUNT_MAX or not 0 <= (wait.claim or 0) <= AMOUNT_MAX:
        return _wrong("a rank and a claim are not less than nothing")
    if wait.hold.gang is None and (wait.rank or wait.claim is not None):
        return _wrong("only gangs have a rank and claim room")
    return None


def _misshapen(command: Hold | Transfer) -> Refused | None:
    if len(command.label) > LABEL_CHARS_MAX or len(command.principal) > PRINCIPAL_CHARS_MAX:
        return _wrong("label or principal too long")
    if isinstance(command, Hold):
        if len(command.proof) > PROOF_BYTES_MAX or len(command.force) > REASON_CHARS_MAX:
            return _wrong("proof or reason too long")
        if command.start is not None and not _may_start_later(command):
            return _wrong("only a booking starts later, at a time after 1970")
        if command.place and (command.gang is None or len(command.place) != HOLD_ID_BYTES):
            return _wrong("only one of a gang's comes from a place in the line")
        fault = malformed_enlisting(command)
        return None if fault is None else _wrong(fault)
    if isinstance(command, Transfer):
        if len(command.parent) != HOLD_ID_BYTES:
            return _wrong(f"a hold id has {HOLD_ID_BYTES} bytes")
        if len(command.holder) not in (0, NODE_ID_BYTES):
            return _wrong(f"a holder's id has {NODE_ID_BYTES} bytes")
    return None


def _may_start_later(hold: Hold) -> bool:
    return (
        hold.kind is GrantKind.BOOKING and hold.start is not None and 0 < hold.start <= AMOUNT_MAX
    )


def _bad_legs(legs: tuple[Leg, ...]) -> Refused | None:
    if not 1 <= len(legs) <= LEGS_MAX:
        return _wrong(f"a hold has 1 to {LEGS_MAX} legs")
    if len({leg.pool for leg in legs}) < len(legs):
        return _wrong("a hold names each pool once")
    for leg in legs:
        if unit_of(leg.pool) is None:
            return Refused(Outcome.NOT_A_POOL, f"{leg.pool[:40]!r} is not a pool")
    for leg in legs:
        if not 0 < leg.amount <= AMOUNT_MAX:
            sentence = f"{leg.amount} of {leg.pool} is not an amount: 1 to {AMOUNT_MAX}"
            return Refused(Outcome.BAD_AMOUNT, sentence)
    return None


def _bad_term(term: Duration) -> Refused | None:
    if 0 < term <= AMOUNT_MAX:
        return None
    return Refused(Outcome.BAD_TERM, f"a term is 1 to {AMOUNT_MAX} ns, not {term}")


def _wrong(sentence: str) -> Refused:
    return Refused(Outcome.MALFORMED, sentence)


def _unreadable(error: str) -> Outcome:
    """A fraction of a byte, or an amount that no field of ours can carry, reads as no integer."""
    _sentence, _at, path = error.partition(" - at `$")
    if not _sentence.startswith(("Expected `int`", "Integer value")):
        return Outcome.MALFORMED
    if path.startswith(".legs"):
        return Outcome.BAD_AMOUNT
    return Outcome.BAD_TERM if path.startswith(".term") else Outcome.MALFORMED
