"""The lookout: carries out the prober's steps, and draws the conclusions on the roll.

Only our own evidence moves a member: a look without an answer makes it SUSPECT, silence after that
makes it DEAD, and any fresh sealed word makes it ALIVE. What others say (`Accuse`) makes us look.
"""

from random import Random
from typing import Final

from mesh.config import MeshConfig
from mesh.effects import MeshEffect, PeerChanged
from mesh.greeter import Greeter
from mesh.identity import NodeId
from mesh.instant import Instant, earliest
from mesh.membership import Liveness, Roll
from mesh.messages import SEQUENCE_MAX, Accuse, Ping, ProbeFor, ProbeResult
from mesh.post import Post
from mesh.probing import AskHelpers, Knock, NoAnswer, Prober, Report, Step
from mesh.reconcile import Reconciler
from mesh.sightings import Sightings

SEQUENCES: Final = SEQUENCE_MAX + 1


class Lookout:
    """The probe cycle with its letters."""

    def __init__(
        self, config: MeshConfig, random: Random, roll: Roll, post: Post, greeter: Greeter,
        reconciler: Reconciler, sightings: Sightings,
    ) -> None:  # fmt: skip
        self._config = config
        self._random = random
        self._roll = roll
        self._post = post
        self._greeter = greeter
        self._reconciler = reconciler
        self._sightings = sightings
        self._prober = Prober(config, random)
        self._sequence = 0
        self._reachable: tuple[NodeId, ...] = ()
        self._suspects: tuple[NodeId, ...] = ()
        self._listed_at = -1

    @property
    def next_wake(self) -> Instant | None:
        return earliest(self._prober.next_wake, self._roll.next_death)

    def forgive(self, now: Instant) -> None:
        """We were asleep: every look and every suspicion starts again."""
        self._prober.forgive(now)
        self._roll.renew_suspicions(now)

    def wake(self, now: Instant) -> list[MeshEffect]:
        """Looks that are due, and deaths."""
        if self._listed_at != self._roll.changes:
            self._list()
        steps = self._prober.wake(now, self._reachable, self._suspects)
        return self._carry_out(steps, now) + self._bury(now)

    def heard(self, node: NodeId, now: Instant) -> list[MeshEffect]:
        """A fresh word from `node` itself."""
        changes: tuple[PeerChanged, ...] = self._roll.heard(node, now)
        self._prober.start(now)
        return [*changes, *self._carry_out(self._prober.heard(node), now)]

    def accused(self, target: NodeId, epoch_counter: int, now: Instant) -> list[MeshEffect]:
        """Somebody cannot reach this run of `target`: look for ourselves, at once."""
        member = self._roll.member(target)
        if member is None or member.liveness is not Liveness.ALIVE:
            return []
        if member.epoch.counter == epoch_counter:
            self._prober.look(target, now, accuse=False)
        return self.wake(now)

    def errand(self, asker: NodeId, seq: int, target: NodeId, now: Instant) -> list[MeshEffect]:
        """`asker` wants us to look at `target`."""
        if self._roll.member(target) is None or not self._post.gate.has_session(target):
            return self._post.letter(asker, ProbeResult(seq, target, alive=False), now, urgent=True)
        return self._carry_out(self._prober.run_errand(asker, seq, target, now), now)

    def vouched(self, target: NodeId, helper: NodeId, now: Instant) -> None:
        """`helper` reached it."""
        self._sightings.vouched(target, helper, now)
        self._prober.vouched(target)

    def ping(self, to: NodeId, now: Instant) -> list[MeshEffect]:
        """One ping, with our root."""
        self._sequence = (self._sequence + 1) % SEQUENCES
        ping = Ping(self._sequence, self._reconciler.root)
        self._sightings.pinged(to, self._sequence, now)
        return self._post.letter(to, ping, now, urgent=True)

    def answered(self, node: NodeId, seq: int, now: Instant) -> None:
        """`node` answered our ping `seq`."""
        self._sightings.answered(node, seq, now)

    # ---------------------------------------------------------------------------------------------

    def _list(self) -> None:
        members = self._roll.reachable()
        self._reachable = tuple(member.id for member in members)
        self._suspects = tuple(m.id for m in members if m.liveness is Liveness.SUSPECT)
        self._listed_at = self._roll.changes

    def _carry_out(self, steps: list[Step], now: Instant) -> list[MeshEffect]:
        effects: list[MeshEffect] = []
        for step in steps:
            match step:
                case Knock(target, last):
                    effects += self._knock(target, now, last=last)
                case AskHelpers(target):
                    effects += self._ask_helpers(target, now)
                case NoAnswer(target, accuse):
                    effects += self._suspect(target, now, accuse=accuse)
                case Report(asker, seq, target, alive):
                    result = ProbeResult(seq, target, alive)
                    effects += self._post.letter(asker, result, now, urgent=True)
        return effects

    def _knock(self, target: NodeId, now: Instant, *, last: bool) -> list[MeshEffect]:
        effects = self.ping(target, now)
        member = self._roll.member(target)
        if member is not None and (last or self._post.gate.wants_hello(target, now)):
            # It may have moved, or lost our session, or the session is worn.
            effects += self._greeter.greet(member, now)
        return effects

    def _ask_helpers(self, target: NodeId, now: Instant) -> list[MeshEffect]:
        others = [member.id for member in self._post.within_reach() if member.id != target]
        helpers = self._random.sample(others, min(self._config.helpers_count, len(others)))
        self._sequence = (self._sequence + 1) % SEQUENCES
        effects: list[MeshEffect] = []
        for helper in helpers:
            effects += self._post.letter(helper, ProbeFor(self._sequence, target), now, urgent=True)
        return effects

    def _suspect(self, target: NodeId, now: Instant, *, accuse: bool) -> list[MeshEffect]:
        changes = self._roll.suspect(target, now)
        effects: list[MeshEffect] = list(changes)
        member = self._roll.member(target)
        if changes and accuse and member is not None:
            word = Accuse(target, member.epoch.counter)
            for other in self._post.within_reach():
                if other.id != target:
                    effects += self._post.letter(other.id, word, now, urgent=True)
        return effects

    def _bury(self, now: Instant) -> list[MeshEffect]:
        changes = self._roll.bury(now)
        for change in changes:
            self._greeter.lost(change.peer, now)
        return list(changes)
