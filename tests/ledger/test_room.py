"""The one formula."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.books import Books
from ledger.books.holds import Token
from ledger.commands import GrantKind, Leg
from ledger.entries import EraOpened, Held
from ledger.granting.capacity import capacity_entries, room_now
from ledger.granting.room import room
from ledger.observations import PoolReading
from mesh.identity import Epoch
from mesh.logs import Era

ERA = Era(1, b"n" * 16)
amounts = st.integers(0, 1000)


def test_untouched_memory_of_a_hold_is_not_free() -> None:
    assert room(100, 0, 100, [(60, 0)]) == 40


def test_memory_that_a_hold_already_uses_is_not_subtracted_twice() -> None:
    assert room(100, 0, 40, [(60, 60)]) == 40


def test_foreign_use_takes_room() -> None:
    assert room(100, 0, 30, [(60, 0)]) == 0
    assert room(100, 10, 70, [(20, 5)]) == 55


def test_unknown_is_not_zero() -> None:
    assert room(None, 0, 10, []) is None
    assert room(10, 0, None, []) is None


@given(amounts, amounts, amounts, st.lists(st.tuples(st.integers(1, 100), amounts), max_size=6))
def test_the_desk_and_the_formula_agree(
    total: int, system: int, free: int, holds: list[tuple[int, int]]
) -> None:
    books = Books()
    books.write(EraOpened(ERA, Epoch(1, b""), None, "", None, True), ERA, Token(ERA.counter, 0, 0))
    reading = PoolReading("ram", total, system, free, {})
    for entry in capacity_entries(books, {"ram": reading}, set()):
        assert books.write(entry, ERA, Token(ERA.counter, 0, 1)) is None
    granted = []
    for number, (amount, used) in enumerate(holds):
        held = Held(
            bytes([number]) * 16, bytes(32), bytes(16), (Leg("ram", amount),),
            GrantKind.CARRIED, 1, "p", "",
        )  # fmt: skip
        if books.write(held, ERA, Token(ERA.counter, 0, 2 + number)) is None:
            granted.append((number, amount, used))
    uses = {bytes([number]) * 16: used for number, _, used in granted if used % 2}
    seen = PoolReading("ram", total, system, free, uses)
    expected = [(amount, used if used % 2 else 0) for _, amount, used in granted]
    assert room_now(books, seen) == room(total, system, free, expected)
