"""The lookout: who is looked at, by whose word, and what follows from it on the roll.

Only our own evidence moves a member: a look without an answer makes it SUSPECT, and silence until
its time is over, and through one last look, makes it DEAD; any fresh sealed word makes it ALIVE.
What others say (`Accuse`) makes us look, and counts towards how long a suspect may be silent: with
others who looked and found nothing the time is short.

Who looks: in each period the ring names one target for us (`beat.py`). Its careful look in vain is
told to everyone, and everyone takes a quick look: at once where the mesh is small, else those whom
a hash picks, and the others a little later, so that nobody is pinged by a thousand in one moment.
Of those who find nothing, some few (again by hash) confirm it aloud. Whoever finds the accused well
needs to say nothing to anybody but the accused, who then shows itself to its accuser.

What points at ourselves lowers our own voice: see `fitness.py`, `docket.py` and the freeze in
`suspicion.py`. A look that not even a helper answers makes us call the roll: if it was we who were
cut off, we know in a second, and not after a quarter of the mesh was accused.
"""

from collections import Counter
from random import Random
from typing import Final, NamedTuple

from mesh.beat import Beat, Ring
from mesh.config import MeshConfig
from mesh.door.post import Post
from mesh.door.sightings import Sightings
from mesh.effects import MeshEffect, OurselvesChange, OurselvesChanged, PeerChanged
from mesh.exchange.reconcile import Reconciler
from mesh.finding.greeter import Greeter
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant, earliest
from mesh.letters.messages import SEQUENCE_MAX, Accuse, Ack, Ping, ProbeFor, ProbeResult
from mesh.rejections import Rejection
from mesh.roll.membership import Liveness, Member, Roll
from mesh.watch.docket import Docket
from mesh.watch.fitness import LATE, Fitness
from mesh.watch.lots import Lots
from mesh.watch.patience import Patience
from mesh.watch.probing import AskHelpers, Kind, Knock, NoAnswer, Prober, Report, Step
from mesh.watch.suspicion import Suspicions

SEQUENCES: Final = SEQUENCE_MAX + 1
TURNS_MAX: Final = 256
"""Within one instant. What is found may be due elsewhere at once, but not for ever."""
ROLL_CALL_EVERY: Final[Duration] = 30 * SECOND
TOO_MANY: Final = "accusation: more than a quarter of us by one node"


class Footing(NamedTuple):
    """How far our own word about others may be trusted."""

    cut_off: bool
    """More than half turned suspect at once, and nobody is declared dead for a while."""
    degraded: bool
    """We would have to accuse more than a quarter of all, and accuse nobody."""
    score: int
    """What `fitness.py` counts: 0 is well."""
    beat: int  # where we are in the mesh's count of time (`beat.py`), in milliseconds


class Lookout:
    """The looks with their letters."""

    def __init__(  # noqa: PLR0913, PLR0917 - every desk that a look concerns
        self, own: NodeId, mesh_id: bytes, config: MeshConfig, random: Random, roll: Roll,
        post: Post, greeter: Greeter, reconciler: Reconciler, sightings: Sightings,
        refused: "Counter[Rejection | str]",
    ) -> None:  # fmt: skip
        self._own, self._config, self._random, self._roll = own, config, random, roll
        self._post, self._greeter, self._reconciler = post, greeter, reconciler
        self._sightings, self._refused = sightings, refused
        self.fitness = Fitness()
        self._beat = Beat()
        self._ring = Ring(own, mesh_id, config.probe_period)
        self._lots = Lots(own, config.probe_period)
        self._patience = Patience(reconciler.tempo)
        reconciler.look_up = self.ping
        self._prober = Prober(config)
        self._suspicions = Suspicions(config)
        self._docket = Docket()
        self._sequence, self._last_period = 0, -1
        self._turn: tuple[NodeId, int] | None = None
        """Whom we look at next, and in which period."""
        self._turn_at: Instant | None = None
        self._called_at: Instant | None = None
        self._overdrawn = False
        """Whether we have said of ourselves that we accuse too many."""

    @property
    def next_wake(self) -> Instant | None:
        return earliest(self._turn_at, self._prober.next_wake, self._suspicions.next_wake)

    def footing(self, now: Instant) -> Footing:
        """How far our own word about others may be trusted."""
        cut, degraded, score = self.is_cut_off(now), self.accuses_too_many(now), self.fitness.score
        return Footing(cut, degraded, score(now), self._beat.at(now))

    def is_cut_off(self, now: Instant) -> bool:
        """Whether more than half turned suspect at once, and we blame ourselves for a while."""
        return self._suspicions.frozen_until(now) is not None

    def accuses_too_many(self, now: Instant) -> bool:
        """Whether we have stopped accusing, since it would be more than a quarter of us."""
        return self._docket.is_full(self._own, len(self._roll.reachable()), now)

    # Time --------------------------------------------------------------------------------------

    def begin(self, now: Instant) -> None:
        """Go among people. Whom we remember is under suspicion from now on."""
        for member in self._roll.members():
            if member.liveness is Liveness.SUSPECT:
                self._suspicions.doubt(member.id, self._own, now)
        self._suspicions.alive(self._roll.count(Liveness.ALIVE))
        self._suspicions.begin_again(now)

    def late(self, lag: Duration, now: Instant) -> None:
        """We were woken `lag` after the time: what nobody answered meanwhile says nothing."""
        if lag <= LATE:
            return
        self.fitness.ill(now)
        if lag <= self._config.lag_forgiven:
            self._prober.slept(lag)
            self._suspicions.slept(lag)
            return
        self._prober.forget_all()
        self._suspicions.slept(lag, look_again=True)
        self._plan(now)

    def unsent(self, now: Instant) -> None:
        """The machine has no way to somebody's address: that is its own trouble first."""
        self.fitness.ill(now)

    def wake(self, now: Instant) -> list[MeshEffect]:
        """Looks that are due, and deaths."""
        if self._turn_at is not None and now >= self._turn_at:
            self._take_turn(now)
        effects: list[MeshEffect] = []
        # What one of the two finds may be due at the other at once.
        for _ in range(TURNS_MAX):
            if (at := self._next_find) is None or at > now:
                break
            for due in self._suspicions.due(now):
                if due.over:
                    effects += self._bury(due.target, now)
                else:
                    self._last_look(due.target, now)
            effects += self._carry_out(self._prober.wake(now), now)
        else:
            raise AssertionError("what is due comes to an end")
        return effects

    @property
    def _next_find(self) -> Instant | None:
        return earliest(self._prober.next_wake, self._suspicions.next_wake)

    def _take_turn(self, now: Instant) -> None:
        assert self._turn is not None, "a time without a target"
        target, self._last_period = self._turn
        if target in self._roll.reachable_ids():
            self._look(target, Kind.CAREFUL, now)
        suspects = self._roll.reachable() if self._roll.count(Liveness.SUSPECT) else ()
        for member in suspects:
            if member.liveness is Liveness.SUSPECT:
                self._look(member.id, Kind.GLANCE, now)
        self._plan(now)

    def _plan(self, now: Instant) -> None:
        others = self._roll.reachable_ids()
        if not others:
            self._turn = self._turn_at = None
            return
        beat = self._beat.at(now)
        after = max(self._last_period, self._ring.period_of(beat) - 1) + self.fitness.score(now)
        turn = self._ring.next_turn(others, beat, after)
        self._turn, self._turn_at = (turn.target, turn.period), now + turn.wait

    def _look(self, target: NodeId, kind: Kind, now: Instant, begin: Instant | None = None) -> None:
        patience = self._patience.of(target)
        start = now if begin is None else begin
        self._prober.look(target, kind, patience, start, 1 + self.fitness.score(now))

    # What comes in -----------------------------------------------------------------------------

    def heard(self, node: NodeId, now: Instant) -> list[MeshEffect]:
        """A fresh word from `node` itself."""
        changes: tuple[PeerChanged, ...] = self._roll.heard(node, now)
        if self._turn_at is None:
            self._plan(now)
        if self._prober.is_looking(node):
            self.fitness.well()
        effects = [*changes, *self._carry_out(self._prober.heard(node), now)]
        if node in self._suspicions:
            accuser = self._suspicions.close(node)
            effects += self._tell_accused(node, accuser, now)
        if changes:
            effects += self._recount(now)
        return effects

    def heard_beat(self, beat: int, now: Instant) -> None:
        """Somebody's count of the mesh's time."""
        if self._beat.heard(beat, now) > self._config.probe_period // 8:
            self._last_period = -1
            self._plan(now)

    def accused(
        self, target: NodeId, epoch_counter: int, accuser: NodeId, now: Instant
    ) -> list[MeshEffect]:
        """`accuser` cannot reach this run of `target`: look for ourselves."""
        member = self._roll.member(target)
        if member is None or member.epoch.counter != epoch_counter:
            return []
        if member.liveness not in (Liveness.ALIVE, Liveness.SUSPECT):
            return []
        if not self._docket.enter(accuser, target, len(self._roll.reachable()), now):
            self._refused[TOO_MANY] += 1
            return []
        self._suspicions.doubt(target, accuser, now)
        if member.liveness is Liveness.ALIVE:
            begin = now + self._lots.wait_for(member, len(self._roll.reachable()))
            self._look(target, Kind.QUICK, now, begin)
        return self.wake(now)

    def accused_ourselves(
        self, by: NodeId | None, sender: NodeId, now: Instant
    ) -> list[MeshEffect]:
        """Somebody doubts that we live: show ourselves to who says so and to who doubts."""
        self.fitness.ill(now)
        effects = self.ping(sender, now)
        if by is not None and by != sender and self._roll.member(by) is not None:
            effects += self.ping(by, now)
        return effects

    def errand(self, asker: NodeId, seq: int, target: NodeId, now: Instant) -> list[MeshEffect]:
        """`asker` wants us to look at `target`."""
        if self._roll.member(target) is None or not self._post.gate.has_session(target):
            return self._post.letter(asker, ProbeResult(seq, target, alive=False), now, urgent=True)
        patience = self._patience.of(target)
        return self._carry_out(self._prober.run_errand(asker, seq, target, patience, now), now)

    def reported(
        self, target: NodeId, alive: bool, helper: NodeId, now: Instant
    ) -> list[MeshEffect]:
        """What a helper has found."""
        if not alive:
            return self._carry_out(self._prober.denied(target, helper), now)
        self._sightings.vouched(target, helper, now)
        if not self._prober.vouched(target, helper):
            return []
        self.fitness.well()
        # Others reach it and we do not: a new session, perhaps at another address, is worth a try.
        member = self._roll.member(target)
        return [] if member is None else self._greeter.greet(member, now)

    def ping(self, to: NodeId, now: Instant) -> list[MeshEffect]:
        """One ping, with our root."""
        self._sequence = (self._sequence + 1) % SEQUENCES
        ping = Ping(self._sequence, self._reconciler.root, beat=self._beat.at(now))
        self._sightings.pinged(to, self._sequence, now)
        self._patience.pinged(to, self._sequence, now)
        return self._post.letter(to, ping, now, urgent=True)

    def ack(self, seq: int, now: Instant) -> Ack:
        """The answer to somebody's ping."""
        return Ack(seq, self._reconciler.root, beat=self._beat.at(now))

    def answered(self, node: NodeId, seq: int, now: Instant) -> None:
        """`node` answered our ping `seq`."""
        self._sightings.answered(node, seq, now)
        self._patience.answered(node, seq, now)

    # Letters -----------------------------------------------------------------------------------

    def _carry_out(self, steps: list[Step], now: Instant) -> list[MeshEffect]:
        effects: list[MeshEffect] = []
        for step in steps:
            match step:
                case Knock(target, hello):
                    effects += self._knock(target, now, hello=hello)
                case AskHelpers(target):
                    effects += self._ask_helpers(target, now)
                case NoAnswer():
                    effects += self._no_answer(step, now)
                case Report(asker, seq, target, alive):
                    result = ProbeResult(seq, target, alive)
                    effects += self._post.letter(asker, result, now, urgent=True)
        return effects

    def _knock(self, target: NodeId, now: Instant, *, hello: bool) -> list[MeshEffect]:
        effects = self.ping(target, now)
        member = self._roll.member(target)
        if member is not None and (hello or self._post.gate.wants_hello(target, now)):
            # It may have moved, or lost our session, or the session is worn.
            effects += self._greeter.greet(member, now)
        return effects

    def _ask_helpers(self, target: NodeId, now: Instant) -> list[MeshEffect]:
        asked = (target, *self._prober.already_asked(target))
        others = [
            member.id for member in self._post.within_reach()
            if member.liveness is Liveness.ALIVE and member.counts and member.id not in asked
        ]  # fmt: skip
        helpers = self._random.sample(others, min(self._config.helpers_count, len(others)))
        self._prober.asked(target, tuple(helpers))
        self._sequence = (self._sequence + 1) % SEQUENCES
        effects: list[MeshEffect] = []
        for helper in helpers:
            effects += self._post.letter(helper, ProbeFor(self._sequence, target), now, urgent=True)
        return effects

    # Conclusions -------------------------------------------------------------------------------

    def _no_answer(self, look: NoAnswer, now: Instant) -> list[MeshEffect]:
        changes = self._roll.suspect(look.target)
        effects: list[MeshEffect] = list(changes)
        if look.unheard:
            self.fitness.ill(now)
            self._call_the_roll(now)
        member = self._roll.member(look.target)
        if not changes or member is None:
            return effects
        self._suspicions.doubt(look.target, self._own, now)
        suspects = self._roll.count(Liveness.SUSPECT)
        if self._suspicions.turned(suspects, len(self._roll.reachable()), now):
            detail = f"{suspects} of {len(self._roll.reachable())} members do not answer any more"
            effects.append(OurselvesChanged(OurselvesChange.CUT_OFF, detail))
        self._suspicions.alive(self._roll.count(Liveness.ALIVE))
        enough = self._suspicions.is_confirmed(look.target)
        if look.kind is Kind.CAREFUL or (
            self._lots.confirms(member, len(self._roll.reachable())) and not enough
        ):
            effects += self._accuse(member, now)
        return effects

    def _accuse(self, member: Member, now: Instant) -> list[MeshEffect]:
        if self.is_cut_off(now):
            return []  # it is not they who are to be doubted
        members = len(self._roll.reachable())
        if not self._docket.enter(self._own, member.id, members, now):
            return self._overdraw()
        self._overdrawn = False
        word = Accuse(member.id, member.epoch.counter)
        effects: list[MeshEffect] = []
        for other in self._post.within_reach():
            if other.id != member.id:
                effects += self._post.letter(other.id, word, now, urgent=True)
        return effects

    def _overdraw(self) -> list[MeshEffect]:
        if self._overdrawn:
            return []
        self._overdrawn = True
        detail = "we reach too few to accuse any more: the trouble is likely to be here"
        return [OurselvesChanged(OurselvesChange.DEGRADED, detail)]

    def _tell_accused(self, node: NodeId, accuser: NodeId | None, now: Instant) -> list[MeshEffect]:
        """It lives, and somebody doubts it: some of us say so to it."""
        member = self._roll.member(node)
        if (
            member is None
            or accuser in (None, self._own)
            or not self._lots.confirms(member, len(self._roll.reachable()))
        ):
            return []
        word = Accuse(node, member.epoch.counter, by=accuser)
        return self._post.letter(node, word, now, urgent=True)

    def _call_the_roll(self, now: Instant) -> None:
        if self._called_at is not None and now - self._called_at < ROLL_CALL_EVERY:
            return
        self._called_at = now
        for member in self._roll.reachable():
            if member.liveness is Liveness.ALIVE:
                self._look(member.id, Kind.QUICK, now)

    def _last_look(self, target: NodeId, now: Instant) -> None:
        member = self._roll.member(target)
        if member is not None and member.liveness is Liveness.SUSPECT:
            self._look(target, Kind.GLANCE, now)
        elif member is not None and self._prober.is_looking(target):
            self._suspicions.put_off(target, now)  # others were sooner, and what they found counts
        else:
            self._suspicions.close(target)

    def _bury(self, target: NodeId, now: Instant) -> list[MeshEffect]:
        self._suspicions.close(target)
        changes = self._roll.bury(target, now)
        for change in changes:
            self._greeter.lost(change.peer, now)
        return [*changes, *(self._recount(now) if changes else ())]

    def _recount(self, now: Instant) -> list[MeshEffect]:
        self._suspicions.alive(self._roll.count(Liveness.ALIVE))
        suspects = self._roll.count(Liveness.SUSPECT)
        if not self._suspicions.calm(suspects, len(self._roll.reachable())):
            return []
        return [OurselvesChanged(OurselvesChange.BACK, "most of the others answer again")]
