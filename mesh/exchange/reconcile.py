"""Reconciliation: finding out that two machines differ, and making them equal.

Every ping and ack carries the sender's 64-bit root. Equal roots cost nothing. Roots that stay
different for a moment lead to one stream call, "mesh.sync": our digest there, a parcel back with
what we lack, and the names of what the peer lacks, which we push with "mesh.push". Most authors are
told by a mark; of those whose marks differ the answer names all, and whom it knows more of than we
do, we name in full and ask again.

Everyone we meet says what it keeps of our *own* log (a letter, KEPT). Where that is no more than we
have ourselves, the peer has shown us all; else, or when nothing is said, the same call asks for it.

At most one call per peer and two overall, so a thousand differences never become a thousand
streams; and whether one is worth it is asked by a ping first (`inquiries.py`). A sync that brought
nothing is not repeated until one of the roots has moved or a pause is over; without that, two
machines that cannot agree would ask each other for ever.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from mesh.config import MeshConfig
from mesh.effects import Call, MeshEffect, PeerAnsweredForOurLog
from mesh.exchange.inquiries import Inquiries
from mesh.exchange.intake import Harvest, Intake
from mesh.exchange.novelties import Novelty
from mesh.exchange.parcels import (
    DIGEST_BYTES_MAX,
    PARCEL_BYTES_MAX,
    Item,
    Parcel,
    items_for,
    own_items,
    parcel_bytes,
    parse_parcel,
    parse_question,
    question_bytes,
    within,
)  # fmt: skip
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.kept.board import Board
from mesh.kept.chains import ROOT_MODULUS, Chains
from mesh.kept.digest import BEGINNING, Cursor, Digest, brief, lacking, summarise_aside
from mesh.letters.messages import Kept
from mesh.rejections import Rejection
from mesh.roll.membership import Roll

SERVICE_SYNC: Final = "mesh.sync"
SERVICE_PUSH: Final = "mesh.push"
TOOK_NEWS: Final = b"\x01"
TOOK_NOTHING: Final = b"\x00"
OWN_BATCH_MAX: Final = 1024
IN_FULL_MAX: Final = 96
"""Authors that one question names in full, up to 3 KB each: it must fit a frame. The others' turn
comes with the next sync, for the roots still differ."""
ROUNDS_MAX: Final = 4096
"""Of one sync, a quarter of a megabyte each. A peer that always has more is cut off."""

LookUp: TypeAlias = Callable[[NodeId, Instant], list[MeshEffect]]
Reap: TypeAlias = Callable[[Harvest, Instant], list[MeshEffect]]


@dataclass(slots=True)
class _Sync:
    """A conversation with one peer. `own_after`: how far it has shown us our own log."""

    peer: NodeId
    own_after: Cursor = BEGINNING
    whole: dict[NodeId, None] = field(default_factory=dict)
    """Authors whose blocks did not link: we claim to have nothing, and get the log from its
    beginning (mesh/kept/lineage.py: an aside)."""
    in_full: dict[NodeId, None] = field(default_factory=dict)
    """Authors of whom the peer knows more than we do: we name all that we have of them."""
    gained: bool = False
    rounds: int = 0
    push: list[Item] = field(default_factory=list)
    pushing: bool = False


class Reconciler:
    """When to talk to whom, and the talking itself."""

    def __init__(
        self, own: NodeId, config: MeshConfig, roll: Roll, board: Board, chains: Chains,
        intake: Intake, refused: Counter[Rejection | str],
    ) -> None:  # fmt: skip
        self._own = own
        self._config = config
        self._roll = roll
        self._board = board
        self._chains = chains
        self._intake = intake
        self._refused = refused
        self._inquiries = Inquiries(config.sync_after, config.sync_calls_max)
        self.tempo = self._inquiries.tempo
        self._roots, self._unasked = self._inquiries.roots, self._inquiries.unasked
        self.look_up: LookUp = _nobody
        """Pings a peer, for its root. The lookout's, as soon as there is one."""
        self._answered: dict[NodeId, None] = {}
        self._calls: dict[int, _Sync] = {}
        self._next_call = 1

    @property
    def root(self) -> int:
        """Our state in 64 bits."""
        return (self._board.root + self._chains.root) % ROOT_MODULUS

    @property
    def next_wake(self) -> Instant | None:
        return self._inquiries.next_wake(len(self._calls))

    def rise(self) -> None:
        """A new run of ours: everybody is asked about our own log again."""
        self._answered.clear()
        self._roots.begin_again()

    # When --------------------------------------------------------------------------------------

    def met(self, peer: NodeId, now: Instant) -> None:
        """A session has been opened."""
        if peer not in self._answered:
            self._inquiries.met(peer, now)

    def gone(self, peer: NodeId) -> None:
        """`peer` is on no roll any more: nothing to ask it, and nothing it said counts."""
        self._inquiries.gone(peer)
        self._answered.pop(peer, None)

    def kept_of(self, peer: NodeId) -> Kept:
        """What we keep of the log of `peer`, for its own ears."""
        head = self._chains.head(peer)
        digest = b"" if head is None else head.hash
        return Kept(self.root, self._chains.length(peer), digest, self._chains.is_alone(peer))

    def heard_kept(self, peer: NodeId, kept: Kept, now: Instant) -> list[MeshEffect]:
        """`peer` says what it keeps of our own log, and what its state adds up to."""
        self.heard_root(peer, kept.root, now)
        if peer not in self._unasked:
            return []
        block = self._chains.block(self._own, kept.length - 1)
        ours = kept.length == 0 or (block is not None and block.hash == kept.head)
        if not (ours and kept.alone):
            self.urge(peer, now)
            return []
        effects = self._has_shown_all(peer)
        self.heard_root(peer, kept.root, now)  # now it need not be asked for our log as well
        return effects

    def urge(self, peer: NodeId, at: Instant) -> None:
        """Sync with `peer` at `at`, or sooner if that was planned."""
        self._inquiries.urge(peer, at)

    def gap(self, peer: NodeId, at: Instant) -> None:
        """`peer` has what we lack, whatever its root was when we last heard it: sync at `at`."""
        self._inquiries.gap(peer, at)

    def heard_root(self, peer: NodeId, root: int, now: Instant) -> None:
        """`peer` says what its state adds up to."""
        self._inquiries.heard_root(peer, root, self.root, now)

    def wake(self, now: Instant) -> list[MeshEffect]:
        """Start the syncs that are due, as far as there are calls to spare."""
        effects: list[MeshEffect] = []
        members = self._roll.size
        while True:
            calling = [sync.peer for sync in self._calls.values()]
            due = self._inquiries.next(calling, len(calling), self.root, members, now)
            if due is None:
                return effects
            if due.lookup:
                effects += self.look_up(due.peer, now)
            else:
                effects += self._ask(_Sync(due.peer), now)

    # Asking ------------------------------------------------------------------------------------

    def answered(
        self, call_id: int, body: bytes | None, now: Instant, reap: Reap
    ) -> list[MeshEffect]:
        """A call came back, or failed (`body` None). Foreign call ids are nobody's."""
        sync = self._calls.pop(call_id, None)
        if sync is None:
            return []
        self._inquiries.returned(now)
        if body is None:
            return self._failed(sync, now)
        if sync.pushing:
            sync.gained = sync.gained or body == TOOK_NEWS
            return self._push(sync, now)
        parcel = parse_parcel(body)
        if parcel is None:
            self._refused["sync: an answer that cannot be read"] += 1
            return self._failed(sync, now)
        return self._unpack(sync, parcel, now, reap)

    def push(self, peer: NodeId, items: Iterable[Item], now: Instant) -> list[MeshEffect]:
        """Give `peer` these at once: news too big to travel as a rumour."""
        return self._push(_Sync(peer, push=list(items), gained=True), now)

    def _ask(self, sync: _Sync, now: Instant) -> list[MeshEffect]:
        sync.rounds += 1
        in_full = {self._own: None, **sync.in_full, **sync.whole}
        digest = brief(self._board, self._chains, in_full)
        whole = {author: summarise_aside(self._chains, author) for author in sync.whole}
        logs = {**digest.logs, **whole}
        body = question_bytes(Digest(digest.facts, logs, digest.marks), sync.own_after)
        return self._call(sync, SERVICE_SYNC, body, now)

    def _unpack(self, sync: _Sync, parcel: Parcel, now: Instant, reap: Reap) -> list[MeshEffect]:
        harvest = Harvest()
        take_parcel(parcel, sync.peer, self._intake, harvest)
        _spare_strangers(harvest, sync.peer)
        effects = reap(harvest, now)
        advanced = bool(harvest.news) or bool(parcel.own or parcel.own_bases) or harvest.aside
        sync.gained = sync.gained or bool(harvest.news)
        if harvest.spoiled or sync.rounds >= ROUNDS_MAX:
            return effects + self._failed(sync, now)
        doubted = [author for author in harvest.gaps if author not in sync.whole]
        doubted = doubted[: max(0, IN_FULL_MAX - len(sync.whole))]
        sync.whole |= dict.fromkeys(doubted)
        if parcel.own_next is not None:
            sync.own_after = parcel.own_next
        known_better = self._known_better(sync, parcel.lacks)
        sync.in_full |= dict.fromkeys(known_better)
        more = (parcel.more or parcel.own_next is not None) and advanced
        if doubted or known_better or more:
            return effects + self._ask(sync, now)
        return effects + self._finish(sync, parcel, now)

    def _known_better(self, sync: _Sync, lacks: Digest | None) -> list[NodeId]:
        """Authors of whom the peer has something newer than we have, and has not sent it yet."""
        if lacks is None:
            return []
        rows = Digest(lacks.facts, lacks.logs)
        newer = lacking(rows, self._board, self._chains).authors()
        unnamed = [one for one in newer if one not in sync.in_full and one != self._own]
        return unnamed[: max(0, IN_FULL_MAX - len(sync.in_full))]

    def _has_shown_all(self, peer: NodeId) -> list[MeshEffect]:
        self._unasked.pop(peer, None)
        if peer in self._answered:
            return []
        self._answered[peer] = None
        return [PeerAnsweredForOurLog(peer)]

    def _finish(self, sync: _Sync, parcel: Parcel, now: Instant) -> list[MeshEffect]:
        effects: list[MeshEffect] = []
        if parcel.own_next is None:
            effects += self._has_shown_all(sync.peer)
        if parcel.lacks is not None:
            theirs = parcel.lacks
            sync.push = list(
                items_for(theirs, sync.peer, self._board, self._chains, only_named=True)
            )
        if sync.push:
            return effects + self._push(sync, now)
        self._rest(sync, now)
        return effects

    def _push(self, sync: _Sync, now: Instant) -> list[MeshEffect]:
        batch = within_budget(sync.push)
        del sync.push[: len(batch)]
        if not batch:
            self._rest(sync, now)
            return []
        sync.pushing = True
        body = parcel_bytes(batch, None, more=bool(sync.push), lacks=None)
        return self._call(sync, SERVICE_PUSH, body, now)

    def _failed(self, sync: _Sync, now: Instant) -> list[MeshEffect]:
        sync.push = []
        sync.gained = False
        self._rest(sync, now)
        return []

    def _rest(self, sync: _Sync, now: Instant) -> None:
        """The conversation is over. If it changed nothing, do not begin it again too soon."""
        pause = now + self._config.sync_pause
        if not sync.gained:
            self._roots.futile(sync.peer, self.root, pause)
        if sync.peer in self._unasked:
            self.urge(sync.peer, pause)

    def _call(self, sync: _Sync, service: str, body: bytes, now: Instant) -> list[MeshEffect]:
        member = self._roll.member(sync.peer)
        if member is None or not member.addresses:
            return self._failed(sync, now)
        call_id = self._next_call
        self._next_call += 2  # the odd numbers are the mesh's, the even ones the agent's
        self._calls[call_id] = sync
        deadline = now + self._config.sync_deadline
        return [Call(call_id, sync.peer, member.addresses, service, body, deadline)]

    # Answering ---------------------------------------------------------------------------------

    def serve_sync(self, peer: NodeId, body: bytes) -> bytes | None:
        """The parcel for `peer`'s digest; None when it cannot be read."""
        question = parse_question(body)
        if question is None:
            self._refused["sync: a question that cannot be read"] += 1
            return None
        digest, own_after = question
        lost = own_items(digest, peer, own_after or BEGINNING, self._chains)
        own = list(islice(lost, OWN_BATCH_MAX))
        own_batch = within_budget([item for item, _ in own])
        items = items_for(digest, peer, self._board, self._chains, only_named=False)
        budget = PARCEL_BYTES_MAX - sum(item.size for item in own_batch)
        batch, more = take_within(items, budget)
        own_next = own[len(own_batch) - 1][1] if own_batch else None
        lacks = within(lacking(digest, self._board, self._chains), DIGEST_BYTES_MAX)
        return parcel_bytes([*own_batch, *batch], own_next, more=more, lacks=lacks)

    def serve_push(
        self, peer: NodeId, body: bytes, now: Instant, reap: Reap
    ) -> tuple[list[MeshEffect], bytes]:
        """Take what `peer` pushes, and the answer: whether any of it was news."""
        parcel = parse_parcel(body)
        if parcel is None:
            self._refused["sync: a parcel that cannot be read"] += 1
            return [], TOOK_NOTHING
        harvest = Harvest()
        take_parcel(parcel, peer, self._intake, harvest)
        _spare_strangers(harvest, peer)
        return reap(harvest, now), TOOK_NEWS if harvest.news else TOOK_NOTHING


def _nobody(peer: NodeId, now: Instant) -> list[MeshEffect]:
    raise AssertionError(f"nobody can look up {peer.hex()} at {now} yet")


def take_parcel(parcel: Parcel, sender: NodeId, intake: Intake, harvest: Harvest) -> None:
    """Everything in the parcel, in order, up to the first thing that is bad."""
    intake.novelties.met(sender, Novelty.ITEM, parcel.strange)
    for fact in parcel.facts:
        if not harvest.spoiled:
            intake.fact(fact, harvest)
    for pair in parcel.forks:
        if not harvest.spoiled:
            intake.fork(pair, harvest)
    for base in (*parcel.own_bases, *parcel.bases):
        if not harvest.spoiled:
            intake.base(base, sender, harvest)
    for block in (*parcel.own, *parcel.blocks):
        if not harvest.spoiled:
            intake.block(block, sender, harvest)


def _spare_strangers(harvest: Harvest, peer: NodeId) -> None:
    """Acknowledge only to `peer`, which handed us its own blocks. Other authors' came through it,
    mostly old ones; a node that gets a thousand logs owes nobody a thousand letters."""
    harvest.stored = {author: at for author, at in harvest.stored.items() if author == peer}


def within_budget(items: list[Item]) -> list[Item]:
    """As many from the front as one parcel takes; one at least."""
    return take_within(iter(items), PARCEL_BYTES_MAX)[0]


def take_within(items: Iterable[Item], budget_bytes: int) -> tuple[list[Item], bool]:
    """(as many as fit, at least one; whether there was more)."""
    taken: list[Item] = []
    spent = 0
    for item in items:
        if taken and spent + item.size > budget_bytes:
            return taken, True
        taken.append(item)
        spent += item.size
    return taken, False
