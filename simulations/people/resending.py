"""Sending again what was said before: three ways in which a client or a network gets it wrong."""

from enum import Enum
from random import Random

import msgspec

from ledger.commands import Command, Hold, Leg


class Resend(Enum):
    """What is sent again."""

    SAME = "word for word"
    OTHER_BODY = "the same id for something else"
    STALE_SESSION = "as it was before the owner's restart"


def again(told: list[tuple[str, Command]], how: Resend, dice: Random) -> tuple[str, Command] | None:
    """(owner, command) to send again; None when nothing that was said serves.

    `told`: what one host said, oldest first. A stale command is the oldest one to an owner that was
    told something under a later session since.
    """
    match how:
        case Resend.SAME:
            return dice.choice(told) if told else None
        case Resend.OTHER_BODY:
            holds = [(owner, one) for owner, one in told if isinstance(one, Hold)]
            if not holds:
                return None
            owner, hold = dice.choice(holds)
            leg = hold.legs[0]
            other = (Leg(leg.pool, leg.amount + dice.randrange(1, 1 << 20)), *hold.legs[1:])
            return owner, msgspec.structs.replace(hold, legs=other)
        case Resend.STALE_SESSION:
            last = {owner: command.session for owner, command in told}
            stale = [
                (owner, one)
                for owner, one in told
                if one.session != last[owner] and any(one.session)
            ]
            return dice.choice(stale) if stale else None
