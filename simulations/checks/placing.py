"""G8: equal pictures give equal answers, byte for byte, whoever is asked."""

from typing import Final

from ledger.owner.standings import OPEN
from mesh.identity import parse_id
from placement.asking.documents import request_from_document
from placement.decide import decide
from placement.decision import Decision, decision_bytes
from placement.request import Request
from placement.view import ClusterView
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.checks.rota import Rota
from simulations.invented.host import Host
from simulations.invented.world import World

ASKER: Final = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
"""The same one everywhere: who asks is part of the question."""
QUESTIONS: Final = ({"ram": "1GiB"}, {"ram": "6GiB", "cpu": "2 cores"}, {"ram": "900TiB"})
HOSTS_PER_LOOK: Final = 16


class EqualPicturesEqualAnswers(Check):
    """Whoever has the same versions of the same facts and logs gives the same bytes; and nobody
    chooses a node that it sees suspect, dead or gone, in quarantine, or with a log it disbelieves.
    """

    promises = ("G8",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._questions = [request_from_document(dict(one), ASKER) for one in QUESTIONS]
        self._rota = Rota(HOSTS_PER_LOOK)
        self._answers: dict[str, tuple[ClusterView, tuple[bytes, ...]]] = {}

    def ended(self, host: Host, how: str) -> None:
        self._answers.pop(host.name, None)

    def sometimes(self, world: World) -> None:
        said: dict[object, tuple[Host, tuple[bytes, ...]]] = {}
        for host in self._rota.turn(world.up()):
            view = host.alive.knowledge.view()
            answers = self._answered(host, view)
            versions = repr(view.versions)
            self.looks("G8")
            first, before = said.setdefault(versions, (host, answers))
            if before != answers:
                pair = f"{first.name} and {host.name}"
                raise self.broken("G8", f"{pair} see the same and answer differently")

    def _answered(self, host: Host, view: ClusterView) -> tuple[bytes, ...]:
        known = self._answers.get(host.name)
        if known is not None and known[0] is view:
            return known[1]
        answers = tuple(self._ask(host, question) for question in self._questions)
        self._answers[host.name] = (view, answers)
        return answers

    def _ask(self, host: Host, question: Request) -> bytes:
        decision = decide(question, host.alive.knowledge.prepared())
        self._check_chosen(host, decision)
        return decision_bytes(decision)

    def _check_chosen(self, host: Host, decision: Decision) -> None:
        knowledge = host.alive.knowledge
        for fit in (decision.chosen, *decision.runners_up):
            if fit is None:
                continue
            node = parse_id(fit.node)
            liveness, stands = knowledge.liveness_of(node), knowledge.standing(node)
            open_ = stands is not None and stands.state == OPEN  # they ask for bookings
            if liveness != "alive" or not open_ or knowledge.replicas.problem(node) is not None:
                raise self.broken("G8", f"{host.name} would place on {fit.name}: {liveness}")
