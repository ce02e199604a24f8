"""One shared view: real books and the real placement, and no network between them.

Every asker sees every owner's books as they are at that instant, and every answer comes at once. So
a day costs what happens in it, not what its seconds cost: nothing is computed for time in which
nobody asks and nothing ends. What gossip, streams and disks would add (milliseconds, while all is
well) is left out, and the output says so.
"""

import hashlib
import heapq
from collections.abc import Callable, Mapping, Sequence
from random import Random

from ledger.commands import (
    HOLD_ID_BYTES,
    Answer,
    GrantKind,
    Hold,
    Outcome,
    Post,
    Release,
    Void,
)
from mesh.identity import NodeId, id_text, parse_id
from mesh.instant import Instant
from node.core.choosing import request_of
from node.core.names import find_node
from node.core.outlook import legs_of
from node.core.picture.view import Picture
from node.core.requests import Refused
from placement.decide import decide, listed
from placement.decision import Decision, Fit
from placement.judging.columns import Prepared, prepare, redraw
from placement.request import Objective, Request
from simulations.invented.described import Described
from simulations.whatif.demand import Job, Kind
from simulations.whatif.ground import ENDS, Answered, NoRoom, Placed
from simulations.whatif.owner import Owner


class SharedView:
    """Owners, the one picture that everybody has of them, and what is still to come."""

    def __init__(self, seed: int, machines: Sequence[Described]) -> None:
        self.now: Instant = 0
        self.changed: Callable[[], None] = lambda: None
        self.touched: Callable[[str], None] = lambda _: None
        """Hears of each machine whose books have moved."""
        self.owners = {machine.name: Owner(seed, machine) for machine in machines}
        self._by_id = {owner.identity.id: owner for owner in self.owners.values()}
        self._names = {node: owner.machine.name for node, owner in self._by_id.items()}
        self._seed = seed
        self._heap: list[tuple[Instant, int, int, int, Callable[[], None]]] = []
        self._set = 0
        self._wakes: dict[str, Instant] = {}
        self._picture = Picture()
        self._prepared: Prepared | None = None
        self._sources = {name: owner.sources() for name, owner in self.owners.items()}
        self._requests: dict[tuple[str, NodeId], Request] = {}
        self._decided: dict[tuple[str, str | None], tuple[Prepared, Decision]] = {}
        self._tries = 0

    # Time ----------------------------------------------------------------------------------------

    def at(self, when: Instant, rank: int, number: int, what: Callable[[], None]) -> None:
        """See `Ground`."""
        assert when >= self.now, "time does not go back"
        self._set += 1
        heapq.heappush(self._heap, (when, rank, number, self._set, what))

    def run(self, until: Instant, passed: Callable[[Instant], object]) -> None:
        """Let everything happen that comes before `until`."""
        while self._heap and self._heap[0][0] < until:
            self.now, _, _, _, what = heapq.heappop(self._heap)
            passed(self.now)
            what()
        self.now = until

    # Asking --------------------------------------------------------------------------------------

    def prepared(self) -> Prepared:
        """The picture of now, with its columns laid out."""
        if self._prepared is None:
            self._prepared = prepare(self._picture.draw(list(self._sources.values())))
        return self._prepared

    def request(self, job: Job) -> Request:
        """What `job` asks for, from where it sits. Raises Refused."""
        return self.request_of(job.kind, self._asker(job))

    def request_of(self, kind: Kind, asker: NodeId) -> Request:
        """What `kind` asks for at `asker`'s machine. Raises Refused."""
        key = (kind.name, asker)
        if key not in self._requests:
            request = request_of(kind.ask, asker)
            if request.node is not None:
                request = request.but(node=id_text(find_node(request.node, self._names)))
            self._requests[key] = request
        return self._requests[key]

    def asker_of(self, kind: Kind, number: int) -> NodeId:
        """Where the `number`-th job is asked for. Raises Refused when nobody knows the place."""
        if kind.sits_at:
            return find_node(kind.sits_at, self._names)
        return Random(f"{self._seed}/asks/{number}").choice(list(self._names))

    def _asker(self, job: Job) -> NodeId:
        return self.asker_of(job.kind, job.number)

    def ask(self, job: Job, answered: Answered) -> None:
        """See `Ground`: the errand of `node/core/reserving/asking.py`, with nobody between."""
        try:
            request = self.request(job)
        except Refused as refused:
            answered(NoRoom(None, str(refused)))
            return
        decision = self._decide(job.kind, request)
        why = "no machine has room now"
        for fit in listed(decision):
            placed, why = self._hold(job, fit)
            if placed is not None:
                answered(placed)
                return
        answered(NoRoom(decision, why))

    def _decide(self, kind: Kind, request: Request) -> Decision:
        """Equal questions about one picture are decided once: `decide` is a pure function."""
        prepared = self.prepared()
        asker = request.asker if request.objective is Objective.LOCAL else None
        kept = self._decided.get((kind.name, asker))
        if kept is None or kept[0] is not prepared:
            kept = self._decided[kind.name, asker] = (prepared, decide(request, prepared))
        return kept[1]

    def _hold(self, job: Job, fit: Fit) -> tuple[Placed | None, str]:
        owner = self._by_id[parse_id(fit.node)]
        if not fit.legs:
            return None, "nothing was asked for that can be held"
        self._tries += 1
        name = f"{self._seed}/{job.number}/{self._tries}".encode()
        hold_id = hashlib.blake2b(name, digest_size=HOLD_ID_BYTES).digest()
        session = owner.ledger.session
        hold = Hold(
            hold_id, session, legs_of(fit.legs), GrantKind.BOOKING, job.term, job.kind.principal,
            job.kind.name[:120],
        )  # fmt: skip
        answer = owner.told(hold, self.now)
        if answer.outcome is Outcome.HELD:
            answer = owner.told(Post(hold_id, session), self.now)
            if answer.outcome is not Outcome.POSTED:
                owner.told(Void(hold_id, session), self.now)
        self._moved(owner)
        if answer.outcome is not Outcome.POSTED:
            return None, f"{fit.name} refused: {_detail(answer)}"
        return Placed(fit.name, hold_id, tuple(fit.legs)), ""

    def give_back(self, placed: Placed) -> None:
        """See `Ground`. What has run out by itself is gone already."""
        owner = self.owners[placed.machine]
        owner.told(Release(placed.hold, owner.ledger.session), self.now)
        self._moved(owner)
        self.changed()

    # What follows --------------------------------------------------------------------------------

    def _moved(self, owner: Owner) -> None:
        """Its books may say something else now: everybody sees it, and its next deadline is set."""
        name = owner.machine.name
        fresh = owner.sources()
        if fresh.log != self._sources[name].log:
            self._sources[name] = fresh
            view = self._picture.draw(list(self._sources.values()))
            if self._prepared is not None:
                self._prepared = redraw(self._prepared, view)
            self.touched(name)
        due = owner.ledger.next_wake
        if due is not None and self._wakes.get(name) != due:
            self._wakes[name] = due
            self.at(max(due, self.now), ENDS, 0, lambda: self._wake(owner, due))

    def _wake(self, owner: Owner, due: Instant) -> None:
        name = owner.machine.name
        if self._wakes.get(name) == due:
            del self._wakes[name]
            blocks = owner.blocks
            owner.wake(self.now)
            self._moved(owner)
            if owner.blocks != blocks:
                self.changed()

    # Figures -------------------------------------------------------------------------------------

    def promised(self, machine: str) -> Mapping[str, int]:
        """See `Gauge`."""
        books = self.owners[machine].ledger.books
        return {pool: books.capacity(pool) - books.free(pool) for pool in books.pools}

    def rooms(self, machine: str) -> Mapping[str, int | None]:
        """See `Gauge`."""
        return self.owners[machine].ledger.rooms()


def _detail(answer: Answer) -> str:
    return answer.detail or answer.outcome.value
