"""Errands: every command on its way to an owner, and every answer on its way back.

An owner is asked over a stream, or, when it is ourselves, directly; the answer finds its way by a
number that we gave the question. Here they all meet: reservations (`asking`), single commands
(`telling`), renewals (`carrying`), a peer's command to us, and the bookings that wait for a copy
(`custody`). What our own books must be asked leaves as `ToOurBooks`, because only the agent may.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final, TypeAlias

import msgspec

from ledger.books.gangs import Gang
from ledger.commands import (
    Answer,
    Asked,
    Command,
    Outcome,
    Release,
    Void,
    Vouched,
    decode_signed,
    encode_answer,
    encode_command,
    encode_signed,
    sign_command,
)
from ledger.lifecycle import HoldState
from mesh import effects as mesh_effects
from mesh.identity import Identity, NodeId, PublicKey, id_of
from mesh.instant import MILLISECOND, SECOND, Duration, Instant, earliest
from mesh.logs import Position
from mesh.persistence import SPACE_CARRY, SPACE_GANG, SPACE_WISH, Persist
from node.core import answers
from node.core.continuity import Saved
from node.core.effects import Effect, Look, Progress, Reply, Watch
from node.core.gangs import answers as gang_answers
from node.core.gangs import books as gang_books
from node.core.gangs.gang import AskMember, Disbanded, Formed, GangingEffect, Record
from node.core.gangs.ganging import Ganging
from node.core.outlook import Outlook
from node.core.picture.grants import ends_at
from node.core.picture.knowledge import Knowledge
from node.core.picture.reports import WorkEnded
from node.core.processes import Process
from node.core.requests import Reserve
from node.core.requests.gangs import ReserveGang
from node.core.reserving.asking import Asking
from node.core.reserving.carrying import Carried, Carrying
from node.core.reserving.custody import Answered, Custody, needs_a_copy
from node.core.reserving.lines import Stand
from node.core.reserving.telling import Tell, Tellable, Telling, Told
from node.core.reserving.wishes import Ask, AskingEffect, AskInLine, Granted, Wish, is_carried
from node.core.trust.trusting import refusal_of

SERVICE_LEDGER: Final = "ledger"
CALL_WAIT: Final[Duration] = 2 * SECOND
"""How long an owner has to answer one send of a command."""
POST_WAIT: Final[Duration] = 4 * SECOND
"""As above for a post, which custody alone may keep for two seconds."""
TIED: Final = "a process was tied to a hold"


@dataclass(frozen=True, slots=True)
class ToOurBooks:
    """Ask our own ledger; the answer comes back through `replied` under `token`."""

    token: int
    command: Asked


WAIT_FOR_A_COPY: Final = ("post", "settle", "extend", "shrink", "transfer")


class _Desk(Enum):
    """Who waits for an answer."""

    STREAM = "a peer's command, on a stream"
    ASKING = "a reservation"
    LINE = "somebody in a line"
    TELLING = "a single command"
    CARRYING = "a renewal"
    GANGING = "one of a gang's"


@dataclass(frozen=True, slots=True)
class _Route:
    """Where an answer must go."""

    desk: _Desk
    key: int


ErrandEffect: TypeAlias = Effect | ToOurBooks | Record
_Inner: TypeAlias = AskingEffect | Tell | Told | Answered | GangingEffect


class Errands:
    """All of them, of one agent."""

    def __init__(self, identity: Identity, knowledge: Knowledge, random: Random) -> None:
        self._identity = identity
        self._knowledge = knowledge
        self.draw: Callable[[int], bytes] = random.randbytes
        self._asking = Asking(random, knowledge.session_of)
        self.kept = self._asking.kept
        self._telling = Telling(knowledge.name_of, knowledge.believed)
        self._custody = Custody()
        self._carrying = Carrying(ends=knowledge.lease_ends)
        self.ganging = Ganging(random, gang_books.GangBooks(knowledge, self._custody))
        self._routes: dict[int, _Route] = {}
        self._calls: dict[int, _Route] = {}
        self._last_number = 0

    @property
    def next_wake(self) -> Instant | None:
        return earliest(
            self._asking.next_wake, self._telling.next_wake, self._custody.next_wake,
            self._carrying.next_wake, self.ganging.next_wake,
        )  # fmt: skip

    @property
    def carried(self) -> Mapping[bytes, Carried]:
        """Hold id → the process that it is tied to, for the probes."""
        return self._carrying.holds()

    @property
    def waiting(self) -> dict[int, tuple[Wish, list[Stand]]]:
        """Every wish of ours that stands in lines, and where."""
        return self._asking.waiting

    @property
    def asked_for(self) -> tuple[Process, ...]:
        """The processes for which a lease is being asked."""
        return self._asking.processes

    # Beginning, waiting, giving up ---------------------------------------------------------------

    def restore(self, saved: Saved, now: Instant) -> Sequence[ErrandEffect]:
        """Take up what an earlier start carried, and what it waited for."""
        rows = saved.get(SPACE_CARRY, {})
        watches = self._carrying.restore(dict(rows), now)
        if unread := len(rows) - len(watches):
            self._knowledge.mesh.rejections["disk: a carried lease that cannot be read"] += unread
        gangs = self.ganging.kept.restore(saved.get(SPACE_GANG, {}), now)
        return [*watches, *self.kept.restore(saved.get(SPACE_WISH, {}), now), *gangs]

    def reserve(
        self, token: int, reserve: Reserve, look: Callable[[], Outlook], now: Instant
    ) -> list[ErrandEffect]:
        """Seek, hold and post, for the surface request `token`. May raise Refused."""
        return self._sort(self._asking.begin(token, reserve, look, now), now)

    def reserve_gang(
        self, token: int, reserve: ReserveGang, look: Callable[[], Outlook], now: Instant
    ) -> list[ErrandEffect]:
        """All of them or none, for the surface request `token`. May raise Refused."""
        return self._sort(self.ganging.begin(token, reserve, look, now), now)

    def disband(self, token: int, gang: Gang, now: Instant) -> list[ErrandEffect]:
        """End a gang of ours, for the surface request `token`. May raise Refused."""
        return self._sort(self.ganging.disband(token, gang, now), now)

    def take_up_gangs(self, now: Instant, *, sure: bool) -> list[ErrandEffect]:
        """What our log says of gangs that nobody attends to. `sure`: it forgot nothing."""
        gangs = list(self._knowledge.ledger.books.gangs.values())
        return self._sort(self.ganging.take_up(gangs, now, sure=sure), now)

    def read_of_gangs(self) -> list[ErrandEffect]:
        """What logs have come to say of gangs that concern us, for our books."""
        return [Record(0, told) for told in gang_books.news(self._knowledge)]

    def recorded(self, key: int, now: Instant) -> list[ErrandEffect]:
        """Our log says how far the gang `key` is."""
        return self._sort(self.ganging.recorded(key, now), now)

    def tell(
        self, token: int, owner: NodeId, command: Tellable, now: Instant
    ) -> list[ErrandEffect]:
        """One command about one hold, for the surface request `token`."""
        return self._sort(self._telling.begin(token, owner, command, now), now)

    def cancel(self, token: int, now: Instant) -> list[ErrandEffect]:
        """Whoever asked under `token` is gone."""
        return self._sort([*self._asking.cancel(token), *self.ganging.cancel(token, now)], now)

    def wake(self, now: Instant) -> list[ErrandEffect]:
        """Time has passed: send again, look again, renew, let go."""
        inner: list[_Inner] = [
            *self._asking.wake(now), *self._telling.wake(now), *self._custody.wake(now),
            *self.ganging.wake(now),
        ]  # fmt: skip
        effects: list[ErrandEffect] = [*self._sort(inner, now), *self._carrying.note(now)]
        quarantined = self._knowledge.ledger.standing[0] == "quarantine"
        due = self._carrying.wake(self._knowledge.ledger.session, quarantined, now)
        route = _Route(_Desk.CARRYING, 0)
        return [*effects, *(self._to_ourselves(command, route) for command in due)]

    def is_carrier(self, ended: WorkEnded) -> bool:
        """Whether a lease lives by the process that ended."""
        if self.ganging.is_for_work(ended.hold, ended.pid, ended.started):
            return True
        carried = self._carrying.holds().get(ended.hold)
        if carried is None:
            return not ended.pid
        return (carried.pid, carried.started) == (ended.pid, ended.started) or not ended.pid

    def work_ended(self, hold: bytes, now: Instant) -> list[ErrandEffect]:
        """The process that `hold`, or a gang, was tied to is gone: its lease goes too."""
        session = self._knowledge.ledger.session
        return self._sort(self.ganging.work_ended(hold, now), now) + [
            self._to_ourselves(command, _Route(_Desk.CARRYING, 0))
            for command in self._carrying.ended(hold, session)
        ]

    def still_runs(self, hold: bytes) -> bool:
        """Whether the process of a lease that ran out goes on: it is watched, renewed no more."""
        return self._carrying.outlived(hold)

    def fenced(self, hold: bytes) -> Sequence[ErrandEffect]:
        """Our books are ending `hold`: nobody renews it any more."""
        return self._carrying.end(hold)

    def new_era(self) -> None:
        """Our log was cut: no copy of what lay above the cut counts."""
        self._knowledge.ledger.checkpointer.new_era()
        self._custody.new_era()

    def stored(self, peer: NodeId, position: Position, now: Instant) -> list[ErrandEffect]:
        """`peer` has our log up to `position` on its disk."""
        if not self._knowledge.mesh.roll.counts(peer):
            return []
        self._knowledge.ledger.checkpointer.stored(peer, position.height)
        answered = self._custody.stored(peer, position)
        return self._sort([*answered, *self.ganging.stored(now)], now)

    def gone(self, peer: NodeId) -> None:
        """`peer` is on no roll any more."""
        self._custody.gone(peer)

    # Answers -------------------------------------------------------------------------------------

    def came(self, call: int, peer: NodeId, body: bytes) -> list[ErrandEffect]:
        """A peer's command to us, brought by the stream request `call`."""
        try:
            signed = decode_signed(body)
        except msgspec.MsgspecError:
            malformed = Answer(Outcome.MALFORMED, b"", self._knowledge.ledger.session)
            return [mesh_effects.Answer(call, encode_answer(malformed))]
        if (refused := refusal_of(self._knowledge, signed)) is not None:
            return [mesh_effects.Answer(call, encode_answer(refused))]
        asked: Asked = signed
        if peer == id_of(PublicKey(signed.public)):
            # Its handshake was signed with this very key, and covers every byte that came.
            asked = Vouched(signed.body, signed.public)
        return [self._to_books(asked, _Route(_Desk.STREAM, call))]

    def replied(self, token: int, answer: Answer, now: Instant) -> list[ErrandEffect]:
        """Our own books have answered."""
        if needs_a_copy(self._knowledge.ledger.books, answer):
            others = self._knowledge.live_others()
            return self._sort(self._custody.hold(token, answer, others, now), now)
        return self._deliver(self._routes.pop(token), answer, now)

    def answered(self, call: int, body: bytes | None, now: Instant) -> list[ErrandEffect] | None:
        """An owner's answer, or its silence. None: that call was none of ours."""
        route = self._calls.pop(call, None)
        return None if route is None else self._deliver(route, answers.read_answer(body), now)

    def _deliver(self, route: _Route, answer: Answer | None, now: Instant) -> list[ErrandEffect]:
        match route.desk:
            case _Desk.ASKING:
                return self._sort(self._asking.answered(route.key, answer, now), now)
            case _Desk.LINE:
                return self._sort(self._asking.told_in_line(route.key, answer, now), now)
            case _Desk.TELLING:
                return self._sort(self._telling.answered(route.key, answer, now), now)
            case _Desk.GANGING:
                return self._sort(self.ganging.answered(route.key, answer, now), now)
            case _Desk.CARRYING:
                assert answer is not None, "our own books always answer"
                return [*self._carrying.answered(answer)]
            case _Desk.STREAM:
                assert answer is not None, "our own books always answer"
                return [mesh_effects.Answer(route.key, encode_answer(answer))]

    # Questions -----------------------------------------------------------------------------------

    def _to_owner(
        self, owner: NodeId, command: Command, route: _Route, now: Instant,
        until: Instant | None = None,
    ) -> ErrandEffect:  # fmt: skip
        if owner == self._identity.id:
            return self._to_ourselves(command, route)
        signed = sign_command(self._identity, owner, command)
        number = self._number()
        self._calls[number] = route
        wait = POST_WAIT if command.__struct_config__.tag in WAIT_FOR_A_COPY else CALL_WAIT
        deadline = now + wait if until is None else min(now + wait, until)
        return mesh_effects.Call(
            number, owner, self._knowledge.addresses_of(owner), SERVICE_LEDGER,
            encode_signed(signed), deadline,
        )  # fmt: skip

    def _to_ourselves(self, command: Command, route: _Route) -> ToOurBooks:
        return self._to_books(Vouched(encode_command(command), self._identity.public), route)

    def _to_books(self, asked: Asked, route: _Route) -> ToOurBooks:
        number = self._number()
        self._routes[number] = route
        return ToOurBooks(number, asked)

    def _number(self) -> int:
        self._last_number += 2  # even: the mesh numbers its own calls with odd ones
        return self._last_number

    def _sort(self, inner: Iterable[_Inner], now: Instant) -> list[ErrandEffect]:
        out: list[ErrandEffect] = []
        for effect in inner:
            match effect:
                case Ask(errand, owner, command, until):
                    route = _Route(_Desk.ASKING, errand)
                    out.append(self._to_owner(owner, command, route, now, until))
                case AskInLine(stand, owner, command):
                    out.append(self._to_owner(owner, command, _Route(_Desk.LINE, stand), now))
                case AskMember(call, owner, command, until):
                    route = _Route(_Desk.GANGING, call)
                    out.append(self._to_owner(owner, command, route, now, until))
                case Formed():
                    out.append(self._formed(effect, now))
                case Disbanded():
                    body = gang_answers.disbanded(self._knowledge, effect)
                    out.append(Reply(effect.token, ok=True, body=body))
                case Tell(key, owner, command):
                    out.append(self._to_owner(owner, command, _Route(_Desk.TELLING, key), now))
                case Answered(token, answer):
                    out += self._deliver(self._routes.pop(token), answer, now)
                case Granted():
                    out += self._granted(effect, now)
                case Told(token, owner, command, answer, since):
                    known = self._knowledge
                    if isinstance(command, Release | Void):
                        known.granted.pop(answer.id, None)
                    else:
                        known.remember_grant(answer, owner, HoldState.POSTED, now, since)
                        begun = self._carrying.confirmed(answer, now)
                        out += [*begun, Look(TIED)] if begun else []
                    out.append(Reply(token, ok=True, body=answers.told(known, owner, answer)))
                case Persist() | Progress() | Reply() | Record() | Watch():
                    out.append(effect)
        return out

    def _granted(self, done: Granted, now: Instant) -> list[ErrandEffect]:
        reply = Reply(done.token, ok=True, body=answers.granted(self._knowledge, done))
        reserve = done.reserve
        state = HoldState.PENDING if reserve.hold_only else HoldState.POSTED
        since = done.since if is_carried(reserve) else None
        self._knowledge.remember_grant(
            done.answer, done.choice.owner, state, now, since, ends_at(reserve)
        )
        if reserve.pid is None:
            return [reply]
        assert reserve.pid_started is not None
        lasts, receipts = reserve.lasts_ms * MILLISECOND, done.answer.receipts
        tied = Carried(
            done.answer.id, reserve.pid, reserve.pid_started, receipts, lasts, lasts
        )  # fmt: skip
        if done.answer.outcome is not Outcome.POSTED:
            self._carrying.pledge(tied)
            return [reply]
        begun: list[Persist | Watch] = self._carrying.begin(tied, now)
        return [*begun, Look(TIED), reply]

    def _formed(self, done: Formed, now: Instant) -> Reply:
        for member in done.members:
            if member.answer is not None:
                self._knowledge.remember_grant(
                    member.answer, member.owner, HoldState.POSTED, now,
                    ends_at=ends_at(done.reserve),
                )  # fmt: skip
        return Reply(done.token, ok=True, body=gang_answers.formed(self._knowledge, done))
