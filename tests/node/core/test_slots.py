"""Slots through several machines: granted, refused with figures, lowered under live holds."""

from typing import Any

from ledger.accounts import PoolState
from ledger.limits import Limits
from ledger.policy import Policy, Principal, key_of
from mesh.instant import SECOND
from node.core import requests
from node.core.effects import Reply
from node.core.requests.gangs import ReserveGang
from node.core.requests.quotas import QuotaIssue
from simulations.invented.world import World

HOUR_MS = 3_600_000
WHISPER = "slots:whisper"
TOKEN = "a long random word"


def mesh(seed: int = 1, **slots: int) -> World:
    """*ann* asks; the others have so many slots called whisper."""
    world = World(seed)
    for name in ("ann", *slots):
        host = world.add(name)
        if name in slots:
            host.slots = {"whisper": slots[name]}
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def taken(world: World, count: int, **more: Any) -> Reply:
    ask = {"slots": [f"whisper:{count}"]} | more.pop("ask", {})
    return world.answer("ann", requests.Reserve(ask=ask, term_ms=HOUR_MS, **more))


def restarted(world: World, name: str, **slots: int) -> None:
    """The owner's configuration is changed, and its agent starts again."""
    world.stop(name)
    world.run(3 * SECOND)
    world.hosts[name].slots = slots
    world.start(name)
    world.run(5 * SECOND)


def pool(world: World, name: str) -> tuple[int, int, PoolState | None]:
    """(in service, free, state), by the owner's own books."""
    books = world.hosts[name].alive.ledger.books
    return books.capacity(WHISPER), books.free(WHISPER), books.pools.get(WHISPER)


def room(world: World, name: str) -> int | None:
    """As *ann* sees it; None where there is no such pool."""
    view = world.hosts["ann"].alive.knowledge.view()
    pools = next(node.pools for node in view.nodes if node.name == name)
    return next((one.room for one in pools if one.pool == WHISPER), None)


def test_slots_are_granted_by_whoever_declares_them_and_come_back_when_released() -> None:
    world = mesh(bob=2)
    first = taken(world, 1)
    assert (first.ok, first.body["owner"]["name"]) == (True, "bob")
    assert first.body["legs"] == [{"pool": WHISPER, "amount": 1, "unit": "slots"}]
    world.run(SECOND)
    assert room(world, "bob") == 1
    no = taken(world, 2)
    assert (no.ok, no.body["code"]) == (False, "not_possible")
    where = world.answer("ann", requests.Where({"slots": {"whisper": 2}})).body["text"]
    assert "bob: not enough slots called whisper (needs 2, has 1 free of 2)." in where
    assert "ann: no slots called whisper." in where
    assert world.answer("ann", requests.Release(first.body["id"])).ok
    world.run(SECOND)
    assert taken(world, 2).ok
    (row,) = world.answer("bob", requests.Holds()).body["holds"]
    (leg,) = row["legs"]
    assert (leg["amount"], leg["unit"], leg["used"]) == (2, "slots", None)
    assert (row["tied"], row["note"]) == (None, ""), "who uses a licence no probe can say"


def test_fewer_slots_at_a_restart_keep_every_hold_and_admit_no_other_until_they_are_enough() -> (
    None
):
    world = mesh(bob=3)
    one, other = taken(world, 1), taken(world, 1)
    restarted(world, "bob", whisper=1)
    assert pool(world, "bob") == (2, 0, PoolState.IMPAIRED), "what is promised stays in service"
    books = world.hosts["bob"].alive.ledger.books
    assert {bytes.fromhex(held.body["id"]) for held in (one, other)} == {*books.live}
    assert room(world, "bob") == 0
    assert not taken(world, 1).ok
    assert world.answer("ann", requests.Release(one.body["id"])).ok
    world.look("bob")
    world.run(SECOND)
    assert pool(world, "bob") == (1, 0, PoolState.OPEN)
    assert not taken(world, 1).ok
    assert world.answer("ann", requests.Release(other.body["id"])).ok
    world.run(SECOND)
    assert pool(world, "bob") == (1, 1, PoolState.OPEN)
    assert taken(world, 1).ok


def test_slots_that_are_declared_no_longer_go_as_a_lost_card_does_and_return_as_one() -> None:
    world = mesh(bob=2)
    kept = taken(world, 1)
    restarted(world, "bob")
    assert pool(world, "bob") == (1, 0, PoolState.IMPAIRED)
    assert bytes.fromhex(kept.body["id"]) in world.hosts["bob"].alive.ledger.books.live
    assert room(world, "bob") is None
    refused = world.answer("ann", requests.Where({"slots": ["whisper"]})).body["text"]
    assert "bob: no slots called whisper." in refused
    restarted(world, "bob", whisper=2)
    assert pool(world, "bob") == (2, 1, PoolState.OPEN)
    assert room(world, "bob") == 1


def test_a_gang_takes_its_slots_from_different_machines_or_nowhere() -> None:
    world = mesh(bob=1, cyd=1)
    wish = ReserveGang({"slots": ["whisper"]}, 2, HOUR_MS)
    made = world.answer("ann", wish)
    assert made.ok, made.body
    assert sorted(one["owner"]["name"] for one in made.body["members"]) == ["bob", "cyd"]
    world.run(SECOND)
    assert not world.answer("ann", wish).ok
    assert [room(world, name) for name in ("bob", "cyd")] == [0, 0]


def test_a_quota_of_slots_counts_all_names_together_and_says_so() -> None:
    bob = Principal("bob", quota={"slots": 1}, key=key_of(TOKEN))
    world = World(1)
    world.limits = Limits(policy=Policy({"bob": bob}))
    for name in ("ann", "cyd"):
        host = world.add(name)
        host.slots = {"ffmpeg": 2, "whisper": 2} if name == "cyd" else {}
        world.start(name, first=True)
    world.run(3 * SECOND)
    named = {"principal": "bob", "token": TOKEN}
    assert taken(world, 1, **named).ok
    no = taken(world, 1, ask={"slots": ["ffmpeg"]}, **named)
    assert (no.ok, no.body["code"]) == (False, "policy")
    assert "bob holds 1 slot of 1 slot here" in no.body["sentence"]


def test_rights_to_slots_are_spent_over_the_whole_mesh_and_told_in_slots() -> None:
    world = mesh(bob=2, cyd=2)
    assert world.answer("ann", QuotaIssue("alice", {"slots": "3"})).ok
    world.run(SECOND)
    for owner in ("bob", "cyd"):
        assert taken(world, 1, ask={"node": owner}, principal="alice").ok
        world.run(SECOND)
    assert taken(world, 1, ask={"node": "bob"}, principal="alice").ok
    world.run(SECOND)
    no = taken(world, 1, ask={"node": "cyd"}, principal="alice")
    assert (no.ok, no.body["code"]) == (False, "policy")
    assert "over the mesh alice holds 3 slots of 3 slots" in no.body["sentence"]
