"""Who fails, and when: the cells of docs/reference/gangs.md, each lived through."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ledger.books import Books
from ledger.books.gangs import GangStage
from ledger.commands import Answer, Outcome
from ledger.limits import GANG_MAX
from mesh.instant import SECOND
from node.core import answers, requests
from node.core.gangs.gang import Stage
from node.core.requests.gangs import ReserveGang
from simulations.invented.hardware import GIB
from simulations.invented.network import Weather
from simulations.invented.world import CALM, World
from tests.node.core.test_gang_later import CELLS as LATER
from tests.node.core.test_gang_leases import ENDS, STANDS
from tests.node.core.test_gang_waiting import CELLS as WAITING
from tests.node.core.test_gang_waiting_again import CELLS as AGAIN

PAGE: Final = Path(__file__).parents[3] / "docs" / "reference" / "gangs.md"
ALL_SETTLED: Final = ["ann", "bob", "cyd"]
BOUND: Final = GANG_MAX * 103 // 100 + 10 * SECOND


class Play:
    """Ann asks for a gang on all three nodes; somebody fails when a stage has begun."""

    def __init__(self, spare: bool = False) -> None:
        self.world = World(1)
        for name in [*ALL_SETTLED, *(["dan"] if spare else [])]:
            self.world.add(name)
            self.world.start(name, first=True)
        self.world.run(3 * SECOND)
        self.token = 0

    def ask(self, **more: int) -> None:
        wish = ReserveGang({"ram": "1GiB"}, 3, 3_600_000, **more)
        self.token = self.world.ask("ann", wish)

    def until(self, stage: Stage) -> None:
        """The gang has come to `stage`: what that sends is on its way."""

        def there() -> bool:
            agent = self.world.hosts["ann"].agent
            gangs = agent.errands.ganging._gangs.values() if agent else ()
            return any(gang.stage is stage for gang in gangs)

        assert self.world.run_until(there, 20 * SECOND), stage

    def granted(self) -> bool | None:
        """What ann was answered; None: nothing yet."""
        reply = self.world.hosts["ann"].replies.get(self.token)
        return None if reply is None else reply.ok

    def holders(self) -> list[str]:
        """Who holds something, of those that are up."""
        return [h.name for h in self.world.up() if h.alive.ledger.books.live]

    def settled(self) -> list[str]:
        """Where it is settled."""
        return [
            host.name
            for host in self.world.up()
            for hold in host.alive.ledger.books.live_holds()
            if hold.gang is not None and hold.gang.settled_at is not None
        ]

    def stage(self) -> GangStage:
        """Of the last gang in ann's log."""
        gangs = self.world.hosts["ann"].alive.ledger.books.gangs.values()
        return max(gangs, key=lambda gang: gang.at).stage

    def cut(self, name: str) -> None:
        """Nobody reaches `name`."""
        self.world.network.cut([name], [one for one in self.world.hosts if one != name])

    def silent(self, outcome: Outcome, times: int) -> Callable[[], None]:
        """Owners' answers of one kind are lost, so many of them."""
        read = answers.read_answer
        left = [times]

        def deaf(body: bytes | None) -> Answer | None:
            answer = read(body)
            if answer is not None and answer.outcome is outcome and left[0]:
                left[0] -= 1
                return None
            return answer

        answers.read_answer = deaf

        def heal() -> None:
            answers.read_answer = read

        return heal


def hold_lost(play: Play) -> None:
    play.world.network.weather = Weather(loss=0.5, duplication=0.5)
    play.ask(wait_ms=20_000)
    play.world.run(3 * SECOND)
    play.world.network.weather = CALM
    play.world.run(20 * SECOND)
    assert (play.granted(), play.settled()) == (True, ALL_SETTLED)


def one_refuses(play: Play) -> None:
    play.world.hosts["bob"].ram_foreign = 8 * GIB
    play.world.look("bob")
    play.ask()
    play.world.run(10 * SECOND)
    assert (play.granted(), play.settled()) == (True, ["ann", "cyd", "dan"])
    assert "bob" not in play.holders()


def dies_at(stage: Stage) -> Callable[[Play], None]:
    def owner_dies(play: Play) -> None:
        play.ask()
        play.until(stage)
        play.world.crash("bob")
        play.world.run(BOUND)
        assert (play.granted(), play.holders()) == (False, [])
        play.world.start("bob")
        play.world.run(BOUND)
        assert play.holders() == []

    return owner_dies


def owner_restarts(play: Play) -> None:
    play.ask()
    play.until(Stage.POSTING)
    play.world.crash("bob")
    play.world.start("bob")
    play.world.run(20 * SECOND)
    assert play.granted() is not None
    assert play.settled() == (ALL_SETTLED if play.granted() else [])


def answers_lost(play: Play) -> None:
    for outcome in (Outcome.POSTED, Outcome.PARKED, Outcome.SETTLED):
        heal = play.silent(outcome, 2)
        try:
            play.ask()
            assert play.world.run_until(lambda: play.granted() is not None, 30 * SECOND)
        finally:
            heal()
        assert play.granted()


def asker_dies(stage: Stage, *, returns: bool) -> Callable[[Play], None]:
    def dies(play: Play) -> None:
        play.ask()
        play.until(stage)
        # What says so is on ann's disk once somebody was asked for what rests on it.
        assert play.world.run_until(lambda: {*play.holders()} & {"bob", "cyd"}, SECOND)
        play.world.crash("ann")
        if returns:
            play.world.start("ann")
            play.world.run(20 * SECOND)
            complete = play.stage() is GangStage.COMPLETED
            assert play.settled() == (ALL_SETTLED if complete else [])
            if not complete:
                assert play.holders() == []
        else:
            play.world.run(BOUND)
            assert play.settled() in ([], ["bob", "cyd"])
            assert play.holders() == play.settled()

    return dies


def asker_sleeps(play: Play) -> None:
    play.ask()
    play.until(Stage.POSTING)
    play.world.suspend("ann", 40 * SECOND)
    play.world.run(BOUND)
    assert play.granted() is not None
    assert play.settled() == (ALL_SETTLED if play.granted() else [])


def asker_forgets(play: Play) -> None:
    play.ask()
    play.until(Stage.PARKING)
    play.world.crash("ann", power=True)
    play.world.hosts["ann"].disk.lose()
    play.world.start("ann")
    play.world.run(BOUND)
    assert play.settled() in ([], ["bob", "cyd"])
    assert [name for name in play.holders() if name != "ann"] == play.settled()


def forgets_later(name: str) -> Callable[[Play], None]:
    """A disk is lost, and all that its machine knew, when the gang has long been answered."""

    def forgets(play: Play) -> None:
        play.ask()
        play.world.run(5 * SECOND)
        assert play.granted()
        play.world.crash(name, power=True)
        play.world.hosts[name].disk.lose()
        play.world.start(name)
        play.world.run(BOUND)
        assert play.settled() == ALL_SETTLED
        assert play.stage() is GangStage.COMPLETED

    return forgets


def cut_from_one(play: Play) -> None:
    play.ask()
    play.until(Stage.SETTLING)
    play.world.network.cut(["ann"], ["bob"])
    play.world.run(BOUND)
    assert play.granted() is not None
    assert play.settled() == (ALL_SETTLED if play.granted() else [])


def two_gangs(play: Play) -> None:
    wish = ReserveGang({"ram": "5GiB"}, 3, 3_600_000)
    tokens = {name: play.world.ask(name, wish) for name in ("ann", "bob")}
    play.world.run(30 * SECOND)
    replies = [play.world.hosts[name].replies[token].ok for name, token in tokens.items()]
    assert sum(replies) <= 1
    assert len(play.holders()) == 3 * sum(replies)


def release_lost(play: Play) -> None:
    play.ask()
    play.world.run(5 * SECOND)
    assert play.granted()
    reply = play.world.hosts["ann"].replies[play.token]
    play.cut("bob")
    given = play.world.answer("ann", requests.Release(reply.body["id"]))
    assert given.ok
    assert "bob" in given.body["detail"]
    assert play.settled() == ["bob"]
    play.world.network.heal()
    play.world.run(60 * SECOND)
    assert play.holders() == []


def release_in_quarantine(play: Play) -> None:
    """Bob can read it long before he may write it, and then nothing new is read."""
    play.ask()
    play.world.run(5 * SECOND)
    reply = play.world.hosts["ann"].replies[play.token]
    play.world.crash("bob", power=True)
    assert play.world.answer("ann", requests.Release(reply.body["id"])).ok
    play.world.start("bob")
    play.world.run(20 * SECOND)
    assert play.holders() == ["bob"]
    play.world.run(30 * SECOND)
    assert play.holders() == []


CELLS: Final[dict[str, Callable[[Play], None]]] = {
    "hold-lost": hold_lost,
    "one-refuses": one_refuses,
    "owner-dies-holding": dies_at(Stage.HOLDING),
    "owner-restarts": owner_restarts,
    "owner-dies-posting": dies_at(Stage.POSTING),
    "owner-dies-parking": dies_at(Stage.PARKING),
    "owner-dies-settling": dies_at(Stage.SETTLING),
    "answers-lost": answers_lost,
    "asker-dies-begun": asker_dies(Stage.HOLDING, returns=True),
    "asker-dies-committed": asker_dies(Stage.POSTING, returns=True),
    "asker-dies-completed": asker_dies(Stage.SETTLING, returns=True),
    "asker-never-returns": asker_dies(Stage.SETTLING, returns=False),
    "asker-sleeps": asker_sleeps,
    "asker-forgets": asker_forgets,
    "asker-forgets-later": forgets_later("ann"),
    "owner-forgets-later": forgets_later("bob"),
    "cut-from-one": cut_from_one,
    "two-gangs": two_gangs,
    "release-lost": release_lost,
    "release-in-quarantine": release_in_quarantine,
}


@pytest.mark.parametrize("cell", CELLS)
def test_whoever_fails_and_whenever_a_gang_is_whole_or_gone(cell: str) -> None:
    CELLS[cell](Play(spare=cell == "one-refuses"))


def test_every_cell_of_the_page_is_lived_through() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    named = [line.rpartition("| `")[2].removesuffix("` |") for line in rows if "| `" in line]
    cells = {
        name for names in named for name in names.split("`, `") if "-" in name and " " not in name
    }
    assert cells == {*CELLS, *WAITING, *AGAIN, *ENDS, *STANDS, *LATER}


def test_what_a_start_writes_of_a_gang_before_it_is_signed_with_it() -> None:
    play = Play()
    play.ask()
    play.until(Stage.HOLDING)
    play.world.run_until(lambda: bool(_books(play).live), 5 * SECOND)
    play.world.crash("ann")
    play.world.hosts["ann"].lag = SECOND  # else the first look at the machine would sign it
    play.world.start("ann")
    mine = play.world.hosts["ann"].alive
    folded = Books()
    for block in mine.mesh.chains.chain(mine.identity.id):
        assert folded.apply_block(block) is None
    assert folded.gangs
    assert not folded.live, "it ended what it had granted itself"
    assert folded.state_hash() == _books(play).state_hash()


def _books(play: Play) -> Books:
    return play.world.hosts["ann"].alive.ledger.books
