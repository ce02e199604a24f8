"""What the shell and its probes report: one case for each kind of news.

As with what surfaces ask (`asked`), the part that it concerns takes note, and what follows in the
books and in the mesh follows in the same breath.
"""

from typing import TYPE_CHECKING

from ledger.observations import CapacitySeen, DiskSeen, Fenced
from mesh.instant import Instant
from node.core.effects import Effect
from node.core.picture.reports import (
    AddressesChanged,
    DiskRoom,
    Found,
    InventoryRead,
    Report,
    Sampled,
    SeedsFound,
    ShellNews,
    WorkEnded,
    hosts_of,
)
from node.core.picture.throughputs import StreamTimed

if TYPE_CHECKING:
    from node.core.machine import Agent


def reported(agent: "Agent", report: Report, now: Instant) -> list[Effect]:
    """The effects of one piece of news."""
    effects: list[Effect] = []
    match report:
        case InventoryRead(inventory):
            effects = agent.publish(agent.image.inventory_read(inventory), now)
            effects += agent.attribution.inventory_read(report, now)
        case Sampled(live, wall=wall):
            agent.knowledge.seen, agent.knowledge.seen_at = live, now
            seen = CapacitySeen(report.readings, wall)
            effects = agent.from_books(agent.ledger.report(seen, now), now)
            effects += agent.publish(agent.image.sampled(live), now)
            effects += agent.publish(agent.image.timed(agent.knowledge.timings, now), now)
            effects += agent.attribution.sampled(report, now)
            effects += _stated(agent, now)
        case WorkEnded(hold):
            effects = agent.attribution.work_ended(report, now)
            if agent.errands.is_carrier(report):
                effects += agent.from_errands(agent.errands.work_ended(hold, now), now)
                gone = Fenced(hold, gone=True)
                effects += agent.from_books(agent.ledger.report(gone, now), now)
            effects += _stated(agent, now)
        case DiskRoom(short):
            agent.mesh.chains.closed = bool(short)
            effects = agent.from_books(agent.ledger.report(DiskSeen(short), now), now)
        case AddressesChanged(addresses):
            agent.addresses = hosts_of(addresses)
            effects = agent.from_mesh(agent.mesh.set_addresses(addresses, now), now)
        case Found(node, addresses):
            effects = agent.from_mesh(agent.mesh.hint(node, addresses, now), now)
        case SeedsFound(addresses):
            effects = agent.from_mesh(agent.mesh.seed(addresses, now), now)
        case StreamTimed():
            agent.knowledge.timings.timed(report, now)
        case ShellNews():
            if report.without_a_way > agent.knowledge.news.without_a_way:
                agent.mesh.unsent(now)
            agent.knowledge.news = report
    return effects


def _stated(agent: "Agent", now: Instant) -> list[Effect]:
    """What everyone should know of use and of past work, if it is news."""
    effects: list[Effect] = []
    for statement in agent.attribution.statements(now):
        effects += agent.publish(statement, now)
    return effects
