"""B2, B6, B10: who acts on a hold, when, and on whose word."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.commands import Answer, Hold, Inquire, Outcome, Post, Renew, Resume
from ledger.leases import holder_span
from ledger.lifecycle import HoldState
from ledger.limits import PENDING_TTL
from ledger.owner.standings import QUARANTINED
from mesh.effects import Call
from mesh.instant import Instant
from node.core import requests
from node.core.effects import Effect, Progress, Reply
from node.core.errands import SERVICE_LEDGER
from node.core.requests import Request
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.checks.promises import Told
from simulations.invented.host import Host

SERVED_MAX: Final = 64
"""Unanswered commands about one hold by one caller that are remembered; older ones give way."""


class AskersBelieve(Check):
    """B6: an agent begins to confirm only what its asker may still believe in, and renews over the
    mesh by itself only the leases of its gangs, while it believes in them: of all others carrier
    and owner are one agent.

    What a person tells an agent to confirm or to renew is the person's affair: an owner says "too
    late".
    """

    promises = ("B6",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._begun: dict[bytes, Instant] = {}
        self._by_people: list[str] = []

    def asked(self, host: Host, token: int, request: Request) -> None:
        if isinstance(request, requests.Post | requests.Renew):
            self._by_people.append(request.id)

    def called(self, host: Host, call: Call) -> None:
        told = self.evidence.command(call.body) if call.service == SERVICE_LEDGER else None
        if told is None:
            return
        if isinstance(told.command, Renew | Resume) and not self._said(told.command.id):
            self._carries(host, told.command.id)
        if isinstance(told.command, Post) and told.command.id not in self._begun:
            self._begun[told.command.id] = self.world.now
            self._check(host, told.command.id)

    def _carries(self, host: Host, hold: bytes) -> None:
        """`host` renews by itself what another owns."""
        promise = self.evidence.promises.get(hold)
        gangs = self.evidence.promises.gangs.values()
        if promise is None or not any(hold in holds for holds in gangs):
            raise self.broken("B6", f"{host.name} carries a lease over the mesh")
        if not host.clock.honest or promise.given_back:
            return
        self.looks("B6")
        late = self.world.now - promise.until
        if late >= 0:
            raise self.broken("B6", f"{host.name} renews {late / 1e9:.3f} s after its belief ended")

    def _said(self, hold: bytes) -> bool:
        """Whether a person spoke of it."""
        return any(hold.hex().startswith(text) for text in self._by_people)

    def _check(self, host: Host, hold: bytes) -> None:
        first = self.evidence.promises.first_sent(hold)
        if first is None or not host.clock.honest:
            return
        self.looks("B6")
        late = self.world.now - first - holder_span(PENDING_TTL)
        if late >= 0 and not self._said(hold):
            seconds = late / 1e9
            raise self.broken("B6", f"{host.name} confirms {seconds:.3f} s after its belief ended")


@dataclass(frozen=True, slots=True)
class _Served:
    """A command as it was read. `proper`: of this session, and by the hold's holder."""

    told: Told
    proper: bool


class OnlyTheHolder(Check):
    """B2 and B10: yes only to the holder, only on this start of the owner, only to what lives."""

    promises = ("B2", "B10")

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._served: dict[tuple[str, str, bytes], list[_Served]] = {}

    def ended(self, host: Host, how: str) -> None:
        for key in [key for key in self._served if key[0] == host.name]:
            del self._served[key]

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        told = self.evidence.command(body) if service == SERVICE_LEDGER else None
        if told is None:
            return
        waiting = self._served.setdefault((host.name, caller.name, told.command.id), [])
        waiting.append(_Served(told, self._is_proper(host, told)))
        del waiting[:-SERVED_MAX]

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        answer = self.evidence.answer(body) if service == SERVICE_LEDGER else None
        if answer is None:
            return
        key = (host.name, caller.name, answer.id)
        waiting = self._served.get(key, [])
        if answer.outcome.positive and waiting:
            proper = next((one for one in waiting if one.proper), None)
            if proper is None:
                what = f"{answer.outcome.value} to {caller.name} for {answer.id.hex()[:8]}"
                raise self.broken("B10", f"{host.name} said {what}, who may not, or not any more")
            self.looks("B10")
            waiting.remove(proper)
        elif waiting:
            waiting.remove(next((one for one in waiting if not one.proper), waiting[0]))
        if not waiting:
            self._served.pop(key, None)
        if answer.outcome is Outcome.RENEWED:
            self._check_live(host, answer)

    def _is_proper(self, host: Host, told: Told) -> bool:
        """By what the owner's log on its disk says of the hold. An unknown hold's holder is for a
        receipt to say."""
        if told.session != host.alive.ledger.session:
            return False
        if isinstance(told.command, Hold | Inquire):
            return True
        log = self.evidence.archive.signed[host.name]
        if isinstance(told.command, Renew) and told.command.id in log.ended:
            return False  # what was over when it was read is over, whoever ended it
        held = log.begun.get(told.command.id)
        return held is None or held.holder == told.signer

    def _check_live(self, host: Host, answer: Answer) -> None:
        if host.alive.ledger.standing[0] == QUARANTINED:
            return  # what was resumed is renewed; the log is not written meanwhile
        self.looks("B2")
        state = self.evidence.archive.durable[host.name].state(answer.id)
        promise = self.evidence.promises.get(answer.id)
        if promise is not None and promise.given_back:
            return  # decided before its holder's own word, and on its way behind a write
        if state is not HoldState.POSTED or answer.id in host.alive.ledger.ending:
            what = "is ending" if state is HoldState.POSTED else f"is {state.value}"
            raise self.broken("B2", f"{host.name} renewed {answer.id.hex()[:8]}, which {what}")


class SuspectsGetNothing(Check):
    """No hold is first asked of an owner that its asker does not see alive (G8: placement).

    A runner-up was chosen when the picture was another: it is asked because somebody refused, and
    that may be our own ledger, a moment after we have slept.
    """

    promises = ("G8",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._asking: dict[str, dict[int, None]] = {}
        """By host, the tokens of whoever has had somebody asked, and has not looked again since."""

    def ended(self, host: Host, how: str) -> None:
        self._asking.pop(host.name, None)

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        asking, runner_up = self._asking.setdefault(host.name, {}), False
        chosen_now = cause in ("ask", "wake")
        for effect in effects:
            if type(effect) is Reply:
                asking.pop(effect.token, None)
            elif type(effect) is Progress:
                stage = effect.body.get("stage")
                if stage == "holding":
                    runner_up = effect.token in asking
                    asking[effect.token] = None
                elif stage in ("waiting", "in line"):
                    asking.pop(effect.token, None)
            elif type(effect) is Call and chosen_now and not runner_up:
                self._check(host, effect)

    def _check(self, host: Host, call: Call) -> None:
        told = self.evidence.command(call.body) if call.service == SERVICE_LEDGER else None
        if told is None or not isinstance(told.command, Hold):
            return
        if self.evidence.promises.first_sent(told.command.id) != self.world.now:
            return  # sent again: it was chosen before
        self.looks("G8")
        liveness = host.alive.knowledge.liveness_of(call.to)
        if liveness != "alive":
            raise self.broken("G8", f"{host.name} places on a node that it sees {liveness}")
