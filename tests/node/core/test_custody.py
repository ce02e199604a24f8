"""A booking is answered once somebody else could vouch for it."""

from ledger.commands import Answer, Outcome
from mesh.identity import NodeId
from mesh.instant import MILLISECOND
from mesh.logs import Era, Position
from node.core.reserving.custody import COPY_WAIT, Custody

ANN, BOB = NodeId(b"a" * 16), NodeId(b"b" * 16)


def answer(height: int) -> Answer:
    return Answer(Outcome.POSTED, bytes(16), bytes(16), token=(1, height, 0))


def stored(custody: Custody, peer: NodeId, height: int) -> list[tuple[int, tuple[bytes, ...]]]:
    done = custody.stored(peer, Position(Era(1, bytes(16)), height, bytes(32)))
    return [(one.token, one.answer.stored_on or ()) for one in done]


def test_an_answer_waits_for_the_first_copy_and_names_its_keeper() -> None:
    custody = Custody()
    assert custody.hold(1, answer(5), others=2, now=0) == []
    assert stored(custody, ANN, 4) == []
    assert stored(custody, BOB, 5) == [(1, (BOB,))]
    assert stored(custody, ANN, 9) == []


def test_a_copy_that_is_there_already_is_not_waited_for() -> None:
    custody = Custody()
    stored(custody, ANN, 7)
    (done,) = custody.hold(1, answer(7), others=2, now=0)
    assert done.answer.stored_on == (ANN,)


def test_where_nobody_could_keep_a_copy_none_is_waited_for() -> None:
    (done,) = Custody().hold(1, answer(5), others=0, now=0)
    assert done.answer.stored_on == ()


def test_a_slow_peer_delays_a_booking_and_never_prevents_it() -> None:
    custody = Custody()
    custody.hold(1, answer(5), others=1, now=0)
    assert custody.next_wake == COPY_WAIT
    assert custody.wake(COPY_WAIT - MILLISECOND) == []
    (done,) = custody.wake(COPY_WAIT)
    assert done.answer.stored_on == ()
    assert custody.next_wake is None


def test_copies_from_before_a_cut_count_for_nothing() -> None:
    custody = Custody()
    stored(custody, ANN, 9)
    custody.new_era()
    assert custody.hold(1, answer(5), others=1, now=0) == []


def test_an_older_word_takes_nothing_back() -> None:
    custody = Custody()
    stored(custody, ANN, 9)
    stored(custody, ANN, 3)
    (done,) = custody.hold(1, answer(8), others=1, now=0)
    assert done.answer.stored_on == (ANN,)
