"""Reservations from the asker's side, through two machines and more, in virtual time."""

from pathlib import Path
from typing import Any

import pytest

from ledger.lifecycle import HoldState
from mesh.instant import SECOND, seconds
from node.core import requests
from simulations.invented.hardware import GIB
from simulations.invented.host import Host
from simulations.invented.world import World

HOUR_MS = 3_600_000


def mesh(*names: str, seed: int = 1, first: bool = True) -> World:
    world = World(seed)
    for name in names:
        world.add(name)
        world.start(name, first=first)
    world.run(3 * SECOND)
    return world


def reserve(ram: str = "1GiB", **more: Any) -> requests.Reserve:
    ask = {"ram": ram} | more.pop("ask", {})
    return requests.Reserve(ask=ask, term_ms=more.pop("term_ms", HOUR_MS), **more)


def held(host: Host, hold: str) -> HoldState:
    return host.alive.ledger.books.state_of(bytes.fromhex(hold))


def test_a_reservation_made_here_is_granted_there_and_everyone_knows() -> None:
    world = mesh("ann", "bob", "cyd")
    reply = world.answer("ann", reserve(ask={"node": "bob"}))
    assert reply.ok
    assert held(world.hosts["bob"], reply.body["id"]) is HoldState.POSTED
    world.run(SECOND)
    rows = world.answer("cyd", requests.Holds()).body["holds"]
    assert [(row["id"], row["owner"]["name"], row["state"]) for row in rows] == [
        (reply.body["id"], "bob", "posted")
    ]


def test_a_booking_is_answered_with_the_peers_that_keep_a_copy() -> None:
    world = mesh("ann", "bob", "cyd")
    reply = world.answer("ann", reserve(ask={"node": "ann"}))
    assert reply.body["stored_on"]
    assert reply.body["warnings"] == []


def test_alone_a_booking_is_answered_with_a_warning() -> None:
    world = mesh("ann")
    reply = world.answer("ann", reserve())
    assert reply.ok
    assert reply.body["stored_on"] == []
    assert "its owner's disk alone" in reply.body["warnings"][0]


def test_alone_a_booking_that_requires_a_copy_is_given_back() -> None:
    world = mesh("ann")
    reply = world.answer("ann", reserve(require_copy=True))
    assert not reply.ok
    assert "no other peer stored a copy" in reply.body["sentence"]
    assert world.hosts["ann"].alive.ledger.books.live == {}


def test_whoever_hangs_up_while_it_is_being_confirmed_keeps_nothing() -> None:
    world = mesh("ann", "bob")
    bob = world.hosts["bob"]
    token = world.ask("ann", reserve(ask={"node": "bob"}))
    books = bob.alive.ledger.books

    def posted() -> bool:
        return any(hold.state is HoldState.POSTED for hold in books.live_holds())

    assert world.run_until(posted, 2 * SECOND)
    world.hang_up("ann", token)
    world.run(10 * SECOND)
    assert books.live == {}


def test_whoever_hangs_up_while_an_owner_is_in_quarantine_leaves_nothing_behind() -> None:
    world = mesh("ann", first=False)
    token = world.ask("ann", reserve())
    world.run(SECOND)
    world.hang_up("ann", token)
    world.run(seconds(60))
    assert world.hosts["ann"].alive.ledger.books.live == {}
    assert token not in world.hosts["ann"].replies


def test_whoever_slept_over_a_hold_gives_it_back_and_takes_another() -> None:
    world = mesh("ann", "bob")
    token = world.ask("ann", reserve(ask={"node": "bob"}))
    world.suspend("ann", 40 * SECOND)  # longer than anybody may rely on a bare hold
    assert world.run_until(lambda: token in world.hosts["ann"].replies, 60 * SECOND)
    reply, books = world.hosts["ann"].replies[token], world.hosts["bob"].alive.ledger.books
    assert reply.ok, reply.body
    assert list(books.live) == [bytes.fromhex(reply.body["id"])]
    assert [hold.state for hold in books.ended.values()] == [HoldState.VOIDED]


def test_a_loser_is_sent_to_the_runner_up_by_itself() -> None:
    world = World(3)
    world.add("ann", ram=6 * GIB)
    world.add("bob", ram=6 * GIB)
    world.add("cyd", ram=10 * GIB)
    for name in world.hosts:
        world.start(name, first=True)
    world.run(3 * SECOND)
    tokens = [(name, world.ask(name, reserve("5.5GiB"))) for name in ("ann", "bob")]
    world.run(5 * SECOND)
    bodies = [world.hosts[name].replies[token].body for name, token in tokens]
    owners = sorted(body["owner"]["name"] for body in bodies)
    assert owners.count("cyd") == 1
    sent_on = next(body for body in bodies if body["owner"]["name"] != "cyd")
    assert [tried["outcome"] for tried in sent_on["tried"]] == ["no room", "held"]


def test_what_nobody_can_meet_is_refused_with_the_reason_and_the_nearest_change() -> None:
    world = mesh("ann", "bob")
    reply = world.answer("ann", reserve("900TiB"))
    assert not reply.ok
    assert reply.body["code"] == "not_possible"
    assert "none of 2 nodes" in reply.body["sentence"]
    assert reply.body["hint"].startswith("would fit")


def test_a_hold_alone_is_pending_until_it_is_posted() -> None:
    world = mesh("ann", "bob")
    reply = world.answer("ann", reserve(ask={"node": "bob"}, hold_only=True))
    assert reply.body["state"] == "held"
    assert held(world.hosts["bob"], reply.body["id"]) is HoldState.PENDING
    assert world.answer("ann", requests.Post(reply.body["id"])).ok
    assert held(world.hosts["bob"], reply.body["id"]) is HoldState.POSTED


def test_a_hold_that_nobody_posts_lapses_by_itself() -> None:
    world = mesh("ann", "bob")
    reply = world.answer("ann", reserve(ask={"node": "bob"}, hold_only=True))
    world.run(seconds(40))
    assert not held(world.hosts["bob"], reply.body["id"]).live


def test_releasing_at_once_what_was_just_granted_works() -> None:
    world = mesh("ann", "bob", "cyd")
    reply = world.answer("ann", reserve(ask={"node": "bob"}))
    assert world.answer("ann", requests.Release(reply.body["id"])).ok
    assert not held(world.hosts["bob"], reply.body["id"]).live


def test_what_was_posted_is_released_also_where_our_copy_of_the_log_has_only_the_hold() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = world.answer("ann", reserve(ask={"node": "bob"}, hold_only=True)).body["id"]
    assert world.answer("ann", requests.Post(hold)).ok
    world.run(SECOND)
    ann, bob = world.hosts["ann"], world.hosts["bob"]
    chain = ann.alive.mesh.chains.chain(bob.id)
    ann.alive.knowledge.replicas.rebuild(
        bob.id, chain[:-1], None
    )  # the answer outran the last block
    copy = ann.alive.knowledge.replicas.books(bob.id)
    assert copy is not None
    assert copy.state_of(bytes.fromhex(hold)) is HoldState.PENDING
    assert world.answer("ann", requests.Release(hold)).ok
    assert not held(bob, hold).live


def test_who_does_not_hold_it_may_not_release_it_but_its_owner_may() -> None:
    world = mesh("ann", "bob", "cyd")
    reply = world.answer("ann", reserve(ask={"node": "bob"}))
    world.run(SECOND)
    stranger = world.answer("cyd", requests.Release(reply.body["id"]))
    assert not stranger.ok
    assert stranger.body["outcome"] == "not the holder"
    assert world.answer("bob", requests.Release(reply.body["id"][:10])).ok


def test_an_unknown_hold_id_is_named() -> None:
    world = mesh("ann")
    reply = world.answer("ann", requests.Release("abcdef"))
    assert (reply.ok, reply.body["code"]) == (False, "not_found")
    assert "abcdef" in reply.body["sentence"]


def test_an_owner_in_quarantine_is_waited_for_with_its_seconds() -> None:
    world = mesh("ann", "bob", first=False)
    token = world.ask("ann", reserve())
    world.run(5 * SECOND)
    assert token not in world.hosts["ann"].replies
    told = [line.body["remaining_ms"] for line in world.hosts["ann"].progress]
    assert told == sorted(told, reverse=True)
    assert 20_000 < told[-1] < 33_000
    world.run(35 * SECOND)
    assert world.hosts["ann"].replies[token].ok


def test_without_waiting_an_owner_in_quarantine_is_a_no_that_says_when() -> None:
    world = mesh("ann", first=False)
    reply = world.answer("ann", reserve(wait_for_opening=False))
    assert not reply.ok
    assert "quarantine" in reply.body["hint"]


def test_an_owner_that_falls_silent_is_passed_over() -> None:
    world = mesh("ann", "bob")
    world.network.cut(["ann"], ["bob"])
    reply = world.answer("ann", reserve(ask={"objective": "pack"}))
    assert reply.ok
    assert reply.body["owner"]["name"] == "ann"


def test_an_owner_that_falls_silent_while_it_confirms_leaves_an_unknown_with_its_id() -> None:
    world = mesh("ann", "bob")
    reply_of: list[str] = []
    token = world.ask("ann", reserve(ask={"node": "bob"}))
    books = world.hosts["bob"].alive.ledger.books
    assert world.run_until(lambda: len(books.live) == 1, 2 * SECOND)
    world.network.cut(["ann"], ["bob"])
    assert world.run_until(lambda: token in world.hosts["ann"].replies, seconds(120))
    body = world.hosts["ann"].replies[token].body
    reply_of.append(body["code"])
    assert reply_of == ["unknown"] or body["code"] == "refused"
    if body["code"] == "unknown":
        assert next(iter(books.live)).hex() in body["sentence"]


def test_a_lease_tied_to_a_process_lives_as_long_as_the_process() -> None:
    world = mesh("ann", "bob")
    started = world.run_work("ann", 4711)
    reply = world.answer("ann", reserve(pid=4711, pid_started=started))
    assert reply.body["owner"]["name"] == "ann"
    assert reply.body["kind"] == "carried"
    world.run(seconds(300))
    assert held(world.hosts["ann"], reply.body["id"]) is HoldState.POSTED
    world.end_work("ann", 4711)
    world.run(5 * SECOND)
    assert not held(world.hosts["ann"], reply.body["id"]).live


@pytest.mark.parametrize("marker_lost", [False, True])
def test_a_tied_lease_survives_a_restart_of_its_agent(marker_lost: bool) -> None:
    world = mesh("ann", "bob")
    started = world.run_work("ann", 4711)
    reply = world.answer("ann", reserve(pid=4711, pid_started=started))
    world.run(15 * SECOND)
    world.crash("ann")
    if marker_lost:
        world.hosts["ann"].marker = None
    world.run(2 * SECOND)
    world.start("ann")
    assert (world.hosts["ann"].alive.ledger.standing[0] == "quarantine") == marker_lost
    world.run(seconds(120))
    assert held(world.hosts["ann"], reply.body["id"]) is HoldState.POSTED


def test_a_tied_lease_ends_with_the_machine_that_its_process_ran_on() -> None:
    world = mesh("ann", "bob")
    started = world.run_work("ann", 4711)
    reply = world.answer("ann", reserve(pid=4711, pid_started=started))
    world.crash("ann", power=True)
    world.start("ann")
    world.run(seconds(120))
    assert not held(world.hosts["ann"], reply.body["id"]).live


def test_a_lease_that_ran_out_in_its_sleep_keeps_its_room_until_the_process_is_gone() -> None:
    world = mesh("ann", "bob")
    started = world.run_work("ann", 4711)
    tied = world.answer("ann", reserve("6GiB", pid=4711, pid_started=started))
    world.suspend("ann", seconds(600))
    world.run(seconds(660))
    assert held(world.hosts["ann"], tied.body["id"]) is HoldState.POSTED, "over, and still at work"
    also = reserve("6GiB", ask={"node": "ann"})
    assert not world.answer("bob", also).ok
    assert world.answer("bob", reserve("1GiB", ask={"node": "ann"})).ok, "the rest is not shut"
    world.end_work("ann", 4711)
    world.run(5 * SECOND)
    assert not held(world.hosts["ann"], tied.body["id"]).live
    assert world.answer("bob", reserve("5GiB", ask={"node": "ann"})).ok


def test_what_runs_on_after_its_lease_was_given_back_is_foreign() -> None:
    world = mesh("ann", "bob")
    started = world.run_work("ann", 4711)
    tied = world.answer("ann", reserve("6GiB", pid=4711, pid_started=started))
    world.answer("ann", requests.Release(tied.body["id"]))
    assert held(world.hosts["ann"], tied.body["id"]) is HoldState.RELEASED
    world.run(5 * SECOND)
    world.look("ann")
    assert world.answer("bob", reserve("6GiB", ask={"node": "ann"})).ok


def test_a_booking_survives_a_crash_of_its_owner_with_and_without_proof() -> None:
    world = mesh("ann", "bob")
    reply = world.answer("ann", reserve(ask={"node": "bob"}))
    for power in (False, True):
        world.crash("bob", power=power)
        world.run(SECOND)
        world.start("bob")
        world.run(seconds(60))
        assert held(world.hosts["bob"], reply.body["id"]) is HoldState.POSTED


def test_a_booking_survives_the_loss_of_its_owners_journal_when_a_peer_has_a_copy() -> None:
    world = mesh("ann", "bob")
    reply = world.answer("ann", reserve(ask={"node": "bob"}))
    assert reply.body["stored_on"] == ["ann"]
    world.crash("bob")
    world.hosts["bob"].disk.durable.clear()
    world.run(SECOND)
    world.start("bob")
    world.run(seconds(120))
    assert held(world.hosts["bob"], reply.body["id"]) is HoldState.POSTED


def test_an_agent_that_crashed_in_the_middle_of_a_request_names_it_at_its_next_start() -> None:
    world = mesh("ann", "bob")
    world.network.cut(["ann"], ["bob"], one_way=True)
    world.ask("ann", reserve(ask={"node": "bob"}))
    world.run(SECOND // 2)
    world.crash("ann")
    world.start("ann")
    world.run(SECOND)
    kinds = [event.kind for event in world.hosts["ann"].events]
    assert "request.unknown" in kinds


def test_nobody_asks_for_a_reservation_without_a_time() -> None:
    world = mesh("ann")
    reply = world.answer("ann", reserve(term_ms=0))
    assert reply.body["code"] == "bad_request"
    assert "--for" in reply.body["sentence"]


def test_this_file_speaks_of_every_way_a_reservation_can_end() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(code in text for code in ("not_possible", "refused", "unknown", "bad_request"))


def test_a_crash_at_the_very_end_of_a_quarantine_does_not_skip_the_next() -> None:
    world = mesh("ann")
    assert world.answer("ann", reserve()).ok
    world.crash("ann", power=True)
    world.start("ann")
    ann = world.hosts["ann"]
    assert world.run_until(lambda: ann.alive.ledger.standing[0] != "quarantine", seconds(60))
    world.crash("ann")  # open in memory; the block that says so is not on disk yet
    world.start("ann")
    assert ann.alive.ledger.standing[0] == "quarantine"


def test_a_disk_set_back_to_an_older_day_is_doubted_whatever_the_marker_says() -> None:
    world = mesh("ann", "bob")
    bob = world.hosts["bob"]
    assert world.answer("ann", reserve(ask={"node": "bob"})).ok
    backup = bob.disk.snapshot()
    second = world.answer("ann", reserve(ask={"node": "bob"}))
    assert second.ok
    world.crash("bob")
    bob.disk.durable = backup
    world.start("bob")
    assert bob.alive.ledger.standing[0] == "quarantine"
    world.run(seconds(90))
    assert held(bob, second.body["id"]) is HoldState.POSTED, "gathered back from ann"
