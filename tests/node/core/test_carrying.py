"""A lease lives as long as the process it is tied to."""

import pytest

from ledger.commands import TTL_MAX, Answer, Outcome, Release, Renew, Resume
from mesh.persistence import Persist
from node.core.effects import Watch
from node.core.reserving.carrying import RENEW_EVERY, Carried, Carrying

HOLD, SESSION = b"h" * 16, b"s" * 16
LEASE = Carried(HOLD, pid=42, started=7, receipts=(b"proof",))


def carrying() -> Carrying:
    carrying = Carrying()
    carrying.begin(LEASE, now=0)
    return carrying


def test_a_lease_is_on_disk_before_its_process_is_watched() -> None:
    persist, watch = Carrying().begin(LEASE, now=0)
    assert isinstance(persist, Persist)
    assert watch == Watch(HOLD, 42, 7)


def test_it_is_renewed_three_times_per_term() -> None:
    assert RENEW_EVERY * 3 == TTL_MAX
    kept = carrying()
    assert kept.wake(SESSION, quarantined=False, now=RENEW_EVERY - 1) == []
    (renew,) = kept.wake(SESSION, quarantined=False, now=RENEW_EVERY)
    assert isinstance(renew, Renew)
    assert kept.wake(SESSION, quarantined=False, now=RENEW_EVERY) == []


def test_an_owner_in_quarantine_is_shown_the_proof_instead() -> None:
    (resume,) = carrying().wake(SESSION, quarantined=True, now=RENEW_EVERY)
    assert resume == Resume(HOLD, SESSION, (b"proof",))


def test_after_a_restart_it_is_taken_up_at_once_and_its_process_watched_again() -> None:
    (persist, _) = Carrying().begin(LEASE, now=0)
    assert isinstance(persist, Persist)
    (row,) = persist.writes
    assert row.value is not None
    again = Carrying()
    assert again.restore({row.key: row.value}, now=5) == [Watch(HOLD, 42, 7)]
    assert again.holds() == {HOLD: LEASE}
    assert again.next_wake == 5


def test_when_its_process_is_gone_it_is_given_back_and_forgotten() -> None:
    kept = carrying()
    assert kept.ended(HOLD, SESSION) == [Release(HOLD, SESSION)]
    (persist,) = kept.end(HOLD)
    assert persist.writes[0].value is None
    assert kept.next_wake is None
    assert kept.ended(HOLD, SESSION) == []
    assert kept.end(HOLD) == []


@pytest.mark.parametrize(
    ("outcome", "over"),
    [(Outcome.RENEWED, False), (Outcome.QUARANTINED, False), (Outcome.WRONG_SESSION, False),
     (Outcome.NOT_FOUND, True), (Outcome.TOO_LATE, True)],
)  # fmt: skip
def test_only_yes_and_wait_keep_it_alive(outcome: Outcome, over: bool) -> None:
    kept = carrying()
    kept.answered(Answer(outcome, HOLD, SESSION))
    assert (kept.holds() == {}) is over


def test_what_has_ended_is_given_back_until_the_owner_has_heard_it() -> None:
    kept = carrying()
    (release,) = kept.ended(HOLD, SESSION)
    assert kept.answered(Answer(Outcome.QUARANTINED, HOLD, SESSION)) == []
    assert kept.wake(SESSION, quarantined=True, now=RENEW_EVERY) == [release]
    assert kept.wake(SESSION, quarantined=False, now=2 * RENEW_EVERY) == [release]
    assert kept.answered(Answer(Outcome.RELEASED, HOLD, SESSION)) != []
    assert kept.wake(SESSION, quarantined=False, now=3 * RENEW_EVERY) == []
