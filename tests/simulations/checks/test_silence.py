"""Where nothing is wrong, no check says anything, and every one of them has looked."""

import pytest

from ledger.machine import Ledger
from mesh.instant import SECOND
from node.core import requests
from node.core.requests import Refused
from simulations.checks.checks import ALL
from simulations.invented.hardware import GIB
from simulations.invented.network import Weather
from simulations.verdicts import PromiseBroken, Stalled
from tests.simulations.checks.evening import Evening

BAD = Weather(loss=0.1, duplication=0.2, reordering=0.2, corruption=0.02)


def lively(evening: Evening) -> None:
    """Bookings, a bare hold, a lease that is tied, restarts of both kinds, and a lost disk."""
    world = evening.world
    kept = evening.reserve("ann", "bob", "2GiB")
    own = evening.reserve("cyd", "cyd", "5GiB")
    pending = evening.reserve("bob", "ann", hold_only=True)
    assert world.answer("bob", requests.Post(pending)).ok
    started = world.run_work("ann", 7, ram=1 << 28)
    tied = evening.reserve("ann", "ann", pid=7, pid_started=started, term_ms=30_000)
    evening.run(20)
    world.crash("ann")
    world.start("ann")
    evening.run(2)
    world.crash("bob", power=True)
    world.start("bob")
    evening.run(60)
    world.end_work("ann", 7)
    evening.release("cyd", own)
    evening.release("ann", kept)
    evening.run(40)
    assert evening.checks.evidence.promises.get(bytes.fromhex(tied)) is not None


@pytest.mark.parametrize("weather", [Weather(), BAD], ids=["fair", "bad"])
def test_an_evening_in_which_nothing_is_wrong(weather: Weather) -> None:
    evening = Evening(weather=weather)
    lively(evening)
    evening.world.network.weather = Weather()
    evening.checks.calm(evening.world)
    looked = evening.checks.looked
    for promise in (
        "I1", "I9", "I10", "G1", "G3", "G4", "G8", "B1", "B3", "B5", "B6", "B8", "B10", "B13",
        "facts", "bounds", "V1", "V2", "V3",
    ):  # fmt: skip
        assert looked[promise], promise
    assert evening.checks.seen["kept through a quarantine"]


def test_every_check_names_its_promises_and_can_be_used_alone() -> None:
    for part in ALL:
        assert part.promises
        assert part.__doc__
        evening = Evening([part])
        evening.reserve("ann", "bob")
        evening.run(6)


def test_a_calm_that_never_comes_is_told_with_its_reason() -> None:
    evening = Evening()
    evening.world.network.cut(["ann"], ["bob", "cyd"])
    evening.run(12)
    with pytest.raises(Stalled, match=r"^V2: seed 5, .*: not everybody agrees .* misses") as told:
        evening.checks.calm(evening.world)
    assert told.value.promise == "V2"


def test_a_request_that_is_never_answered_is_told() -> None:
    evening = Evening()
    evening.world.pause("bob", 400 * SECOND)
    evening.world.ask("bob", requests.Status())  # it stands still, and so nobody decides
    with pytest.raises(Stalled, match=r"^V1: .*\['bob'\] have not answered"):
        evening.checks.calm(evening.world)


def test_room_that_does_not_come_back_whole_and_a_hold_that_never_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evening = Evening()
    evening.reserve("ann", "bob", "3GiB")
    evening.checks.calm(evening.world)
    whole = Ledger.rooms
    monkeypatch.setattr(Ledger, "rooms", lambda self: {**whole(self), "ram": 5 * GIB})
    with pytest.raises(PromiseBroken, match=r"^V3: .*'s ram has 8589934592 of 8589934592 free, an"):
        evening.checks.calm(evening.world)
    monkeypatch.undo()
    monkeypatch.setattr(
        "node.core.reserving.instructing.command", lambda *_: (_ for _ in ()).throw(_never())
    )
    evening.world.ask("ann", requests.Reserve({"ram": "1GiB"}, 3_600_000))
    with pytest.raises(Stalled, match=r"^V3: .* a hold never ends .* still hold something"):
        evening.checks.calm(evening.world)


def _never() -> Refused:
    return Refused("refused", "not today")


def test_a_probe_that_nobody_grants(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening()
    monkeypatch.setattr("ledger.granting.room_now", lambda *_: None)
    with pytest.raises(Stalled, match=r"^V5: .* ann gets nothing at bob"):
        evening.checks.calm(evening.world)
