"""Ten thousand nodes for ledger and placement, over one shared view: no mesh, no datagrams.

A mesh of ten thousand is beyond what each of its nodes could know of each other in one process.
What can be tried at that size is everything above the mesh: every node's real ledger, its own books
and deadlines, and the real decision over one picture of all of them, drawn anew row by row as the
books change. Somebody asks, a node is chosen, the hold is made and confirmed by its owner, and ends
by itself when it is not renewed, or is given back; all in virtual time, from one seed.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Final

from ledger.commands import (
    HOLD_ID_BYTES,
    TTL_MAX,
    Answer,
    Command,
    GrantKind,
    Hold,
    Leg,
    Outcome,
    Post,
    Release,
    sign_command,
)
from ledger.effects import Append, Fence, LedgerEffect, Reply
from ledger.limits import Limits
from ledger.machine import Ledger
from ledger.observations import CapacitySeen, Continuity, Fenced, PoolReading
from mesh.identity import NONCE_BYTES, Epoch, id_text
from mesh.instant import SECOND, Duration, Instant
from placement.decide import decide
from placement.judging.columns import Prepared, prepare, redraw
from placement.request import Request
from placement.view import ClusterView, NodeView, PoolView
from simulations.invented.hardware import GIB
from simulations.invented.signatures import STAND_IN, StandIn, identity

POOL: Final = "ram"
SIZES: Final = (16, 32, 64, 128, 256)
"""GiB of memory, one of them for each node."""
ASKED: Final = (1, 2, 4, 8)
"""GiB, one of them for each request."""
GIVEN_BACK_AFTER: Final[Duration] = 20 * SECOND
"""By half of those who were granted something; the others let their lease of TTL_MAX run out."""


class Owner:
    """One node: its ledger, and its row in the picture."""

    def __init__(self, number: int, draw: Callable[[int], bytes], total: int) -> None:
        self.signer = identity(draw(32), STAND_IN)
        self.epoch = Epoch(1, draw(NONCE_BYTES))
        self.total = total
        self.ledger = Ledger(
            self.signer, self.epoch, (), {}, Continuity(False, "a first start"),
            first=True, fingerprint=None, limits=Limits(), random=Random(number),
        )  # fmt: skip
        self.blocks = 0
        pool = PoolView(POOL, "ram", "bytes", total, total, "open", "RAM")
        self.row = NodeView(
            id=id_text(self.signer.id), name=f"node-{number}", liveness="alive", standing="open",
            os="linux", arch="x86_64", pools=(pool,), devices=(), tools=frozenset({"git"}),
        )  # fmt: skip
        self.wake_set: Instant | None = None

    def readings(self) -> CapacitySeen:
        """Its machine is empty but for what was granted, and grants use nothing."""
        return CapacitySeen((PoolReading(POOL, self.total, 0, self.total, {}),))

    def settle(self, effects: Sequence[LedgerEffect], now: Instant) -> list[Answer]:
        """Fence what ends (nothing runs here), seal, and hand out the answers."""
        out = list(effects)
        for effect in out:  # grows as fencing tells more
            if isinstance(effect, Fence):
                out += self.ledger.report(Fenced(effect.hold, gone=True), now)
        while sealed := self.ledger.seal(now):
            out += sealed
            self.blocks += sum(isinstance(effect, Append) for effect in sealed)
        return [effect.answer for effect in out if isinstance(effect, Reply)]


class OneView:
    """All of them, the picture that they share, and virtual time."""

    def __init__(self, nodes: int, requests_per_second: int, seed: int) -> None:
        self.now: Instant = 0
        self.granted = 0
        self.refused = 0
        self._dice = Random(f"{seed}/one view")
        self._asker = identity(self._dice.randbytes(32), STAND_IN)
        self._heap: list[tuple[Instant, int, Callable[[], None]]] = []
        self._count = 0
        self._spacing = SECOND // requests_per_second
        draw = self._dice.randbytes
        self.owners = [
            Owner(number, draw, self._dice.choice(SIZES) * GIB) for number in range(nodes)
        ]
        self._place = {owner.row.id: place for place, owner in enumerate(self.owners)}
        for owner in self.owners:
            effects = owner.ledger.boot(0) + owner.ledger.report(owner.readings(), 0)
            owner.settle(effects, 0)
            self._plan_wake(owner)
        self._prepared: Prepared = prepare(ClusterView(tuple(one.row for one in self.owners)))
        self._at(0, self._request)

    def run(self, duration: Duration) -> None:
        """Let `duration` pass."""
        end = self.now + duration
        while self._heap and self._heap[0][0] <= end:
            self.now, _, what = heapq.heappop(self._heap)
            what()
        self.now = end

    def _at(self, delay: Duration, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (self.now + delay, self._count, what))

    # People --------------------------------------------------------------------------------------

    def _request(self) -> None:
        self._at(self._spacing, self._request)
        amount = self._dice.choice(ASKED) * GIB
        decision = decide(Request(ram_bytes=amount), self._prepared)
        if decision.chosen is None:
            self.refused += 1
            return
        owner = self.owners[self._place[decision.chosen.node]]
        name, session = self._dice.randbytes(HOLD_ID_BYTES), owner.epoch.nonce
        legs = (Leg(POOL, amount),)
        hold = Hold(name, session, legs, GrantKind.CARRIED, TTL_MAX, "bench", "one view")
        held = self._tell(owner, hold)
        posted = held.outcome.positive and self._tell(owner, Post(name, session)).outcome.positive
        self.granted += posted
        self.refused += not posted
        if posted and self._dice.random() < 0.5:
            self._at(GIVEN_BACK_AFTER, partial(self._give_back, owner, Release(name, session)))

    def _give_back(self, owner: Owner, release: Release) -> None:
        answer = self._tell(owner, release)
        assert answer.outcome.positive, f"a grant could not be given back: {answer}"

    def _tell(self, owner: Owner, command: Command) -> Answer:
        signed = sign_command(self._asker, owner.signer.id, command)
        (answer,) = owner.settle(owner.ledger.ask(0, signed, self.now), self.now)
        assert answer.outcome is not Outcome.WRONG_SESSION, "the view is of another start"
        self._changed(owner)
        return answer

    # Owners --------------------------------------------------------------------------------------

    def _wake(self, owner: Owner, wanted: Instant) -> None:
        if owner.wake_set != wanted:
            return
        owner.wake_set = None
        owner.settle(owner.ledger.wake(self.now), self.now)
        self._changed(owner)

    def _changed(self, owner: Owner) -> None:
        self._plan_wake(owner)
        room = owner.ledger.rooms()[POOL]
        (pool,) = owner.row.pools
        if pool.room == room:
            return
        owner.row = replace(owner.row, pools=(replace(pool, room=room),))
        nodes = list(self._prepared.view.nodes)
        nodes[self._place[owner.row.id]] = owner.row
        self._prepared = redraw(self._prepared, ClusterView(tuple(nodes)))

    def _plan_wake(self, owner: Owner) -> None:
        wanted = owner.ledger.next_wake
        if wanted is None or (owner.wake_set is not None and owner.wake_set <= wanted):
            return
        owner.wake_set = wanted
        self._at(max(0, wanted - self.now), partial(self._wake, owner, wanted))


def check_one_view(view: OneView) -> None:
    """The picture says of each pool what its owner's books say, and nobody promised too much."""
    for owner in view.owners:
        (pool,) = owner.row.pools
        room = owner.ledger.rooms()[POOL]
        assert pool.room == room, f"{owner.row.name} is drawn with other room than it has"
        granted = sum(leg.amount for hold in owner.ledger.books.live_holds() for leg in hold.legs)
        assert granted + (room or 0) == owner.total, f"{owner.row.name}: {granted} and {room}"
    assert isinstance(view.owners[0].signer, StandIn), "real signatures would be measured"
