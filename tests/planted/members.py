"""What may go wrong with who is there, and with what is decided by it."""

from collections.abc import Sequence
from typing import Any, Final

import pytest

from ledger.books import Books
from mesh.effects import PeerChange, PeerChanged
from mesh.exchange.intake import Harvest, Intake
from mesh.roll.membership import Liveness
from mesh.roll.record import TOPIC_NODE, parse_record
from node.core.machine import Agent
from node.core.picture.knowledge import Knowledge
from node.core.selves import Selves
from tests.planted.bug import Bug, Course, set_to

AWAY: Final = Course("slow-restart=10,pause=5", 4, 40)
CLONED: Final = Course("cloned-identity=15", 4, 30, 8)

_sources, _mesh, _fact = Knowledge._sources, Agent.from_mesh, Intake.fact


def rumours_are_a_pulse(patch: pytest.MonkeyPatch) -> None:
    """Whoever is spoken of is taken for alive."""

    def fact(self: Intake, said: Any, harvest: Harvest) -> None:
        _fact(self, said, harvest)
        member = self._roll.member(said.author)
        if member is not None and member.met and member.liveness is not Liveness.LEFT:
            self._roll.heard(said.author, member.last_heard or 0)

    patch.setattr(Intake, "fact", fact)


def good_bye_from_anyone(patch: pytest.MonkeyPatch) -> None:
    """A good-bye is believed before it is looked at who signed it."""

    def fact(self: Intake, said: Any, harvest: Harvest) -> None:
        record = parse_record(said.body) if said.topic == TOPIC_NODE else None
        member = self._roll.member(said.author)
        if record is not None and record.left and member is not None and member.met:
            harvest.told += self._roll.recorded(said, record)
            return
        _fact(self, said, harvest)

    patch.setattr(Intake, "fact", fact)


def death_frees(patch: pytest.MonkeyPatch) -> None:
    def told(self: Agent, effects: Sequence[Any], now: int) -> list[Any]:
        out = _mesh(self, effects, now)
        for effect in effects:
            if isinstance(effect, PeerChanged) and effect.change is PeerChange.DEAD:
                out += self.from_books(_ends_of(self, effect.peer, now), now)
        return out

    def _ends_of(agent: Agent, node: Any, now: int) -> list[Any]:
        desk = agent.ledger._desk
        mine = [
            hold.id
            for hold in agent.ledger.books.live_holds()
            if hold.holder == node and hold.id not in desk.endings
        ]
        return [effect for hold in mine for effect in desk.end(hold, None, agent.identity.id, now)]

    patch.setattr(Agent, "from_mesh", told)


def everybody_looks_alive(self: Knowledge, node: Any) -> Any:
    return _sources(self, node)._replace(liveness="alive")


def calls_itself_here(self: Knowledge, node: Any) -> Any:
    drawn = _sources(self, node)
    return drawn._replace(name="here") if node == self.us else drawn


def keeps_its_notes(patch: pytest.MonkeyPatch) -> None:
    def turn(self: Books, block: Any) -> None:
        self.height, self.head = block.height, block.hash

    def write(self: Books, entry: Any, era: Any, at: Any) -> Any:
        return self._fold(entry, era, at)

    patch.setattr(Books, "turn", turn)
    patch.setattr(Books, "write", write)


BUGS: Final = (
    Bug(
        "rumour-is-a-pulse", "who is spoken of is taken for alive", ("alive",), AWAY,
        rumours_are_a_pulse,
    ),
    Bug(
        "stranger-says-goodbye", "a good-bye is believed whoever signed it", ("alive",),
        Course("forgery=20"), good_bye_from_anyone,
    ),
    Bug(
        "death-frees", "what a dead node holds is given to others", ("B3", "B13", "V6"),
        Course("slow-restart=10,isolation=10", 4, 60, 16), death_frees,
    ),
    Bug(
        "suspects-are-chosen", "who does not answer is drawn as if it did", ("G8",), AWAY,
        set_to(Knowledge, "_sources", everybody_looks_alive),
    ),
    Bug(
        "answerer-in-the-answer", "an answer holds something of who gives it", ("G8",), Course(),
        set_to(Knowledge, "_sources", calls_itself_here),
    ),
    Bug(
        "unbounded-table", "what a fold replaced is remembered for ever", ("bounds",), Course(),
        keeps_its_notes,
    ),
    Bug(
        "twins-go-on", "another machine with our key is no reason to close", ("twin",), CLONED,
        set_to(Selves, "_seen", lambda *_: []),
    ),
)  # fmt: skip
