"""Recovery: what an owner that may have forgotten something does before it promises anything.

Every start is assumed amnesiac. A disk can be lost, restored from a backup, or have lied about its
last writes, and none of that can be seen from inside: a log that ends too early looks just like a
log. Asking a majority of peers for the newest entry does not help either, because gossip is not a
quorum write. What helps is time. No carried lease outlives TTL_MAX, so an owner that grants nothing
for a little longer than that (the quarantine) meets no belief it does not know of, except those
whose holders come forward with receipts: these it resumes. Bookings outlive every quarantine, so
they are looked for in every copy of our log that anyone has kept.

This file holds the parts without a machine around them: gathering our own blocks, merging them into
chains, and reading a claim. `machine.py` decides when.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from ledger.books import Books
from ledger.books.holds import Enlistment, LiveHold
from ledger.books.legs import least
from ledger.books.plans import Plan
from ledger.commands import TTL_MAX, GrantKind, Leg, Outcome, Resume
from ledger.entries import (
    Adopted,
    Closed,
    ClosedHow,
    EntryRefused,
    Extended,
    Held,
    Planned,
    Posted,
    Replanned,
    Shrunk,
    Transferred,
    decode_entry,
)
from ledger.entries.gangs import Enlisted, Settled
from ledger.granting import Refused
from ledger.lifecycle import HoldState
from ledger.limits import BASES_MAX, GATHERED_BLOCKS_MAX, TIPS_MAX
from ledger.proving.beginnings import books_from
from ledger.proving.blocks import ReceiptRefused, decode_receipt
from ledger.proving.strands import overheard
from mesh.identity import NodeId, id_of
from mesh.instant import Duration
from mesh.logs import (
    NO_BLOCK,
    Base,
    Block,
    Era,
    Position,
    check_block,
    check_receipt,
    era_in,
)


@dataclass(frozen=True, slots=True)
class Chain:
    """One way our log went, from where it begins, and the books it folds to."""

    blocks: tuple[Block, ...]
    books: Books
    base: Base | None = None
    whole: bool = True
    """Whether it leads back to a beginning. One that does not says what it says (what was held,
    and what ended), and cannot be gone on with."""

    @property
    def eras(self) -> list[Era]:
        """Every era that it knows of."""
        return [*(era for era, _ in self.books.eras), *(block.era for block in self.blocks)]

    def block_at(self, height: int) -> Block | None:
        """Its block at `height`, if it has that."""
        index = height - self.blocks[0].height if self.blocks else -1
        return self.blocks[index] if 0 <= index < len(self.blocks) else None

    @property
    def rank(self) -> tuple[int, int, bytes]:
        """The newest era first, then the longest; the hash only to be the same everywhere."""
        head = self.blocks[-1]
        return head.era.counter, head.height, head.hash


@dataclass(frozen=True, slots=True)
class Claim:
    """A hold of ours that this log may have lost, proven by receipts or by a copy."""

    held: Held | Adopted | Transferred
    posted: bool
    origin: Position
    legs: tuple[Leg, ...]
    """What it takes by its last word, and not by its first; what was carved out of it included."""
    term: Duration
    gang: Enlistment | None = None

    @property
    def id(self) -> bytes:
        return self.held.id

    @property
    def age_key(self) -> tuple[int, int, bytes]:
        """Sorts by when it was granted."""
        return self.origin.era.counter, self.origin.height, self.held.id

    def adoption(self) -> Adopted:
        """The entry that takes it back into the books."""
        held = self.held
        return Adopted(
            held.id, held.digest, held.holder, self.legs, held.kind, self.term,
            held.principal, held.label, self.posted, self.origin,
        )  # fmt: skip

    def enlisting(self) -> list[Enlisted | Settled]:
        """The entries that say of which gang it is, and that it is complete if it was known to be
        so. A probation begins anew: the proof is in its asker's log, not in ours."""
        return enlisting(self.id, self.gang)

    @property
    def parent(self) -> bytes | None:
        """What it was carved out of."""
        return self.held.parent if isinstance(self.held, Transferred) else None

    def carving(self) -> Transferred:
        """The entry that carves it out of its parent once more."""
        held = self.held
        assert isinstance(held, Transferred), "only a child is carved"
        return msgspec.structs.replace(held, legs=self.legs, term=self.term)

    def closing(self, how: ClosedHow) -> Closed:
        """The entry that says it could not be kept."""
        held = self.held
        return Closed(held.id, held.digest, held.holder, self.legs, how, self.origin)


def enlisting(hold: bytes, gang: Enlistment | None) -> list[Enlisted | Settled]:
    """Of which gang `hold` is, in entries."""
    if gang is None:
        return []
    settled = [] if gang.settled_at is None else [Settled(hold)]
    return [Enlisted(hold, gang.gang, gang.term), *settled]


class Gathered:
    """Blocks that we signed and others kept, by hash. Only verified ones get in."""

    def __init__(self, owner: NodeId, chain: Iterable[Block]) -> None:
        self._owner = owner
        self._blocks: dict[bytes, Block] = {}
        self._bases: dict[bytes, Base] = {}
        self._ours = {block.hash for block in chain}

    def add(self, blocks: Iterable[Block], bases: Iterable[Base] = ()) -> list[Block]:
        """Keep what is ours, signed and new; return just that."""
        for base in bases:
            if len(self._bases) < BASES_MAX and base.block.author == self._owner:
                self._bases.setdefault(base.block.hash, base)
        fresh: list[Block] = []
        for block in blocks:
            key = block.hash
            if key in self._ours or key in self._blocks:
                continue  # Told again.
            if len(self._blocks) >= GATHERED_BLOCKS_MAX:
                break
            if block.author == self._owner and check_block(block):
                self._blocks[key] = block
                fresh.append(block)
        return fresh

    def written(self, blocks: Iterable[Block]) -> None:
        """These are in our own chain now."""
        self._ours.update(block.hash for block in blocks)

    def pruned(self, blocks: Iterable[Block]) -> None:
        """These were in our own chain, and are put away."""
        self._ours.difference_update(block.hash for block in blocks)

    def chains(self, own: Sequence[Block], base: Base | None = None) -> list[Chain]:
        """Every way our log went, best first; those that lead back to no beginning come last.

        Ends that lie on the way to a better end are not ends; nor are those that lie on the way to
        where a better one begins.
        """
        known = {**self._blocks, **{block.hash: block for block in own}}
        bases = {**self._bases, **({} if base is None else {base.block.hash: base})}
        order = sorted(known, key=lambda key: _rank(known[key]), reverse=True)
        passed: dict[bytes, None] = {}
        chains: list[Chain] = []
        for tip in order:
            if tip in passed or len(chains) == TIPS_MAX:
                continue
            path = _path(known, bases, tip)
            if any(_went_through(chain, path[-1]) for chain in chains):
                continue
            passed.update(dict.fromkeys(block.hash for block in path))
            begins = bases.get(path[0].hash)
            whole = begins is not None or path[0].previous == NO_BLOCK
            chain = fold_longest(path, begins) if whole else _strand(path)
            if chain.blocks:
                chains.append(chain)
        return sorted(chains, key=lambda chain: (chain.whole, chain.rank), reverse=True)


def best_of(chains: Sequence[Chain]) -> Chain:
    """The one to go on with; an empty one if there is none."""
    return chains[0] if chains and chains[0].whole else Chain((), Books())


def _went_through(chain: Chain, block: Block) -> bool:
    """Whether `block` is where `chain` went before it begins."""
    if chain.base is None or block.height >= chain.base.block.height:
        return False
    return era_in(chain.base.checkpoint.eras, block.height) == block.era


def _rank(block: Block) -> tuple[int, int, bytes]:
    return block.era.counter, block.height, block.hash


def _path(known: dict[bytes, Block], bases: dict[bytes, Base], tip: bytes) -> list[Block]:
    """As far back from `tip` as links lead: to the first block, or to the lowest base on the way;
    to the lowest block, if there is neither."""
    path: list[Block] = []
    link, begins = tip, 0
    while (block := known.get(link)) is not None:
        # Heights fall by one at each step: a loop of hashes cannot be made, but need not be feared.
        if path and block.height != path[-1].height - 1:
            break
        path.append(block)
        link = block.previous
        begins = len(path) if block.hash in bases or link == NO_BLOCK else begins
    return path[: begins or None][::-1]


def fold_longest(blocks: Sequence[Block], base: Base | None = None) -> Chain:
    """As much of `blocks` as folds, from the state of `base` on if there is one."""
    books = Books() if base is None else books_from(base)
    if books is None or (base is not None and list(blocks[:1]) != [base.block]):
        return Chain((), Books())
    for number, block in enumerate(blocks):
        if books.apply_block(block) is not None:
            return Chain(tuple(blocks[:number]), books, base if number else None)
    return Chain(tuple(blocks), books, base)


def _strand(path: Sequence[Block]) -> Chain:
    return Chain(tuple(path), overheard(path), None, whole=False)


def sound_part(
    owner: NodeId, chain: tuple[Block, ...], trusted: bool, base: Base | None = None
) -> Chain:
    """As much of our own chain as is ours, whole and foldable. Signatures are checked again where
    continuity is not proven: a disk that may have lost something may have bent something."""
    sound: list[Block] = []
    for block in chain:
        if block.author != owner or not (trusted or check_block(block)):
            break
        sound.append(block)
    return fold_longest(sound, base)


def lost_bookings(chains: Sequence[Chain], books: Books) -> list[Claim]:
    """Bookings that live in some copy, ended in none, and that `books` never heard of.

    The newest first: if two cannot both be true, the older must have been released before the newer
    could be granted.
    """
    ended = ended_anywhere(chains)
    claims: dict[bytes, Claim] = {}
    for chain in chains:
        for hold in chain.books.live_holds():
            if not hold.is_booking or hold.id in claims or hold.id in ended:
                continue
            # What is planned here will start again by itself.
            known = hold.id in books.live or hold.id in books.ended or hold.id in books.plans
            if known or _was_ours(hold, chain, books):
                continue
            claims[hold.id] = _claim_of(hold, chain)
    return sorted(claims.values(), key=lambda claim: claim.age_key, reverse=True)


def lost_plans(
    chains: Sequence[Chain], books: Books
) -> list[tuple[Replanned, list[Enlisted | Settled]]]:
    """Plans that some copy knows, ended in none, and that `books` never heard of; and of which gang
    each is."""
    ended = ended_anywhere(chains)
    lost: dict[bytes, tuple[Replanned, list[Enlisted | Settled]]] = {}
    for chain in chains:
        for plan in chain.books.plans.values():
            fresh = books.state_of(plan.id) is HoldState.ABSENT and plan.id not in lost
            fresh = fresh and plan.id not in ended and not _was_ours(plan, chain, books)
            if plan.state is HoldState.PLANNED and fresh:
                again = Replanned(
                    plan.id, plan.digest, plan.holder, plan.legs, plan.term, plan.principal,
                    plan.label, plan.start, _shown_at(plan, chain),
                )  # fmt: skip
                lost[plan.id] = again, enlisting(plan.id, plan.gang)
    return [lost[plan] for plan in sorted(lost)]


def ended_anywhere(chains: Iterable[Chain]) -> frozenset[bytes]:
    """Holds that ended in some copy. An end is final: the work was seen gone before it was
    written."""
    return frozenset(hold for chain in chains for hold in chain.books.ended)


def _was_ours(hold: LiveHold | Plan, chain: Chain, books: Books) -> bool:
    """Whether `books` heard of it after all: what was held where their own log went, and does not
    live there, has ended there, though the end may have been forgotten since."""
    if hold.held_at.height > books.height:
        return False
    era = era_in(books.eras, hold.held_at.height)
    return era is not None and era == era_in(chain.books.eras, hold.held_at.height)


def _claim_of(hold: LiveHold, chain: Chain) -> Claim:
    """The claim that `chain` makes. If the entry itself was pruned, or planned it and it has
    started since, the state says all of it."""
    block, posted = chain.block_at(hold.held_at.height), hold.posted_at is not None
    legs = chain.books.whole(hold)
    if block is not None:
        entry = decode_entry(block.entries[hold.held_at.line])
        if isinstance(entry, Held | Adopted | Transferred):
            # One of a gang's was held as a carried lease, and is a booking since it was parked.
            entry = msgspec.structs.replace(entry, kind=hold.kind, term=hold.term)
            return Claim(entry, posted, block.position, legs, hold.term, hold.gang)
        assert isinstance(entry, Planned | Replanned), "a live hold begins with one of these"
    held = Held(
        hold.id, hold.digest, hold.holder, legs, hold.kind, hold.term,
        hold.principal, hold.label,
    )  # fmt: skip
    return Claim(held, posted, _shown_at(hold, chain), legs, hold.term, hold.gang)


def _shown_at(hold: LiveHold | Plan, chain: Chain) -> Position:
    """Where a copy shows it: its entry, or the checkpoint that signs what tells of it."""
    block = chain.block_at(hold.held_at.height)
    if block is not None:
        return block.position
    assert chain.base is not None, "a chain without its beginning names only what it shows"
    era = era_in(chain.books.eras, hold.held_at.height) or chain.base.block.era
    return Position(era, hold.held_at.height, chain.base.block.hash)


def read_claim(resume: Resume, owner: NodeId, who: NodeId) -> Claim | Refused:
    """What the receipts of a resume prove; or why they prove nothing for this asker."""
    begun: tuple[Held | Adopted | Transferred, Position] | None = None
    posted, legs, term = False, None, None
    for raw in resume.receipts:
        try:
            receipt = decode_receipt(raw)
            entry = decode_entry(receipt.entry)
        except (ReceiptRefused, EntryRefused) as error:
            return Refused(Outcome.BAD_RECEIPT, f"not a receipt: {error}"[:200])
        at = check_receipt(receipt)
        if at is None:
            return Refused(Outcome.BAD_RECEIPT, "its signature or its path does not hold")
        if id_of(receipt.public) != owner:
            return Refused(Outcome.FOREIGN_RECEIPT, "a receipt that we did not sign")
        match entry:
            case Held() | Adopted() | Transferred() if entry.id == resume.id:
                begun = entry, at
            case Posted() if entry.id == resume.id:
                posted = True
            case Shrunk() if entry.id == resume.id:
                legs = entry.legs if legs is None else least(legs, entry.legs)
            case Extended() if entry.id == resume.id:
                term = max(term or 0, entry.term)
    if begun is None:
        return Refused(Outcome.NOT_RESUMABLE, "no receipt of this hold among them")
    held, origin = begun
    if held.kind is GrantKind.CARRIED and held.term > TTL_MAX:
        return Refused(Outcome.NOT_RESUMABLE, "a term that was never granted")
    if held.holder != who:
        return Refused(Outcome.NOT_HOLDER, "the hold names another key")
    posted = posted or isinstance(held, Transferred) or (isinstance(held, Adopted) and held.posted)
    return Claim(held, posted, origin, legs or held.legs, max(term or 0, held.term))


def next_era(counter: int, nonce: bytes, seen: Iterable[Era], spare: bytes) -> Era:
    """An era above every one seen: our epoch's own if it is, else one with a nonce of its own."""
    highest = max((era.counter for era in seen), default=-1)
    return Era(counter, nonce) if counter > highest else Era(highest + 1, spare)
