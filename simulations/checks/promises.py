"""What was promised: every yes that ever left an owner, and how long its asker may rely on it.

A promise is made when a positive answer *leaves* its owner, whether or not it arrives: the owner
can't tell, so it must keep it. It may be relied on from the asker's first send, for its term less
the margin (`ledger.leases.holder_span`); a repetition is the same word again. It ends early by the
asker's word (from the moment it is said) or by a person's at the owner; by the end of the process
that it is tied to; and never because somebody's agent crashed, except that a process dies with its
machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ledger.commands import (
    Answer,
    Command,
    Hold,
    Leg,
    Outcome,
    Post,
    Release,
    Renew,
    Resume,
    Transfer,
    Void,
    Wait,
    decode_command,
    decode_signed,
)
from ledger.commands.gangs import Settle
from ledger.entries import Entry
from ledger.entries.gangs import GangBegun, GangEnded
from ledger.leases import holder_span
from ledger.limits import PENDING_TTL
from mesh.identity import NodeId, PublicKey, id_of, id_text
from mesh.instant import MILLISECOND, Duration, Instant
from mesh.persistence import SPACE_ASK, Persist
from node.core import requests
from node.core.effects import Effect, Reply
from node.core.requests.gangs import ReserveGang
from simulations.checks.parting import left_of
from simulations.invented.host import Host

_YES = (Outcome.HELD, Outcome.POSTED, Outcome.TRANSFERRED, Outcome.RENEWED, Outcome.RESUMED)


@dataclass(slots=True)
class Promise:
    """What an owner answered for, and until when that may be relied on."""

    hold: bytes
    owner: str
    """The machine that answered; a clone of it is another one."""
    holder: NodeId
    legs: tuple[Leg, ...]
    carried: bool
    term: Duration
    posted: bool
    until: Instant
    pid: tuple[int, int] | None = None
    """The process it is tied to, and when that started: relied on for as long as it runs."""
    carved: bool = False
    """Its room was promised before, to whoever handed it on."""
    given_back: bool = False
    excused: bool = False
    """Its owner forgot it, and nobody who could have been asked still knew."""

    def __str__(self) -> str:
        much = ", ".join(f"{leg.amount} of {leg.pool}" for leg in self.legs)
        return f"{much} at {self.owner} ({self.hold.hex()[:8]})"


@dataclass(slots=True)
class Told:
    """A command on its way to an owner, as its signer sent it."""

    at: Instant
    command: Command
    signer: NodeId
    session: bytes


@dataclass(slots=True)
class Promises:
    """Every promise of one world."""

    by_owner: dict[str, dict[bytes, Promise]] = field(default_factory=dict)
    _all: dict[bytes, Promise] = field(default_factory=dict)
    _asked: dict[tuple[str, int], tuple[Instant, requests.Request]] = field(default_factory=dict)
    _open: dict[tuple[str, int], requests.Request] = field(default_factory=dict)
    """What an agent has not decided yet; `_asked` is until the person hears."""
    _first: dict[bytes, Instant] = field(default_factory=dict)
    """Hold → when its asker first sent it, or wrote down that it would."""
    _holds: dict[bytes, tuple[Hold, NodeId]] = field(default_factory=dict)
    _planned: dict[bytes, tuple[Hold, NodeId]] = field(default_factory=dict)
    """What is to start later, and who asked for it."""
    _confirmed: dict[bytes, Instant] = field(default_factory=dict)
    _renewed: dict[tuple[bytes, bytes], Instant] = field(default_factory=dict)
    """(hold, nonce or session) → the first send of that renewal or resumption."""
    _carved: dict[bytes, tuple[Transfer, NodeId]] = field(default_factory=dict)
    _settled: dict[bytes, Instant] = field(default_factory=dict)
    """One of a gang's → when its asker first showed that all are parked."""
    gangs: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    """Gang → the holds that it is to have, as its asker's log says."""
    _returned: dict[tuple[bytes, NodeId], None] = field(default_factory=dict)
    """(hold, signer) of what was given back, perhaps before anybody said yes."""

    def get(self, hold: bytes) -> Promise | None:
        return self._all.get(hold)

    def all(self) -> Iterator[Promise]:
        """Every promise ever, oldest first."""
        return iter(self._all.values())

    def relied_on(self, host: Host, now: Instant) -> list[Promise]:
        """What somebody still believes to have at `host`; what is over is forgotten."""
        mine = self.by_owner.get(host.name)
        if not mine:
            return []
        over = [hold for hold, one in mine.items() if not _relied_on(one, host, now)]
        for hold in over:
            del mine[hold]
        return list(mine.values())

    def first_sent(self, hold: bytes) -> Instant | None:
        """When its asker's belief in a hold begins."""
        return self._first.get(hold)

    # What is said --------------------------------------------------------------------------------

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect], now: Instant) -> None:
        """An asker keeps the id of every hold before its first send."""
        if cause == "cancel":
            for token in host.hung_up:
                self._open.pop((host.name, token), None)
        for effect in effects:
            if type(effect) is Reply:
                self._open.pop((host.name, effect.token), None)
            elif type(effect) is Persist:
                for write in effect.writes:
                    if write.space == SPACE_ASK and write.value is not None:
                        self._first.setdefault(write.key, now)

    def asked(self, host: Host, token: int, request: requests.Request, now: Instant) -> None:
        self._asked[host.name, token] = (now, request)
        self._open[host.name, token] = request
        if isinstance(request, requests.Release):
            for promise in self._named(request.id):
                if promise.owner == host.name or promise.holder == host.id:
                    promise.given_back = True
        elif isinstance(request, requests.Shrink | requests.Transfer):
            self._rely_on_less(host, request)

    def sent(self, told: Told) -> None:
        """A command has left for its owner."""
        command, at = told.command, told.at
        match command:
            case Hold(start=start) if start is not None:
                self._planned.setdefault(command.id, (command, told.signer))
            case Wait():
                # It is held for the question that came last, and believed in from then on.
                if command.id not in self._all:
                    self._first[command.id] = at
                self._holds.setdefault(command.id, (command.hold, told.signer))
            case Hold():
                self._first.setdefault(command.id, at)
                self._holds.setdefault(command.id, (command, told.signer))
            case Post():
                self._confirmed.setdefault(command.id, at)
            case Settle():
                self._settled.setdefault(command.id, at)
            case Renew():
                self._renewed.setdefault((command.id, command.nonce), at)
            case Resume():
                self._renewed.setdefault((command.id, command.session), at)
            case Transfer():
                self._first.setdefault(command.id, at)
                self._carved.setdefault(command.id, (command, told.signer))
            case Void() | Release():
                self._give_back(command.id, told.signer)
            case _:
                pass  # An inquiry ends nothing and begins nothing.

    def answered(self, host: Host, answer: Answer, now: Instant) -> Promise | None:
        """An owner's answer leaves over the mesh. The promise, if it is a new one."""
        if answer.outcome not in _YES:
            return None
        known = self._all.get(answer.id)
        if known is not None:
            self._confirm(known, answer)
            return None
        if answer.id in self._carved:
            return self._made_of(host, answer, *self._carved[answer.id], now)
        asked = self._holds.get(answer.id)
        if asked is None:
            return None  # From before this world was watched.
        hold, holder = asked
        promise = Promise(
            answer.id, host.name, holder, tuple(Leg(*leg) for leg in sorted(hold.legs)),
            hold.kind.value == "carried", hold.term, posted=False,
            until=self._first.get(answer.id, now) + holder_span(PENDING_TTL),
            given_back=(answer.id, holder) in self._returned,
        )  # fmt: skip
        self._make(promise)
        self._confirm(promise, answer)
        return promise

    def replied(self, host: Host, reply: Reply) -> Promise | None:
        """A person hears what the agent beside it, as owner, granted. The promise, if it is new."""
        asked = self._asked.pop((host.name, reply.token), None)
        if asked is None or not reply.ok:
            return None
        at, request = asked
        if isinstance(request, ReserveGang):
            return None if request.start_at_ms else self._gang_here(host, reply, at)
        if isinstance(request, requests.Post):
            self._posted_here(host, bytes.fromhex(reply.body["id"]), at)
        if isinstance(request, requests.Extend):
            self._lasts_longer(reply)
        if not isinstance(request, requests.Reserve | requests.Transfer):
            return None
        if isinstance(request, requests.Reserve) and request.start_at_ms is not None:
            return None  # what is planned is relied on from its start on
        if reply.body["owner"]["id"] != id_text(host.id):
            return None  # Made when it left its owner.
        hold = bytes.fromhex(reply.body["id"])
        if hold in self._all:
            return None  # Made when it left its owner.
        promise = self._reserved_here(host, hold, request, reply, at)
        self._make(promise)
        return promise

    def told_of_gangs(self, host: Host, entries: Sequence[Entry]) -> None:
        """An asker's log says which holds a gang is to have; and, when it is over, gives all back,
        for whoever reads it may end its part."""
        for entry in entries:
            if isinstance(entry, GangBegun):
                self.gangs[entry.gang] = tuple(member.hold for member in entry.members)
            elif isinstance(entry, GangEnded):
                for hold in self.gangs.get(entry.gang, ()):
                    self._give_back(hold, host.id)

    def began(self, host: Host, hold: bytes, now: Instant) -> None:
        """What was planned has started: from here on it is relied on."""
        asked = self._planned.get(hold)
        live = host.alive.ledger.books.live.get(hold)
        if asked is None or live is None:
            return
        left = host.alive.ledger.remaining(hold, host.alive.knowledge.now) or 0
        promise = Promise(
            hold, host.name, asked[1], live.legs, carried=False, term=left, posted=True,
            until=now + holder_span(left), given_back=(hold, asked[1]) in self._returned,
        )  # fmt: skip
        self._make(promise)

    def died(self, host: Host) -> None:
        """The agent is gone: nobody hears what it was asked."""
        for table in (self._asked, self._open):
            for key in [key for key in table if key[0] == host.name]:
                del table[key]

    def waiting(self, host: Host) -> list[requests.Request]:
        """What people asked this agent, wait for, and have not been answered."""
        return [
            request
            for (name, token), request in self._open.items()
            if name == host.name
            and token not in host.hung_up
            and not isinstance(request, requests.Events)
        ]

    # Small parts ---------------------------------------------------------------------------------

    def _make(self, promise: Promise) -> None:
        self._all[promise.hold] = promise
        self.by_owner.setdefault(promise.owner, {})[promise.hold] = promise

    def _confirm(self, promise: Promise, answer: Answer) -> None:
        """A further yes: it lasts longer, counted from the send that it answers."""
        sent = {
            Outcome.POSTED: self._confirmed.get(promise.hold),
            Outcome.RENEWED: self._renewed.get((promise.hold, answer.nonce)),
            Outcome.RESUMED: self._renewed.get((promise.hold, answer.session)),
        }.get(answer.outcome)
        if sent is None or promise.given_back:
            return
        promise.posted = promise.posted or answer.outcome in (Outcome.POSTED, Outcome.RENEWED)
        if promise.posted:
            promise.until = max(promise.until, sent + holder_span(promise.term))
        # What was over may be relied on again: then it is looked at again.
        self.by_owner.setdefault(promise.owner, {})[promise.hold] = promise

    def _posted_here(self, host: Host, hold: bytes, at: Instant) -> None:
        promise = self._all.get(hold)
        if promise is not None and promise.owner == host.name and not promise.given_back:
            promise.posted = True
            promise.until = max(promise.until, at + holder_span(promise.term))
            self.by_owner.setdefault(promise.owner, {})[hold] = promise

    def _reserved_here(
        self, host: Host, hold: bytes, request: requests.Reserve | requests.Transfer,
        reply: Reply, at: Instant,
    ) -> Promise:  # fmt: skip
        if isinstance(request, requests.Transfer):
            term = reply.body["term_ms"] * MILLISECOND
            legs = tuple(Leg(leg["pool"], leg["amount"]) for leg in reply.body["legs"])
            until = self._first.get(hold, at) + holder_span(term)
            return Promise(
                hold, host.name, host.id, legs, request.carried, term, posted=True, until=until,
                carved=True,
            )  # fmt: skip
        posted, carried = not request.hold_only, request.pid is not None
        term = reply.body["term_ms"] * MILLISECOND
        begun = self._first.get(hold, at)
        pid = None
        if request.pid is not None and request.pid_started is not None:
            pid = (request.pid, request.pid_started)
        legs = tuple(Leg(leg["pool"], leg["amount"]) for leg in reply.body["legs"])
        until = begun + holder_span(term if posted else PENDING_TTL)
        return Promise(hold, host.name, host.id, legs, carried, term, posted, until, pid)

    def _gang_here(self, host: Host, reply: Reply, at: Instant) -> Promise | None:
        """A person hears that all of a gang stand: from here on each is relied on for its term.
        The promise of what this machine itself owns, if it is of the gang."""
        term, carried = reply.body["term_ms"] * MILLISECOND, reply.body["kind"] == "carried"
        new: Promise | None = None
        for member in reply.body["members"]:
            known = self._all.get(hold := bytes.fromhex(member["id"]))
            until = (self._confirmed if carried else self._settled).get(hold, at)
            until += holder_span(term)
            if known is None and member["owner"]["id"] == id_text(host.id):
                legs = tuple(Leg(leg["pool"], leg["amount"]) for leg in member["legs"])
                known = new = Promise(
                    hold, host.name, host.id, legs, carried, term, posted=True, until=until,
                    given_back=(hold, host.id) in self._returned,
                )  # fmt: skip
                self._make(new)
            elif known is not None and not known.given_back:
                known.carried, known.posted, known.term = carried, True, term
                known.until = max(known.until, until)
                self.by_owner.setdefault(known.owner, {})[hold] = known
        return new

    def _made_of(
        self, host: Host, answer: Answer, carved: Transfer, signer: NodeId, now: Instant
    ) -> Promise:
        """What was carved out of a booking is promised from its first answer on."""
        until = self._first.get(answer.id, now) + holder_span(carved.term)
        promise = Promise(
            answer.id, host.name, NodeId(carved.holder or signer), carved.legs,
            carved.kind.value == "carried", carved.term, posted=True, until=until, carved=True,
            given_back=(answer.id, signer) in self._returned,
        )  # fmt: skip
        self._make(promise)
        return promise

    def _rely_on_less(self, host: Host, request: requests.Shrink | requests.Transfer) -> None:
        """From the moment it is asked for, whether or not it comes about."""
        for promise in self._named(request.id):
            if host.name == promise.owner or host.id == promise.holder:
                promise.legs = left_of(promise.legs, request)

    def _lasts_longer(self, reply: Reply) -> None:
        promise = self._all.get(bytes.fromhex(reply.body["id"]))
        term = (reply.body["term_ms"] or 0) * MILLISECOND
        if promise is not None and term > promise.term:
            promise.until += holder_span(term) - holder_span(promise.term)
            promise.term = term

    def _named(self, text: str) -> list[Promise]:
        return [one for hold, one in self._all.items() if hold.hex().startswith(text)]

    def _give_back(self, hold: bytes, signer: NodeId) -> None:
        self._returned[hold, signer] = None
        promise = self._all.get(hold)
        if promise is not None and promise.holder == signer:
            promise.given_back = True


def _relied_on(promise: Promise, host: Host, now: Instant) -> bool:
    if promise.given_back:
        return False
    if promise.pid is not None:
        return runs(promise, host)
    return now < promise.until


def runs(promise: Promise, host: Host) -> bool:
    """Whether the process that it is tied to is there."""
    if promise.pid is None:
        return False
    work = host.work.get(promise.pid[0])
    return work is not None and work.started == promise.pid[1]


def told_in(body: bytes, at: Instant) -> Told:
    """Raises msgspec.MsgspecError when it is none."""
    signed = decode_signed(body)
    command = decode_command(signed.body)
    return Told(at, command, id_of(PublicKey(signed.public)), command.session)
