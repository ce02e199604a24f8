"""What may go wrong with a quota that nobody keeps in the middle: more of it than was issued."""

from typing import Any, Final

import pytest

from ledger.books import rights
from ledger.books.entitlements import Entitlements
from ledger.books.rights import Side
from ledger.commands import Hold, Outcome, Wait, decode_command
from ledger.desk.escrow import Escrow
from node.core.rights.moving import Moving
from simulations.checks.rights import RightsHold
from tests.planted.bug import Bug, Course

SHORT: Final = Course(nodes=3, seconds=20, operations=20)
TORN: Final = Course("loss=3,isolation=4,partition=4", nodes=3, seconds=30, operations=30)

_seek, _refuse = Moving.seek, Escrow.refuse


def credited_twice(patch: pytest.MonkeyPatch) -> None:
    """What comes to a node counts twice there."""
    patch.setitem(rights._SIGN, Side.TAKEN, 2)  # type: ignore[arg-type]  # a dict, said to be none


def spent_before_they_came(patch: pytest.MonkeyPatch) -> None:
    """A hold is granted when the rights that it lacks were asked for."""
    asked: dict[bytes, None] = {}

    def seek(self: Moving, wanted: Any, now: int) -> Any:
        sought = _seek(self, wanted, now)
        if not sought:
            return sought
        command = decode_command(wanted.command.body)
        assert isinstance(command, Hold | Wait)
        asked[command.id] = None
        return [*sought, self._waiting.pop(min(self._waiting)).wanted]

    def refuse(self: Escrow, desk: Any, hold: Hold, guest: Any) -> Any:
        refused = _refuse(self, desk, hold, guest)
        lacks = refused is not None and refused.outcome is Outcome.NO_RIGHTS
        return None if lacks and hold.id in asked else refused

    patch.setattr(Moving, "seek", seek)
    patch.setattr(Escrow, "refuse", refuse)
    patch.setattr(Entitlements, "_covers", lambda *_: None)


BUGS: Final = (
    Bug(
        "rights-credited-twice", "rights that come to a node count twice there", ("G5",), SHORT,
        credited_twice, (RightsHold,),
    ),
    Bug(
        "rights-spent-before-they-came", "a hold is granted on rights that are only asked for",
        ("G5",), TORN, spent_before_they_came, (RightsHold,),
    ),
)  # fmt: skip
