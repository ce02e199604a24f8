"""What shows that a hold is granted: a block, or the state that stands for it once it is gone."""

from ledger.books import Books
from mesh.instant import MILLISECOND, SECOND
from node.core import requests
from node.core.requests.gangs import ReserveGang
from simulations.checks.witnesses import Witnesses
from tests.simulations.checks.evening import Evening

STATE = b"the hash of a state"
TERM_MS = 3_600_000


def beginning_with(books: Books) -> Witnesses:
    witnesses = Witnesses()
    witnesses.begun_with(STATE, books)
    return witnesses


def test_a_state_shows_what_is_booked_in_it_and_what_is_planned() -> None:
    evening = Evening([])
    booked = bytes.fromhex(evening.reserve("ann", "bob"))
    bob = evening.world.hosts["bob"]
    wall = bob.wall(evening.world.now) + 60 * SECOND
    planned = bytes.fromhex(evening.reserve("ann", "bob", start_at_ms=wall // MILLISECOND))
    assert [*bob.alive.ledger.books.plans] == [planned]
    witnesses = beginning_with(bob.alive.ledger.books)
    for hold in (booked, planned):
        assert [*witnesses.posts(hold)] == [*witnesses.copies(hold)] == [STATE]
    assert not [*witnesses.posts(bytes(16))]


def test_a_state_is_a_copy_of_a_gangs_booking_once_that_is_settled() -> None:
    evening = Evening([])
    evening.world.ask("ann", ReserveGang({"ram": "1GiB"}, 3, TERM_MS))
    books = evening.world.hosts["bob"].alive.ledger.books
    evening.world.run_until(lambda: bool(books.live), 20 * SECOND)
    evening.world.run_until(lambda: any(one.on_probation for one in books.live.values()), SECOND)
    (hold,) = books.live
    early = beginning_with(books)
    assert [*early.posts(hold)] == [STATE]
    assert not [*early.copies(hold)]
    evening.run(5)
    assert [*beginning_with(books).copies(hold)] == [STATE]


def test_what_was_held_and_never_posted_shows_nothing() -> None:
    evening = Evening([])
    ask = {"ram": "1GiB", "node": "bob"}
    evening.world.ask("ann", requests.Reserve(ask, TERM_MS))
    books = evening.world.hosts["bob"].alive.ledger.books
    evening.world.run_until(lambda: bool(books.live), SECOND)
    (hold,) = books.live
    assert not [*beginning_with(books).posts(hold)]
