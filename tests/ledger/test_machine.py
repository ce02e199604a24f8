"""An owner answers, one promise at a time."""

from ledger.commands import Outcome
from tests.ledger.owner import opened


def test_hold_post_release_takes_room_and_gives_it_back() -> None:
    owner = opened()
    held = owner.hold(1, 40)
    assert held.outcome is Outcome.HELD
    assert owner.free == 60
    posted = owner.post(1)
    assert posted.outcome is Outcome.POSTED
    assert len(posted.receipts) == 2
    assert owner.release(1).outcome is Outcome.RELEASED
    assert owner.free == 100
