"""A node that is kept out is told so by those who keep it out, and grants nothing from then on."""

from typing import Any

import msgspec
import pytest

from ledger.owner.standings import OUTCAST
from mesh.effects import Address
from mesh.identity import id_text
from mesh.instant import SECOND, seconds
from mesh.persistence import SPACE_META
from node.core.requests import Doctor, Forget, Release, Reserve, Revoke, Status
from node.core.requests.succession import Succeed
from node.core.trust.kept_out import META_KEPT_OUT
from node.core.trust.revoking import REASON_CHARS_MAX, Revocation
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.world import World
from tests.node.core.test_reservations import mesh, reserve
from tests.node.core.test_succession import lost

NAMES = ("ann", "bob", "eve")
CALLS = seconds(3)
"""A hello, its answer, and a step of the greeter's line."""


@pytest.fixture
def world() -> World:
    world = World(5, Weather())
    for name in NAMES:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def standing(world: World, name: str) -> str:
    return str(world.answer(name, Status()).body["standing"]["state"])


def warnings(world: World, name: str) -> str:
    """All that status says of how this node stands."""
    body = world.answer(name, Status()).body
    said = [body["standing"]["reason"], *body["warnings"]]
    assert sum("was revoked, says" in sentence for sentence in said) <= 1, "it is said once"
    return " ".join(said)


def book(world: World, name: str, gib: int = 1) -> Any:
    return world.answer(name, Reserve({"ram": f"{gib}GiB", "node": name}, 600_000))


def told(host: Host) -> list[str]:
    return [event.sentence for event in host.events if event.kind == "identity.revoked"]


def away(world: World, name: str) -> None:
    """`name` is off while it is revoked, and whoever said so is off when it comes back."""
    world.crash(name)
    world.run(20 * SECOND)
    assert world.answer("ann", Revoke(name, "stolen")).ok
    world.run(2 * SECOND)
    world.crash("ann")


def test_who_was_away_is_told_when_it_comes_back_by_any_member_and_grants_nothing_more(
    world: World,
) -> None:
    away(world, "eve")
    world.start("eve")
    world.run(CALLS)
    assert standing(world, "eve") == OUTCAST
    refused = book(world, "eve")
    assert not refused.ok
    for sentence in (refused.body["sentence"], warnings(world, "eve"), *told(world.hosts["eve"])):
        assert "was revoked, says ann: stolen" in sentence
        assert "told by bob" in sentence
        assert "holdfast up --new-identity" in sentence
    checks = world.answer("eve", Doctor(survey=False)).body["checks"]
    grants = next(check for check in checks if check["name"] == "grants")
    assert (grants["ok"], "--new-identity" in grants["hint"]) == (False, True)
    assert "says ann: stolen" in grants["sentence"]
    assert "--new-identity" not in grants["sentence"], "what to do is said once"
    assert len(told(world.hosts["eve"])) == 1, "one word is enough"


def test_it_stays_so_after_a_restart_with_nobody_there_to_say_it_again(world: World) -> None:
    away(world, "eve")
    world.start("eve")
    world.run(CALLS)
    for name in ("eve", "bob"):
        world.crash(name, power=True)
    world.start("eve")
    opened = [e.sentence for e in world.hosts["eve"].events if e.kind == "standing"]
    assert not opened[-1].startswith("open")
    world.run(60 * SECOND)
    assert standing(world, "eve") == OUTCAST
    assert not book(world, "eve").ok
    assert "says ann: stolen" in warnings(world, "eve")


def test_who_runs_is_told_as_it_is_revoked_and_what_runs_there_may_end(world: World) -> None:
    kept = book(world, "eve").body["id"]
    assert world.answer("ann", Revoke("eve", "stolen")).ok
    world.run(SECOND)
    assert standing(world, "eve") == OUTCAST
    books = world.hosts["eve"].alive.ledger.books
    assert bytes.fromhex(kept) in books.live, "a promise stands until it ends"
    assert world.answer("eve", Release(kept)).ok
    world.run(SECOND)
    assert bytes.fromhex(kept) not in books.live


def test_the_time_of_the_word_is_told_once_it_is_known(world: World) -> None:
    away(world, "eve")
    world.start("eve")
    world.run(20 * SECOND)
    word = warnings(world, "eve")
    assert " UTC" in word
    assert "when is not known" not in word
    row = world.hosts["eve"].disk.durable[SPACE_META][META_KEPT_OUT]
    assert msgspec.msgpack.decode(row)[4] is not None


def test_an_old_disk_whose_promises_went_to_a_successor_keeps_none_of_its_memory() -> None:
    world = mesh("ann", "bob", "cyd")
    assert world.answer("cyd", reserve("1GiB", ask={"node": "ann"})).ok
    lost(world)
    assert world.answer("anew", Succeed("ann", "the disk broke")).ok
    world.run(2 * SECOND)
    world.start("ann")
    world.run(CALLS)
    assert standing(world, "ann") == OUTCAST
    assert "succeeded by anew" in warnings(world, "ann")
    assert not book(world, "ann").ok


def test_who_was_only_forgotten_is_welcome_and_grants(world: World) -> None:
    world.crash("eve")
    world.run(60 * SECOND)
    assert world.answer("ann", Forget("eve", reason="gone")).ok
    world.start("eve")
    world.run(10 * SECOND)
    assert standing(world, "eve") != OUTCAST
    assert book(world, "eve").ok
    assert any(e.kind == "peer.returned" for e in world.hosts["ann"].events)


def test_only_a_word_about_ourselves_of_a_member_that_counts_changes_anything(
    world: World,
) -> None:
    agent = world.hosts["eve"].alive
    ann, bob, eve = (world.hosts[name].id for name in NAMES)
    long = Revocation(eve, bob, "x" * (REASON_CHARS_MAX + 1))
    rubbish = (b"", b"\xff" * 9, *map(msgspec.msgpack.encode, (Revocation(ann, bob, "x"), long)))
    for word in rubbish:
        assert agent.revoking.told(bob, word, world.now) == []
    assert agent.revoking.heard(b"s" * 16, msgspec.msgpack.encode(
        (Revocation(eve, bob, "x"),)), world.now) == []  # fmt: skip
    assert standing(world, "eve") != OUTCAST
    assert ann not in agent.mesh.roll.revoked


def test_of_two_who_revoke_each_other_the_first_word_counts_and_the_other_is_not_heard(
    world: World,
) -> None:
    away(world, "eve")
    world.start("eve")
    world.start("ann")
    world.run(CALLS)
    assert world.answer("eve", Revoke("ann", "revenge")).ok
    world.run(30 * SECOND)
    assert standing(world, "eve") == OUTCAST
    assert standing(world, "ann") != OUTCAST


def test_a_word_of_another_identity_on_this_disk_is_nothing_to_this_one(world: World) -> None:
    away(world, "eve")
    world.start("eve")
    world.run(CALLS)
    row = world.hosts["eve"].disk.durable[SPACE_META][META_KEPT_OUT]
    assert id_text(world.hosts["eve"].id) not in warnings(world, "bob")
    ours = world.hosts["bob"].alive.revoking.ourselves
    assert ours.restore({META_KEPT_OUT: row}) == []


def test_what_is_played_back_to_those_who_keep_it_out_gets_few_answers_and_none_is_larger(
    world: World,
) -> None:
    hellos: list[bytes] = []
    away(world, "eve")
    bob = world.hosts["bob"].alive
    world.start("eve")
    gate = world.hosts["eve"].alive.mesh._post.gate
    hellos = [gate.hello(None, world.now + n) for n in range(3)]
    world.crash("eve")
    answers = []
    for n in range(60):
        source = Address("10.9.9.9", 1024 + n)
        sent = bob.receive(hellos[n % 3], source, world.now)
        answers += [effect for effect in sent if getattr(effect, "to", None) == source]
    assert 0 < len(answers) <= 8
    assert all(len(answer.datagram) <= len(hellos[0]) for answer in answers)
