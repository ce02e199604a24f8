"""What was said: promises, who may act on them, and what an answer must rest on."""

import dataclasses

import msgspec
import pytest

from ledger import desk, granting
from ledger.commands import TTL_MAX, Answer, GrantKind, Hold, Inquire, Leg, Post, Release, Renew
from ledger.leases import holder_span
from ledger.lifecycle import HoldState
from ledger.visits import Visit
from mesh.instant import HOUR, MILLISECOND, SECOND
from mesh.persistence import Write
from node.core import requests
from node.core.effects import Effect
from node.core.picture.view import Sources, draw_row
from node.core.reserving import asking
from node.core.reserving.custody import Answered, Custody
from placement.view import NodeView
from simulations.checks.discipline import AskersBelieve, OnlyTheHolder, SuspectsGetNothing
from simulations.checks.durable import CopiesAreThere, DisksKeep, DurableBeforeAudible
from simulations.checks.ends import AnswersAreKept, EndsInTime
from simulations.checks.grants import NothingTwice
from simulations.checks.later import PlansStart
from simulations.invented.hardware import GIB
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.shell import Shell
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening

HOLD = b"0123456789abcdef"


def leased(evening: Evening, hold: bytes = HOLD, ram: int = GIB) -> None:
    """Ann holds and confirms a lease at Bob, by commands of her own."""
    session = evening.world.hosts["bob"].alive.ledger.session
    legs = (Leg("ram", ram),)
    said = Hold(hold, session, legs, GrantKind.CARRIED, TTL_MAX, "", "")
    evening.world.command("ann", "bob", said)
    evening.run(0.5)
    evening.world.command("ann", "bob", Post(hold, session))
    evening.run(0.5)


def renew(evening: Evening, nonce: bytes, who: str = "ann") -> None:
    session = evening.world.hosts["bob"].alive.ledger.session
    evening.world.command(who, "bob", Renew(HOLD, session, nonce))
    evening.run(0.5)


# What may be relied on ---------------------------------------------------------------------------


def test_a_lease_is_relied_on_from_its_first_send_for_its_term_less_the_margin() -> None:
    evening = Evening(())
    sent = evening.world.now
    leased(evening)
    promise = evening.checks.evidence.promises.get(HOLD)
    assert promise is not None
    assert promise.posted
    confirmed = sent + SECOND // 2
    assert confirmed <= promise.until - holder_span(TTL_MAX) <= confirmed + 5 * MILLISECOND
    before = promise.until
    evening.run(5)
    renew(evening, b"one")
    assert 5 * SECOND <= promise.until - before <= 7 * SECOND
    renew(evening, b"one")  # the same word again
    assert 5 * SECOND <= promise.until - before <= 7 * SECOND


def test_nobody_relies_on_what_was_given_back_even_before_anybody_said_yes() -> None:
    evening = Evening(())
    promises, bob = evening.checks.evidence.promises, evening.world.hosts["bob"]
    leased(evening)
    assert [one.hold for one in promises.relied_on(bob, evening.world.now)] == [HOLD]
    evening.world.command("ann", "bob", Release(HOLD, bob.alive.ledger.session))
    evening.run(0.5)
    assert promises.relied_on(bob, evening.world.now) == []


def test_the_belief_in_tied_work_ends_with_its_machine_and_not_with_its_agent() -> None:
    evening = Evening(())
    world, ann = evening.world, evening.world.hosts["ann"]
    started = world.run_work("ann", 9)
    evening.reserve("ann", "ann", pid=9, pid_started=started, term_ms=30_000)
    promises = evening.checks.evidence.promises
    world.crash("ann")
    assert len(promises.relied_on(ann, world.now)) == 1
    world.start("ann")
    world.crash("ann", power=True)
    assert promises.relied_on(ann, world.now) == []


# Twice -------------------------------------------------------------------------------------------


def test_what_fits_and_what_has_ended_is_granted_in_silence() -> None:
    evening = Evening([NothingTwice])
    first = evening.reserve("ann", "bob", "8GiB")
    evening.release("ann", first)
    evening.run(1)  # a release is answered when one peer has it, and that may have been ann
    evening.reserve("cyd", "bob", "8GiB")
    assert evening.checks.looked["G1"] == 2


def test_an_owner_that_does_not_look_at_its_books_grants_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(granting, "_no_room", lambda *_: None)
    monkeypatch.setattr("ledger.books.affordable", lambda *_: True)
    evening = Evening([NothingTwice])
    evening.reserve("ann", "bob", "5GiB")
    with pytest.raises(PromiseBroken, match=r"^G1: seed 5, .* bob has 8589934592 of ram, and answ"):
        leased(evening, ram=5 * GIB)


def test_what_was_forgotten_for_a_reason_and_clocks_beyond_the_margin_are_no_alarm() -> None:
    evening = Evening([NothingTwice])
    evening.reserve("ann", "bob", "5GiB")
    promises, bob = evening.checks.evidence.promises, evening.world.hosts["bob"]
    check = evening.checks.parts[0]
    new = dataclasses.replace(next(promises.all()), hold=HOLD)
    promises.by_owner["bob"][HOLD] = new
    with pytest.raises(PromiseBroken, match=r"^G1"):
        check.promised(bob, new)
    bob.clock.jump(evening.world.now, SECOND)  # then only what its log still grants counts
    check.promised(bob, new)


# Durable -----------------------------------------------------------------------------------------


def test_an_answer_before_its_block_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell of every owner hands on what waits before its disk has finished."""
    evening = Evening([DurableBeforeAudible])
    evening.reserve("ann", "bob")
    assert evening.checks.looked["B1"]
    monkeypatch.setattr(Shell, "_begin", _out_of_order)
    with pytest.raises(PromiseBroken, match=r"^B1: .* bob said yes; its block \d+ is not on disk"):
        evening.reserve("ann", "bob")


def _out_of_order(self: Shell, host: Host, writes: list[Write], behind: list[Effect]) -> None:
    self._do_all(host, behind)
    host.committing = True
    took = host.disk.begin(writes)
    self._world.at(took, self._synced, host, host.life, writes, [])


def test_receipts_of_another_hold_prove_nothing() -> None:
    evening = Evening([DurableBeforeAudible])
    hold = evening.reserve("ann", "ann")
    ann = evening.world.hosts["ann"]
    reply = next(one for one in ann.replies.values() if one.body.get("id") == hold)
    evening.checks.answered(ann, reply)
    lie = dataclasses.replace(reply, body={**reply.body, "id": "00" * 16})
    with pytest.raises(PromiseBroken, match=r"^B1: .* receipts of another hold"):
        evening.checks.answered(ann, lie)


def test_a_copy_that_is_claimed_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def hold(self: Custody, token: int, answer: Answer, _others: int, _now: int) -> list[Answered]:
        keepers = tuple(sorted(self._stored))
        return [Answered(token, msgspec.structs.replace(answer, stored_on=keepers))]

    evening = Evening([CopiesAreThere])
    evening.reserve("ann", "bob")
    monkeypatch.setattr(Custody, "hold", hold)
    with pytest.raises(PromiseBroken, match=r"^B13: .* is said to be on"):
        evening.reserve("ann", "bob")


def test_a_disk_that_loses_what_it_acknowledged() -> None:
    evening = Evening([DisksKeep])
    world, bob = evening.world, evening.world.hosts["bob"]
    evening.reserve("ann", "bob")
    evening.run(1)
    world.crash("bob")
    world.start("bob")
    old = bob.disk.snapshot()
    evening.reserve("ann", "bob")
    world.crash("bob")
    bob.disk.set_back(old)
    world.start("bob")  # by a person: no fault of the disk's
    evening.run(1)
    world.crash("bob")
    bob.disk.durable["block"].clear()
    with pytest.raises(PromiseBroken, match=r"^B8: .* bob's disk has lost"):
        world.start("bob")


# Who may -----------------------------------------------------------------------------------------


def test_an_owner_that_lets_anybody_renew_and_takes_old_sessions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evening = Evening([OnlyTheHolder])
    leased(evening)
    renew(evening, b"mine")
    renew(evening, b"not mine", who="cyd")  # refused, and no alarm
    session = evening.world.hosts["bob"].alive.ledger.session
    evening.world.command("cyd", "bob", Inquire(HOLD, session))
    evening.run(1)
    monkeypatch.setattr(Visit, "_find", lambda self, hold, **_: self.desk.books.live[hold])
    with pytest.raises(PromiseBroken, match=r"^B10: .* bob said renewed to cyd for"):
        renew(evening, b"not mine either", who="cyd")


def test_a_renewal_of_what_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([OnlyTheHolder])
    leased(evening)
    fold = evening.checks.evidence.archive.durable["bob"]
    renew(evening, b"one")
    assert evening.checks.looked["B2"] == 1
    fold.tally.posted.pop(HOLD)
    fold.tally.live.pop(HOLD)
    with pytest.raises(PromiseBroken, match=r"^B2: .* which is absent"):
        renew(evening, b"two")


def test_an_asker_that_never_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def story(sends: int) -> Evening:
        monkeypatch.setattr(asking, "HOLD_SENDS_MAX", sends)
        monkeypatch.setattr(asking, "BELIEF", HOUR)
        evening = Evening([AskersBelieve], weather=Weather(delay=450 * MILLISECOND))
        evening.run(8)
        evening.world.network.cut(["bob"], ["ann"], one_way=True)
        ask = requests.Reserve({"ram": "1GiB", "node": "bob"}, 3_600_000)
        evening.world.ask("ann", ask)
        evening.run(29)
        evening.world.network.heal()
        evening.run(5)
        return evening

    story(3)
    with pytest.raises(PromiseBroken, match=r"^B6: .* after its belief ended"):
        story(30)


def test_what_a_person_confirms_too_late_is_that_persons_affair() -> None:
    evening = Evening([AskersBelieve])
    hold = evening.reserve("ann", "bob", hold_only=True)
    evening.run(29.9)
    evening.world.answer("ann", requests.Post(hold))
    assert evening.checks.looked["B6"]


def test_a_hold_that_is_first_asked_of_a_suspect(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([SuspectsGetNothing])
    evening.reserve("ann", "bob")
    assert evening.checks.looked["G8"]
    monkeypatch.setattr("node.core.picture.view.draw_row", _always_alive)
    evening.world.pause("bob", 20 * SECOND)
    evening.run(3)
    ask = requests.Reserve({"ram": "1GiB", "node": "bob"}, 3_600_000)
    with pytest.raises(PromiseBroken, match=r"^G8: .* ann places on a node that it sees suspect"):
        evening.world.ask("ann", ask)


def _always_alive(source: Sources) -> NodeView:
    return draw_row(source._replace(liveness="alive"))


# How it ends -------------------------------------------------------------------------------------


def test_an_owner_that_counts_too_fast_and_one_that_ends_what_nobody_gave_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evening = Evening([EndsInTime])
    leased(evening)
    evening.run(40)
    assert evening.checks.looked["B3"], "it ran out, in time"
    monkeypatch.setattr(desk, "owner_span", lambda term: term // 2)
    leased(evening, b"another hold id!")
    with pytest.raises(PromiseBroken, match=r"^B3: .* ended \d+\.\d+ s before its asker's belief"):
        evening.run(40)


def test_an_answer_that_its_owner_forgets() -> None:
    evening = Evening([AnswersAreKept])
    evening.reserve("ann", "bob")
    evening.run(3)
    assert evening.checks.looked["B13"]
    fold = evening.checks.evidence.archive.signed["bob"]
    fold.refold(fold.chain[:2])
    with pytest.raises(PromiseBroken, match=r"^B13: .* was answered, and is absent"):
        evening.run(2)


def test_forgotten_with_every_copy_is_excused_and_with_one_in_reach_is_not() -> None:
    def story(*, keep_copy: bool) -> Evening:
        evening = Evening([AnswersAreKept])
        world, bob = evening.world, evening.world.hosts["bob"]
        blank = bob.disk.snapshot()
        evening.reserve("ann", "bob", "5GiB")
        evening.run(1)
        world.crash("bob", power=True)
        bob.disk.set_back(blank)
        for name in ("ann", "cyd"):
            world.crash(name)
        world.start("bob")
        if keep_copy:
            world.start("cyd")
        evening.run(60)
        return evening

    told = story(keep_copy=True).checks
    assert told.seen["kept through a quarantine"]
    assert story(keep_copy=False).checks.seen["forgotten with every copy that could be asked"]


def test_forgotten_with_every_copy_is_excused_also_of_a_machine_with_a_twin_that_is_off() -> None:
    evening = Evening([AnswersAreKept, NothingTwice])
    world = evening.world
    blank = {name: host.disk.snapshot() for name, host in world.hosts.items()}
    evening.reserve("ann", "bob", "5GiB")
    evening.run(1)
    world.clone("bob", "bob again")
    world.crash("bob", power=True)
    world.start("bob again")
    world.crash("bob again")
    for name, before in blank.items():
        if world.hosts[name].agent is not None:
            world.crash(name, power=True)
        world.hosts[name].disk.set_back(before)
    for name in blank:
        world.start(name)
    evening.run(60)
    evening.reserve("bob", "bob", "5GiB")


def test_a_start_that_only_its_owners_disk_had_may_be_lost_and_the_plan_starts_again() -> None:
    evening = Evening([AnswersAreKept, PlansStart])
    world, bob, archive = evening.world, evening.world.hosts["bob"], evening.checks.evidence.archive
    start = bob.wall(world.now) + 20 * SECOND
    plan = bytes.fromhex(evening.reserve("ann", "bob", "5GiB", start_at_ms=start // MILLISECOND))
    evening.run(5)
    planned = bob.disk.snapshot()
    world.network.cut(["bob"], ["ann", "cyd"])
    evening.run(20)
    assert archive.signed["bob"].state(plan) is HoldState.POSTED
    world.crash("bob", power=True)
    bob.disk.set_back(planned)
    bob.marker = None
    world.network.heal()
    bob.set_ram(3 * GIB)
    world.start("bob")
    evening.run(60)
    assert archive.signed["bob"].state(plan) is HoldState.PLANNED
    bob.set_ram(8 * GIB)
    world.look("bob")
    evening.run(10)
    assert archive.signed["bob"].state(plan) is HoldState.POSTED


def test_an_owner_that_does_not_listen_to_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.recovery.Gathered.add", lambda *_: [])
    evening = Evening([AnswersAreKept])
    world, bob = evening.world, evening.world.hosts["bob"]
    blank = bob.disk.snapshot()
    evening.reserve("ann", "bob", "5GiB")
    evening.run(1)
    world.crash("bob", power=True)
    bob.disk.set_back(blank)
    world.start("bob")
    with pytest.raises(PromiseBroken, match=r"^B13: .* is forgotten, and \['ann', 'cyd'\] could"):
        evening.run(60)
