"""Answers: drafted when decided, spoken when what they rest on is sealed.

A positive answer is a promise, and a promise that is not on disk can be forgotten. So an answer is
first a *draft* that names the entry it rests on; it becomes a reply behind the block of that entry,
and so does the answer to a duplicate that arrives in between. Refusals rest on nothing and go out
at once, and are remembered for this session: an id that was refused stays refused, or a delayed
duplicate could be granted after its asker has gone elsewhere.
"""

import hashlib
from collections import OrderedDict

import msgspec

from ledger.books.holds import EndedHold, LiveHold, Token
from ledger.commands import Answer, Hold, Outcome, Transfer
from ledger.effects import Reply
from ledger.lifecycle import HoldState
from ledger.limits import REFUSALS_MAX
from ledger.proving.blocks import Writer
from mesh.instant import Duration

_FATES = {
    HoldState.VOIDED: Outcome.VOIDED,
    HoldState.RELEASED: Outcome.RELEASED,
    HoldState.EXPIRED: Outcome.EXPIRED,
    HoldState.RECLAIMED: Outcome.EXPIRED,
    HoldState.SUPERSEDED: Outcome.EXPIRED,
    HoldState.BROKEN: Outcome.EXPIRED,
    HoldState.DISBANDED: Outcome.RELEASED,
}


class Draft(msgspec.Struct, frozen=True, gc=False):
    """An answer to `asker`, and the entries that prove it."""

    asker: int
    outcome: Outcome
    hold: bytes
    proofs: tuple[Token, ...] = ()
    fence: Token | None = None
    remaining: Duration | None = None
    detail: str = ""
    nonce: bytes = b""
    rests_on: tuple[Token, ...] = ()
    """More entries that must be sealed first, though no receipt of them is handed out."""


def request_digest(hold: Hold | Transfer, public: bytes) -> bytes:
    """Who asked for what, apart from the session: a retry after our restart is the same request."""
    body = msgspec.msgpack.encode(msgspec.structs.replace(hold, session=b""))
    return hashlib.sha256(b"hf1.request" + public + body).digest()


def fate(hold: EndedHold) -> Outcome:
    """How an ended hold is spoken of."""
    return _FATES[hold.state]


def proofs_of(hold: LiveHold) -> tuple[Token, ...]:
    """The entries that prove a live hold: its hold and, once posted, its post (one if it was a
    grant from the start), and what it was last changed by."""
    held = hold.held_at
    later = (hold.posted_at, hold.extended_at, hold.shrunk_at)
    return (held, *[at for at in later if at is not None and at != held])


class Counter:
    """Where answers wait for their block."""

    def __init__(self, session: bytes, writer: Writer) -> None:
        self.session = session
        self._writer = writer
        self._waiting: list[Draft] = []

    def say(self, draft: Draft) -> list[Reply]:
        """The reply at once if all it rests on is sealed; else it waits."""
        height = self._writer.height
        for token in (*draft.proofs, *draft.rests_on):
            if token.height >= height:
                self._waiting.append(draft)
                return []
        return [self._reply(draft)]

    def sealed(self) -> list[Reply]:
        """The replies that waited for the block just signed."""
        waiting, self._waiting = self._waiting, []
        return [self._reply(draft) for draft in waiting]

    def give_up(self) -> list[tuple[int, bytes]]:
        """Who waits, and for which hold; forgotten here, so they must be told something else."""
        waiting, self._waiting = self._waiting, []
        return [(draft.asker, draft.hold) for draft in waiting]

    def _reply(self, draft: Draft) -> Reply:
        receipt = self._writer.receipt
        # What ended long ago may have its proof in the archive alone.
        proofs = [proof for token in draft.proofs if (proof := receipt(token)) is not None]
        answer = Answer(
            draft.outcome, draft.hold, self.session, draft.detail, draft.fence, tuple(proofs),
            draft.remaining, (), draft.nonce,
        )  # fmt: skip
        return Reply(draft.asker, answer)


class Refusals:
    """What was refused in this session: hold id → (digest of the request, the answer)."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[bytes, Answer]] = OrderedDict()

    def get(self, hold: bytes) -> tuple[bytes, Answer] | None:
        return self._known.get(hold)

    def remember(self, hold: bytes, digest: bytes, answer: Answer) -> None:
        self._known[hold] = (digest, answer)
        if len(self._known) > REFUSALS_MAX:
            self._known.popitem(last=False)
