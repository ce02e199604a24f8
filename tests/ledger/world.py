"""A small world around one owner: holders with beliefs, work that runs, a disk that may forget.

The holders keep their own discipline (belief counts from the first send, and who no longer believes
neither posts, renews nor resumes), so what they believe is what the owner has promised. Oracles are
checked at every boundary; each says which promise it guards.
"""

from dataclasses import dataclass, field
from random import Random

import msgspec

from ledger.commands import (
    Answer,
    Command,
    Extend,
    GrantKind,
    Hold,
    Leg,
    Outcome,
    Post,
    Release,
    Renew,
    Resume,
    Shrink,
    Transfer,
    Void,
)
from ledger.effects import Fence, LedgerEffect
from ledger.entries import Expired, Reclaimed, Released, decode_entry
from ledger.leases import holder_span
from ledger.lifecycle import HoldState
from ledger.observations import Fenced, PeersKnown
from ledger.proving.audit import check_books, verify_chain
from mesh.instant import MINUTE, SECOND, Instant
from tests.ledger.owner import UNPROVEN, Disk, Owner, hold_id, reading

CAPACITY = 100


@dataclass
class Holder:
    """One hold as its asker sees it."""

    number: int
    amount: int
    booking: bool
    term: int
    believes_until: Instant | None = None
    posted: bool = False
    receipts: tuple[bytes, ...] = ()
    sent: dict[str, Instant] = field(default_factory=dict)
    """When each kind of command was first sent: belief is counted from there."""
    ended: bool = False
    runs: bool = False
    parent: int | None = None
    returned: bool = False
    """Its room is its parent's again."""
    asked: Hold | Transfer | None = None
    """As it was first asked for: a retry says the same."""

    def believes(self, now: Instant) -> bool:
        return not self.ended and self.believes_until is not None and now < self.believes_until


class Bench(Owner):
    """An owner whose fences end the work of this world, and whose blocks are watched."""

    world: "World | None" = None

    def do(self, effects: list[LedgerEffect]) -> None:
        before = len(self.disk.chain)
        super().do([effect for effect in effects if not isinstance(effect, Fence)])
        if self.world is not None:
            self.world.watch(before)
        for effect in effects:
            if isinstance(effect, Fence):
                self.fenced.append(effect.hold)


class World:
    """One owner, many holders, and a clock."""

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)
        self.holders: dict[int, Holder] = {}
        self.said: dict[bytes, tuple[str, Outcome]] = {}
        self.owner = Bench(first=True)
        self.owner.world = self
        self.look()

    # What happens ------------------------------------------------------------------------------

    def look(self) -> None:
        used = sum(one.amount for one in self.holders.values() if one.runs)
        uses = {hold_id(one.number): one.amount for one in self.holders.values() if one.runs}
        self.owner.see(reading(total=CAPACITY, free=CAPACITY - used, used=uses))

    def hold(self, amount: int, booking: bool) -> None:
        number = len(self.holders) + 1
        term = 40 * MINUTE if booking else 30 * SECOND
        self.holders[number] = Holder(number, amount, booking, term)
        self.send_hold(number)

    def send_hold(self, number: int) -> None:
        """Also again: a retry is the same request."""
        one = self.holders[number]
        if one.asked is None:
            booking, term = one.booking, one.term
            one.asked = self.owner.hold_command(number, one.amount, booking=booking, term=term)
        command = msgspec.structs.replace(one.asked, session=self.owner.session)
        answer = self.ask("hold", one, command)
        if answer.outcome is Outcome.HELD and not one.posted:
            one.receipts = answer.receipts
            one.believes_until = one.sent["hold"] + holder_span(30 * SECOND)

    def post(self, number: int) -> None:
        one = self.holders[number]
        if one.posted or not one.believes(self.owner.now):
            return
        answer = self.ask("post", one, Post(hold_id(number), self.owner.session))
        if answer.outcome is Outcome.POSTED:
            one.posted, one.receipts = True, answer.receipts
            one.believes_until = one.sent["post"] + holder_span(one.term)
            one.runs = not one.booking

    def renew(self, number: int) -> None:
        one = self.holders[number]
        if one.booking or not one.posted or not one.believes(self.owner.now):
            return
        ending = hold_id(number) in self.owner.ledger.ending
        answer = self.owner.ask(Renew(hold_id(number), self.owner.session, b"n"))
        if answer.outcome is Outcome.RENEWED:
            assert not ending, "B2: renewed while it was ending"
            one.believes_until = self.owner.now + holder_span(one.term)

    def extend(self, number: int, term: int) -> None:
        """Its holder counts the longer term from where it counted the first."""
        one = self.holders[number]
        if not one.booking or not one.posted or not one.believes(self.owner.now):
            return
        answer = self.owner.ask(Extend(hold_id(number), self.owner.session, term))
        if answer.outcome is Outcome.EXTENDED:
            longer = term - one.term
            assert longer >= 0, "it was told of more time than it has"
            assert one.believes_until is not None
            one.term, one.believes_until = term, one.believes_until + holder_span(longer)

    def shrink(self, number: int, amount: int) -> None:
        """Its holder relies on less from the moment it asks."""
        one = self.holders[number]
        if not one.posted or not one.believes(self.owner.now) or amount > one.amount:
            return
        given_back, one.amount = one.amount - amount, amount
        legs = (Leg("ram", amount),)
        answer = self.owner.ask(Shrink(hold_id(number), self.owner.session, legs))
        if answer.outcome is Outcome.SHRUNK:
            one.receipts = answer.receipts
            if one.parent is not None:
                self.holders[one.parent].amount += given_back

    def transfer(self, number: int, amount: int, booking: bool) -> None:
        """A part of one grant becomes a grant of its own."""
        above = self.holders[number]
        if not above.posted or not above.believes(self.owner.now):
            return
        child = len(self.holders) + 1
        term = 10 * MINUTE if booking else 30 * SECOND
        one = self.holders[child] = Holder(child, amount, booking, term, parent=number)
        kind = GrantKind.BOOKING if booking else GrantKind.CARRIED
        command = Transfer(
            hold_id(child), self.owner.session, hold_id(number), b"", (Leg("ram", amount),),
            kind, term, "bob", "part",
        )  # fmt: skip
        one.asked = command
        answer = self.ask("hold", one, command)
        if answer.outcome is Outcome.TRANSFERRED:
            above.amount -= amount
            assert above.amount >= 0, "a child exceeds its parent"
            one.posted, one.receipts, one.runs = True, answer.receipts, not booking
            one.believes_until = self.owner.now + holder_span(term)

    def bookings(self) -> list[int]:
        """What a part may be carved out of."""
        holders = self.holders.values()
        return [one.number for one in holders if one.posted and one.booking and not one.ended]

    def parts(self, number: int) -> list[Holder]:
        """What was carved out of it and lives."""
        live = self.owner.ledger.books.live
        return [
            one for one in self.holders.values()
            if one.parent == number and hold_id(one.number) in live
        ]  # fmt: skip

    def void(self, number: int) -> None:
        one = self.holders[number]
        if one.posted:
            return
        token = self.owner.send(Void(hold_id(number), self.owner.session))
        self.owner.seal()
        said = self.owner.answers.get(token, [])  # none yet when its end waits for a look
        if [answer.outcome for answer in said] == [Outcome.VOIDED]:
            one.ended = True

    def release(self, number: int) -> None:
        """Its holder lets go: it believes in nothing from the moment it asks."""
        one = self.holders[number]
        if not one.posted:
            return
        command = Release(hold_id(number), self.owner.session)
        if self.parts(number) and self.owner.state == "open":
            refused = self.owner.ask(command).outcome
            assert refused in (Outcome.WRONG_STEP, Outcome.ENDING), refused
            return
        one.ended = True
        self.owner.send(command)
        self.owner.seal()

    def fence(self, gone: bool) -> None:
        """The runner looks at everything it was asked to end."""
        asked, self.owner.fenced = list(dict.fromkeys(self.owner.fenced)), []
        for hold in asked:
            one = self.holders[int.from_bytes(hold, "big")]
            if gone:
                one.runs = False
            self.owner.tell(Fenced(hold, gone=not one.runs))
            self.owner.seal()

    def advance(self, duration: int) -> None:
        self.owner.advance(duration)

    def restart(self) -> None:
        """The process died and came back; kernel and disk lost nothing."""
        self._come_back(self.owner.disk, proven=True)
        self.look()

    def reboot(self, lost_blocks: int) -> None:
        """Nothing proves that the disk is whole, and it may not be. Peers have what is needed for
        every booking and perhaps less than the rest; carriers come forward while they believe, some
        sooner and some later."""
        log = list(self.owner.disk.chain)
        kept = log[: max(0, len(log) - lost_blocks)]
        least = self._stored_up_to()
        copy = log[: self.random.choice([least, self.random.randint(least, len(log))])]
        times = self.owner.disk.remaining if lost_blocks == 0 else {}
        self._come_back(Disk(kept, dict(times)), proven=False)
        self.owner.tell(PeersKnown(known=1, silent=1))
        # Half of the copy now, half later: a merge must not mind.
        middle = self.random.randrange(len(copy) + 1)
        self.owner.show(*copy[middle:])
        self.look()
        early = {number: self.random.random() < 0.5 for number in self.holders}
        self._come_forward([one for number, one in self.holders.items() if early[number]])
        self.owner.advance(9 * SECOND)
        self._come_forward([one for number, one in self.holders.items() if not early[number]])
        self.owner.advance(11 * SECOND)
        for number in list(self.holders):
            self.renew(number)
        self.owner.show(*copy[:middle])
        self.owner.tell(PeersKnown(known=1, silent=0))
        self.owner.advance(13 * SECOND)
        self.look()
        self.fence(gone=self.random.random() < 0.9)
        self._end_leftovers()
        self.look()
        assert self.owner.state == "open"

    def _end_leftovers(self) -> None:
        """The runner ends what it once started under holds that nobody knows any more."""
        for one in self.holders.values():
            known = hold_id(one.number) in self.owner.ledger.books.live
            one.runs = one.runs and (known or one.believes(self.owner.now))

    def _stored_up_to(self) -> int:
        """How much of the log peers must have: no word about a booking is final before one of them
        stored it, neither its grant nor its end."""
        books = self.owner.ledger.books
        words = [
            at
            for hold in books.live.values()
            if hold.is_booking or hold.parent
            for at in (hold.posted_at, hold.extended_at, hold.shrunk_at)
        ]
        words += [
            hold.ended_at
            for hold in books.ended.values()
            if self.holders[int.from_bytes(hold.id, "big")].booking
        ]
        return max((word.height for word in words if word is not None), default=-1) + 1

    def _come_forward(self, holders: list[Holder]) -> None:
        for one in holders:
            self._resume(one)

    def _come_back(self, disk: Disk, proven: bool) -> None:
        old = self.owner
        self.said.clear()
        self.owner = Bench(
            disk, UNPROVEN if not proven else type(UNPROVEN)(True, "proven"),
            now=old.now + SECOND, counter=old.counter + 1,
        )  # fmt: skip
        self.owner.world = self

    def _resume(self, one: Holder) -> None:
        if one.booking or not one.believes(self.owner.now):
            return
        sent = self.owner.now
        answer = self.owner.ask(Resume(hold_id(one.number), self.owner.session, one.receipts))
        if hold_id(one.number) not in self.owner.ledger.books.ended:
            assert answer.outcome is Outcome.RESUMED, f"V6: a believer was turned away: {answer}"
            span = one.term if one.posted else 30 * SECOND
            one.believes_until = sent + holder_span(span)

    # Oracles -----------------------------------------------------------------------------------

    def ask(self, kind: str, one: Holder, command: Command) -> Answer:
        """Ask, and hold the owner to its answer: one id, one request, one answer."""
        one.sent.setdefault(kind, self.owner.now)
        answer = self.owner.ask(command)
        before = self.said.get(command.id + kind.encode())
        still = self.owner.ledger.books.state_of(command.id).live
        if before is not None and before[1] not in (Outcome.QUARANTINED, Outcome.BOOKINGS_CLOSED):
            same = answer.outcome is before[1] or (
                answer.outcome is Outcome.TOO_LATE
                and (not still or command.id in self.owner.ledger.ending)
            )
            assert same, f"I6: {before[1]} first, {answer.outcome} now"
        self.said[command.id + kind.encode()] = (kind, answer.outcome)
        return answer

    def watch(self, height: int) -> None:
        """Each entry that has just become durable."""
        for block in self.owner.disk.chain[height:]:
            for raw in block.entries:
                entry = decode_entry(raw)
                if isinstance(entry, Expired | Reclaimed | Released):
                    one = self.holders[int.from_bytes(entry.id, "big")]
                    if one.parent is not None and not one.returned:
                        one.returned = True
                        self.holders[one.parent].amount += one.amount
                    assert not one.runs, "B4: room was returned while its work ran"
                    believed = one.believes(self.owner.now)
                    assert not believed, "B3: ended while its holder still believed"

    def check(self) -> None:
        """After every step."""
        books, now = self.owner.ledger.books, self.owner.now
        check_books(books)
        live = sum(leg.amount for hold in books.live_holds() for leg in hold.legs)
        assert live <= CAPACITY, "more is held than there is"
        believed = [one for one in self.holders.values() if one.believes(now)]
        assert sum(one.amount for one in believed) <= CAPACITY, "G1: two believe in one memory"
        for one in believed:
            if self.owner.state == "open":
                state = books.state_of(hold_id(one.number))
                assert state.live, f"a holder believes in what is {state.value}"
                kept = sum(leg.amount for leg in books.live[hold_id(one.number)].legs)
                assert kept >= one.amount, f"believed to be {one.amount}, and kept as {kept}"
        running = sum(one.amount for one in self.holders.values() if one.runs)
        assert running <= CAPACITY, "G2: more runs than there is"

    def finish(self) -> None:
        """When everyone has gone, everything is free and the log verifies."""
        for _ in range(4):
            self.fence(gone=True)
            self.advance(20 * MINUTE)
        self.fence(gone=True)
        self.look()
        books = self.owner.ledger.books
        assert not books.live, "V3: a hold leaked"
        assert books.free("ram") == CAPACITY
        assert all(hold.state is not HoldState.POSTED for hold in books.ended.values())
        report = verify_chain(self.owner.disk.chain)
        assert report.ok, report.fault
        assert report.state_hash == books.state_hash()
