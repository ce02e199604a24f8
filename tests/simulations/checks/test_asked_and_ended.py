"""What is asked twice, who may be seen alive, and how long a hold may stay."""

import pytest

from ledger import desk
from ledger.commands import GrantKind, Hold, Leg, Outcome
from ledger.granting import Refused
from ledger.limits import PENDING_TTL
from ledger.visits import Visit
from mesh.instant import SECOND
from mesh.roll.membership import Liveness
from simulations.checks.ends import CopiesAreHeard
from simulations.checks.lapses import NothingOverstays
from simulations.checks.presence import NobodySpeaksForAnother
from simulations.checks.requests import OneAnswerEach
from simulations.invented.hardware import GIB
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening

HOLD = b"0123456789abcdef"


def ask(evening: Evening, ram: int = GIB) -> None:
    """Ann asks Bob for a lease, always under one id."""
    session = evening.world.hosts["bob"].alive.ledger.session
    said = Hold(HOLD, session, (Leg("ram", ram),), GrantKind.CARRIED, 30 * SECOND, "", "")
    evening.world.command("ann", "bob", said)
    evening.run(0.5)


# One answer each ---------------------------------------------------------------------------------


def test_a_repeated_request_and_a_clash_of_ids_are_told_in_silence() -> None:
    evening = Evening([OneAnswerEach])
    ask(evening)
    ask(evening)
    ask(evening, ram=2 * GIB)
    assert evening.checks.looked["I6"] == 3


def test_an_owner_that_takes_back_its_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([OneAnswerEach])
    ask(evening)
    no = Refused(Outcome.NO_ROOM, "never heard of it")
    monkeypatch.setattr(Visit, "_hold", lambda self, hold, wait=None: [self._refuse(hold.id, no)])
    with pytest.raises(PromiseBroken, match=r"^I6: .* bob says no room of .*, which it had gr"):
        ask(evening)


def test_an_owner_that_does_not_look_at_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([OneAnswerEach])
    ask(evening)
    monkeypatch.setattr(
        Visit, "_hold",
        lambda self, hold, wait=None: self._granted_again(
            Outcome.HELD, self.desk.books.live[hold.id]
        ),
    )  # fmt: skip
    with pytest.raises(PromiseBroken, match=r"^I6: .* bob took .* for another request"):
        ask(evening, ram=2 * GIB)


# Alive -------------------------------------------------------------------------------------------


def test_who_sleeps_and_comes_back_is_seen_alive_by_its_own_word() -> None:
    evening = Evening([NobodySpeaksForAnother])
    evening.world.pause("bob", 15 * SECOND)
    evening.run(40)
    assert evening.checks.looked["alive"] >= 2, "it went, and came back"


def test_who_is_seen_alive_by_hearsay() -> None:
    evening = Evening([NobodySpeaksForAnother])
    ann, bob = evening.world.hosts["ann"], evening.world.hosts["bob"]
    evening.world.crash("bob")
    evening.run(20)
    member = ann.alive.mesh.roll.member(bob.id)
    assert member is not None
    assert member.liveness is Liveness.DEAD
    ann.alive.mesh.roll.heard(bob.id, evening.world.now)
    with pytest.raises(PromiseBroken, match=r"^alive: .* ann sees bob alive, unheard"):
        evening.run(2)


# Over its time -----------------------------------------------------------------------------------


def test_a_hold_that_nobody_confirms_is_gone_in_time() -> None:
    evening = Evening([NothingOverstays])
    ask(evening)
    evening.run(40)
    assert evening.checks.looked["V3"]
    assert HOLD not in evening.world.hosts["bob"].alive.ledger.books.live


def test_an_owner_that_forgets_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "owner_span", lambda term: 100 * term)
    evening = Evening([NothingOverstays])
    ask(evening)
    with pytest.raises(PromiseBroken, match=r"^V3: .* at bob is still there after \d+ s"):
        evening.run(2 * PENDING_TTL / SECOND + 20)


# Copies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deaf", [False, True], ids=["listens", "does not listen"])
def test_an_owner_is_told_of_what_it_forgot(
    deaf: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    if deaf:
        monkeypatch.setattr("ledger.recovery.Gathered.add", lambda *_: [])
    evening = Evening([CopiesAreHeard])
    world, bob = evening.world, evening.world.hosts["bob"]
    blank = bob.disk.snapshot()
    evening.reserve("ann", "bob", "5GiB")
    evening.run(1)
    world.crash("bob", power=True)
    bob.disk.set_back(blank)
    world.start("bob")
    evening.run(60)
    if not deaf:
        evening.checks.look_at_all(world)
        return
    with pytest.raises(PromiseBroken, match=r"^B13: .* is forgotten, and \['ann', 'cyd'\] still"):
        evening.checks.look_at_all(world)
