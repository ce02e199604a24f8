"""Where a fact or a block is checked, kept, and told upstairs: one place for all doors.

It does not matter whether it came as a rumour, in a parcel, or was pushed: who vouches for it is
its signature. What one datagram or one parcel brings is gathered in a **harvest**, so that it is
written in one transaction and told only behind that write.

Our own facts and blocks, coming back from others, are never simply taken. A fact of ours that we
have not said in this epoch proves that we have had a later one (our disk forgot); a block of ours
that we do not have is handed up, each one once, and what to do about it is the ledger's business.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.door.passport import TOPIC_PASSPORT
from mesh.effects import (
    EpochBehind,
    FactLearned,
    ForkProven,
    Learned,
    LogCut,
    LogExtended,
    MeshEffect,
    OwnLogAhead,
    PeerChange,
    PeerChanged,
)  # fmt: skip
from mesh.exchange.novelties import Novelties
from mesh.facts import Fact
from mesh.identity import Epoch, NodeId
from mesh.kept.board import Board, Pinned, supersedes
from mesh.kept.chains import Chains, is_fork
from mesh.kept.filed import Filed, Offered
from mesh.kept.lineage import ForkPair
from mesh.logs import Base, Block, Position, check_base, check_block
from mesh.persistence import Persist, Write
from mesh.rejections import Rejection
from mesh.roll.membership import NEVER_MET, Member, Roll
from mesh.roll.record import TOPIC_NODE, NodeRecord, parse_record
from mesh.roll.storage import peer_write, writes_for

FORGOTTEN: Final = "fact: its author was forgotten, and comes back by itself or not at all"
NO_ROOM: Final = "block: there is no room on our disk"
OWN_BLOCKS_REPORTED_MAX: Final = 65_536
"""Hashes of our own lost blocks that were handed up: each one once per run."""


@dataclass(slots=True)
class Harvest:
    """What came of one letter."""

    writes: list[Write] = field(default_factory=list)
    told: list[Learned] = field(default_factory=list)
    news: list[tuple[Fact | Block, str]] = field(default_factory=list)
    """What is new, and for which region it was said."""
    scope: str = ""
    """Of the letter that is being read."""
    stored: dict[NodeId, Position] = field(default_factory=dict)
    """Per author, the newest position that is on our disk once `writes` are."""
    introduced: list[NodeId] = field(default_factory=list)
    """Whose record is new."""
    gaps: list[NodeId] = field(default_factory=list)
    """Of whose log we lack something below what was offered."""
    own_blocks: list[Block] = field(default_factory=list)
    own_bases: list[Base] = field(default_factory=list)
    aside: bool = False
    """Something of it goes on with another beginning of a log."""
    spoiled: bool = False
    """Something in it was not what its author signed: believe no more of this letter."""

    def effects(self) -> list[MeshEffect]:
        """Durable first, then told."""
        written: list[MeshEffect] = [Persist(tuple(self.writes))] if self.writes else []
        return [*written, *self.told]


class Intake:
    """Checks against the roll, keeps on the board and in the chains."""

    def __init__(
        self, own: NodeId, roll: Roll, board: Board, chains: Chains,
        refused: Counter[Rejection | str],
    ) -> None:  # fmt: skip
        self._own = own
        self._roll = roll
        self._board = board
        self._chains = chains
        self._refused = refused
        self.novelties = Novelties()
        self._own_epoch = NEVER_MET
        self._behind: tuple[int, bool] | None = None
        self._reported: dict[bytes, None] = {}

    def rise(self, epoch: Epoch) -> None:
        """A new run of ours begins: what was handed up before is handed up again."""
        self._own_epoch = epoch
        self._behind = None
        self._reported.clear()

    # Facts -------------------------------------------------------------------------------------

    def fact(self, fact: Fact, harvest: Harvest) -> None:
        """Take one fact from anybody."""
        if fact.author == self._own:
            self._own_fact(fact, harvest)
            return
        if self._board.fact(fact.author, fact.topic) == fact:
            return  # gossip repeats itself, four times out of five as a mesh forms
        record = parse_record(fact.body) if fact.topic == TOPIC_NODE else None
        if fact.topic == TOPIC_PASSPORT:
            self._refused["fact: a passport belongs on no board"] += 1
        elif fact.topic == TOPIC_NODE and record is None:
            self._refuse("fact: its record cannot be read", harvest)
        elif record is None and not self._roll.admits(fact.author):
            self._refused["fact: its author is not on the roll"] += 1
        else:
            self._pin(fact, record, harvest)

    def _pin(self, fact: Fact, record: NodeRecord | None, harvest: Harvest) -> None:
        if record is not None and not self._admit(fact, harvest):
            return
        pinned = self._board.offer(fact)
        if pinned is Pinned.NEWS:
            harvest.news.append((fact, harvest.scope))
            harvest.told.append(FactLearned(fact))
            if record is not None:
                self._record(fact, record, harvest)
        elif pinned is Pinned.BAD:
            self._refuse("fact: " + pinned.value, harvest)
        elif pinned is Pinned.FULL:
            self._refused["fact: " + pinned.value] += 1

    def _admit(self, fact: Fact, harvest: Harvest) -> bool:
        """A place on the roll for the author of a record, if it really signed it."""
        if self._roll.admits(fact.author):
            return True
        if fact.author in self._roll.forgotten:
            self._refused[FORGOTTEN] += 1
            return False
        if not self._board.notary.vouches(fact):
            self._refuse("fact: " + Pinned.BAD.value, harvest)
            return False
        known = self._roll.member(fact.author) is not None
        member = self._roll.admit(fact.author, fact.public)
        if member is None or not self._roll.admits(fact.author):
            self._refused[Rejection.TABLE_FULL] += 1
            return False
        if not known:
            detail = f"{member.name}: a record that somebody passed on"
            harvest.told.append(PeerChanged(fact.author, PeerChange.DISCOVERED, detail))
        return True

    def _record(self, fact: Fact, record: NodeRecord, harvest: Harvest) -> None:
        harvest.told += self._roll.recorded(fact, record)
        harvest.introduced.append(fact.author)
        member = self._roll.member(fact.author)
        assert member is not None, "a record was pinned for a node that is not on the roll"
        harvest.writes += peer_writes(member)
        harvest.writes += self._roll.admission.written()

    def _own_fact(self, fact: Fact, harvest: Harvest) -> None:
        record = parse_record(fact.body) if fact.topic == TOPIC_NODE else None
        foreign = record is not None and record.nonce != self._own_epoch.nonce
        later = fact.epoch_counter > self._own_epoch.counter or self._outdoes_ours(fact)
        if not self._board.notary.vouches(fact):
            self._refuse("fact: " + Pinned.BAD.value, harvest)
        elif fact.epoch_counter < self._own_epoch.counter:
            # Our words of an earlier run, or of a copy of us, on a topic we have not spoken about
            # since: they stand until we do. Whether they are still true is known upstairs.
            if self._board.offer(fact) is Pinned.NEWS:
                harvest.told.append(FactLearned(fact))
        elif later or foreign:
            self._fell_behind(fact, record, harvest)

    def _outdoes_ours(self, fact: Fact) -> bool:
        """Whether everybody would take `fact` for newer than what we last said on its topic."""
        shown = self._board.mark(self._own, fact.topic)
        return shown is None or supersedes((fact.version, fact.stamp), shown)

    def _fell_behind(self, fact: Fact, record: NodeRecord | None, harvest: Harvest) -> None:
        """There was, or is, a run of ours that we know nothing of: told once per height, and once
        when it says good-bye."""
        highest = Epoch(fact.epoch_counter, record.nonce if record else NEVER_MET.nonce)
        height = (highest.counter, record is not None and record.left)
        if self._behind is None or height > self._behind:
            self._behind = height
            where = record.addresses if record else ()
            harvest.told.append(EpochBehind(highest, where, left=height[1]))

    # Blocks ------------------------------------------------------------------------------------

    def block(self, block: Block, sender: NodeId, harvest: Harvest) -> None:
        """Take one block from `sender`, whoever wrote it."""
        author = block.author
        if author == self._own:
            self._own_block(block, sender, harvest)
        elif self._may_file(author):
            self._file(author, block, self._chains.offer(block), harvest)

    def base(self, base: Base, sender: NodeId, harvest: Harvest) -> None:
        """Take a checkpoint with its state: where a log begins that `sender` has pruned."""
        author = base.block.author
        if author == self._own:
            if check_base(base) and not self._chains.has(base.block):
                harvest.own_bases.append(base)
            self._own_block(base.block, sender, harvest)
        elif self._may_file(author):
            self._file(author, base.block, self._chains.offer_base(base), harvest)

    def _may_file(self, author: NodeId) -> bool:
        """Whether blocks of `author` are kept here: not a stranger's, and nobody's on a full disk,
        where what little room is left belongs to our own promises. They are offered again."""
        if not self._roll.admits(author):
            self._refused["block: its author is not on the roll"] += 1
            return False
        if self._chains.closed:
            self._refused[NO_ROOM] += 1
        return not self._chains.closed

    def fork(self, pair: ForkPair, harvest: Harvest) -> None:
        """Take a proof that an author signed two blocks for one place."""
        author = pair.first.author
        if author == self._own:
            self._own_fork(pair, harvest)
        elif not self._roll.admits(author):
            self._refused["block: its author is not on the roll"] += 1
        else:
            self._file(author, pair.second, self._chains.prove_fork(*pair), harvest)

    def _file(self, author: NodeId, block: Block, filed: Filed, harvest: Harvest) -> None:
        harvest.writes += writes_for(author, filed)
        match filed.offered:
            case Offered.APPENDED:
                harvest.told.append(LogExtended(author, filed.gained))
            case Offered.CUT | Offered.LEAPT:
                chain, base = self._chains.chain(author), self._chains.base(author)
                harvest.told.append(LogCut(author, chain, base))
            case Offered.FORK:
                assert filed.fork is not None, "a fork without its proof"
                harvest.told.append(ForkProven(author, *filed.fork))
            case Offered.GAP:
                harvest.gaps.append(author)
            case Offered.BAD:
                self._refuse("block: " + filed.offered.value, harvest)
            case Offered.FULL | Offered.FROZEN | Offered.OVERLONG:
                self._refused["block: " + filed.offered.value] += 1
            case Offered.ASIDE:
                harvest.aside = True
            case Offered.STALE_ERA | Offered.KNOWN | Offered.BEHIND:
                pass  # filed without a word, or told again
            case Offered.PRUNED:
                raise AssertionError("nobody offers us to prune")
        if filed.offered in _NEWS:
            harvest.news.append((block, harvest.scope))
        if filed.offered in _KEPT:
            harvest.stored[author] = block.position

    def counts(self, sender: NodeId) -> bool:
        """Whether what `sender` says of others counts here."""
        return self._roll.counts(sender)

    def is_ours(self, position: Position) -> bool:
        """Whether this is a block of our own accepted chain."""
        block = self._chains.block(self._own, position.height)
        return block is not None and block.hash == position.hash

    def _own_block(self, block: Block, sender: NodeId, harvest: Harvest) -> None:
        digest = block.hash
        if self._chains.has(block) or digest in self._reported:
            return
        if not check_block(block):
            self._refuse("block: " + Offered.BAD.value, harvest)
            return
        if len(self._reported) >= OWN_BLOCKS_REPORTED_MAX:
            del self._reported[next(iter(self._reported))]
        self._reported[digest] = None
        harvest.own_blocks.append(block)
        self._report_own(sender, harvest)

    def _own_fork(self, pair: ForkPair, harvest: Harvest) -> None:
        """Our key signed twice: a copy of us lives. Told once; we do not freeze ourselves, or the
        ledger could not even record that it closes."""
        proof = b"".join(sorted(block.hash for block in pair))
        if not is_fork(*pair):
            self._refuse("block: " + Offered.BAD.value, harvest)
        elif proof not in self._reported:
            self._reported[proof] = None
            harvest.told.append(ForkProven(self._own, *pair))

    def _report_own(self, sender: NodeId, harvest: Harvest) -> None:
        """One report per letter, growing, at the place of the first."""
        report = OwnLogAhead(sender, tuple(harvest.own_blocks), tuple(harvest.own_bases))
        for index, told in enumerate(harvest.told):
            if isinstance(told, OwnLogAhead):
                harvest.told[index] = report
                return
        harvest.told.append(report)

    def _refuse(self, cause: str, harvest: Harvest) -> None:
        self._refused[cause] += 1
        harvest.spoiled = True


_NEWS = (Offered.APPENDED, Offered.CUT, Offered.LEAPT, Offered.FORK, Offered.STALE_ERA)
_KEPT = (Offered.APPENDED, Offered.CUT, Offered.LEAPT, Offered.STALE_ERA, Offered.KNOWN)


def peer_writes(member: Member) -> Sequence[Write]:
    """The row of a member whose key we know."""
    remembered = member.remembered
    return () if remembered is None else (peer_write(member.id, remembered),)
