"""How long an asker may rely on a bare hold, and what it says when that time is over."""

from random import Random

from ledger.commands import Answer, Hold, Inquire, Leg, Outcome, Void
from ledger.commands import Post as PostCommand
from mesh.effects import Call
from mesh.identity import NodeId
from mesh.instant import SECOND, Instant
from node.core.effects import Reply
from node.core.outlook import Choice, Outlook
from node.core.requests import Reserve
from node.core.reserving.asking import Asking
from node.core.reserving.wishes import BELIEF, POST_SENDS_MAX, Ask, AskingEffect
from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.invented.world import World

OWNER = NodeId(b"o" * 32)
SESSION = b"s" * 16


class Errand:
    """One errand whose owner is played by the test."""

    def __init__(self) -> None:
        self.asking = Asking(Random(1), lambda _: SESSION)
        choice = Choice(OWNER, "bob", (Leg("ram", 1),))
        look = Outlook((choice,), "", "", None, None)
        self.said = self.asking.begin(7, Reserve({"ram": "1B"}, 1000), lambda: look, 0)

    @property
    def asks(self) -> list[Ask]:
        return [effect for effect in self.said if isinstance(effect, Ask)]

    def answer(self, outcome: Outcome | None, now: Instant) -> list[AskingEffect]:
        (ask, *_) = self.asks
        answer = None if outcome is None else Answer(outcome, ask.command.id, SESSION)
        self.said = self.asking.answered(ask.errand, answer, now)
        return self.said

    def wait(self, now: Instant) -> None:
        self.said = self.asking.wake(now)


def test_a_confirmation_says_itself_until_when_it_may_be_sent() -> None:
    errand = Errand()
    assert errand.asks[0].until is None
    errand.answer(Outcome.HELD, 5 * SECOND)
    (ask,) = errand.asks
    assert isinstance(ask.command, PostCommand)
    assert ask.until == BELIEF


def test_whether_an_earlier_confirmation_arrived_is_asked_and_not_said_again() -> None:
    errand = Errand()
    errand.answer(Outcome.HELD, BELIEF - SECOND)
    errand.answer(None, BELIEF + SECOND)
    errand.wait(BELIEF + 2 * SECOND)
    (ask,) = errand.asks
    assert isinstance(ask.command, Inquire)
    errand.answer(Outcome.POSTED, BELIEF + 3 * SECOND)
    assert errand.asking.next_wake is None, "it had arrived: the errand is over"


def test_a_hold_that_was_never_confirmed_is_given_back_and_another_is_sought() -> None:
    errand = Errand()
    errand.answer(Outcome.HELD, BELIEF - SECOND)
    errand.answer(None, BELIEF + SECOND)
    errand.wait(BELIEF + 2 * SECOND)
    errand.answer(Outcome.HELD, BELIEF + 3 * SECOND)
    void, anew = errand.asks
    assert isinstance(void.command, Void)
    assert isinstance(anew.command, Hold)
    assert anew.command.id != void.command.id


def test_an_owner_that_never_says_is_asked_so_often_and_then_it_is_unknown() -> None:
    errand = Errand()
    errand.answer(Outcome.HELD, SECOND)
    for at in range(POST_SENDS_MAX):
        errand.answer(None, BELIEF + at * SECOND)
        if at < POST_SENDS_MAX - 1:
            errand.wait(BELIEF + at * SECOND + SECOND // 2)
    (told,) = [effect.body for effect in errand.said if isinstance(effect, Reply)]
    assert told["code"] == "unknown"


def test_a_call_that_comes_up_after_its_deadline_is_never_begun() -> None:
    world = World(1)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    ear = _Ear()
    world.observe(ear)
    ann, bob = world.hosts["ann"], world.hosts["bob"]
    now = ann.clock.read(world.now)
    for late, service in ((0, "too late"), (SECOND, "in time")):
        at = ann.alive.knowledge.addresses_of(bob.id)
        world.streams.call(ann, Call(99, bob.id, at, service, b"", now + late))
        world.run(SECOND // 2)
    assert ear.heard == ["in time"]


class _Ear(Observer):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        if service in {"too late", "in time"}:
            self.heard.append(service)
