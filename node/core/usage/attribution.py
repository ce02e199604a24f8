"""Attribution: what runs on this machine, held against what was promised.

The books know promises, the probes know use, and neither knows the other. Here they meet, sample by
sample: which process belongs to which hold (`ties`), which promises the machine could not keep just
now (`dangers`), which stand unused (`idling`), what such work took before (`remembering`); and
whether another node says that it owns what we say we own (`rivals`). But for that last one nothing
here changes what is granted: room is worked out from the probes' own figures, in
`ledger/granting/room.py`.

What endangers a hold is told twice, by its owner's agent and by its holder's: each works it out
from the figures that it has, so that no alarm can be lost on the way.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from ledger.observations import Contested, Observation
from ledger.owner.standings import KEEPING
from mesh.effects import PeerChange
from mesh.facts import Fact
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant
from mesh.persistence import SPACE_HISTORY, SPACE_META, SPACE_TIE, SPACE_WORK
from node.core.bulletin import Bulletin
from node.core.effects import Effect, Event, Look, Watch
from node.core.errands import Errands
from node.core.picture.dangers import Dangers, Told, dangers
from node.core.picture.idling import TOPIC_USE, IdleFact, idle_sentence
from node.core.picture.knowledge import Knowledge
from node.core.picture.past import TOPIC_HISTORY, encode_past
from node.core.picture.reports import InventoryRead, Sampled, WorkEnded
from node.core.picture.self_image import Statement
from node.core.picture.topics import TOPIC_INVENTORY, TOPIC_LIVE, How, Inventory
from node.core.processes import Process
from node.core.usage.remembering import KINDS, Remembering
from node.core.usage.rivals import CHANGES, SETTLED, Rivals
from node.core.usage.succession import (
    META_ANCESTORS,
    META_DENIED,
    ancestors_row,
    restore_ancestors,
    restore_denied,
)
from node.core.usage.ties import Ties, holder_of
from placement.history import NOTHING

LOOK_EVERY: Final[Duration] = SECOND
"""A busy owner samples at every grant's end; its promises are compared with its use less often."""
FEW: Final = 64
"""Live holds up to which every sample is compared."""
NO_PAST: Final = encode_past(NOTHING)
"""Who never remembered anything has nothing to say of it."""
FOLLOWED_MAX: Final = 256
"""Processes known by their environment whose end is watched; how the others end nobody sees."""
UNPROVOKED: Final = (How.OUT_OF_MEMORY, How.CRASHED)
HEARD_MAX: Final = 1024
"""Holds of ours elsewhere that were called idle; beyond them nobody is told, and `holds` shows."""
ToBooks = Callable[[Observation, Instant], list[Effect]]
"""Our own ledger is told something of the world; what it wants done for that."""


class Attribution:
    """One agent's."""

    def __init__(
        self, knowledge: Knowledge, bulletin: Bulletin, errands: Errands, to_books: ToBooks
    ) -> None:
        self._knowledge = knowledge
        self._bulletin = bulletin
        self._errands = errands
        self._to_books = to_books
        self.ties = Ties()
        self.rivals = Rivals(knowledge)
        self.remembering = Remembering()
        self._past_told = b""
        self._followed: dict[Process, bytes] = {}
        """Processes that no word tied to a hold, but their environment: how they end is watched."""
        self._dangers = Dangers()
        self._idle_heard: dict[tuple[NodeId, bytes], int] = {}
        """Holds of ours elsewhere → for how many milliseconds they were last called idle."""
        self._looked_at: Instant | None = None

    def restore(self, saved: Mapping[str, Mapping[bytes, bytes]], now: Instant) -> list[Effect]:
        """Take up what an earlier start knew."""
        self.remembering.restore(saved.get(SPACE_WORK, {}), saved.get(SPACE_HISTORY, {}), now)
        meta = saved.get(SPACE_META, {})
        restore_denied(self.rivals, meta.get(META_DENIED, b""))
        restore_ancestors(self.rivals, meta.get(META_ANCESTORS, b""))
        self.rivals.look()
        self._knowledge.contests = self.rivals.warnings()
        contested = self._to_books(Contested(tuple(self.rivals.contested)), now)
        return [*self.ties.restore(saved.get(SPACE_TIE, {})), *contested]

    # Our own machine -----------------------------------------------------------------------------

    def sampled(self, sample: Sampled, now: Instant) -> list[Effect]:
        """A live look came in."""
        knowledge = self._knowledge
        knowledge.running, knowledge.now = sample.running, now
        contest = self._contest(now)
        books = knowledge.ledger.books
        if knowledge.ledger.standing[0] not in KEEPING:
            return contest  # in doubt: what these books do not show may still be found
        if len(books.live) > FEW and not self._is_due(now):
            return contest
        self._looked_at = now
        effects: list[Effect] = [*contest, *self.ties.sift(books.live)]
        effects += self.remembering.look(sample.live, books.live, now)
        effects += self.remembering.wake(now)
        effects += self._follow(sample)
        us = knowledge.us
        present = dangers(books, sample.live)
        effects += [self._danger(us, told) for told in self._dangers.look(us, present)]
        unused = knowledge.idling.look(books.live_holds(), sample.live, now)
        facts = [(hold, knowledge.idle(us, books.live[hold])) for hold in unused]
        effects += [self._idle(us, hold, fact) for hold, fact in facts if fact is not None]
        return effects

    def _is_due(self, now: Instant) -> bool:
        return self._looked_at is None or now - self._looked_at >= LOOK_EVERY

    def described(self, hold: bytes, work: tuple[str, ...]) -> list[Effect]:
        """A hold of ours was granted, and says what work it is for."""
        return [*self.remembering.begins(hold, work)]

    def statements(self, now: Instant) -> list[Statement]:
        """What everyone should know of the use of our holds, and of past work, if it is news."""
        live = self._knowledge.ledger.books.live

        def held_for(hold: bytes) -> Duration | None:
            return self._knowledge.held_for(live[hold]) if hold in live else None

        fact = self._knowledge.idling.statement(held_for, now)
        told = [] if fact is None else [Statement(TOPIC_USE, msgspec.msgpack.encode(fact))]
        if self.remembering.news:
            self.remembering.news = False
            past = encode_past(self.remembering.history())
            if past != (self._past_told or NO_PAST):
                self._past_told = past
                told.append(Statement(TOPIC_HISTORY, past))
        return told

    def _follow(self, sample: Sampled) -> list[Watch]:
        """Processes that began under a hold which says what work it is for, and that nobody watches
        yet."""
        watches: list[Watch] = []
        carried = self._errands.carried
        for hold in sorted(sample.tops):
            if self.remembering.work_of(hold) is None:
                continue
            for process in sample.tops[hold]:
                known = process in self._followed or holder_of(process, self.ties, carried)
                if not known and len(self._followed) < FOLLOWED_MAX:
                    self._followed[process] = hold
                    watches.append(Watch(hold, process.pid, process.started))
        return watches

    def work_ended(self, ended: WorkEnded, now: Instant) -> list[Effect]:
        """A process of a hold is gone."""
        process, how = Process(ended.pid, ended.started), ended.how
        effects: list[Effect] = [*self.ties.ended(process)]
        if self._followed.pop(process, None) is not None and how not in UNPROVOKED:
            # One of many commands of a shell: that one failed or went well says nothing of the
            # work. Of a process that somebody named it does.
            how = How.UNKNOWN
        effects += self.remembering.ended(ended.hold, how, now)
        scope = self.remembering.work_of(ended.hold)
        if scope is not None and how in KINDS:
            work = ", ".join(word for word in scope if word)
            sentence = f"{work}: process {ended.pid} ended badly ({KINDS[how]})"
            effects.append(self._bulletin.event("work.failed", sentence, hold=ended.hold))
        return effects

    def forgive(self, workload: str) -> tuple[int, list[Effect]]:
        """A person says that failures of `workload` are over."""
        count, effects = self.remembering.forgive(workload)
        return count, [*effects, Look("what is remembered has changed")]

    # Who else says that it is theirs -------------------------------------------------------------

    def inventory_read(self, read: InventoryRead, now: Instant) -> list[Effect]:
        """Our own machine was looked at."""
        if not isinstance(read.inventory, Inventory):
            return []
        self.rivals.we_are(read.inventory)
        return self._contest(now)

    def changed(self, change: PeerChange, now: Instant) -> list[Effect]:
        """A member of the roll is thought of otherwise."""
        return self._contest(now) if change in CHANGES else []

    def settled(self, now: Instant) -> list[Effect]:
        """A person has said who is who."""
        return self._contest(now)

    def _contest(self, now: Instant) -> list[Effect]:
        begun, over = self.rivals.look()
        if not begun and not over:
            return []
        self._knowledge.contests = self.rivals.warnings()
        rivals = self.rivals
        told = {rivals.sentence(pool): rivals.is_ancestral(pool) for pool in begun}
        effects: list[Effect] = [
            self._bulletin.event("succession.possible", sentence)
            if ancestral
            else self._bulletin.event("alarm.contested", sentence)
            for sentence, ancestral in told.items()
        ]
        effects += [self._bulletin.event("pool.settled", f"{pool}: {SETTLED}") for pool in over]
        effects += [ancestors_row(rivals), Look("another node says that a pool of ours is its own")]
        return effects + self._to_books(Contested(tuple(rivals.contested)), now)

    # Other machines, as far as our holds are concerned -------------------------------------------

    def learned(self, fact: Fact, now: Instant) -> list[Effect]:
        """A node said something new of itself."""
        if fact.author == self._knowledge.us:  # what an earlier start of ours said, told back
            if fact.topic == TOPIC_USE:
                self._knowledge.idling.said_before(self._knowledge.use(fact.author))
            if fact.topic == TOPIC_HISTORY:
                self._past_told, self.remembering.news = fact.body, True
            return []
        if fact.topic == TOPIC_INVENTORY:
            self.rivals.told(fact.author)
            return self._contest(now)
        if fact.topic == TOPIC_LIVE:
            return self._seen_elsewhere(fact.author)
        if fact.topic == TOPIC_USE:
            return self._used_elsewhere(fact.author)
        return []

    def _seen_elsewhere(self, owner: NodeId) -> list[Effect]:
        ours = self._ours_at(owner)
        books, live = self._knowledge.books(owner), self._knowledge.live(owner)
        if books is None or live is None:
            return []
        present = [one for one in dangers(books, live) if one.hold in ours] if ours else []
        return [self._danger(owner, told) for told in self._dangers.look(owner, present)]

    def _used_elsewhere(self, owner: NodeId) -> list[Effect]:
        told, ours = self._knowledge.use(owner), self._ours_at(owner)
        idle = {} if told is None else told.idle
        heard = self._idle_heard
        for key in [key for key in heard if key[0] == owner and key[1].hex() not in idle]:
            del heard[key]
        events: list[Effect] = []
        for hold in ours:
            fact, before = idle.get(hold.hex()), heard.get((owner, hold), 0)
            if fact is not None and fact.idle_ms >= 2 * before and len(heard) < HEARD_MAX:
                heard[owner, hold] = fact.idle_ms
                events.append(self._idle(owner, hold, fact))
        return events

    def _ours_at(self, owner: NodeId) -> list[bytes]:
        """Our holds of another node's room, as far as its log shows them."""
        books = self._knowledge.books(owner)
        live = {} if books is None else books.live
        return sorted(hold for hold in live if live[hold].holder == self._knowledge.us)

    # What is told --------------------------------------------------------------------------------

    def _danger(self, owner: NodeId, told: Told) -> Event:
        danger = told.danger
        hold, words = danger.hold, self._words(owner, danger.hold)
        if not told.begins:
            sentence = f"{words}: no longer {danger.sort.value}"
            return self._bulletin.event("hold.safe", sentence, node=owner, hold=hold)
        sentence = f"{words}: {danger.sentence}"
        return self._bulletin.event(f"alarm.{danger.sort.value}", sentence, node=owner, hold=hold)

    def _idle(self, owner: NodeId, hold: bytes, fact: IdleFact) -> Event:
        sentence = f"{self._words(owner, hold)}: {idle_sentence(fact)}"
        return self._bulletin.event("hold.idle", sentence, node=owner, hold=hold)

    def _words(self, owner: NodeId, hold: bytes) -> str:
        """What a hold is and where, for a line: `ram 1 GiB for train (ann) on bob`."""
        return f"{self._bulletin.words(owner, hold)} on {self._knowledge.name_of(owner)}"
