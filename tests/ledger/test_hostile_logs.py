"""Logs that no honest owner writes, shown to an auditor whose books have lost a guard.

The books refuse such a log by name before the auditor sees it. So each guard is taken away first:
the auditor keeps its own tally and must not believe the books.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from ledger import books as fold
from ledger.accounts import PoolState
from ledger.books import Books
from ledger.commands import Leg
from ledger.entries import EndedBy, Entry, PoolStateSet, Posted, Provisioned, Released, Voided
from ledger.lifecycle import HoldState, Step, after
from ledger.proving.audit import check_fold, verify_chain
from ledger.proving.tally import AuditError
from mesh.logs import Block
from tests.ledger.owner import ALICE, hold_id
from tests.ledger.test_books import CHAIN, block_after, held, opening

Patch = Callable[[pytest.MonkeyPatch], None]


def log_of(*entries: Entry) -> list[Block]:
    """One block that provisions, and one with `entries`."""
    books = Books()
    first = block_after(books, opening(), Provisioned((Leg("ram", 100),)))
    assert books.apply_block(first) is None
    return [first, block_after(books, *entries)]


def any_step_from_anywhere(patch: pytest.MonkeyPatch) -> None:
    """The table of what a hold may become is not asked."""
    ends = {Step.POST: HoldState.POSTED, Step.VOID: HoldState.VOIDED}

    def lenient(state: HoldState, step: Step) -> HoldState:
        return after(state, step) or ends.get(step, HoldState.RELEASED)

    patch.setattr(fold, "after", lenient)


def pools_never_shut(patch: pytest.MonkeyPatch) -> None:
    """That a pool is not open is noted nowhere."""
    put = Books._put

    def bent(self: Books, table: Any, key: Any, value: Any) -> None:
        put(self, table, key, PoolState.OPEN if isinstance(value, PoolState) else value)

    patch.setattr(Books, "_put", bent)


def books_with_a_memory(patch: pytest.MonkeyPatch) -> None:
    """The fold knows something that is not in the log: how many holds it ever saw."""
    begun, numbers = fold.live_hold, count()

    def bent(entry: Any, state: Any, at: Any) -> Any:
        return replace(begun(entry, state, at), label=f"number {next(numbers)}")

    patch.setattr(fold, "live_hold", bent)


HOSTILE: list[tuple[str, Patch, tuple[Entry, ...]]] = [
    ("I5", any_step_from_anywhere, (held(1), Posted(hold_id(1)), Posted(hold_id(1)))),
    ("I5", any_step_from_anywhere, (held(1), Posted(hold_id(1)), Voided(hold_id(1), ALICE.id))),
    ("I5", any_step_from_anywhere, (held(1), Released(hold_id(1), ALICE.id, EndedBy.ASKED))),
    ("I7", pools_never_shut, (PoolStateSet("ram", PoolState.IMPAIRED), held(1))),
    ("I7", pools_never_shut, (PoolStateSet("ram", PoolState.UNKNOWN), held(1))),
]


@pytest.mark.parametrize(("number", "plant", "entries"), HOSTILE)
def test_the_auditor_sees_what_books_without_a_guard_let_pass(
    number: str, plant: Patch, entries: tuple[Entry, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(*entries)
    refused = verify_chain(log).fault
    assert refused is not None
    assert number not in refused, "with its guard, the books themselves refuse it"
    plant(monkeypatch)
    fault = verify_chain(log).fault
    assert fault is not None
    assert number in fault


def test_a_fold_that_rests_on_more_than_the_log_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    check_fold(CHAIN, [3])
    books_with_a_memory(monkeypatch)
    with pytest.raises(AuditError, match="I9"):
        check_fold(CHAIN, [3])
