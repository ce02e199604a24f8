"""Nights in which everything goes wrong at once; and the faults that the witness must not miss."""

from collections.abc import Callable

import msgspec
import pytest

from ledger import desk, machine, quarantine, reopening
from ledger.books import Books
from ledger.commands import Answer
from ledger.machine import Continuity
from ledger.recovery import Gathered
from mesh.instant import SECOND, seconds
from node.core.custody import Answered, Custody
from node.core.machine import Agent
from simulations import machines
from simulations.checkers import PromiseBroken
from simulations.hardware import GIB
from simulations.night import Tally
from simulations.nights import FAULTS, OUTCOMES, kept_seeds, never_happened, one_night
from simulations.witness import Promise, Witness
from simulations.world import World

SEEDS = 32
GROUPS = 8
TRIES = 10
"""Nights given to a planted fault. It is seen in the first, unless the dice have changed."""
Plant = Callable[[pytest.MonkeyPatch], None]


def nights(seeds: range) -> Tally:
    whole = Tally()
    for seed in seeds:
        whole.add(one_night(seed))
    return whole


@pytest.mark.parametrize("group", range(GROUPS))
def test_whatever_goes_wrong_at_night_every_answer_is_kept(group: int) -> None:
    per = SEEDS // GROUPS
    assert nights(range(1000 + group * per, 1000 + (group + 1) * per)).nights == per


def test_a_campaign_that_never_met_a_fault_has_shown_nothing() -> None:
    assert never_happened(Tally(nights=199)) == []
    assert never_happened(Tally(nights=200)) == [*FAULTS, *OUTCOMES]


@pytest.mark.parametrize("seed", kept_seeds())
def test_a_night_that_once_failed_passes(seed: int) -> None:
    assert kept_seeds()[seed], "and says what it taught"
    one_night(seed)


# Planted faults: each guard taken away once -------------------------------------------------------


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


PLANTS: dict[str, tuple[int, Plant]] = {
    "every start is taken for a continuation": (
        1005, set_to(machines, "continuity", lambda *_: Continuity(True, "planted")),
    ),
    "the marker is written in quarantine too": (
        1074, set_to(Agent, "vouches_for", lambda _self, head: head is not None),
    ),
    "peers' copies are ignored": (1007, set_to(Gathered, "add", lambda *_: [])),
    "a quarantine too short to hear anyone": (1001, set_to(quarantine, "QUARANTINE", SECOND)),
    "an unproven start ends what it finds": (1007, everything_is_over),
    "a booking starts from nothing after a restart": (
        1003, set_to(reopening, "rearmed", lambda *_: 0),
    ),
    "the owner counts too fast": (1000, set_to(desk, "owner_span", lambda term: term // 20)),
    "copies are claimed before they are made": (
        1000, set_to(Custody, "hold", says_stored_everywhere),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", PLANTS)
def test_the_night_shows_a_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seed, plant = PLANTS[fault]
    plant(monkeypatch)
    with pytest.raises(PromiseBroken, match=r"^seed \d+: "):
        nights(range(seed, seed + TRIES))


# The witness --------------------------------------------------------------------------------------


def told(hold: bytes, amount: int, world: World) -> Promise:
    until = world.now + seconds(60)
    return Promise(hold, "ann", "bob", amount, seconds(60), posted=False, believed_until=until)


def test_the_witness_adds_up_what_was_answered() -> None:
    world = World(1)
    world.add("ann", ram=8 * GIB)  # switched off: nobody but the witness remembers
    witness = Witness(world)
    witness.granted(told(b"one", 5 * GIB, world))
    witness.watch()
    witness.granted(told(b"two", 3 * GIB + 1, world))
    with pytest.raises(PromiseBroken, match="ann has 8192 MiB, and answered for"):
        witness.watch()
    witness.given_back(b"one")
    witness.watch()
    witness.granted(told(b"three", 5 * GIB, world))
    world.run(seconds(61))
    witness.watch()


def test_the_witness_misses_what_no_owner_knows() -> None:
    world = World(1)
    world.add("ann", ram=8 * GIB)
    world.start("ann", first=True)
    world.run(SECOND)
    witness = Witness(world)
    witness.granted(told(bytes(16), GIB, world))
    with pytest.raises(PromiseBroken, match="was answered, and is absent"):
        witness.watch()
