"""What is kept: books, copies, facts, datagrams, pictures and tables."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from ledger.accounts import Counters, pool_account, supply
from ledger.books import Books
from ledger.recovery import quarantine
from mesh.door.sessions import Session
from mesh.door.window import ReplayWindow
from mesh.exchange.parcels import Item, parcel_bytes
from mesh.exchange.reconcile import SERVICE_PUSH
from mesh.facts import Fact, sign_fact
from mesh.instant import SECOND
from mesh.kept import chains
from mesh.kept.board import Board
from mesh.letters.wire import block_bytes
from node.core import requests
from node.core.picture import topics
from node.core.picture.replicas import Replicas
from node.core.requests.gangs import ReserveGang
from placement.decide import decide
from simulations.checks.books import BooksAddUp, FoldIsOne, QuietInQuarantine
from simulations.checks.bounds import TABLES, TablesAreBounded, unbounded
from simulations.checks.checks import ALL
from simulations.checks.durable import DurableBeforeAudible, OneBlockPerPlace
from simulations.checks.facts import FactsAreTheirAuthors
from simulations.checks.placing import EqualPicturesEqualAnswers
from simulations.checks.replays import CountersAreUsedOnce, ReplaysChangeNothing
from simulations.checks.replicas import CopiesAreTrue, ForksAreSeen, TwinsAreNoticed
from simulations.checks.rota import Rota
from simulations.invented.network import Weather
from simulations.invented.world import CALM
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening

# Books -------------------------------------------------------------------------------------------


def bent_balance(books: Books) -> None:
    account = pool_account("ram")
    books.accounts[account] = msgspec.structs.replace(books.accounts[account], debits_posted=1)


def owing(books: Books) -> None:
    books.accounts[supply("cpu")] = Counters(debits_pending=-1)


def forgotten_hold(books: Books) -> None:
    books.live.clear()


@pytest.mark.parametrize(
    ("bend", "number"), [(bent_balance, "I2"), (owing, "I1"), (forgotten_hold, "I4")]
)
def test_books_that_do_not_add_up(bend: Callable[[Books], None], number: str) -> None:
    evening = Evening([BooksAddUp])
    evening.reserve("ann", "bob")
    evening.run(2)
    bend(evening.world.hosts["bob"].alive.ledger.books)
    evening.checks.parts[0]._seen.clear()  # type: ignore[attr-defined] # it is BooksAddUp
    with pytest.raises(PromiseBroken, match=rf"^{number}: seed 5, .* bob: "):
        evening.run(2)


def test_books_that_hold_something_their_log_does_not_say() -> None:
    evening = Evening([FoldIsOne])
    evening.reserve("ann", "bob")
    evening.run(20)
    assert evening.checks.looked["I9"]
    evening.release("ann", evening.reserve("ann", "bob"))
    evening.world.hosts["bob"].alive.ledger.books.ended.clear()
    with pytest.raises(PromiseBroken, match=r"^I9: .* bob's books are not what its log folds to"):
        evening.run(20)


def doubted(evening: Evening) -> None:
    evening.world.crash("bob", power=True)
    evening.world.start("bob")
    evening.run(60)


def test_a_quarantine_that_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([QuietInQuarantine])
    doubted(evening)
    assert evening.checks.looked["I10"]
    monkeypatch.setattr(quarantine, "QUARANTINE", 5 * SECOND)
    with pytest.raises(PromiseBroken, match=r"^I10: .* bob left its quarantine after 5\.\d+ s"):
        doubted(evening)


def test_an_owner_that_writes_in_its_quarantine() -> None:
    evening = Evening([QuietInQuarantine])
    bob = evening.world.hosts["bob"]
    evening.world.crash("bob", power=True)
    evening.world.start("bob")
    evening.run(3)
    with pytest.raises(PromiseBroken, match=r"^I10: .* bob writes in its quarantine"):
        evening.checks.parts[0].wrote(bob, evening.checks.evidence.archive.signed["bob"].chain)


# Copies ------------------------------------------------------------------------------------------


def test_a_copy_that_its_author_never_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    for check in (CopiesAreTrue, DurableBeforeAudible):
        monkeypatch.undo()
        evening = Evening([check])
        evening.reserve("ann", "ann")
        evening.run(6)
        ann, bob = evening.world.hosts["ann"], evening.world.hosts["bob"]
        head = ann.alive.mesh.chains.head(ann.id)
        assert head is not None
        forged = replace(head, height=head.height + 1, previous=head.hash)
        body = parcel_bytes([Item("block", (block_bytes(forged),))], None, more=False, lacks=None)
        monkeypatch.setattr(chains, "check_block", lambda _block: True)
        arrive = evening.world.shell.arrive
        evening.world.at(SECOND, arrive, bob, "serve", ann, _Nobody(), SERVICE_PUSH, body)
        with pytest.raises(PromiseBroken, match=r"^G3: .* bob"):
            evening.run(9)


class _Nobody:
    def answer(self, body: bytes) -> None: ...
    def broken(self) -> None: ...


def test_a_replica_that_does_not_follow_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([CopiesAreTrue])
    evening.reserve("ann", "bob")
    evening.run(6)
    assert evening.checks.looked["G4"]
    monkeypatch.setattr(Replicas, "extend", lambda *_: None)
    evening.reserve("ann", "bob")
    with pytest.raises(PromiseBroken, match=r"^G4: .* books of bob are not what its log says"):
        evening.run(6)


def forked() -> Evening:
    """Bob and a copy of Bob, each at work out of the other's sight."""
    evening = Evening([ForksAreSeen, TwinsAreNoticed, OneBlockPerPlace])
    world = evening.world
    twin = world.clone("bob", "bob again")
    world.network.cut(["bob", "ann"], ["bob again", "cyd"])
    twin.marker = replace(world.hosts["bob"].marker, boot_id=twin.boot)  # type: ignore[type-var] # it has one
    world.start("bob again")
    evening.run(3)
    evening.reserve("bob", "bob", "1GiB")
    ask = {"ram": "2GiB", "node": "bob"}
    assert world.answer("bob again", requests.Reserve(ask, 3_600_000)).ok
    evening.run(5)
    world.network.heal()
    return evening


def test_a_fork_that_everybody_notices_and_one_that_nobody_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evening = forked()
    evening.run(60)
    assert evening.checks.looked["G6"]
    for name in ("ann", "cyd"):
        fork = evening.world.hosts[name].alive.mesh.chains.fork(evening.world.hosts["bob"].id)
        assert fork is not None, name
    monkeypatch.setattr(chains.Chains, "_freeze", lambda *_: chains.Filed(chains.Offered.KNOWN))
    with pytest.raises(PromiseBroken, match=r"^G6: .* keep two histories of one author"):
        forked().run(60)


def test_an_author_that_signs_two_blocks_at_one_place() -> None:
    evening = Evening([OneBlockPerPlace])
    published = evening.checks.evidence.archive.of(evening.world.hosts["bob"].id)
    evening.run(6)
    published.twins = (b"one", b"two")
    with pytest.raises(PromiseBroken, match=r"^B5: .* bob signed two blocks at one place"):
        evening.run(6)


# Facts -------------------------------------------------------------------------------------------


def told(evening: Evening, version: int, body: bytes) -> Fact:
    bob = evening.world.hosts["bob"]
    mesh_id = evening.world.keys.mesh_id
    return sign_fact(bob.identity, mesh_id, topics.TOPIC_STANDING, version, body)


def test_a_word_that_its_author_never_said_and_one_that_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evening = Evening([FactsAreTheirAuthors])
    evening.run(6)
    assert evening.checks.looked["facts"]
    bob, cyd = evening.world.hosts["bob"], evening.world.hosts["cyd"]
    board = cyd.alive.mesh.board
    true = board.fact(bob.id, topics.TOPIC_STANDING)
    assert true is not None
    board._facts[bob.id][topics.TOPIC_STANDING] = told(evening, true.version, b"rumour")
    with pytest.raises(PromiseBroken, match=r"^facts: .* cyd believes of bob what it never said"):
        evening.run(6)


def test_a_board_that_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh.kept.board.supersedes", lambda *_: True)
    evening = Evening([FactsAreTheirAuthors])
    bob, cyd = evening.world.hosts["bob"], evening.world.hosts["cyd"]
    old = cyd.alive.mesh.board.fact(bob.id, topics.TOPIC_STANDING)
    assert old is not None
    evening.world.crash("bob", power=True)
    evening.world.start("bob")
    evening.run(6)
    assert isinstance(cyd.alive.mesh.board, Board)
    assert cyd.alive.mesh.board.offer(old).name == "NEWS"
    with pytest.raises(PromiseBroken, match=r"^facts: .* cyd went back to an older word of bob"):
        evening.checks.parts[0].sometimes(evening.world)


# Datagrams ---------------------------------------------------------------------------------------


def test_a_window_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    weather = Weather(duplication=0.5)
    quiet = Evening([ReplaysChangeNothing], weather=weather)
    quiet.run(20)
    assert quiet.checks.looked["B11"]
    monkeypatch.setattr(ReplayWindow, "would_accept", lambda _self, _counter: True)
    with pytest.raises(PromiseBroken, match=r"^B11: .* changed something"):
        Evening([ReplaysChangeNothing], weather=weather).run(20)


def test_a_counter_that_is_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    Evening([CountersAreUsedOnce]).run(10)
    seal = Session.seal

    def stuck(self: Session, *args: object) -> bytes:
        self._next_out = self.agreed.first_out + 1
        return seal(self, *args)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(Session, "seal", stuck)
    with pytest.raises(PromiseBroken, match=r"^B5: .* two datagrams under one counter"):
        Evening([CountersAreUsedOnce]).run(10)


# Pictures ----------------------------------------------------------------------------------------


def test_an_answer_that_holds_something_of_who_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([EqualPicturesEqualAnswers])
    evening.run(10)
    assert evening.checks.looked["G8"]
    given = iter(range(1_000_000))
    monkeypatch.setattr(
        "simulations.checks.placing.decision_bytes", lambda _decision: b"%d" % next(given)
    )
    with pytest.raises(PromiseBroken, match=r"^G8: .* see the same and answer differently"):
        Evening([EqualPicturesEqualAnswers]).run(10)


def test_who_would_place_on_a_suspect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.core.picture.knowledge.Knowledge.liveness_of", lambda *_: "alive")
    evening = Evening([EqualPicturesEqualAnswers])
    evening.run(6)
    monkeypatch.undo()
    evening.world.pause("bob", 20 * SECOND)
    monkeypatch.setattr(
        "simulations.checks.placing.decide",
        lambda question, _prepared: _chosen(evening, question),
    )
    with pytest.raises(PromiseBroken, match=r"^G8: .* would place on bob: (suspect|dead)"):
        evening.run(15)


def _chosen(evening: Evening, question: object) -> object:
    whole = decide(question, evening.world.hosts["bob"].alive.knowledge.prepared())  # type: ignore[arg-type] # as it came
    fit = whole.chosen
    fits = [one for one in (fit, *whole.runners_up) if one is not None and one.name == "bob"]
    return msgspec.structs.replace(whole, chosen=fits[0] if fits else None, runners_up=())


# Tables ------------------------------------------------------------------------------------------


def test_every_table_of_an_agent_is_in_the_catalogue() -> None:
    evening = Evening([TablesAreBounded])
    world = evening.world
    started = world.run_work("ann", 3)
    evening.reserve("ann", "ann", pid=3, pid_started=started, term_ms=30_000)
    evening.reserve("ann", "bob")
    world.ask("ann", ReserveGang({"ram": "1GiB"}, 3, 60_000, wait_ms=60_000))
    world.run(SECOND)
    world.crash("cyd", power=True)
    world.network.weather = Weather(loss=0.3, duplication=0.3)
    world.start("cyd")
    for _ in range(20):
        evening.run(0.7)
        assert [unbounded(host.alive) for host in world.up()] == [[], [], []]
    world.network.weather = CALM
    evening.run(10)
    assert evening.checks.looked["bounds"]


def test_a_table_without_its_bound() -> None:
    evening = Evening([TablesAreBounded])
    sessions = evening.world.hosts["bob"].alive.mesh._post.gate._sessions._of_peer
    kept = next(iter(sessions.values()))
    kept.extend(kept * 4)
    with pytest.raises(PromiseBroken, match=r"^bounds: .* Sessions._of_peer\[\] holds \d+; 3 is"):
        evening.run(30)


def test_the_catalogue_bounds_with_constants() -> None:
    assert all(isinstance(bound, int) or callable(bound) for bound in TABLES.values())


def test_a_rota_leaves_nobody_out() -> None:
    rota = Rota(3)
    seen = [rota.turn(range(7)) for _ in range(7)]
    assert sorted({one for turn in seen for one in turn}) == list(range(7))
    assert {len(turn) for turn in seen} == {3}
    assert Rota(9).turn(range(7)) == list(range(7))


def test_every_check_has_a_place_in_the_list_of_all() -> None:
    assert {CopiesAreTrue, ReplaysChangeNothing, TablesAreBounded} < set(ALL)
