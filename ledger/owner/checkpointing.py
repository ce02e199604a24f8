"""When an owner writes a checkpoint, and from where it lets its log begin.

A checkpoint comes every so many entries. What lies before one may go once enough peers hold it: all
that live, or three. Who waits for more waits for machines that were scrapped; and who waited for
ever would fill everybody's disk, so after several checkpoints the log moves up without them: what
is pruned is in the state, and a peer that was away is given that.
"""

from collections.abc import Callable, Mapping

from ledger.books import Books
from ledger.books.checkpoints import Milestone
from ledger.books.holds import Token
from ledger.desk import Desk
from ledger.desk.answers import proofs_of
from ledger.effects import Append, LedgerEffect
from ledger.entries import Checkpointed
from ledger.limits import CHECKPOINT_BYTES, KEEPERS_ENOUGH, OVERDUE_CHECKPOINTS, Limits
from ledger.proving.blocks import decode_receipt
from mesh.identity import NodeId
from mesh.logs import STATE_BYTES_MAX, Base, check_receipt, era_in, state_hash
from mesh.persistence import SPACE_PROOF, Persist, Write


class Checkpointer:
    """Which peers hold our log, up to where; and the checkpoints that rest on it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.company: Callable[[], int] = lambda: 0
        """How many peers live."""
        self._stored: dict[NodeId, int] = {}
        self._put_off = 0
        """Entries before it is tried again, while the state is too large."""

    def stored(self, peer: NodeId, height: int) -> None:
        """`peer` has our log up to `height`."""
        self._stored[peer] = max(height, self._stored.get(peer, -1))

    def new_era(self) -> None:
        """Heights may be taken again after a cut: nothing stored before it counts any more."""
        self._stored.clear()

    def check_off(self, desk: Desk, sealed: list[LedgerEffect]) -> list[LedgerEffect]:
        """Behind what was just `sealed`, a checkpoint if one is due, alone in its block.

        All blocks stand before all else: what is said next may make us write, and seal, on top.
        """
        books = desk.books
        entries = max(self._limits.checkpoint_entries, self._put_off)
        if books.entries_since < entries and books.bytes_since < CHECKPOINT_BYTES:
            return sealed
        if books.entries_since < self._put_off or desk.writer.dirty:
            return sealed
        checkpoint = self._next(books)
        if checkpoint is None:
            self._put_off = 2 * books.entries_since
            return sealed
        self._put_off = 0
        desk.write(checkpoint)
        effects = [*sealed, *desk.seal()]
        return sorted(effects, key=lambda effect: not isinstance(effect, Append))

    def _next(self, books: Books) -> Checkpointed | None:
        """None when the state would be too large. Ends are forgotten before that: a late duplicate
        of an old request does less harm than a log that cannot be pruned."""
        keeps = self._limits.ended_kept
        while True:
            state = books.reckon(keeps)
            if len(state) <= STATE_BYTES_MAX:
                begins = self._begins(books.milestones)
                return Checkpointed(state_hash(state), books.eras, begins, keeps)
            if not keeps:
                return None
            keeps //= 2

    def _begins(self, milestones: tuple[Milestone, ...]) -> int:
        if not milestones:
            return 0
        waited = len(milestones) >= OVERDUE_CHECKPOINTS
        for milestone in reversed(milestones):
            if waited or self._is_held(milestone.height):
                return milestone.height
        return milestones[-1].begins

    def _is_held(self, height: int) -> bool:
        holding = sum(stored >= height for stored in self._stored.values())
        return holding >= min(KEEPERS_ENOUGH, self.company())


def still_proven(proofs: Mapping[Token, bytes], base: Base | None) -> dict[Token, bytes]:
    """Those of `proofs` that are of the log that begins at `base`. After a disk was lost another
    history may have had the same places, under an era of the same number."""
    if base is None:
        return {}
    eras = base.checkpoint.eras
    read = {token: check_receipt(decode_receipt(proofs[token])) for token in sorted(proofs)}
    return {
        token: proofs[token]
        for token, at in read.items()
        if at is not None and era_in(eras, at.height) == at.era
    }


def prune(
    desk: Desk, base: Base, known: Mapping[Token, bytes]
) -> tuple[dict[Token, bytes], list[Persist]]:
    """Let our log begin at `base`. Of every live hold, the receipts of entries that lie before it
    are kept; they are returned, and what of them is new on the disk (which has `known`) or must
    leave it."""
    writer = desk.writer
    kept: dict[Token, bytes] = {}
    alive = [proofs_of(hold) for hold in desk.books.live_holds()]
    alive += [plan.proofs for plan in desk.books.plans.values()]
    gangs = desk.books.gangs.values()
    alive += [(gang.completed_at,) for gang in gangs if gang.completed_at is not None]
    for token in (token for proofs in alive for token in proofs):
        receipt = writer.receipt(token) if token.height < base.block.height else None
        if receipt is not None:
            kept[token] = receipt
    fresh = [token for token in sorted(kept) if known.get(token) != kept[token]]
    gone = [token for token in sorted(known) if token not in kept]
    writes = [Write(SPACE_PROOF, proof_key(token), kept[token]) for token in fresh]
    writes += [Write(SPACE_PROOF, proof_key(token), None) for token in gone]
    writer.prune(base)
    writer.proofs = kept
    return kept, [Persist(tuple(writes))] if writes else []


def proof_key(token: Token) -> bytes:
    """The row of a receipt that is kept."""
    return b"".join(part.to_bytes(8, "big") for part in token)


def proof_token(key: bytes) -> Token:
    """The inverse of `proof_key`."""
    return Token(*(int.from_bytes(key[at : at + 8], "big") for at in (0, 8, 16)))
