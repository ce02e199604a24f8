"""Gangs of leases: kept up by their asker with every owner, and over everywhere when one is."""

from collections.abc import Callable
from typing import Final

import pytest

from ledger.books.gangs import GangStage
from ledger.commands import TTL_MAX
from mesh.instant import SECOND, Duration
from node.core import requests
from node.core.gangs.leases import GangLeases
from node.core.requests.gangs import ReserveGang
from simulations.invented.world import World

NAMES: Final = ("ann", "bob", "cyd")
SOON: Final[Duration] = TTL_MAX * 103 // 100 + 3 * SECOND


class Play:
    """Ann keeps up a gang of leases on all three nodes."""

    def __init__(self, pid: int | None = None) -> None:
        self.world = World(1)
        for name in NAMES:
            self.world.add(name)
            self.world.start(name, first=True)
        self.world.run(3 * SECOND)
        started = None if pid is None else self.world.run_work("ann", pid)
        wish = ReserveGang(
            {"ram": "1GiB"}, 3, 3_600_000, carried=True, pid=pid, pid_started=started
        )
        reply = self.world.answer("ann", wish)
        assert reply.ok, reply.body
        self.body = reply.body

    def holders(self) -> list[str]:
        return [host.name for host in self.world.up() if host.alive.ledger.books.live]

    def stage(self) -> GangStage:
        gangs = self.world.hosts["ann"].alive.ledger.books.gangs
        return gangs[bytes.fromhex(self.body["id"])].stage


def test_it_lasts_for_many_terms_while_its_asker_renews_it_and_is_never_a_booking() -> None:
    play = Play()
    assert (play.body["kind"], play.body["term_ms"]) == ("carried", 30_000)
    play.world.run(3 * TTL_MAX)
    assert play.holders() == list(NAMES)
    (row, *_) = play.world.answer("bob", requests.Holds()).body["holds"]
    assert (row["kind"], row["gang"]["stage"]) == ("carried", "completed")
    given = play.world.answer("ann", requests.Release(play.body["id"]))
    assert given.ok
    assert (play.holders(), play.stage()) == ([], GangStage.ENDED)


def test_without_renewals_it_is_over_within_a_term(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GangLeases, "wake", lambda *_: ([], []))
    monkeypatch.setattr(GangLeases, "next_wake", None)
    play = Play()
    play.world.run(SOON)
    assert play.holders() == []


def process_ends(play: Play) -> None:
    play.world.run(40 * SECOND)
    assert play.holders() == list(NAMES)
    play.world.end_work("ann", 4711)
    play.world.run(3 * SECOND)


def one_lease_is_lost(play: Play) -> None:
    member = next(one for one in play.body["members"] if one["owner"]["name"] == "bob")
    assert play.world.answer("bob", requests.Release(member["id"])).ok
    play.world.run(12 * SECOND)


def owner_is_cut_off(play: Play) -> None:
    play.world.network.cut(["bob"], ["ann", "cyd"])
    play.world.run(SOON)
    assert play.stage() is GangStage.ENDED
    play.world.network.heal()
    play.world.run(5 * SECOND)


def asker_dies(play: Play) -> None:
    play.world.crash("ann")
    play.world.run(SOON)


def asker_restarts(play: Play) -> None:
    play.world.crash("ann")
    play.world.start("ann")
    play.world.run(5 * SECOND)
    assert play.stage() is GangStage.ENDED


def asker_sleeps(play: Play) -> None:
    play.world.suspend("ann", 40 * SECOND)
    play.world.run(50 * SECOND)


ENDS: Final[dict[str, Callable[[Play], None]]] = {
    "leased-process-ends": process_ends,
    "leased-one-lost": one_lease_is_lost,
    "leased-owner-cut-off": owner_is_cut_off,
    "leased-asker-dies": asker_dies,
    "leased-asker-restarts": asker_restarts,
    "leased-asker-sleeps": asker_sleeps,
}


@pytest.mark.parametrize("cell", ENDS)
def test_whatever_ends_one_of_its_leases_ends_all_of_it(cell: str) -> None:
    play = Play(4711 if cell == "leased-process-ends" else None)
    ENDS[cell](play)
    assert play.holders() == []


def owner_restarts(play: Play) -> None:
    play.world.crash("bob")
    play.world.start("bob")


def owner_forgets(play: Play) -> None:
    """Without proof that it forgot nothing: it is shown the receipts in its quarantine."""
    play.world.crash("bob", power=True)
    play.world.start("bob")


STANDS: Final[dict[str, Callable[[Play], None]]] = {
    "leased-owner-restarts": owner_restarts,
    "leased-owner-forgets": owner_forgets,
}


@pytest.mark.parametrize("cell", STANDS)
def test_an_owner_that_comes_back_in_time_keeps_its_lease(cell: str) -> None:
    play = Play()
    STANDS[cell](play)
    play.world.run(2 * TTL_MAX)
    assert play.holders() == list(NAMES)
    assert play.stage() is GangStage.COMPLETED
