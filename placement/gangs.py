"""Gangs: where several can run at once, each on a node of its own, or all of them nowhere.

The nodes are those that a single request would be given, in the same order: what is best for one is
best for the first of several, and a node takes one part only. Parts may differ, as the pieces of a
model do; then the largest chooses first, which leaves every smaller part at least as much choice as
any other order would, as long as what fits a larger part also fits a smaller one.

Pure, and decided from the same screening as everything else: equal pictures, equal bytes.
"""

import hashlib
from typing import Final

import msgspec

from placement.decide import Policy, decide, listed
from placement.decision import Decision, Fit
from placement.explain import change_sentence
from placement.judging.columns import Prepared
from placement.judging.needs import needs_of
from placement.reasons import Verdict, worst
from placement.request import Request, RequestError, question_digest

PARTS_MAX: Final = 64
"""As many nodes as one gang may have (`ledger.commands.GANG_MEMBERS_MAX`)."""


WAYS_MAX: Final = 16


class GangDecision(msgspec.Struct, frozen=True):
    """Where all parts can run at once.

    `members`: one node for each part, in the order of the parts; empty when there are too few.
    `spare`: nodes that would fit the most demanding part, for when one refuses. `one`: what was
    decided about the most demanding part by itself, with every reason.
    """

    question: str
    nodes: int
    verdict: Verdict
    members: tuple[Fit, ...]
    spare: tuple[Fit, ...]
    one: Decision

    @property
    def soon(self) -> tuple[Fit, ...]:
        """Nodes that only wait for their books to open."""
        return () if self.members else self.one.soon

    @property
    def why_not(self) -> str:
        """Why it can run nowhere, in one sentence; "" when it can."""
        if self.members:
            return ""
        fitting = self.one.fitting
        count = {0: "no node fits", 1: "1 node fits"}.get(fitting, f"{fitting} nodes fit")
        return f"{count} now; {self.nodes} are needed at once"

    @property
    def hint(self) -> str:
        """The nearest change that would help."""
        if self.one.changes:
            return f"would fit {change_sentence(self.one.changes[0])}"
        return "`holdfast where` with the same words, without --nodes, shows every reason"


def decide_gang(parts: tuple[Request, ...], prepared: Prepared) -> GangDecision:
    """Where `parts` can run at once. Raises RequestError for what is no gang."""
    if not 2 <= len(parts) <= PARTS_MAX:
        raise RequestError(f"{len(parts)} nodes are no gang: 2 to {PARTS_MAX} are")
    digests = [question_digest(part) for part in parts]
    policy = Policy(fitting_min=2 * len(parts))
    decided = {
        digest: decide(part, prepared, policy)
        for digest, part in dict(zip(digests, parts, strict=True)).items()
    }
    turns = sorted(range(len(parts)), key=lambda at: (_demand(parts[at]), at))
    taken: dict[str, None] = {}
    chosen: dict[int, Fit] = {}
    for at in turns:
        fit = next((fit for fit in listed(decided[digests[at]]) if fit.node not in taken), None)
        if fit is None:
            break
        chosen[at] = fit
        taken[fit.node] = None
    one = decided[digests[turns[0]]]
    members = tuple(chosen[at] for at in sorted(chosen)) if len(chosen) == len(parts) else ()
    spare = [fit for fit in listed(one) if not members or fit.node not in taken]
    question = hashlib.sha256(" ".join(digests).encode()).hexdigest()
    verdict = worst([fit.verdict for fit in members]) if members else Verdict.NO
    return GangDecision(
        question, len(parts), verdict, members, tuple(spare[: len(parts)]), one
    )  # fmt: skip


class Way(msgspec.Struct, frozen=True):
    """One way to run on several nodes. `how`: `by layers`, `by tensors`, or "" for so many alike.
    `parts`: what each member holds, in words, in the order of the members; may be empty."""

    how: str
    parts: tuple[str, ...]
    decision: GangDecision


class Offer(msgspec.Struct, frozen=True):
    """Several ways, decided on one picture. `chosen`: the first that fits, of `ways`."""

    chosen: int | None
    ways: tuple[Way, ...]

    @property
    def decision(self) -> GangDecision | None:
        """Of the way that was chosen."""
        return None if self.chosen is None else self.ways[self.chosen].decision


class Wish(msgspec.Struct, frozen=True):
    """A way that is asked about: one request for each node."""

    how: str
    asks: tuple[Request, ...]
    parts: tuple[str, ...] = ()


def offer(wishes: tuple[Wish, ...], prepared: Prepared) -> Offer:
    """The first of `wishes` that fits, in the order in which the asker would rather have them; and
    what speaks against those before it. Those behind it are not looked at."""
    if not 1 <= len(wishes) <= WAYS_MAX:
        raise RequestError(f"{len(wishes)} ways: 1 to {WAYS_MAX} can be asked about at once")
    ways: list[Way] = []
    for wish in wishes:
        decision = decide_gang(wish.asks, prepared)
        ways.append(Way(wish.how, wish.parts, decision))
        if decision.members:
            return Offer(len(ways) - 1, tuple(ways))
    return Offer(None, tuple(ways))


def _demand(request: Request) -> tuple[int, ...]:
    """Sorts what asks for most first, by the need that decides between nodes, then by the rest."""
    return tuple(-need.amount * need.source.at_once for need in needs_of(request))


def offer_bytes(made: Offer) -> bytes:
    """Canonical JSON, as of every decision."""
    return msgspec.json.encode(made, order="sorted")
