"""Who was told that it is kept out and grants all the same is caught."""

import pytest

from ledger.owner.standings import NoMore
from mesh.instant import SECOND
from node.core.requests import Reserve, Revoke
from node.core.trust.kept_out import OurOwn
from simulations.checks.checks import Checks
from simulations.checks.kept_out import OutcastsGrantNothing
from simulations.invented.network import Weather
from simulations.invented.world import World
from simulations.verdicts import PromiseBroken


def lived(*, again: bool = False) -> int:
    """cyd is revoked while it is away, comes back, and people there go on asking."""
    world = World(4, Weather())
    checks = Checks(world, [OutcastsGrantNothing])
    world.observe(checks)
    for name in ("ann", "bob", "cyd"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    world.crash("cyd")
    assert world.answer("ann", Revoke("cyd", "stolen")).ok
    world.run(2 * SECOND)
    world.start("cyd")
    world.run(3 * SECOND)
    if again:  # with nobody there to tell it once more
        for name in ("ann", "bob", "cyd"):
            world.crash(name)
        world.start("cyd")
        world.run(SECOND)
    assert not world.answer("cyd", Reserve({"ram": "1GiB", "node": "cyd"}, 60_000)).ok
    world.run(3 * SECOND)
    assert checks.evidence.seen["told that it is kept out"]
    return checks.evidence.looked["told"]


@pytest.mark.parametrize("again", [False, True])
def test_who_is_told_is_looked_at_as_long_as_it_is_up(again: bool) -> None:
    assert lived(again=again) >= 3


def test_books_that_do_not_care_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoMore, "outcome", None)
    with pytest.raises(PromiseBroken, match="is open"):
        lived()


def test_a_word_that_is_not_kept_on_disk_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OurOwn, "_keep", OurOwn._stand)
    with pytest.raises(PromiseBroken, match="would open at its next start"):
        lived()


def test_a_start_that_does_not_take_the_word_up_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OurOwn, "restore", lambda *_: [])
    with pytest.raises(PromiseBroken, match="is open"):
        lived(again=True)
