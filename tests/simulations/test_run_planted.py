"""Faults planted in the core, each of which a run must show, or a run that passes says nothing."""

from collections.abc import Callable

import msgspec
import pytest

from ledger import desk, machine
from ledger.books import Books
from ledger.commands import Answer
from ledger.observations import Continuity
from ledger.recovery import Gathered, quarantine, reopening
from mesh.instant import SECOND
from node.core.machine import Agent
from node.core.reserving.custody import Answered, Custody
from simulations.faults.catalogue import Chosen
from simulations.invented import machines
from simulations.options import Options
from simulations.run import Run

TRIES = 16
"""Seeds given to a planted fault. Most show it in the first two or three."""
Plant = Callable[[pytest.MonkeyPatch], None]

DOUBT: Chosen = (("power-cut", 6.0), ("set-back", 6.0), ("lost-disk", 6.0))
LOST: Chosen = (("lost-disk", 10.0),)
SET_BACK: Chosen = (("fast-restart", 3.0), ("set-back", 10.0))
RESTARTED: Chosen = (("fast-restart", 20.0), ("set-back", 10.0))
"""Restarted in its quarantine: the next start must not take that for proof."""
POWER: Chosen = (("power-cut", 10.0),)
QUIET: Chosen = ()


def set_to(target: object, name: str, value: object) -> Plant:
    return lambda patch: patch.setattr(target, name, value)


def everything_is_over(patch: pytest.MonkeyPatch) -> None:
    def every_hold(books: Books, *_: object) -> list[bytes]:
        return [hold.id for hold in books.live_holds()]

    patch.setattr(machine, "over_and_done", every_hold)
    patch.setattr(reopening, "over_and_done", every_hold)


def says_stored_everywhere(
    self: Custody, token: int, answer: Answer, _others: int, _now: int
) -> list[Answered]:
    keepers = tuple(sorted(self._stored))
    return [Answered(token, msgspec.structs.replace(answer, stored_on=keepers))]


PLANTS: dict[str, tuple[Chosen, Plant]] = {
    "every start is taken for a continuation": (
        SET_BACK, set_to(machines, "continuity", lambda *_: Continuity(True, "planted")),
    ),
    "the marker is written in quarantine too": (
        RESTARTED, set_to(Agent, "vouches_for", lambda _self, head: head is not None),
    ),
    "peers' copies are ignored": (DOUBT, set_to(Gathered, "add", lambda *_: [])),
    "a quarantine too short to hear anyone": (DOUBT, set_to(quarantine, "QUARANTINE", SECOND)),
    "an unproven start ends what it finds": (POWER, everything_is_over),
    "a booking starts from nothing after a restart": (
        POWER, set_to(reopening, "rearmed", lambda *_: 0),
    ),
    "the owner counts too fast": (QUIET, set_to(desk, "owner_span", lambda term: term // 20)),
    "copies are claimed before they are made": (
        QUIET, set_to(Custody, "hold", says_stored_everywhere),
    ),
}  # fmt: skip


def verdict_of(faults: Chosen, seed: int) -> str:
    options = Options(seed, 4, 30 * SECOND, faults, operations_per_second=8.0)
    return Run(options).live().verdict


@pytest.mark.parametrize("fault", PLANTS)
def test_a_run_shows_a_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faults, plant = PLANTS[fault]
    plant(monkeypatch)
    verdicts = (verdict_of(faults, seed) for seed in range(1, TRIES + 1))
    assert any(verdict == "violated" for verdict in verdicts)


@pytest.mark.parametrize("faults", [DOUBT, LOST, SET_BACK, POWER, QUIET])
def test_without_a_planted_fault_the_same_run_passes(faults: Chosen) -> None:
    assert verdict_of(faults, 1) == "ok"
