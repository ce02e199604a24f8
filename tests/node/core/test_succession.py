"""A machine that lost its disk lost its key: who it was, and what becomes of what it promised."""

from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import PoolState
from ledger.books.holds import Token
from ledger.entries import Adopted, Replanned, Succeeded, decode_entry
from ledger.lifecycle import HoldState
from ledger.owner.succession import proves_succession
from mesh.identity import Identity
from mesh.instant import MILLISECOND, SECOND, seconds
from mesh.roll.membership import Trust
from node.core import requests
from node.core.requests import Refused
from node.core.requests.succession import SetRecovery, Succeed
from node.core.usage.rivals import Rivals
from node.core.usage.succession import (
    read_recovery,
    recovery_text,
    restore_ancestors,
    restore_denied,
)
from simulations.invented.hardware import GIB, Card
from simulations.invented.host import Host
from simulations.invented.world import World
from tests.node.core.test_reservations import HOUR_MS, held, mesh, reserve

SEED = bytes(range(32))


def lost(world: World, name: str = "ann", *, same: bool = True, ram: int = 8 * GIB) -> Host:
    """`name` loses its disk, and its machine comes back as somebody new, called `anew`."""
    world.crash(name)
    world.run(seconds(60))
    host = world.add("anew", ram=ram)
    if same:
        host.fingerprint = world.hosts[name].fingerprint
    world.start("anew")
    world.run(seconds(40))
    look(world)
    return host


def look(world: World) -> None:
    world.look("anew")
    world.run(2 * SECOND)


def booked(world: World, ram: str = "1GiB", asker: str = "cyd") -> str:
    reply = world.answer(asker, reserve(ram, ask={"node": "ann"}))
    assert reply.ok
    return str(reply.body["id"])


def told(host: Host, kind: str) -> list[str]:
    return [event.sentence for event in host.events if event.kind == kind]


def succeed(world: World, **more: Any) -> dict[str, Any]:
    request = Succeed(**{"node": "ann", "reason": "the disk broke", **more})
    reply = world.answer("anew", request)
    world.run(3 * SECOND)
    return {"ok": reply.ok, **reply.body}


def entries(host: Host) -> list[Any]:
    return [decode_entry(raw) for block in host.alive.ledger.chain for raw in block.entries]


def warnings(world: World, name: str) -> str:
    return " ".join(world.answer(name, requests.Status()).body["warnings"])


def test_it_says_who_it_may_have_been_and_grants_nothing_where_bookings_are_believed_in() -> None:
    world = mesh("ann", "bob", "cyd")
    booked(world)
    anew = lost(world)
    assert anew.alive.ledger.books.pools["ram"] is PoolState.IMPAIRED
    assert anew.alive.ledger.books.pools["cpu"] is PoolState.OPEN
    assert not world.answer("bob", reserve(ask={"node": "anew"})).ok
    (sentence,) = told(anew, "succession.possible")
    assert "ann" in sentence
    assert "bookings on ram" in sentence
    assert "`holdfast succeed" in sentence
    assert sentence in warnings(world, "anew")
    assert told(anew, "alarm.contested") == []
    checks = world.answer("anew", requests.Doctor()).body["checks"]
    assert [one["sentence"] for one in checks if not one["ok"] and one["name"] == "owners"] == [
        sentence
    ]


def test_by_a_persons_word_it_keeps_them_and_their_holders_need_do_nothing() -> None:
    world = mesh("ann", "bob", "cyd")
    hold, other = booked(world, "5GiB"), booked(world, "2GiB", "bob")
    old = world.hosts["ann"].alive.ledger.chain
    anew = lost(world)
    body = succeed(world)
    assert body["ok"]
    assert sorted(body["kept"]) == sorted([hold, other])
    assert held(anew, hold) is HoldState.POSTED
    assert not world.answer("bob", reserve("2GiB", ask={"node": "anew"})).ok
    assert world.answer("bob", reserve("512MiB", ask={"node": "anew"})).ok
    rows = world.answer("bob", requests.Holds()).body["holds"]
    assert {row["owner"]["name"] for row in rows} == {"anew"}
    assert world.answer("cyd", requests.Extend(hold, more_ms=HOUR_MS)).ok
    assert world.answer("cyd", requests.Release(hold)).ok
    # Each one cites the block of the old log in which it stands.
    (word,) = (entry for entry in entries(anew) if isinstance(entry, Succeeded))
    assert (word.node, word.reason) == (world.hosts["ann"].id, "the disk broke")
    assert not proves_succession(word, anew.id)
    adopted = [entry for entry in entries(anew) if isinstance(entry, Adopted)]
    assert len(adopted) == 2
    assert all(old[entry.origin.height].position == entry.origin for entry in adopted)


def test_the_old_id_is_retired_everywhere_and_named_when_it_speaks_again() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = booked(world)
    lost(world)
    succeed(world)
    ann = world.hosts["ann"]
    for name in ("anew", "bob", "cyd"):
        member = world.hosts[name].alive.mesh.roll.member(ann.id)
        assert member is not None
        assert member.trust is Trust.REVOKED
    world.start("ann")
    world.run(seconds(30))
    for name in ("anew", "bob", "cyd"):
        (sentence,) = told(world.hosts[name], "peer.outcast")
        assert f"something at {ann.address}:4653 still speaks as ann" in sentence
        assert "succeeded by anew" in sentence
        assert sentence in warnings(world, name)
        known = world.hosts[name].alive.knowledge.holds()
        assert known[bytes.fromhex(hold)][0] == world.hosts["anew"].id
    world.crash("ann")
    world.run(seconds(90))
    assert "still speaks" not in warnings(world, "bob")


def test_what_was_planned_is_planned_and_what_was_handed_on_stays_a_part_of_its_whole() -> None:
    world = mesh("ann", "bob", "cyd")
    whole = booked(world, "4GiB")
    part = world.answer("cyd", requests.Transfer(whole, part={"ram": "1GiB"}, to="bob"))
    assert part.ok
    wall = world.hosts["ann"].wall(world.now) // MILLISECOND
    later = world.answer(
        "bob", reserve(ask={"node": "ann"}, start_at_ms=wall + 6 * HOUR_MS, term_ms=HOUR_MS)
    )
    assert later.ok
    anew = lost(world)
    body = succeed(world)
    assert body["planned"] == [later.body["id"]]
    assert sorted(body["kept"]) == sorted([whole, part.body["id"]])
    assert any(isinstance(entry, Replanned) for entry in entries(anew))
    child = anew.alive.ledger.books.live[bytes.fromhex(part.body["id"])]
    assert child.parent == bytes.fromhex(whole)
    assert anew.alive.ledger.books.free("ram") == 4 * GIB


def test_what_finds_no_room_on_the_new_machine_is_broken_and_its_holder_is_told() -> None:
    world = mesh("ann", "bob", "cyd")
    small, large = booked(world, "1GiB"), booked(world, "6GiB")
    anew = lost(world, ram=4 * GIB)
    body = succeed(world)
    assert body["kept"] == [small]
    assert body["broken"] == [large]
    assert held(anew, large) is HoldState.BROKEN
    assert told(anew, "alarm.hold-broken")


def test_another_machine_is_denied_once_and_over_restarts() -> None:
    world = mesh("ann", "bob", "cyd")
    booked(world)
    anew = lost(world)
    assert succeed(world, deny=True)["denied"]
    look(world)
    assert anew.alive.ledger.books.pools["ram"] is PoolState.OPEN
    assert world.answer("bob", reserve(ask={"node": "anew"})).ok
    world.crash("anew")
    world.start("anew")
    world.run(seconds(40))
    look(world)
    assert anew.alive.ledger.books.pools["ram"] is PoolState.OPEN


def test_a_card_shows_it_too_and_other_hardware_shows_nothing() -> None:
    world = mesh("ann", "bob", "cyd")
    world.hosts["ann"].cards = [Card("GPU-1", 24 * GIB)]
    world.look("ann")
    world.run(2 * SECOND)
    wish = requests.Reserve(ask={"gpus": ["nvidia:8GiB"], "node": "ann"}, term_ms=HOUR_MS)
    assert world.answer("cyd", wish).ok
    anew = lost(world, same=False)
    body = succeed(world)
    assert (body["ok"], body["code"]) == (False, "policy")
    anew.cards = [Card("GPU-1", 24 * GIB)]
    look(world)
    world.run(6 * SECOND)
    look(world)
    assert anew.alive.ledger.books.pools["gpu:GPU-1"] is PoolState.IMPAIRED
    assert len(succeed(world)["kept"]) == 1
    look(world)
    assert anew.alive.ledger.books.pools["gpu:GPU-1"] is PoolState.OPEN


def test_a_recovery_key_is_enough_whatever_the_hardware_and_the_log_can_prove_it() -> None:
    world = mesh("ann", "bob", "cyd")
    key = Identity(SEED)
    assert world.answer("ann", SetRecovery(key.public.hex())).ok
    hold = booked(world)
    anew = lost(world, same=False)
    other = recovery_text(bytes(32))
    assert succeed(world, node="", recovery=other)["code"] == "not_found"
    slip = recovery_text(SEED)[:-1] + ("a" if recovery_text(SEED)[-1] != "a" else "b")
    assert succeed(world, node="", recovery=slip)["code"] == "bad_request"
    assert succeed(world, node="", recovery=recovery_text(SEED))["kept"] == [hold]
    (word,) = (entry for entry in entries(anew) if isinstance(entry, Succeeded))
    assert word.recovery == key.public
    assert proves_succession(word, anew.id)
    assert not proves_succession(word, world.hosts["bob"].id)


def test_it_waits_for_its_quarantine_and_for_who_may_know_more_unless_that_is_forced() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = booked(world)
    world.crash("ann")
    world.run(seconds(60))
    anew = world.add("anew")
    anew.fingerprint = world.hosts["ann"].fingerprint
    world.start("anew")
    world.run(seconds(10))
    assert "quarantined" in succeed(world)["sentence"]
    world.run(seconds(30))
    world.look("anew")
    world.crash("bob")
    world.run(seconds(60))
    assert "bob may know more" in succeed(world)["sentence"]
    body = succeed(world, force=True)
    assert body["kept"] == [hold]
    assert body["silent"] == ["bob"]
    world.start("bob")
    world.run(seconds(40))
    member = world.hosts["bob"].alive.mesh.roll.member(world.hosts["ann"].id)
    assert member is not None
    assert member.trust is Trust.REVOKED


def test_who_lives_has_no_successor_and_nobody_has_two() -> None:
    world = mesh("ann", "bob", "cyd")
    world.hosts["bob"].fingerprint = world.hosts["ann"].fingerprint
    reply = world.answer("bob", Succeed("ann", "because"))
    assert "lives" in reply.body["sentence"]
    assert world.answer("bob", Succeed("bob", "because")).body["code"] == "not_found"
    assert world.answer("bob", Succeed("ann", " ")).body["code"] == "bad_request"
    lost(world)
    assert succeed(world)["ok"]
    other = world.answer("bob", Succeed("ann", "it was bob"))
    assert "kept out already, says anew: succeeded by anew" in other.body["sentence"]


def test_a_neighbour_on_one_machine_that_was_met_is_no_ancestor() -> None:
    world = mesh("ann", "bob", "cyd")
    booked(world)
    world.hosts["bob"].fingerprint = world.hosts["ann"].fingerprint
    world.report("bob", world.hosts["bob"].inventory())
    world.crash("ann")
    world.run(seconds(60))
    world.look("bob")
    world.run(2 * SECOND)
    assert told(world.hosts["bob"], "succession.possible") == []
    assert world.answer("cyd", reserve(ask={"node": "bob"})).ok


def test_a_restart_before_the_word_grants_nothing_either_not_even_at_first() -> None:
    world = mesh("ann", "bob", "cyd")
    booked(world)
    anew = lost(world)
    world.crash("anew")
    world.start("anew")
    states = []
    for _ in range(40):
        world.run(SECOND // 4)
        states.append(anew.alive.ledger.books.pools["ram"])
        wish = reserve(ask={"node": "anew"}, wait_for_opening=False)
        assert not world.answer("anew", wish).ok
    assert set(states) == {PoolState.IMPAIRED}
    assert anew.alive.ledger.standing[0] == "open"


@pytest.mark.parametrize("with_key", [False, True])
def test_said_twice_it_is_done_once_and_said_so_after_a_restart_too(with_key: bool) -> None:
    world = mesh("ann", "bob", "cyd")
    if with_key:
        assert world.answer("ann", SetRecovery(Identity(SEED).public.hex())).ok
        world.run(SECOND)
    hold = booked(world)
    anew = lost(world, same=not with_key)
    word = (
        Succeed(reason="the disk broke", recovery=recovery_text(SEED))
        if with_key
        else Succeed("ann", "the disk broke")
    )
    first = world.answer("anew", word)
    assert (first.body["already"], first.body["kept"]) == (False, [hold])
    height = len(anew.alive.ledger.chain)
    for _ in range(2):
        again = world.answer("anew", word)
        assert (again.ok, again.body["already"], again.body["kept"]) == (True, True, [])
        assert again.body["predecessor"] == first.body["predecessor"]
        assert len(anew.alive.ledger.chain) == height
        world.crash("anew")
        world.start("anew")
        world.run(2 * SECOND)
        height = len(anew.alive.ledger.chain)
    assert held(anew, hold) is HoldState.POSTED


def test_it_can_lose_its_log_in_turn_and_finds_what_it_took_over() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = booked(world)
    anew = lost(world)
    assert succeed(world)["kept"] == [hold]
    world.crash("anew", power=True)
    anew.disk.lose()
    world.run(seconds(5))
    world.start("anew")
    world.run(seconds(60))  # it may be shown a later run of its own, and begin its quarantine anew
    look(world)
    assert held(anew, hold) is HoldState.POSTED
    origin = anew.alive.ledger.books.live[bytes.fromhex(hold)].origin
    assert origin < Token(2, 0, 0)


_PLAIN = st.integers(0, 2**40) | st.binary(max_size=20) | st.text(max_size=8)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60) | st.recursive(_PLAIN, st.lists).map(msgpack.packb))
def test_a_row_of_ancestors_is_read_whole_or_not_at_all(row: bytes) -> None:
    nobody: Any = None
    rivals = Rivals(nobody)
    restore_ancestors(rivals, row)
    restore_denied(rivals, row)
    assert all(len(node) == 16 for node in [*rivals.kept, *rivals.denied])


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=120) | st.binary(max_size=40).map(recovery_text))
def test_whatever_is_brought_as_a_recovery_key_is_one_or_is_refused(text: str) -> None:
    try:
        key = read_recovery(text)
    except Refused as refused:
        told = refused
    else:
        assert len(key.public) == 32
        return
    assert told.code == "bad_request"
    assert len(text) < 8 or text not in told.sentence


def test_a_recovery_key_is_read_back_however_it_is_spaced() -> None:
    assert read_recovery(recovery_text(SEED).upper().replace("-", " ")).public == (
        Identity(SEED).public
    )
    with pytest.raises(Refused, match="no recovery key"):
        read_recovery("hf1-abc")
