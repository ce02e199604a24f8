"""Coverage: how often each rare state was reached, so that a run which met nothing proves nothing.

A simulator that never reaches a state tests nothing there, and says so to nobody. Each state here
has a name, a sentence, and a place where it is seen from outside; a set of runs that is large
enough and never reached one of them has failed. The same holds for kinds of faults.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from ledger.commands import Answer, Outcome, Post, decode_answer, decode_command, decode_signed
from ledger.entries import (
    Adopted,
    BookingsOpened,
    Closed,
    ClosedHow,
    EndedBy,
    Entry,
    EraOpened,
    Expired,
    Extended,
    OpenedBy,
    Reclaimed,
    Released,
    Shrunk,
    Transferred,
    decode_entry,
)
from ledger.entries.gangs import GangCompleted, GangEnded
from ledger.entries.rights import RightsGiven, RightsIssued, RightsOpened, RightsTaken
from mesh.letters.wire import parse_block
from mesh.persistence import SPACE_BASE, SPACE_BLOCK, Write
from mesh.rejections import Rejection
from mesh.roll.storage import block_key, parse_base
from node.core.effects import Effect, Event, Reply, Stop
from node.core.errands import SERVICE_LEDGER
from node.core.machine import Agent
from simulations.faults.catalogue import CATALOGUE
from simulations.invented.host import Host
from simulations.invented.observing import Observer

RUNS_ENOUGH: Final = 500
"""Runs after which every state must have been reached at least once."""

STATES: Final[dict[str, str]] = {
    # Doubt
    "quarantine": "an owner may have forgotten something, and grants nothing",
    "opened by answers": "new bookings opened when every known peer had answered",
    "opened alone": "new bookings opened where the own log was open, and no peer was known",
    "opened by time": "new bookings opened because it had waited long enough",
    "resumed": "a carrier's lease was taken back by an owner in quarantine",
    "extended": "a booking was made to last longer",
    "shrunk": "a grant gave back a part",
    "transferred": "a part of a booking was handed on",
    "rights moved": "rights of a quota came to a node that lacked them",
    "rights opened": "rights are spent in an era, for every peer has shown its copy",
    "rights said again": "a log says again of rights what it had forgotten",
    "pruned": "a log was put away up to a checkpoint that enough others have",
    "checkpoint taken": "a node that was away went on from a checkpoint that it was given",
    "adopted": "a hold that a log had lost came back from a copy or a receipt",
    "superseded": "a booking came back late, and its room was somebody else's",
    "ended elsewhere": "a booking had been released in a part of the log that was cut off",
    "epoch behind": "a peer proved to a node that its disk had forgotten a start",
    # Ends
    "unconfirmed expired": "a hold that nobody confirmed lapsed",
    "lease reclaimed": "a lease that nobody renewed was ended by its owner",
    "booking run out": "a booking came to the end of its time",
    # Answers
    "stale session": "a command from before a restart was turned away",
    "post too late": "a confirmation came after its hold had lapsed",
    "id conflict": "an id was used for two requests, and the second was refused",
    "asked in quarantine": "a command came to an owner in quarantine",
    "asked with a full disk": "a command for more came to an owner whose disk was full",
    "asked with bookings closed": "a booking was asked of an owner that waits for copies",
    "no room": "a hold did not fit",
    "room unknown": "a hold was refused because nobody could see whether it fits",
    "gang complete": "all members of a gang were posted and parked",
    "gang ended early": "a gang ended before it was complete",
    "member disbanded": "an owner ended its member because it heard of no whole gang",
    "copy kept": "a booking was answered with a copy at a peer",
    "copy absent": "a booking was answered although no peer had a copy in time",
    "unknown": "a call ended without anybody knowing how",
    "request cut off": "a request was under way when its agent died, and named at its next start",
    # Peers
    "suspect": "a node was suspected",
    "dead": "a node was declared dead",
    "left": "a node said good-bye",
    "restarted": "a node was met in a new run",
    "new era": "a node was told that another's log had been cut",
    "duplicate denied": "a datagram came a second time and was refused",
    "damage denied": "a damaged datagram was refused",
    "earlier run denied": "a datagram from an earlier run of its sender was refused",
    # Machines
    "pool impaired": "a pool had shrunk below what it had promised",
}
"""Name → the sentence it stands for."""

BESIDE: Final[Mapping[str, str]] = {"opened alone": "only-one", "superseded": "late-copy"}
"""States that no drawn life comes to, for it has three machines or more, and ends before an owner
has waited for its peers as long as it would → the scenario that does (`scenarios/alone.py`). A
campaign lives those beside its seeds."""

_EVENTS: Final = {
    "alarm.pool-impaired": "pool impaired",
    "request.unknown": "request cut off",
    "peer.suspect": "suspect",
    "peer.dead": "dead",
    "peer.left": "left",
    "peer.restarted": "restarted",
    "ledger.new_era": "new era",
}
_OUTCOMES: Final = {
    Outcome.WRONG_SESSION: "stale session",
    Outcome.ID_CONFLICT: "id conflict",
    Outcome.QUARANTINED: "asked in quarantine",
    Outcome.DISK_FULL: "asked with a full disk",
    Outcome.BOOKINGS_CLOSED: "asked with bookings closed",
    Outcome.NO_ROOM: "no room",
    Outcome.ROOM_UNKNOWN: "room unknown",
    Outcome.RESUMED: "resumed",
}
_REJECTIONS: Final = {
    Rejection.REPLAYED: "duplicate denied",
    Rejection.BAD_TAG: "damage denied",
    Rejection.LOWER_EPOCH: "earlier run denied",
}
_OPENED: Final = {
    OpenedBy.ANSWERED: "opened by answers",
    OpenedBy.ALONE: "opened alone",
    OpenedBy.WAITED: "opened by time",
}


class Coverage(Observer):
    """Counts the rare states of one world."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._posts: set[bytes] = set()
        self._agents: dict[str, Agent] = {}

    # Seen as it happens --------------------------------------------------------------------------

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if type(effect) is Event:
                self._event(effect)
            elif type(effect) is Stop:
                self.seen["epoch behind"] += 1

    def _event(self, event: Event) -> None:
        name = _EVENTS.get(event.kind)
        if name is not None:
            self.seen[name] += 1
        elif event.kind == "standing" and event.sentence.startswith("quarantine"):
            self.seen["quarantine"] += 1

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        self._bases(host, writes)
        for write in writes:
            if write.space == SPACE_BLOCK and write.value and write.key.startswith(host.id):
                block = parse_block(write.value)
                assert not isinstance(block, Rejection), "its author wrote it just now"
                for raw in block.entries:
                    self._entry(decode_entry(raw))

    def _bases(self, host: Host, writes: Sequence[Write]) -> None:
        for write in writes:
            base = parse_base(write.value or b"") if write.space == SPACE_BASE else None
            if base is None or write.key != base.block.author:
                continue
            key = block_key(base.block.author, base.block.height)
            given = any(one.key == key and one.space == SPACE_BLOCK for one in writes)
            self.seen["checkpoint taken"] += given and write.key != host.id
            self.seen["pruned"] += write.key == host.id

    def _entry(self, entry: Entry) -> None:
        name = _name_of(entry)
        if name is not None:
            self.seen[name] += 1

    def answered(self, host: Host, reply: Reply) -> None:
        if not reply.ok:
            self.seen["unknown"] += reply.body["code"] == "unknown"
        elif (stored := reply.body.get("stored_on")) is not None and "tried" in reply.body:
            self.seen["copy kept" if stored else "copy absent"] += 1

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        if service == SERVICE_LEDGER:
            command = decode_command(decode_signed(body).body)
            if isinstance(command, Post):
                self._posts.add(command.id)

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        if service == SERVICE_LEDGER and body:  # who is kept out is answered with nothing
            self._answer(decode_answer(body))

    def _answer(self, answer: Answer) -> None:
        name = _OUTCOMES.get(answer.outcome)
        if name is not None:
            self.seen[name] += 1
        elif answer.outcome is Outcome.TOO_LATE and answer.id in self._posts:
            self.seen["post too late"] += 1

    # Seen when a life ends -----------------------------------------------------------------------

    def started(self, host: Host) -> None:
        self._agents[host.name] = host.alive

    def ended(self, host: Host, how: str) -> None:
        self._count_rejections(self._agents.pop(host.name))

    def finish(self) -> None:
        """Count what agents have counted for themselves."""
        for agent in self._agents.values():
            self._count_rejections(agent)

    def _count_rejections(self, agent: Agent) -> None:
        for cause, name in _REJECTIONS.items():
            self.seen[name] += agent.mesh.rejections[cause]


_KINDS: Final = {
    Expired: "unconfirmed expired",
    Reclaimed: "lease reclaimed",
    Adopted: "adopted",
    Extended: "extended",
    Shrunk: "shrunk",
    Transferred: "transferred",
    RightsTaken: "rights moved",
    RightsOpened: "rights opened",
}


def _name_of(entry: Entry) -> str | None:
    match entry:
        case BookingsOpened():
            return _OPENED.get(entry.by)
        case EraOpened():
            return None
        case Released(why=EndedBy.RUN_OUT):
            return "booking run out"
        case GangCompleted():
            return "gang complete"
        case GangEnded(why=why) if why not in ("given back", "every member has ended"):
            return "gang ended early"
        case Released(why=EndedBy.DISBANDED):
            return "member disbanded"
        case Released(why=EndedBy.ELSEWHERE):
            return "ended elsewhere"
        case Closed(how=ClosedHow.SUPERSEDED):
            return "superseded"
        case RightsGiven(again=True) | RightsTaken(again=True) | RightsIssued(again=True):
            return "rights said again"
        case _:
            return _KINDS.get(type(entry))


def never_reached(states: Mapping[str, int], runs: int) -> list[str]:
    """Rare states that drawn runs, `runs` of them, never reached, in sentences; none while they are
    too few."""
    drawn = {name: sentence for name, sentence in STATES.items() if name not in BESIDE}
    return _missing(drawn, states, runs)


def never_struck(faults: Mapping[str, int], runs: int) -> list[str]:
    """As `never_reached`, of the kinds of faults."""
    sentences = {name: fault.sentence for name, fault in CATALOGUE.items()}
    return _missing(sentences, faults, runs)


def _missing(known: Mapping[str, str], seen: Mapping[str, int], runs: int) -> list[str]:
    if runs < RUNS_ENOUGH:
        return []
    return [f"{name}: {sentence}" for name, sentence in known.items() if not seen.get(name)]
