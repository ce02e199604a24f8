"""Is this a command, is it signed, and is it meant for this start of ours?

The first guards of the column, before anything is looked up. They read the whole command before any
of it is acted on; what they let through needs no second look.
"""

import msgspec

from ledger.commands import (
    AMOUNT_MAX,
    HOLD_ID_BYTES,
    LABEL_CHARS_MAX,
    LEGS_MAX,
    Answer,
    Command,
    Hold,
    Outcome,
    Renew,
    Resume,
    Settle,
    SignedCommand,
    Wait,
    check_command,
    decode_command,
)
from ledger.enlisted import malformed_enlisting
from ledger.limits import (
    NONCE_BYTES_MAX,
    PATIENCE_MAX,
    PRINCIPAL_CHARS_MAX,
    PRIORITY_MAX,
    RECEIPT_BYTES_MAX,
    RECEIPTS_MAX,
)
from ledger.pools import unit_of
from mesh.identity import NodeId


def checked(
    signed: SignedCommand, owner: NodeId, session: bytes, closed: str | None
) -> Command | Answer:
    """The command; or the answer that refuses it. `closed`: why this owner answers nobody."""
    try:
        command = decode_command(signed.body)
    except (msgspec.MsgspecError, RecursionError) as error:
        return Answer(Outcome.MALFORMED, b"", session, str(error)[:200])
    fault = malformed(command)
    if fault is not None:
        return Answer(Outcome.MALFORMED, command.id, session, fault)
    if not check_command(signed, owner):
        return Answer(Outcome.BAD_SIGNATURE, command.id, session)
    if command.session != session:
        return Answer(Outcome.WRONG_SESSION, command.id, session)
    if closed is not None:
        return Answer(Outcome.CLOSED, command.id, session, closed)
    return command


def malformed(command: Command) -> str | None:
    """What is wrong with the shape of a command, in a sentence; None when it is whole."""
    if len(command.id) != HOLD_ID_BYTES:
        return f"a hold id has {HOLD_ID_BYTES} bytes"
    if isinstance(command, Hold):
        return _malformed_hold(command)
    if isinstance(command, Wait):
        return _malformed_wait(command)
    if isinstance(command, Renew) and len(command.nonce) > NONCE_BYTES_MAX:
        return f"a nonce has at most {NONCE_BYTES_MAX} bytes"
    if isinstance(command, Settle) and len(command.proof) > RECEIPT_BYTES_MAX:
        return f"a proof has at most {RECEIPT_BYTES_MAX} bytes"
    if isinstance(command, Resume) and not 1 <= len(command.receipts) <= RECEIPTS_MAX:
        return f"a resume carries 1 to {RECEIPTS_MAX} receipts"
    return None


def _malformed_wait(wait: Wait) -> str | None:
    if (wait.hold.id, wait.hold.session) != (wait.id, wait.session):
        return "a place in the line is for the hold whose id it has"
    if not 0 < wait.patience <= PATIENCE_MAX:
        return f"a wait lasts more than nothing and at most {PATIENCE_MAX} ns"
    if not 0 <= wait.priority <= PRIORITY_MAX:
        return f"a priority is from 0 to {PRIORITY_MAX}"
    return _malformed_hold(wait.hold)


def _malformed_hold(hold: Hold) -> str | None:
    if not 1 <= len(hold.legs) <= LEGS_MAX:
        return f"a hold has 1 to {LEGS_MAX} legs"
    if len({leg.pool for leg in hold.legs}) < len(hold.legs):
        return "a hold names each pool once"
    for leg in hold.legs:
        if unit_of(leg.pool) is None:
            return f"{leg.pool[:40]!r} is not a pool"
        if not 0 < leg.amount <= AMOUNT_MAX:
            return f"{leg.amount} of {leg.pool} is not an amount"
    if not 0 < hold.term <= AMOUNT_MAX:
        return "a term is more than nothing"
    if len(hold.label) > LABEL_CHARS_MAX or len(hold.principal) > PRINCIPAL_CHARS_MAX:
        return "label or principal too long"
    return malformed_enlisting(hold)
