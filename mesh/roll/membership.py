"""The roll: one member per node, and who may change what about it.

Trust and liveness are two fields. **Trust** is about identity: DISCOVERED is hearsay (a beacon, a
seed, a record that somebody passed on), VERIFIED has answered our challenge with its key, TRUSTED
is pinned and counts everywhere. **Liveness** is about now, and stays None while all is hearsay.

The origin rule: an address, a name, a leave, "I live" count only from their subject, signed or
sealed. What anyone else says about a node makes us look, and never makes us believe.
"""

from bisect import insort
from collections.abc import Iterable
from typing import Final

from mesh.config import MeshConfig
from mesh.effects import Address, Outcasts, PeerChange, PeerChanged
from mesh.facts import Fact
from mesh.identity import Epoch, NodeId, PublicKey, short_id
from mesh.instant import SECOND, Instant
from mesh.roll.admission import NAMELESS, Admission, Policy, folded
from mesh.roll.member import NEVER_MET, Liveness, Member, Trust
from mesh.roll.record import NodeRecord, parse_record
from mesh.roll.storage import ADDRESSES_REMEMBERED_MAX, Remembered

__all__ = ["NEVER_MET", "Liveness", "Member", "Roll", "Trust", "check_roll"]

HINTS_PER_MEMBER_MAX: Final = 4
OUR_NAME: Final = "it calls itself what we are called: `holdfast up --name` renames one of us"
CONFLICTS_MAX: Final = 4096
"""Pairs that share a name and were told of; the oldest gives way, and would be told again."""


class Roll:
    """All members but ourselves. Every change returns what to tell upstairs."""

    def __init__(
        self, own: NodeId, own_name: str, config: MeshConfig, admission: Admission | None = None
    ) -> None:
        self.admission = admission or Admission()
        self._own = own
        self._own_name = own_name
        self._config = config
        self._members: dict[NodeId, Member] = {}
        # Kept beside the members, since who is there is asked far more often than it changes.
        self._order: list[NodeId] = []
        self._hinted: dict[NodeId, None] = {}
        self._named: dict[str, list[NodeId]] = {}
        self._everyone: tuple[Member, ...] | None = None
        self._within_reach: tuple[Member, ...] | None = None
        self._ids_within_reach: tuple[int, tuple[NodeId, ...]] = (-1, ())
        """And at which of the `changes` that was."""
        self.changes = 0
        """Counts every change of who is reachable; a list made before is out of date."""
        self._counts: dict[Liveness, int] = dict.fromkeys(Liveness, 0)
        self._conflicts: dict[tuple[NodeId, NodeId], str] = {}
        self.revoked: Outcasts = {}
        """Who does not count, whatever it proves, met or not; and from where, and when, something
        was last heard under its id all the same, which anybody may have written there."""
        self.words: dict[NodeId, bytes] = {}
        """What each of those is told when it knocks: by whose word it is kept out, and why."""
        self.forgotten: dict[NodeId, None] = {}
        """Who comes back by itself or not at all: what others pass on of it is not taken."""

    # Reading -----------------------------------------------------------------------------------

    def member(self, node: NodeId) -> Member | None:
        return self._members.get(node)

    def members(self) -> tuple[Member, ...]:
        """Everyone we know of, by id."""
        if self._everyone is None:
            self._everyone = tuple(self._members[node] for node in self._order)
        return self._everyone

    @property
    def size(self) -> int:
        """How many we know of."""
        return len(self._members)

    def reachable(self) -> tuple[Member, ...]:
        """Those worth talking to: ALIVE or SUSPECT, by id."""
        if self._within_reach is None:
            talking = (Liveness.ALIVE, Liveness.SUSPECT)
            everyone = self.members()
            self._within_reach = tuple(one for one in everyone if one.liveness in talking)
        return self._within_reach

    def reachable_ids(self) -> tuple[NodeId, ...]:
        """Theirs, in the same order."""
        at, ids = self._ids_within_reach
        if at != self.changes:
            ids = tuple(member.id for member in self.reachable())
            self._ids_within_reach = self.changes, ids
        return ids

    def admits(self, author: NodeId) -> bool:
        """Whether `author` may have facts and a log here: its key is known and not revoked."""
        member = self._members.get(author)
        known = member is not None and member.public is not None
        return known and author not in self.revoked

    def counts(self, node: NodeId) -> bool:
        """Whether what `node` says of others counts here."""
        member = self._members.get(node)
        return member is not None and member.counts

    def would_count(self, node: NodeId) -> bool:
        """As above, of a node that may not have been met and has signed something just now."""
        member = self._members.get(node)
        if node in self.revoked or (member is not None and member.met):
            return self.counts(node)
        return not self.admission.objection(node, None)

    def count(self, liveness: Liveness) -> int:
        """How many members are so."""
        return self._counts.get(liveness, 0)

    # Hearsay -----------------------------------------------------------------------------------

    def hint(self, node: NodeId, address: Address) -> tuple[PeerChanged, ...]:
        """Somebody (perhaps itself, unproven) says that `node` is at `address`."""
        member = self._members.get(node)
        if member is not None:
            # Newest first, and only a few: a liar must not crowd the truth out for good.
            member.hints = tuple(dict.fromkeys((address, *member.hints)))[:HINTS_PER_MEMBER_MAX]
            return ()
        self._make_room_for_hint()
        self._add(Member(node, hints=(address,)))
        return (self._told(node, PeerChange.DISCOVERED, f"somebody at {address.host}"),)

    def admit(self, node: NodeId, public: PublicKey) -> Member | None:
        """A place on the roll for a node whose key is known; None when the roll is full."""
        if node in self.revoked or node in self.forgotten:
            return None
        member = self._members.get(node)
        if member is not None and member.public is not None:
            return member
        if len(self._members) - len(self._hinted) >= self._config.members_max:
            return None
        if member is None:
            member = self._add(Member(node))
        member.public = public
        self._hinted.pop(node, None)
        return member

    def restore(self, node: NodeId, remembered: Remembered) -> None:
        """A peer from before our restart. Pinned, but not yet heard of: hence under suspicion."""
        member = Member(node, remembered.public, answered=remembered.addresses)
        member.epoch, member.fact = remembered.epoch, remembered.record
        member.record = parse_record(remembered.record.body) if remembered.record else None
        if remembered.epoch != NEVER_MET:
            member.trust = self._trust_in(member)
            member.liveness = Liveness.LEFT if member.has_left else Liveness.SUSPECT
        self._add(member)
        self._call(member)

    def revoke(self, node: NodeId, detail: str, word: bytes = b"") -> tuple[PeerChanged, ...]:
        """From here on `node` is nobody to us, and told `word` when it knocks. The caller bounds
        how many there are."""
        self.revoked.setdefault(node, None)
        self.words[node] = word
        member = self._members.get(node)
        if member is None or member.trust is Trust.REVOKED:
            return ()
        if member.public is not None:
            member.trust = Trust.REVOKED
            self._turn(member, Liveness.DEAD)
        return (PeerChanged(node, PeerChange.REVOKED, detail),)

    def judge(self, node: NodeId) -> tuple[PeerChanged, ...]:
        """Whether `node` counts may have changed: its name has, or the policy, or a person's
        mind."""
        member = self._members.get(node)
        if member is None or not member.met:
            return ()
        before, objected = member.trust, member.objection
        member.trust = self._trust_in(member)
        if (member.trust, member.objection) == (before, objected):
            return ()
        self.changes += 1
        if member.counts:
            return (self._told(node, PeerChange.TRUSTED, "it counts here from now on"),)
        return (self._told(node, PeerChange.DISTRUSTED, member.objection),)

    def forget(self, node: NodeId, detail: str) -> tuple[PeerChanged, ...]:
        """Strike `node` from the roll; it comes back by itself or not at all."""
        self.forgotten[node] = None
        member = self._members.pop(node, None)
        if member is None:
            return ()
        self._uncall(member)
        self._order.remove(node)
        self._hinted.pop(node, None)
        if member.liveness is not None:
            self._counts[member.liveness] -= 1
        self._everyone = self._within_reach = None
        self.changes += 1
        return (PeerChanged(node, PeerChange.FORGOTTEN, detail),)

    # What a node proves or signs about itself ---------------------------------------------------

    def greeted(
        self, node: NodeId, public: PublicKey, epoch: Epoch, address: Address, now: Instant
    ) -> tuple[PeerChanged, ...] | None:
        """`node` has answered our challenge from `address`. None when the roll is full."""
        was_forgotten = node in self.forgotten
        self.forgotten.pop(node, None)  # it speaks for itself
        member = self.admit(node, public)
        if member is None:
            if was_forgotten:
                self.forgotten[node] = None
            return None
        changes: list[PeerChanged] = []
        if not member.met:
            # Its id is the hash of the key, and the secret was proven too; the rest is our policy.
            member.trust = self._trust_in(member)
            changes.append(self._told(node, PeerChange.VERIFIED, f"met at {address.host}"))
            if member.objection not in ("", NAMELESS):
                changes.append(self._told(node, PeerChange.DISTRUSTED, member.objection))
        elif epoch.counter > member.epoch.counter:
            changes.append(self._told(node, PeerChange.RESTARTED, "a new run of the same node"))
        if epoch.counter >= member.epoch.counter:
            member.epoch = epoch  # the same number may have come with another start
        answered = tuple(dict.fromkeys((address, *member.answered)))
        member.answered = answered[:ADDRESSES_REMEMBERED_MAX]
        member.hints = ()
        return (*changes, *self.heard(node, now))

    def heard(self, node: NodeId, now: Instant) -> tuple[PeerChanged, ...]:
        """A fresh sealed word from `node` itself: whatever we feared, it lives."""
        member = self._members.get(node)
        if member is None or not member.met:
            return ()
        member.last_heard = now
        if member.liveness is Liveness.ALIVE or self._is_going(member):
            return ()
        self._turn(member, Liveness.ALIVE)
        return (self._told(node, PeerChange.ALIVE, "heard from the node itself"),)

    def recorded(self, fact: Fact, record: NodeRecord) -> tuple[PeerChanged, ...]:
        """The node's own newest record (checked, and pinned on the board)."""
        member = self._members[fact.author]
        self._uncall(member)
        member.fact, member.record = fact, record
        self._call(member)
        changes = self._conflicts_of(member) + self.judge(member.id)
        if record.left and member.met and member.liveness is not Liveness.LEFT:
            self._turn(member, Liveness.LEFT)
            changes += (self._told(member.id, PeerChange.LEFT, "it said good-bye"),)
        return changes

    def is_on_record(self, node: NodeId, epoch: Epoch) -> bool:
        """Whether the record that we keep of `node` was signed by this very run of it.

        Then nobody keeps a word of another run under the same number, and nobody could show it one:
        it would never rise above, and be refused for as long as it lives.
        """
        member = self._members.get(node)
        if member is None or member.fact is None or member.record is None:
            return False
        return Epoch(member.fact.epoch_counter, member.record.nonce) == epoch

    # What we find out by looking ----------------------------------------------------------------

    def suspect(self, node: NodeId) -> tuple[PeerChanged, ...]:
        """Our own look at `node` was in vain."""
        member = self._members.get(node)
        if member is None or member.liveness is not Liveness.ALIVE:
            return ()
        self._turn(member, Liveness.SUSPECT)
        return (self._told(node, PeerChange.SUSPECT, "it does not answer"),)

    def bury(self, node: NodeId, now: Instant) -> tuple[PeerChanged, ...]:
        """A suspect has had its time."""
        member = self._members.get(node)
        if member is None or member.liveness is not Liveness.SUSPECT:
            return ()
        self._turn(member, Liveness.DEAD)
        heard = member.last_heard
        since = "since we started" if heard is None else f"for {(now - heard) // SECOND} s"
        return (self._told(node, PeerChange.DEAD, f"no word from the node itself {since}"),)

    # ---------------------------------------------------------------------------------------------

    def _add(self, member: Member) -> Member:
        insort(self._order, member.id)
        if member.public is None:
            self._hinted[member.id] = None
        self._members[member.id] = member
        if member.liveness is not None:
            self._counts[member.liveness] += 1
        self._everyone = self._within_reach = None
        self.changes += 1
        return member

    def _trust_in(self, member: Member) -> Trust:
        """What the policy makes of somebody who has proven its key."""
        name = member.record.name if member.record else None
        if name is not None and folded(name) == folded(self._own_name):
            ours = self.admission.policy is Policy.TOFU
            member.objection = OUR_NAME if ours else self.admission.objection(member.id, name)
        else:
            member.objection = self.admission.objection(member.id, name)
        return Trust.VERIFIED if member.objection else Trust.TRUSTED

    def _turn(self, member: Member, liveness: Liveness) -> None:
        if member.liveness is not None:
            self._counts[member.liveness] -= 1
        self._counts[liveness] += 1
        member.liveness = liveness
        self._within_reach = None
        self.changes += 1

    def _call(self, member: Member) -> None:
        """From here on it goes by the name in its record."""
        if member.record is not None:
            insort(self._named.setdefault(member.record.name, []), member.id)

    def _uncall(self, member: Member) -> None:
        if member.record is None:
            return
        bearers = self._named[member.record.name]
        bearers.remove(member.id)
        if not bearers:
            del self._named[member.record.name]

    def _is_going(self, member: Member) -> bool:
        # A leaving node still acks for a moment; only a later run, or its word, brings it back.
        said_by_this_run = member.fact and member.fact.epoch_counter >= member.epoch.counter
        return member.liveness is Liveness.LEFT and member.has_left and bool(said_by_this_run)

    def _conflicts_of(self, member: Member) -> tuple[PeerChanged, ...]:
        clashes = [self._own] if member.name == self._own_name else []
        clashes += [node for node in self._named[member.name] if node != member.id]
        return tuple(self._conflict(member, node) for node in self._new_clashes(member, clashes))

    def _new_clashes(self, member: Member, clashes: Iterable[NodeId]) -> list[NodeId]:
        fresh = []
        for node in clashes:
            pair = (min(node, member.id), max(node, member.id))
            if self._conflicts.get(pair) != member.name:
                if len(self._conflicts) >= CONFLICTS_MAX and pair not in self._conflicts:
                    del self._conflicts[next(iter(self._conflicts))]
                self._conflicts[pair] = member.name
                fresh.append(node)
        return fresh

    def _conflict(self, member: Member, other: NodeId) -> PeerChanged:
        detail = f"{short_id(member.id)} and {short_id(other)} both call themselves {member.name}"
        return PeerChanged(member.id, PeerChange.CONFLICT, detail)

    def _make_room_for_hint(self) -> None:
        if len(self._hinted) >= self._config.hints_max:
            oldest = next(iter(self._hinted))
            del self._hinted[oldest], self._members[oldest]
            self._order.remove(oldest)
            self._everyone = None

    def _told(self, node: NodeId, change: PeerChange, detail: str) -> PeerChanged:
        return PeerChanged(node, change, f"{self._members[node].name}: {detail}")


def check_roll(roll: Roll) -> None:
    """The invariants: liveness exactly for those we have met, and a key behind every trust."""
    for member in roll.members():
        met = member.met or member.trust is Trust.REVOKED
        assert (member.liveness is not None) == met, "liveness without an identity, or without one"
        assert not met or member.public is not None, "trust without a key"
    _check_what_is_kept_beside(roll, roll.members())


def _check_what_is_kept_beside(roll: Roll, members: Iterable[Member]) -> None:
    everyone = sorted(roll._members.values(), key=lambda member: member.id)  # noqa: SLF001 - the inside
    assert list(members) == everyone, "the list of members is not the members"
    hinted = [member.id for member in everyone if member.public is None]
    assert sorted(roll._hinted) == hinted, "the hints are not the members without a key"  # noqa: SLF001
    talking = (Liveness.ALIVE, Liveness.SUSPECT)
    reach = tuple(member for member in everyone if member.liveness in talking)
    assert roll.reachable() == reach, "the reachable are not those alive or suspected"
    counts = {one: sum(member.liveness is one for member in everyone) for one in Liveness}
    assert counts == roll._counts, "the counts are not those of the members"  # noqa: SLF001
    named = [(one.record.name, one.id) for one in everyone if one.record is not None]
    kept = [(name, node) for name in roll._named for node in roll._named[name]]  # noqa: SLF001
    assert sorted(kept) == sorted(named), "the names are not those of the records"
