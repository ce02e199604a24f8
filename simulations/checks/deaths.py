"""death, doubt: nobody is given up too early, by hearsay, or by who is cut off or was away itself.

Every machine's roll is watched from outside, and what it may conclude is worked out from what could
have reached it. Time runs for a suspect from the first moment at which anybody doubted it, and how
much it has depends on how many *others* doubted it with their own eyes (why: see
`mesh/watch/suspicion.py`): none, the longest; enough of them, the least. So a doubt that is counted
twice, an accuser who is believed without a look, a last look that is left out: each buries somebody
before its time.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.effects import Address
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from mesh.roll.membership import Liveness
from mesh.watch.suspicion import CONFIRMATIONS, FREEZE, FREEZE_MEMBERS_MIN, FREEZE_PERIODS
from node.core.effects import Effect
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host

SHARES: Final = {1: (0.0, 1.0), 2: (0.0, 0.631, 1.0), 3: (0.0, 0.5, 0.792, 1.0)}
"""Confirmations wanted → how far from the longest time to the least after 0, 1, … of them."""
MARGIN: Final[Duration] = 250 * MILLISECOND
"""Less than a last look takes: else nobody would see that it was left out."""
ON_ITS_WAY: Final[Duration] = 150 * SECOND
"""An accusation may come so late, in the worst weather there is."""
AWAY: Final[Duration] = 1500 * MILLISECOND
"""Whoever did nothing for so long was not there: somebody is looked at in every second."""
BACK: Final[Duration] = 400 * MILLISECOND
"""No look that begins with a return is over so soon."""
DOUBTED: Final = (Liveness.SUSPECT, Liveness.DEAD)


@dataclass(slots=True)
class _Suspect:
    since: Instant
    alive_min: int
    """The fewest that were alive in its beholder's eyes: those who could confirm."""
    looked_at: Instant | None = None


@dataclass(slots=True)
class _Eyes:
    """What one life of one machine has seen."""

    changes: int
    states: dict[NodeId, Liveness | None]
    suspects: dict[NodeId, _Suspect] = field(default_factory=dict)
    turned: deque[Instant] = field(default_factory=deque)
    frozen: Instant | None = None
    spent: bool = False
    stepped: Instant = 0
    woke: Instant | None = None


@dataclass(slots=True)
class _Doubt:
    """One machine's doubt of another: when it began, and when it was over (None: it is not)."""

    began: Instant
    over: Instant | None = None

    def is_about(self, now: Instant) -> bool:
        """Whether somebody may still hear of it for the first time."""
        return self.over is None or now - self.over < ON_ITS_WAY


class DeathsAreEarned(Check):
    """A death comes after looks of one's own, all the time a suspect has, and in no freeze; and who
    was away doubts nobody in the moment of its return."""

    promises = ("death", "doubt")

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._eyes: dict[str, _Eyes] = {}
        self._doubts: dict[NodeId, dict[str, list[_Doubt]]] = {}
        """Suspect → who doubts or doubted it → each time it did, as long as word may be on its way.
        An accuser that takes its word back, and then doubts again, may still be believed by one
        that heard nothing from the suspect meanwhile: there the time ran from the first doubt."""

    def started(self, host: Host) -> None:
        roll = host.alive.mesh.roll
        now = self.world.now
        self._eyes[host.name] = eyes = _Eyes(roll.changes, _states(host), stepped=now)
        for node, state in eyes.states.items():
            if state in DOUBTED:
                doubts = self._doubts.setdefault(node, {}).setdefault(host.name, [])
                if not doubts or doubts[-1].over is not None:
                    doubts.append(_Doubt(now))
            if state is Liveness.SUSPECT:
                eyes.suspects[node] = _Suspect(now, roll.count(Liveness.ALIVE))

    def sent(self, host: Host, to: Address | None, datagram: bytes) -> None:
        eyes = self._eyes.get(host.name)
        if eyes is None or not eyes.suspects or to is None:
            return
        target = self.world.host_at(to.host)
        if target is not None and (suspect := eyes.suspects.get(target.id)) is not None:
            suspect.looked_at = self.world.now

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        eyes, now = self._eyes[host.name], self.world.now
        if now - eyes.stepped > AWAY:
            eyes.woke = now
        eyes.stepped = now
        if eyes.changes != host.alive.mesh.roll.changes:
            eyes.changes = host.alive.mesh.roll.changes
            self._compare(host, eyes)

    # What has changed ----------------------------------------------------------------------------

    def _compare(self, host: Host, eyes: _Eyes) -> None:
        before, eyes.states = eyes.states, _states(host)
        alive = host.alive.mesh.roll.count(Liveness.ALIVE)
        for gone in [node for node in eyes.suspects if node not in eyes.states]:
            del eyes.suspects[gone]
        for suspect in eyes.suspects.values():
            suspect.alive_min = min(suspect.alive_min, alive)
        turns = [node for node, state in eyes.states.items() if before.get(node) is not state]
        for node in turns:
            if eyes.states[node] is Liveness.DEAD:
                self._died(host, eyes, node)
        for node in turns:
            self._turned(host, eyes, node, before.get(node), alive)
        self._freeze(host, eyes)

    def _turned(
        self, host: Host, eyes: _Eyes, node: NodeId, before: Liveness | None, alive: int
    ) -> None:
        state, now = eyes.states[node], self.world.now
        doubts = self._doubts.setdefault(node, {}).setdefault(host.name, [])
        if state in DOUBTED and before not in DOUBTED:
            doubts[:] = [*(doubt for doubt in doubts if doubt.is_about(now)), _Doubt(now)]
        elif state not in DOUBTED:
            for doubt in doubts:
                doubt.over = now if doubt.over is None else doubt.over
        if state is not Liveness.SUSPECT:
            eyes.suspects.pop(node, None)
            return
        eyes.suspects[node] = _Suspect(now, alive)
        eyes.turned.append(now)
        self.looks("doubt")
        if host.clock.honest and eyes.woke is not None and now - eyes.woke < BACK:
            sentence = f"{host.name} was away, and doubts {self._name(node)} as soon as it is back"
            raise self.broken("doubt", sentence)

    def _died(self, host: Host, eyes: _Eyes, node: NodeId) -> None:
        config, now = host.alive.birth.mesh_config, self.world.now
        if not host.clock.honest or not config.suspicion:
            return
        if node in host.alive.mesh.roll.revoked:
            return  # not given up but thrown out
        self.looks("death")
        what = f"{host.name} gives {self._name(node)} up"
        suspect = eyes.suspects.get(node)
        if suspect is None or suspect.looked_at is None:
            raise self.broken("death", f"{what} without a look of its own")
        if eyes.frozen is not None and now - eyes.frozen < FREEZE - SECOND:
            raise self.broken("death", f"{what} while it is itself cut off")
        since, others = suspect.since, 0
        for name, doubts in self._doubts.get(node, {}).items():
            recent = [doubt.began for doubt in doubts if doubt.is_about(now)]
            if name != host.name and recent:
                others += 1
                since = min(since, *recent)
        since = max(since, now - _silent(host, node, now))
        longest = config.suspicion * config.suspicion_stretch
        wanted = min(CONFIRMATIONS, suspect.alive_min)
        share = SHARES[wanted][min(wanted, others)] if wanted else 1.0
        due = longest - int((longest - config.suspicion) * share)
        if now - since < due - MARGIN - due // 50:
            took, had = (now - since) / SECOND, due / SECOND
            told = f"{what} after {took:.3f} s; with {others} others in doubt it had {had:.3f} s"
            raise self.broken("death", told)

    def _freeze(self, host: Host, eyes: _Eyes) -> None:
        """More than half turned suspect in no time: it is the beholder who is cut off. Of those who
        were there when the last of them turned: that one was buried since makes no more than half
        of who were not."""
        now, within = self.world.now, FREEZE_PERIODS * host.alive.birth.mesh_config.probe_period
        while eyes.turned and now - eyes.turned[0] > within:
            eyes.turned.popleft()
        suspects = len(eyes.suspects)
        members = len(host.alive.mesh.roll.reachable())
        if eyes.spent:
            if 2 * suspects <= members:
                eyes.spent, eyes.frozen = False, None
                eyes.turned.clear()
        elif eyes.turned and eyes.turned[-1] < now:
            return
        elif members >= FREEZE_MEMBERS_MIN and 2 * min(suspects, len(eyes.turned)) > members:
            eyes.spent, eyes.frozen = True, now

    def _name(self, node: NodeId) -> str:
        machines = self.evidence.identities.get(node)
        return machines[0].name if machines else node.hex()[:8]


def _states(host: Host) -> dict[NodeId, Liveness | None]:
    return {member.id: member.liveness for member in host.alive.mesh.roll.members()}


def _silent(host: Host, node: NodeId, now: Instant) -> Duration:
    """How long it has heard nothing from `node` itself: any word of it ends every doubt so far, so
    no doubt of before counts."""
    member = host.alive.mesh.roll.member(node)
    if member is None or member.last_heard is None:
        return now
    return max(0, host.alive.knowledge.now - member.last_heard)
