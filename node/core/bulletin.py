"""The bulletin: what happens, as events that a person or a log may want to know.

Each has a kind from the catalogue, a sentence, and whom it is about; how many there were of each
kind is counted. Nothing is decided here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final

import msgspec

from ledger.entries import (
    Adopted,
    Closed,
    Expired,
    Extended,
    Owed,
    Posted,
    Reclaimed,
    Released,
    Shrunk,
    Started,
    Transferred,
    Voided,
    read_entry,
)
from ledger.entries.gangs import GangCompleted, GangEnded
from mesh.effects import PeerChange
from mesh.identity import NodeId, id_text
from mesh.instant import Instant
from mesh.logs import Base, Block
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.effects import Effect, Event
from node.core.floods import Floods
from node.core.health import rejections
from node.core.phrases import amount_of
from node.core.picture.knowledge import Knowledge
from node.core.reserving.abroad import Abroad, Seen, how_it_ended

CHANGES: Final = (
    Posted, Started, Adopted, Owed, Extended, Shrunk, Transferred, Released, Reclaimed,
    Expired, Voided, Closed, GangCompleted, GangEnded,
)  # fmt: skip

WORTH_TELLING: Final = tuple(msgspec.msgpack.encode(kind.__struct_config__.tag) for kind in CHANGES)
"""How an entry goes on behind its first byte, for those that begin, change or end a grant."""


class Bulletin:
    """Says what happened, with names."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.counts: Counter[str] = Counter()
        self._floods = Floods()
        self._abroad = Abroad(knowledge)

    def event(
        self, kind: str, sentence: str, node: NodeId | None = None, hold: bytes | None = None
    ) -> Event:
        """One event, counted."""
        self.counts[kind] += 1
        body: dict[str, Any] = {}
        if node is not None:
            body |= {"node": self._knowledge.name_of(node), "id": id_text(node)}
        if hold is not None:
            body["hold"] = hold.hex()
        return Event(kind, sentence, body)

    def watch(self, now: Instant) -> list[Event]:
        """What nobody tells us, and a look now and then shows."""
        events = []
        if (seen := self._knowledge.company.news(now)) is not None:
            events.append(self.event(seen.sight.value, seen.sentence))
        events += [
            self.event("alarm.lapses-soon", seen.sentence, node=seen.owner, hold=seen.hold)
            for seen in self._abroad.watch(now)
        ]
        if self._floods.is_due(now):
            for flood in self._floods.look(rejections(self._knowledge), now):
                told = (
                    f"{flood.refused} refused in {flood.seconds} s, because they are {flood.cause}"
                )
                event = self.event("refused.flood", told)
                events.append(replace(event, body={"cause": flood.cause, "count": flood.refused}))
        return events

    def written(self, block: Block) -> list[Event]:
        """Grants that began or ended with a block of our own, now that it is durable."""
        return [event for raw in block.entries if (event := self._of_entry(raw)) is not None]

    def _of_entry(self, raw: bytes) -> Event | None:
        if not raw.startswith(WORTH_TELLING, 1):
            return None
        entry = read_entry(raw)
        match entry:
            case Posted(hold):
                return self._granted("granted", hold)
            case Adopted(id=hold):
                return self._granted("taken up again", hold)
            case Started(hold):
                return self._granted("started, as planned", hold)
            case Transferred(id=hold):
                return self._granted("handed on", hold)
            case Extended(hold):
                return self._changed("lasts longer", hold)
            case Shrunk(hold):
                return self._changed("takes less", hold)
            case Owed(hold, _, reason):
                sentence = f"forced, beyond what it may or the machine has: {reason}"
                return self.event("hold.forced", sentence, hold=hold)
            case Released() | Reclaimed() | Expired() | Voided() | Closed():
                self._knowledge.ends.heard(entry.id, self._knowledge.now)
                return self.event("hold.ended", how_it_ended(entry), hold=entry.id)
            case GangCompleted() | GangEnded():
                return self._of_gang(entry)
            case _:
                raise AssertionError("its tag said that it begins or ends a grant")

    def _granted(self, how: str, hold: bytes) -> Event:
        sentence = f"{how}: {self.words(self._knowledge.us, hold)}"
        return self.event("hold.granted", sentence, hold=hold)

    def _changed(self, how: str, hold: bytes) -> Event:
        sentence = f"{how}: {self.words(self._knowledge.us, hold)}"
        return self.event("hold.changed", sentence, hold=hold)

    def words(self, owner: NodeId, hold: bytes) -> str:
        """What a hold is, for a line: `ram 1 GiB for train (ann)`."""
        books = self._knowledge.books(owner)
        live = None if books is None else books.live.get(hold) or books.plans.get(hold)
        if live is None:
            return "it has ended again already"
        legs = " + ".join(f"{leg.pool} {amount_of(leg.amount, leg.pool)}" for leg in live.legs)
        what = f" for {live.label}" if live.label else ""
        return f"{legs}{what} ({self._knowledge.name_of(NodeId(live.holder))})"

    def _of_gang(self, entry: GangCompleted | GangEnded) -> Event:
        name = entry.gang.hex()
        if isinstance(entry, GangEnded):
            event = self.event("gang.ended", f"gang {name[:10]} is over: {entry.why}")
        else:
            sentence = f"gang {name[:10]} stands: every node of it has confirmed"
            event = self.event("gang.complete", sentence)
        return replace(event, body={"gang": name})

    def peer(self, node: NodeId, change: PeerChange, detail: str) -> Event:
        """A member of the roll changed."""
        return self.event(f"peer.{change.name.lower()}", detail, node=node)

    def extended(self, author: NodeId, blocks: tuple[Block, ...], now: Instant) -> list[Event]:
        """An author's log goes on; our own, told again, we folded when we wrote it."""
        if author == self._knowledge.us:
            return []
        problem = self._knowledge.log_extended(author, blocks, now)
        if problem is not None:
            return [self.frozen(author, problem)]
        return self._over(self._abroad.ended(author, blocks, now))

    def _over(self, ended: Sequence[Seen]) -> list[Event]:
        """Holds of ours elsewhere that are no more."""
        return [
            self.event("hold.ended", seen.sentence, node=seen.owner, hold=seen.hold)
            for seen in ended
        ]

    def cut(
        self, author: NodeId, chain: tuple[Block, ...], base: Base | None, now: Instant
    ) -> list[Event]:
        """An author's log goes on below its old head, or we were given it from a checkpoint on."""
        if author == self._knowledge.us:
            return []
        books, held = self._knowledge.books(author), self._abroad.held(author)
        before = None if books is None else books.era
        problem = self._knowledge.log_cut(author, chain, base, now)
        if problem is not None:
            return [self.frozen(author, problem)]
        books = self._knowledge.books(author)
        new = books is not None and before is not None and books.era != before
        over = self._over(self._abroad.gone(author, held))
        return [*over, self.new_era(author)] if new else over

    def frozen(self, author: NodeId, problem: str) -> Event:
        """An author's log does not add up."""
        sentence = f"{self._knowledge.name_of(author)}: {problem}"
        return self.event("ledger.frozen", sentence, node=author)

    def new_era(self, author: NodeId) -> Event:
        """An author's log was cut and goes on."""
        sentence = f"{self._knowledge.name_of(author)} began a new era of its log"
        return self.event("ledger.new_era", sentence, node=author)

    def forked(self, author: NodeId, first: Block) -> Event:
        """An author signed two histories."""
        self._knowledge.replicas.freeze(author, "two signed blocks at one height")
        sentence = (
            f"{self._knowledge.name_of(author)} signed two different blocks at height "
            f"{first.height}: its log is frozen and nothing is placed there"
        )
        return self.event("ledger.fork", sentence, node=author)

    def cut_off(
        self, rows: Mapping[bytes, bytes], in_line: AbstractSet[bytes] = frozenset()
    ) -> list[Effect]:
        """Requests that a crash of ours cut off: named, so that they can be asked about, and
        forgotten. `in_line`: what was only waited for."""
        effects: list[Effect] = []
        for hold in sorted(rows.keys() - in_line):
            owner = self._knowledge.name_of(NodeId(rows[hold]))
            sentence = (
                f"a request to {owner} was under way when this agent stopped; if it was granted, "
                f"`holdfast holds` shows {hold.hex()[:12]}"
            )
            effects.append(self.event("request.unknown", sentence, hold=hold))
            effects.append(Persist((Write(SPACE_ASK, hold, None),)))
        return effects
