"""The count of copies: who may keep our log, and who of them has not shown it yet."""

import pytest

from ledger.observations import PeersKnown
from mesh.identity import NodeId
from mesh.instant import SECOND, seconds
from node.core.copies import Copies, check_copies
from simulations.invented.world import World


def three() -> World:
    world = World(5)
    for name in ("anna", "bert", "cleo"):
        world.add(name)
        world.start(name, first=True)
    world.run(5 * SECOND)
    return world


def test_whoever_counts_and_stays_is_a_keeper_and_each_answers_once() -> None:
    world = three()
    anna = world.hosts["anna"].alive
    copies = anna._copies
    check_copies(copies)
    assert copies.known == PeersKnown(known=2, silent=0)
    assert copies.answered(world.hosts["bert"].id) is None
    assert copies.changed(world.hosts["bert"].id) is None
    assert copies.changed(NodeId(bytes(16))) is None, "a stranger keeps nothing"


def test_who_has_left_is_not_waited_for_and_who_is_back_is() -> None:
    world = three()
    copies = world.hosts["anna"].alive._copies
    world.stop("bert", leaving=True)
    world.run(SECOND)
    assert copies.known == PeersKnown(known=1, silent=0)
    check_copies(copies)
    world.start("bert")
    world.run(seconds(5))
    assert copies.known == PeersKnown(known=2, silent=0)
    check_copies(copies)


def test_a_start_counts_those_whom_its_disk_remembers_and_has_heard_none() -> None:
    world = three()
    world.crash("anna")
    for name in ("bert", "cleo"):
        world.crash(name)
    world.start("anna")
    copies = world.hosts["anna"].alive._copies
    assert copies.known == PeersKnown(known=2, silent=2)
    world.start("bert")
    world.run(seconds(15))
    assert copies.known == PeersKnown(known=2, silent=1)
    check_copies(copies)


def test_a_keeper_that_is_forgotten_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Copies, "changed", lambda *_: None)
    world = three()
    with pytest.raises(AssertionError):
        check_copies(world.hosts["anna"].alive._copies)
