"""Deaths that were earned pass; those that were not, and doubts of who was away, are caught."""

import pytest

from mesh.instant import MILLISECOND, SECOND
from mesh.watch.lookout import Lookout
from mesh.watch.suspicion import Suspicions
from simulations.checks.checks import Checks
from simulations.checks.deaths import DeathsAreEarned
from simulations.invented.network import Weather
from simulations.invented.world import World
from simulations.verdicts import PromiseBroken
from tests.planted.detector import death_by_hearsay, no_last_look

NAMES = ("ann", "bob", "cyd", "dan", "eve")


def met() -> tuple[World, Checks]:
    world = World(4, Weather())
    checks = Checks(world, [DeathsAreEarned])
    world.observe(checks)
    for name in NAMES:
        world.add(name)
        world.start(name, first=True)
    world.run(4 * SECOND)
    return world, checks


def killed() -> Checks:
    world, checks = met()
    world.crash("eve")
    world.run(20 * SECOND)
    return checks


def cut_off() -> Checks:
    world, checks = met()
    world.network.cut(["ann"], NAMES[1:])
    world.run(20 * SECOND)
    return checks


def away() -> Checks:
    world, checks = met()
    for _ in range(8):  # until ann goes away in the middle of a look at somebody
        for other in NAMES[1:]:
            world.pause(other, 800 * MILLISECOND)
        world.run(500 * MILLISECOND)
        world.pause("ann", 2200 * MILLISECOND)
        world.run(4300 * MILLISECOND)
    return checks


def test_a_machine_that_is_gone_is_given_up_by_all_and_that_is_looked_at() -> None:
    assert killed().looked["death"] == len(NAMES) - 1


def test_who_is_cut_off_or_was_away_gives_nobody_up() -> None:
    # The four others give up the one; it gives up none of them.
    assert cut_off().looked["death"] == len(NAMES) - 1
    assert away().looked["death"] == 0


def test_a_death_by_hearsay_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    death_by_hearsay(monkeypatch)
    with pytest.raises(PromiseBroken, match=r"^death: .* gives eve up without a look of its own"):
        killed()


def test_a_death_without_a_last_look_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Suspicions, "due", no_last_look)
    with pytest.raises(PromiseBroken, match=r"^death: .* gives eve up after"):
        killed()


def test_a_death_by_who_is_cut_off_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Suspicions, "turned", lambda *_: False)
    with pytest.raises(PromiseBroken, match=r"^death: .* ann gives .* up while it is itself cut"):
        cut_off()


def test_a_doubt_of_who_was_away_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lookout, "late", lambda *_: None)
    with pytest.raises(PromiseBroken, match=r"^doubt: .* ann was away, and doubts"):
        away()
