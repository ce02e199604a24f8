"""All checks of one world, composed: cheap ones after every event, the dear ones now and then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from mesh.effects import Address, Call
from mesh.persistence import Write
from node.core.effects import Effect, Reply
from node.core.requests import Request
from simulations.checks.books import BooksAddUp, FoldIsOne, LogsVerify, QuietInQuarantine
from simulations.checks.bounds import TablesAreBounded
from simulations.checks.calm import Calm
from simulations.checks.check import HEARD, Check
from simulations.checks.contests import NothingContested
from simulations.checks.deaths import DeathsAreEarned
from simulations.checks.discipline import AskersBelieve, OnlyTheHolder, SuspectsGetNothing
from simulations.checks.durable import (
    CopiesAreThere,
    DisksKeep,
    DurableBeforeAudible,
    OneBlockPerPlace,
)
from simulations.checks.ends import AnswersAreKept, CopiesAreHeard, EndsInTime
from simulations.checks.evidence import Evidence
from simulations.checks.facts import FactsAreTheirAuthors
from simulations.checks.forgotten import TheForgottenComeBackByThemselves
from simulations.checks.gangs import GangsAreWhole
from simulations.checks.grants import NothingTwice
from simulations.checks.kept_out import OutcastsGrantNothing
from simulations.checks.lapses import NothingOverstays
from simulations.checks.later import PlansStart
from simulations.checks.lines import LinesAreFair
from simulations.checks.outcasts import OutcastsAreNotHeard
from simulations.checks.placing import EqualPicturesEqualAnswers
from simulations.checks.presence import NobodySpeaksForAnother
from simulations.checks.promises import Promise
from simulations.checks.pruning import PrunedIsHeld
from simulations.checks.quotas import QuotasAreKept
from simulations.checks.replays import CountersAreUsedOnce, ReplaysChangeNothing
from simulations.checks.replicas import CopiesAreTrue, ForksAreSeen, TwinsAreNoticed
from simulations.checks.requests import OneAnswerEach
from simulations.checks.rights import RightsHold
from simulations.checks.ties import TiesAreOnesOwn
from simulations.checks.twins import TwinsAreStopped
from simulations.invented.host import Host
from simulations.invented.observing import EVENTS, Observer

if TYPE_CHECKING:
    from ledger.desk import Desk
    from ledger.entries import Entry
    from simulations.invented.world import World

ALL: Final[tuple[type[Check], ...]] = (
    BooksAddUp, FoldIsOne, LogsVerify, QuietInQuarantine,
    NothingTwice, NothingContested,
    DurableBeforeAudible, OneBlockPerPlace, CopiesAreThere, DisksKeep,
    AskersBelieve, OnlyTheHolder, SuspectsGetNothing, OneAnswerEach,
    GangsAreWhole,
    EndsInTime, AnswersAreKept, CopiesAreHeard, NothingOverstays,
    CopiesAreTrue, ForksAreSeen, TwinsAreNoticed, PrunedIsHeld,
    FactsAreTheirAuthors, NobodySpeaksForAnother, DeathsAreEarned,
    OutcastsAreNotHeard, OutcastsGrantNothing, TwinsAreStopped, TheForgottenComeBackByThemselves,
    ReplaysChangeNothing, CountersAreUsedOnce,
    EqualPicturesEqualAnswers,
    TablesAreBounded,
    PlansStart, LinesAreFair, QuotasAreKept, TiesAreOnesOwn, RightsHold,
)  # fmt: skip
SOMETIMES: Final = 5
"""Seconds of virtual time between two looks at what is dear. A fault that leaves something wrong
leaves it wrong for longer than that, or it is caught at the next change."""


class Checks(Observer):
    """Some checks, and the evidence they share. Observe a world with it before its first start."""

    def __init__(self, world: World, parts: Sequence[type[Check]] = ALL) -> None:
        self.evidence = Evidence(world)
        self.parts = [part(self.evidence) for part in parts]
        self.seen = self.evidence.seen
        """Rare states that only the checks can see → how often."""
        self.looked = self.evidence.looked
        """Promise → how often it was looked at."""
        self._world = world
        self._hooks: dict[str, list[Callable[..., None]]] = {
            kind: [
                getattr(part, kind)
                for part in self.parts
                if getattr(type(part), kind) is not getattr(Check, kind)
            ]
            for kind in (*EVENTS, *HEARD)
        }
        self._seconds = 0

    def calm(self, world: World) -> None:
        """What must be so once nothing more goes wrong. Lets time pass. Raises Stalled."""
        Calm(self.evidence).live_through(world)
        self.look_at_all(world)

    def look_at_all(self, world: World) -> None:
        """Everything that is looked at now and then, now; and every log from its first block."""
        self.evidence.second()
        for kind in ("second", "sometimes", "at_last"):
            self._tell(kind, world)

    # Events --------------------------------------------------------------------------------------

    def started(self, host: Host) -> None:
        self.evidence.started(host)
        if hooks := self._hooks["deciding"]:

            def look(desk: Desk, entry: Entry) -> None:
                for hook in hooks:
                    hook(host, desk, entry)

            host.alive.ledger.later.onlookers.append(look)
        self._tell("started", host)

    def ended(self, host: Host, how: str) -> None:
        self.evidence.ended(host)
        self._tell("ended", host, how)

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        blocks = self.evidence.stepped(host, cause, effects)
        for hook in self._hooks["stepped"]:
            hook(host, cause, effects)
        if not blocks:
            return
        for reading, is_own in blocks:
            if not is_own:
                self._tell("kept", host, reading)
        if own := [reading for reading, is_own in blocks if is_own]:
            self._tell("wrote", host, own)

    def sent(self, host: Host, to: Address | None, datagram: bytes) -> None:
        for hook in self._hooks["sent"]:
            hook(host, to, datagram)

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        for hook in self._hooks["delivered"]:
            hook(host, datagram, source)

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        self.evidence.durable(host, writes)
        self._tell("durable", host, writes)

    def asked(self, host: Host, token: int, request: Request) -> None:
        self.evidence.asked(host, token, request)
        self._tell("asked", host, token, request)

    def answered(self, host: Host, reply: Reply) -> None:
        promise = self.evidence.answered(host, reply)
        self._tell("answered", host, reply)
        self._tell_promised(promise)

    def called(self, host: Host, call: Call) -> None:
        self.evidence.called(call)
        self._tell("called", host, call)

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        self.evidence.served(service, body)
        self._tell("served", host, caller, service, body)

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        promise = self.evidence.returned(host, service, body)
        self._tell("returned", host, caller, service, body)
        self._tell_promised(promise)

    def second(self, world: World) -> None:
        self.evidence.second()
        self._tell("second", world)
        self._seconds += 1
        if self._seconds % SOMETIMES == 0:
            self._tell("sometimes", world)

    # ---------------------------------------------------------------------------------------------

    def _tell_promised(self, promise: Promise | None) -> None:
        if promise is not None:
            self._tell("promised", self._world.hosts[promise.owner], promise)

    def _tell(self, kind: str, *what: Any) -> None:
        for hook in self._hooks[kind]:
            hook(*what)


def all_checks(world: World) -> Checks:
    """Every check there is, for one world."""
    return Checks(world)
