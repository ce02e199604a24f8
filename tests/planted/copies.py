"""What may go wrong with copies: who is said to have one, what it says, whose it is."""

from typing import Any, Final

import msgspec
import pytest

from ledger.commands import Answer
from mesh.kept import chains, notary
from node.core.picture.replicas import Replicas
from node.core.reserving.custody import Answered, Custody
from simulations.checks.replicas import CopiesAreTrue
from tests.planted.bug import Bug, Course, set_to

QUIET: Final = Course()
FORGERS: Final = Course("forgery=20")


def claims_copies(
    self: Custody, token: int, answer: Answer, _others: int, _now: int
) -> list[Answered]:
    keepers = tuple(sorted(self._stored))
    return [Answered(token, msgspec.structs.replace(answer, stored_on=keepers))]


def believes_any_fact(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(notary, "check_fact", lambda *_: True)


def misses_a_block(patch: pytest.MonkeyPatch) -> None:
    extend = Replicas.extend
    heard = iter(range(1_000_000))

    def bent(self: Replicas, author: Any, blocks: Any) -> str | None:
        return None if next(heard) % 5 == 4 else extend(self, author, blocks)

    patch.setattr(Replicas, "extend", bent)


BUGS: Final = (
    Bug(
        "copies-claimed", "copies are claimed before they are made", ("B13",), QUIET,
        set_to(Custody, "hold", claims_copies),
    ),
    Bug(
        "sleepy-replica", "a log goes on, and its replica does not", ("G4",), QUIET,
        set_to(Replicas, "extend", lambda *_: None), (CopiesAreTrue,),
    ),
    Bug(
        "gap-in-replica", "a replica misses a block now and then", ("G4",), QUIET, misses_a_block,
        (CopiesAreTrue,),
    ),
    Bug(
        "unsigned-facts", "a fact is believed whoever signed it", ("facts",), FORGERS,
        believes_any_fact,
    ),
    Bug(
        "unsigned-blocks", "a block is kept whoever signed it", ("G3", "I8"), FORGERS,
        set_to(chains, "check_block", lambda _block: True),
    ),
)  # fmt: skip
