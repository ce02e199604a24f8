"""Lines: the judge is silent where all is well, and speaks where somebody is passed over."""

import pytest

from ledger import visits
from ledger.desk import planner
from ledger.desk.later import Later
from ledger.limits import Limits
from ledger.visits import admission
from ledger.waiting.line import Line
from mesh.instant import MILLISECOND, SECOND
from node.core import requests
from simulations.checks.lines import LinesAreFair
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening
from tests.simulations.checks.test_later import reserve

PASSED = r"^B18: .* let somebody pass, and .* waits longer"


def crowded() -> Evening:
    """Bob's 8 GiB are full for a minute, and Ann waits for 6 of them."""
    evening = Evening([LinesAreFair])
    evening.world.ask("bob", reserve(5, 60, principal="other"))
    evening.run(1)
    evening.world.ask("ann", reserve(6, 60, principal="ann", wait_ms=100_000))
    evening.run(4)
    return evening


def held_by_two() -> tuple[Evening, str]:
    """As above, and the id of the booking that Ann waits behind."""
    evening = Evening([LinesAreFair])
    full = evening.reserve("bob", "bob", "5GiB", term_ms=60_000)
    evening.world.ask("ann", reserve(6, 60, principal="ann", wait_ms=100_000))
    evening.run(4)
    return evening, full


def waited_long(important: int) -> tuple[Evening, str]:
    """Ann has waited for ten seconds, which count for five of importance here, when Cyd comes."""
    evening = Evening([LinesAreFair])
    evening.world.limits = Limits(age_step=2 * SECOND)
    evening.world.crash("bob")
    evening.world.start("bob")
    evening.run(4)
    full = evening.reserve("bob", "bob", "5GiB")
    evening.world.ask("ann", reserve(6, 60, principal="ann", wait_ms=100_000))
    evening.run(10)
    wish = reserve(6, 60, principal="cyd", priority=important, wait_ms=100_000)
    evening.world.ask("cyd", wish)
    evening.run(0.5)
    return evening, full


def test_a_line_that_moves_on_is_looked_at_in_silence() -> None:
    evening = crowded()
    evening.world.ask("bob", reserve(2, 20, principal="bob"))
    evening.world.ask("bob", reserve(2.5, 200, principal="eve"))
    evening.run(80)
    assert evening.checks.looked["B18"] > 0


def test_who_matters_more_goes_first_after_a_restart_too_and_that_is_no_pushing_in() -> None:
    evening = Evening([LinesAreFair])
    full = evening.reserve("bob", "bob", "5GiB")
    evening.world.ask("ann", reserve(6, 60, principal="ann", wait_ms=100_000))
    evening.world.ask("cyd", reserve(6, 20, principal="cyd", priority=5, wait_ms=100_000))
    evening.run(4)
    evening.world.crash("bob")
    evening.world.start("bob")
    evening.run(4)
    evening.release("bob", full)
    evening.run(4)
    assert evening.checks.looked["B18"] > 1  # at the restart, and at a grant


def test_an_owner_that_lets_people_push_in_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = crowded()
    monkeypatch.setattr(admission, "others_wait", lambda *_: None)
    with pytest.raises(PromiseBroken, match=r"^B18: .* let somebody pass, and .* waits longer"):
        evening.world.ask("bob", reserve(2.5, 200, principal="eve"))


def test_who_pushes_in_among_ends_and_others_is_seen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner stood still, and decides about all that came meanwhile in one breath."""
    evening, full = held_by_two()
    monkeypatch.setattr(admission, "others_wait", lambda *_: None)
    evening.world.pause("bob", 2 * SECOND)
    small = [reserve(0.1, 30, principal="bob") for _ in range(3)]
    for wish in (*small, reserve(2.5, 200, principal="eve"), requests.Release(full)):
        evening.world.ask("bob", wish)
    with pytest.raises(PromiseBroken, match=PASSED):
        evening.run(3)


def test_who_passes_by_lasting_longer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    evening, full = held_by_two()
    refused = evening.world.answer("bob", requests.Extend(full, more_ms=600_000))
    assert not refused.ok, "somebody waits for that room"
    monkeypatch.setattr(visits, "may_last", lambda *_: None)
    with pytest.raises(PromiseBroken, match=PASSED):
        evening.world.answer("bob", requests.Extend(full, more_ms=600_000))


def test_who_passes_by_booking_ahead_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    evening, _ = held_by_two()
    wall = evening.world.hosts["bob"].wall(evening.world.now) + 50 * SECOND
    monkeypatch.setattr(planner, "_refuse_plan", lambda *_: None)
    with pytest.raises(PromiseBroken, match=PASSED):
        evening.world.answer("bob", reserve(6, 600, start_at_ms=wall // MILLISECOND))


@pytest.mark.parametrize(("important", "looks"), [(4, 1), (9, 1)])
def test_who_waited_long_goes_first_or_who_matters_more_still_and_both_are_fair(
    important: int, looks: int
) -> None:
    evening, full = waited_long(important)
    evening.release("bob", full)
    evening.run(4)
    assert evening.checks.looked["B18"] >= looks
    (granted,) = evening.world.hosts["bob"].alive.ledger.books.live.values()
    assert granted.principal == ("ann" if important == 4 else "cyd")


def test_an_owner_that_counts_no_waiting_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening, full = waited_long(4)
    monkeypatch.setattr(Line, "importance", lambda _self, ticket, *_: ticket.priority)
    evening.world.ask("bob", requests.Release(full))
    with pytest.raises(PromiseBroken, match=PASSED):
        evening.run(4)


def test_a_line_that_a_restart_forgets_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = crowded()
    monkeypatch.setattr(Later, "restored", classmethod(lambda cls, _saved: cls()))
    evening.world.crash("bob")
    with pytest.raises(PromiseBroken, match=r"^B18: .* forgot 1 of 1 places"):
        evening.world.start("bob")
