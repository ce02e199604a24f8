"""One command to one owner, seen to its end: done, refused, or unknown."""

from ledger.commands import Answer, Outcome, Release
from mesh.identity import NodeId
from node.core.effects import Reply
from node.core.reserving.telling import REST_BETWEEN_SENDS, SENDS_MAX, Tell, Telling, Told

OWNER, HOLD, SESSION = NodeId(b"o" * 16), b"h" * 16, b"s" * 16


def begun() -> Telling:
    telling = Telling(lambda owner: {OWNER: "oak"}[owner])
    (tell,) = telling.begin(9, OWNER, Release(HOLD, SESSION))
    assert tell == Tell(1, OWNER, Release(HOLD, SESSION))
    return telling


def test_a_yes_ends_it() -> None:
    telling = begun()
    answer = Answer(Outcome.RELEASED, HOLD, SESSION)
    assert telling.answered(1, answer, 0) == [Told(9, OWNER, Release(HOLD, SESSION), answer)]
    assert telling.answered(1, answer, 0) == []


def test_a_no_is_worded_and_says_who_may() -> None:
    (reply,) = begun().answered(1, Answer(Outcome.NOT_HOLDER, HOLD, SESSION), 0)
    assert isinstance(reply, Reply)
    assert not reply.ok
    assert reply.body["code"] == "refused"
    assert "only its holder and its owner may" in reply.body["hint"]


def test_an_owner_that_restarted_is_asked_again_under_its_new_session_at_once() -> None:
    (tell,) = begun().answered(1, Answer(Outcome.WRONG_SESSION, HOLD, b"n" * 16), 0)
    assert tell == Tell(1, OWNER, Release(HOLD, b"n" * 16))


def test_silence_is_asked_again_after_a_rest_and_in_the_end_called_unknown() -> None:
    telling, now = begun(), 0
    for _ in range(SENDS_MAX - 1):
        assert telling.answered(1, None, now) == []
        assert telling.next_wake == now + REST_BETWEEN_SENDS
        assert telling.wake(now) == []
        now += REST_BETWEEN_SENDS
        assert telling.wake(now) == [Tell(1, OWNER, Release(HOLD, SESSION))]
    (reply,) = telling.answered(1, None, now)
    assert isinstance(reply, Reply)
    assert reply.body["code"] == "unknown"
    assert f"oak, which owns {HOLD.hex()[:12]}" in reply.body["sentence"]
    assert "run it again when oak is back" in reply.body["hint"]
    assert telling.next_wake is None


def test_an_owner_that_changes_its_session_for_ever_is_given_up() -> None:
    telling, sends = begun(), 1
    while isinstance((said := telling.answered(1, Answer(Outcome.WRONG_SESSION, HOLD, b"n"), 0))[0],
                     Tell):  # fmt: skip
        sends += 1
    assert sends == SENDS_MAX
    assert isinstance(said[0], Reply)
