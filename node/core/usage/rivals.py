"""Rivals: other nodes that say they own what we say we own.

One memory must have one owner, or its bytes are promised twice. On one machine locks see to that
(`node/probes/shares.py`); but locks end where a file system does: two containers of one host, two
virtual machines that were given one card, a state folder made anew while the old agent goes on.
What every node says of itself shows it. So each looks, for itself, whether another node names

- a card by the same UUID;
- the same run of the same kernel (`boot`), where either speaks for the whole machine;
- the same run of the same kernel, where the shares of all who name it are more than the machine;
- slots of one name on the same run of the same kernel: of a machine, one agent counts them.

On what is contested neither grants; what was granted before stays promised. A node that is dead or
has left counts for as long as its log shows live holds there: it may be dead to us alone, and what
it promised is promised. The way out is a person's: an agent stopped, a share named, or the id of a
machine that will not come back revoked.

One kind of rival may be ourselves: an **ancestor**, an id that was gone before ours began (we have
never met it) and that spoke for this hardware, by its fingerprint or by a card. Whoever lost a disk
lost the key on it, and starts under a new id; the bookings under the old one are still believed in.
Where its log shows any, nothing is granted here until a person says whether we go on with them
(`node/core/usage/succession.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mesh.effects import PeerChange
from mesh.identity import NodeId, short_id
from mesh.instant import SECOND, Duration, Instant
from mesh.roll.membership import Liveness, Trust
from node.core.phrases import listed
from node.core.picture.knowledge import Knowledge
from node.core.picture.topics import Inventory, Metric

MILLICORES: Final = 1000
CARD: Final = "gpu:"
SLOTS: Final = "slots:"
LIMITS: Final = ("memory.max", "memory.limit_in_bytes")
"""Where a figure of memory comes from that is no machine's."""
UNMET_FOR: Final[Duration] = 5 * SECOND
"""Who lives is met within a second or two of being heard of, and is no ancestor."""
NAMED_MAX: Final = 3
"""Rivals that one sentence names."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one node says it owns, as far as another may say the same."""

    boot: str | None
    share: bool
    pools: Mapping[str, int]
    """Pool → its total, 0 where that is not known."""
    machine: Mapping[str, int]
    """What the machine has in all, where it says: ram in bytes, cpu in millicores."""
    hardware: tuple[str, str] | None = None
    """What identifies it, the fingerprint and the share of it; None when nothing readable does."""


def claim_of(inventory: Inventory) -> Claim:
    """What `inventory` claims."""
    machine = {
        "ram": _whole(inventory.memory_total), "cpu": _whole(inventory.cores_logical) * MILLICORES,
    }  # fmt: skip
    return Claim(
        boot=inventory.boot or None,
        share=inventory.share is not None,
        pools={pool.pool: pool.total or 0 for pool in inventory.pools},
        machine={name: amount for name, amount in machine.items() if amount},
        hardware=(inventory.fingerprint, inventory.share or "") if inventory.fingerprint else None,
    )


def _whole(metric: Metric) -> int:
    """A machine's own figure; 0 where it is only the limit of the container that read it."""
    limited = metric.source.endswith(LIMITS)
    return metric.value if isinstance(metric.value, int) and not limited else 0


def meets(ours: Claim, theirs: Claim) -> bool:
    """Whether the two may speak of one thing."""
    same_boot = ours.boot is not None and ours.boot == theirs.boot
    return same_boot or is_same_hardware(ours, theirs)


def is_same_hardware(ours: Claim, theirs: Claim) -> bool:
    """Whether one machine, or one share of it, may have spoken for both."""
    marked = ours.hardware is not None and ours.hardware == theirs.hardware
    return marked or any(p.startswith(CARD) and p in ours.pools for p in theirs.pools)


def contested(ours: Claim, others: Mapping[NodeId, Claim]) -> dict[str, tuple[NodeId, ...]]:
    """Pool of ours → the nodes that claim it too."""
    rivals: dict[str, dict[NodeId, None]] = {}
    near = [node for node in sorted(others) if ours.boot and others[node].boot == ours.boot]
    for node in sorted(others):
        theirs = others[node]
        for pool in theirs.pools:
            if pool not in ours.pools:
                continue
            whole = node in near and not (ours.share and theirs.share)
            if pool.startswith(CARD) or whole or (pool.startswith(SLOTS) and node in near):
                rivals.setdefault(pool, {})[node] = None
    if ours.share:
        for pool in _oversold(ours, [others[node] for node in near]):
            shares = [node for node in near if pool in others[node].pools]
            rivals.setdefault(pool, {}).update(dict.fromkeys(shares))
    return {pool: tuple(rivals[pool]) for pool in sorted(rivals)}


def _oversold(ours: Claim, others: Iterable[Claim]) -> list[str]:
    """Pools of which the shares of one machine name more than it has."""
    shares = [ours, *(one for one in others if one.share)]
    if len(shares) < 2:
        return []
    oversold = []
    for pool in ("cpu", "ram"):
        has = max((one.machine.get(pool, 0) for one in shares), default=0)
        if has and sum(one.pools.get(pool, 0) for one in shares) > has:
            oversold.append(pool)
    return oversold


@dataclass(slots=True)
class Rivals:
    """Who contests what of ours."""

    _knowledge: Knowledge
    _ours: Claim | None = None
    _near: dict[NodeId, Claim] = field(default_factory=dict)
    """Claims of others that meet ours, whether they count just now or not."""
    contested: dict[str, tuple[NodeId, ...]] = field(default_factory=dict)
    ancestors: dict[NodeId, tuple[str, ...]] = field(default_factory=dict)
    """Who may have been this machine, with pools of ours on which it promised something."""
    kept: dict[NodeId, tuple[str, ...]] = field(default_factory=dict)
    """Ancestors that an earlier start saw: a start that lost nothing grants at once, before it has
    looked at the machine and been told again what the other one was."""
    denied: dict[NodeId, None] = field(default_factory=dict)
    """Of whom a person said that it was another machine."""
    _unmet: dict[NodeId, Instant] = field(default_factory=dict)
    """Near ones that we have never met, and since when we know of them."""

    def we_are(self, inventory: Inventory) -> None:
        """Our own machine was looked at: everybody's claim is compared with it anew."""
        claim = claim_of(inventory)
        if claim == self._ours:
            return
        self._ours = claim
        self._near = {}
        for member in self._knowledge.mesh.roll.members():
            self.told(member.id)

    def told(self, node: NodeId) -> None:
        """`node` said what it is."""
        inventory = self._knowledge.inventory(node)
        claim = None if inventory is None else claim_of(inventory)
        if claim is not None and self._ours is not None and meets(self._ours, claim):
            self._near[node] = claim
        else:
            self._near.pop(node, None)
            if claim is not None and self._ours is not None:
                self.kept.pop(node, None)

    def look(self) -> tuple[list[str], list[str]]:
        """Compare. (Pools that are contested from now on, or by others; those that no longer are.)
        Costs nothing while nobody is near."""
        before = self.contested
        if not self._near and not before and not self.kept:
            return [], []
        counted = {node: claim for node, claim in self._near.items() if self._counts(node, claim)}
        self.contested = {} if self._ours is None else contested(self._ours, counted)
        self.ancestors = self._look_back()
        for node, pools in self.ancestors.items():
            for pool in pools:
                self.contested[pool] = (*self.contested.get(pool, ()), node)
        begun = [pool for pool, rivals in self.contested.items() if before.get(pool) != rivals]
        return begun, [pool for pool in before if pool not in self.contested]

    def _counts(self, node: NodeId, claim: Claim) -> bool:
        member = self._knowledge.mesh.roll.member(node)
        if member is None or member.trust is not Trust.TRUSTED:
            return False
        if member.liveness in (Liveness.ALIVE, Liveness.SUSPECT):
            return True
        books = self._knowledge.books(node)
        return books is not None and any(books.holds_on(pool) for pool in claim.pools)

    def matches(self, node: NodeId) -> bool:
        """Whether `node` spoke for the hardware that is ours."""
        near = self._near.get(node)
        return near is not None and self._ours is not None and is_same_hardware(self._ours, near)

    def _look_back(self) -> dict[NodeId, tuple[str, ...]]:
        """Ancestors with promises on what is ours, as of now."""
        now, found = self._knowledge.now, {}
        unmet = [node for node in self._near if self._is_unmet(node) and self.matches(node)]
        long = {node: now - UNMET_FOR for node in unmet if node in self.kept}
        self._unmet = {node: self._unmet.get(node, long.get(node, now)) for node in unmet}
        for node, since in self._unmet.items():
            pools = [pool for pool in self._promised(node) if self._owns(pool)]
            if pools and now - since >= UNMET_FOR and node not in self.denied:
                found[node] = tuple(pools)
        for node, named in self.kept.items():
            if node not in self._near and node not in self.denied and self._is_unmet(node):
                pools = [pool for pool in self._promised(node) if pool in named]
                found |= {node: tuple(pools)} if pools else {}
        return found

    def _is_unmet(self, node: NodeId) -> bool:
        member = self._knowledge.mesh.roll.member(node)
        return member is not None and member.trust is Trust.DISCOVERED

    def _owns(self, pool: str) -> bool:
        return self._ours is not None and pool in self._ours.pools

    def _promised(self, node: NodeId) -> list[str]:
        """Pools of `node` on which its log shows bookings, now or planned. Leases are over: nobody
        renews with who is gone."""
        books = self._knowledge.books(node)
        if books is None:
            return []
        legs = [hold.legs for hold in books.live_holds() if hold.is_booking]
        legs += [plan.legs for plan in books.plans.values()]
        return sorted({leg.pool for some in legs for leg in some})

    def sentence(self, pool: str) -> str:
        """Who contests `pool`, and what to do."""
        rivals = self.contested[pool]
        for node in rivals:
            if node in self.ancestors:
                return self._of_ancestor(node)
        names = [self._knowledge.name_of(node) for node in rivals[:NAMED_MAX]]
        more = [f"{len(rivals) - NAMED_MAX} more"] if len(rivals) > NAMED_MAX else []
        shares = self._ours is not None and self._ours.share
        if pool.startswith(CARD):
            way_out = "only one may promise it: stop one agent, or `up --offer` what is its own"
        elif pool.startswith(SLOTS):
            way_out = "of a machine one agent counts them: leave them out of the other's `[slots]`"
        elif shares and all(self._near[node].share for node in rivals):
            way_out = "together they offer more than the machine has: `up --offer` less"
        else:
            way_out = "if both are this machine, give each a share of its own with `up --offer`"
        says = "says" if len(rivals) == 1 else "say"
        return (
            f"{listed([*names, *more])} {says} the same {pool} is theirs: nothing is granted on it "
            f"by either; {way_out}"
        )

    def _of_ancestor(self, node: NodeId) -> str:
        name, pools = self._knowledge.name_of(node), self.ancestors[node]
        return (
            f"{name} ({short_id(node)}) spoke for this hardware before this node had its key, and "
            f"its log shows bookings on {listed(pools)}: nothing is granted there until you say. "
            f"`holdfast succeed {short_id(node)} --reason TEXT` goes on with them; with --deny it "
            "was another machine"
        )

    def is_ancestral(self, pool: str) -> bool:
        """Whether `pool` is contested by who may have been this machine."""
        return any(node in self.ancestors for node in self.contested.get(pool, ()))

    def warnings(self) -> list[str]:
        """For `status`."""
        return list(dict.fromkeys(self.sentence(pool) for pool in self.contested))


SETTLED: Final = "nobody else says any more that it is theirs"
CHANGES: Final = frozenset({PeerChange.ALIVE, PeerChange.DEAD, PeerChange.LEFT, PeerChange.REVOKED})
"""Changes of a member after which it may count or no longer count."""
