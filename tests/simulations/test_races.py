"""Two askers and one room, over hundreds of seeds; and the faults that would let both win."""

import pytest

from ledger import granting
from ledger.books import Books
from simulations.races import Tally, race_world
from simulations.verdicts import PromiseBroken

SEEDS = 300
GROUPS = 10


@pytest.mark.parametrize("group", range(GROUPS))
def test_two_askers_never_both_win_the_last_room(group: int) -> None:
    tally = Tally()
    for seed in range(group * SEEDS // GROUPS, (group + 1) * SEEDS // GROUPS):
        race_world(seed, tally, races=2)
    assert tally.outcomes["1 won"] > tally.races // 2, "most races have a winner"


def test_the_campaign_really_meets_its_faults() -> None:
    tally = Tally()
    for seed in range(1000, 1004):
        race_world(seed, tally)
    assert tally.faults["owner killed"] > 0
    assert tally.faults["asker cut off"] > 0
    assert tally.outcomes["lost: refused"] > 0


def test_an_owner_that_forgets_to_look_at_its_books_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The planted fault: neither the room nor the books are looked at before a hold is written.
    monkeypatch.setattr(granting, "_no_room", lambda *_: None)
    monkeypatch.setattr(Books, "fits", lambda *_: True)
    with pytest.raises((PromiseBroken, AssertionError)):
        race_world(2, Tally(), races=10)
