"""Commands overheard on their way from one host to another's books."""

from typing import NamedTuple

from ledger.commands import Command, decode_command, decode_signed
from mesh.effects import Call
from mesh.instant import Instant
from node.core.errands import SERVICE_LEDGER


class Sent(NamedTuple):
    """A command as it was sent, whether or not it arrived."""

    at: Instant
    sender: str
    command: Command


def overheard(call: Call, sender: str, at: Instant) -> Sent | None:
    """What `call` asks of another's books; None when it is no such call."""
    if call.service != SERVICE_LEDGER:
        return None
    return Sent(at, sender, decode_command(decode_signed(call.body).body))
