"""Quotas over the mesh: the check is silent where all is well, and speaks where it is not."""

import pytest

from ledger.books import rights
from ledger.books.entitlements import Entitlements
from ledger.books.rights import Side
from ledger.desk import escrow
from mesh.instant import SECOND
from node.core import requests
from node.core.copies import Copies
from node.core.requests.quotas import QuotaIssue, QuotaMove
from simulations.checks.rights import RightsHold
from simulations.invented.hardware import GIB
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening
from tests.simulations.checks.test_unheard import Whole

OPENED = 40 * SECOND
"""Longer than a quarantine."""


def shared(ram: int = 4) -> Evening:
    """Ann has issued 4 GiB to alice, and nobody has spent any."""
    evening = Evening([RightsHold])
    assert evening.world.answer("ann", QuotaIssue("alice", {"ram": f"{ram}GiB"})).ok
    evening.run(2)
    return evening


def spend(evening: Evening, door: str, node: str, ram: float, wait: float = 0) -> bool:
    ask = {"ram": f"{round(ram * GIB)} B", "node": node}
    reserve = requests.Reserve(ask, 3_600_000, principal="alice", wait_for_opening=False)
    granted = evening.world.answer(door, reserve).ok
    evening.run(wait)
    return granted


def set_back(evening: Evening) -> None:
    """Ann gives Bob all there is; then her disk is what it was before, and she hears nobody."""
    world, ann = evening.world, evening.world.hosts["ann"]
    copy = ann.disk.snapshot()
    assert world.answer("ann", QuotaMove("alice", {"ram": "4GiB"}, target="bob")).ok
    evening.run(2)
    assert spend(evening, "bob", "bob", 4)
    world.crash("ann", power=True)
    ann.disk.set_back(copy)
    ann.marker = None
    world.network.cut(["ann"], ["bob", "cyd"])
    world.start("ann")
    world.run(OPENED)


def test_rights_that_move_and_are_spent_are_looked_at_in_silence() -> None:
    evening = shared()
    assert spend(evening, "cyd", "bob", 1.5)
    assert spend(evening, "bob", "cyd", 2)
    assert not spend(evening, "ann", "ann", 1)
    assert evening.world.answer("cyd", QuotaMove("alice", {"ram": "0.5GiB"}, source="ann")).ok
    assert spend(evening, "ann", "cyd", 0.5)
    evening.run(3)
    assert evening.checks.looked["G5"] > 3


def test_rights_that_a_crash_lets_through_have_come_though_nobody_was_told() -> None:
    evening = shared()
    world, bob = evening.world, evening.world.hosts["bob"]
    world.ask("ann", QuotaMove("alice", {"ram": "4GiB"}, target="bob"))
    folds = evening.checks.evidence.archive.durable
    assert world.run_until(
        lambda: bob.alive.ledger.books.rights != folds["bob"].tally.rights, SECOND
    )
    bob.disk.random = Whole()
    world.crash("bob")
    world.start("bob")
    assert bob.alive.ledger.books.entitled["alice", "ram"] == 4 * GIB
    evening.run(3)


def test_rights_that_count_twice_where_they_come_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(rights._SIGN, Side.TAKEN, 2)  # type: ignore[arg-type]  # it is a dict
    evening = shared()
    assert evening.world.answer("bob", QuotaMove("alice", {"ram": "4GiB"}, source="ann")).ok
    evening.run(1)
    with pytest.raises(PromiseBroken, match=r"^G5: .* alice has bob"):
        spend(evening, "bob", "bob", 6, wait=2)


def test_a_hold_on_rights_that_are_not_there_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = shared()
    monkeypatch.setattr(Entitlements, "_covers", lambda *_: None)
    monkeypatch.setattr(escrow.Escrow, "refuse", lambda *_: None)
    with pytest.raises(PromiseBroken, match=r"^G5: "):
        spend(evening, "bob", "bob", 1, wait=2)


def test_a_disk_that_forgot_what_it_gave_spends_nothing_before_somebody_reminds_it() -> None:
    evening = shared()
    set_back(evening)
    ann = evening.world.hosts["ann"].alive.ledger
    assert ann.books.entitled["alice", "ram"] == 4 * GIB
    assert not spend(evening, "ann", "ann", 1)
    evening.world.network.heal()
    evening.run(30)
    assert ann.books.rights_open
    assert ann.books.entitled["alice", "ram"] == 0
    assert not spend(evening, "ann", "ann", 1)


def test_a_disk_that_forgot_what_it_gave_and_spends_it_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Copies, "unheard", lambda *_: 0)
    monkeypatch.setattr(escrow, "restore", lambda *_: [])
    evening = shared()
    with pytest.raises(PromiseBroken, match=r"^G5: .* alice has ann"):
        set_back(evening)
