"""A gang decision in words: which nodes, what each takes, or how many are missing."""

from placement.amounts import format_amount
from placement.decision import Fit
from placement.explain import explain
from placement.gangs import GangDecision, Offer


def explain_offer(offer: Offer) -> tuple[str, ...]:
    """The way that was chosen, or what speaks against each."""
    if offer.chosen is None and len(offer.ways) > 1:
        lines = ["On several nodes at once it does not fit either:"]
        for way in offer.ways:
            decision = way.decision
            lines.append(f"  {decision.nodes} nodes, {way.how}: {decision.why_not}")
        return tuple(lines)
    way = offer.ways[offer.chosen or 0]
    return explain_gang(way.decision, way.how, way.parts)


def explain_gang(decision: GangDecision, how: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Which nodes together, in the order of the parts; else why there are too few."""
    if not decision.members:
        return (f"No: {decision.why_not}.", *explain(decision.one))
    names = ", ".join(fit.name for fit in decision.members)
    by = f", {how}" if how else ""
    lines = [f"{decision.verdict.value}: on {decision.nodes} nodes at once{by}: {names}."]
    for at, fit in enumerate(decision.members):
        part = f" ({parts[at]})" if at < len(parts) else ""
        lines.append(f"  {fit.name}{part} takes {_legs(fit)}")
    if decision.spare:
        lines.append(f"To spare: {', '.join(fit.name for fit in decision.spare)}.")
    return tuple(lines)


def _legs(fit: Fit) -> str:
    """`rtx4090 21 GiB of 23.5 GiB, 2.5 GiB left`, joined."""
    return "; ".join(
        f"{pool.label} {format_amount(pool.amount, pool.unit)} of "
        f"{format_amount(pool.room, pool.unit)}, {format_amount(pool.left, pool.unit)} left"
        for pool in fit.pools
    )
