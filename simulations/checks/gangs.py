"""B7: a gang is whole when somebody hears of it, nothing of one that ended is kept, and there are
never two for one wish."""

from typing import TYPE_CHECKING, Final

from ledger.books.gangs import GangStage
from ledger.books.holds import LiveHold
from ledger.books.plans import Plan
from ledger.commands import Outcome
from ledger.lifecycle import HoldState
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration
from node.core.effects import Reply
from node.core.errands import SERVICE_LEDGER
from node.core.gangs.kept import MARK_BYTES
from simulations.checks.check import Check
from simulations.invented.host import Host

if TYPE_CHECKING:
    from simulations.checks.evidence import Evidence
    from simulations.invented.world import World

JUST_LOST: Final[Duration] = 30 * SECOND
"""An owner whose disk forgot something so lately may have forgotten a member that was settled."""

STANDS: Final = (HoldState.POSTED, HoldState.PLANNED)


class GangsAreWhole(Check):
    """At the answer every member is settled on its owner's disk, each on a node of its own; and no
    owner says that one is settled before its disk does."""

    promises = ("B7", "B1", "B19")

    def answered(self, host: Host, reply: Reply) -> None:
        members = reply.body.get("members") if reply.ok else None
        if members is None or reply.body.get("state") != "complete":
            return
        self.looks("B7")
        owners = [member["owner"]["id"] for member in members]
        if len({*owners}) != len(owners) or len(owners) < 2:
            raise self.broken("B7", f"{host.name} was answered with a gang on {len(owners)} nodes")
        leased = reply.body["kind"] == "carried"
        for member in members:
            hold = bytes.fromhex(member["id"])
            self._look(host, member["owner"]["name"], hold, leased=leased)

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        answer = self.evidence.answer(body) if service == SERVICE_LEDGER else None
        if answer is None or answer.outcome is not Outcome.SETTLED:
            return
        self.looks("B1")
        if answer.id not in self.evidence.archive.durable[host.name].settled:
            what = answer.id.hex()[:8]
            raise self.broken("B1", f"{host.name} says that {what} is settled; its disk does not")

    def second(self, world: "World") -> None:
        for host in world.up():
            self._waits_with_empty_hands(host)
            self._one_for_each_wish(host)

    def _waits_with_empty_hands(self, host: Host) -> None:
        """Whatever somebody who waits has tried is over in its own log, for all owners to read."""
        tried = host.alive.errands.ganging.tried_in_vain
        if tried:
            self.looks("B19")
        gangs = host.alive.ledger.books.gangs
        for one in tried:
            if one in gangs and gangs[one].live:
                raise self.broken("B19", f"{host.name} waits, and keeps what {one.hex()[:8]} holds")

    def _one_for_each_wish(self, host: Host) -> None:
        """However often its asker's agent died, and whoever asked again."""
        gangs = host.alive.ledger.books.gangs.values()
        marks = [gang.id[-MARK_BYTES:] for gang in gangs if gang.live]
        if marks:
            self.looks("B7")
        if len({*marks}) < len(marks):
            raise self.broken("B7", f"{host.name} has two gangs for one wish")

    def _look(self, host: Host, name: str, hold: bytes, *, leased: bool) -> None:
        owner = next((one for one in self.world.hosts.values() if one.called == name), None)
        if owner is None or self.evidence.is_cloned(owner):
            return
        forgot = self.evidence.archive.forgot.get(owner.name)
        if forgot is not None and self.world.now - forgot.at < JUST_LOST:
            return
        log = self.evidence.archive.durable[owner.name]
        if (not leased and hold not in log.settled) or log.state(hold) not in STANDS:
            state = log.state(hold).value
            sentence = f"{host.name} has a gang, and {hold.hex()[:8]} at {name} is {state}"
            raise self.broken("B7", f"{sentence} and settled is {hold in log.settled}")


def left_over(world: "World", evidence: "Evidence") -> str | None:
    """A member that is kept though its gang is over and everybody has read that, in a sentence."""
    for host in world.up():
        ledger = host.alive.ledger
        for hold in sorted(ledger.books.enlisted):
            member = ledger.books.live.get(hold) or ledger.books.plans[hold]
            if hold not in ledger.ending and (why := _over(host, member)) is not None:
                return f"{host.name} keeps {hold.hex()[:8]}, and {why}"
    return None


def _over(host: Host, member: LiveHold | Plan) -> str | None:
    books = host.alive.knowledge.books(NodeId(member.holder))
    gang = None if books is None or member.gang is None else books.gangs.get(member.gang.gang)
    if gang is None or member.gang is None:
        return None
    if gang.stage is GangStage.ENDED:
        # An asker that forgot how far it was ends what it thinks was never granted.
        forgot = gang.completed_at is None and member.gang.settled_at is not None
        return None if forgot else "its gang is over"
    for fellow in gang.members:
        other = host.alive.knowledge.books(NodeId(fellow.owner))
        if other is not None and other.state_of(fellow.hold) is HoldState.DISBANDED:
            return "a fellow was disbanded"
    return None
