"""Whole agents, fed by strangers and by a member that means harm.

The readers alone say nothing of what is done with what they took. Here every input goes the whole
way: through passport control, the roll, the board, the books and what they write, and now and then
the agent is asked what it makes of it all. What no such input may do: raise, stop the agent, write
to its disk or answer with more than was sent (a stranger), outgrow its tables (a member).
"""

from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Final

import msgspec

from mesh.door.handshake import write_stale
from mesh.door.sessions import PAYLOAD_BYTES_MAX
from mesh.effects import Address, Send
from mesh.exchange.parcels import Item, items_for, parcel_bytes, question_bytes
from mesh.exchange.reconcile import SERVICE_PUSH, SERVICE_SYNC
from mesh.facts import sign_fact, version_of
from mesh.instant import MILLISECOND
from mesh.kept.board import check_board
from mesh.kept.chains import check_chains
from mesh.kept.digest import BEGINNING, digest_of
from mesh.keys.secret import Secret, derive
from mesh.letters.datagram import DATAGRAM_BYTES_MAX, TAG_BYTES, Kind, read_header, tagged
from mesh.letters.wire import encode, fact_bytes
from mesh.persistence import Persist
from mesh.rejections import Rejection
from mesh.roll.membership import check_roll
from node.core.effects import Effect, Stop
from node.core.errands import SERVICE_LEDGER
from node.core.picture.topics import TOPIC_INVENTORY, TOPIC_LIVE, TOPIC_STANDING
from node.core.trust.rotating import SERVICE_KEYS, KeyOrder
from simulations.fuzz import books_targets, mesh_targets
from simulations.fuzz.stage import Stage, staged
from simulations.fuzz.target import COSTLY, DEAR, Shape, Target

WAKE_EVERY: Final = 64
ASK_EVERY: Final = 16
QUESTIONS: Final = (
    b'{"type":"status"}', b'{"type":"doctor"}', b'{"type":"facts"}',
    b'{"type":"where","ask":{"memory":"1GiB"},"list_all":true}', b'{"type":"holds"}',
)  # fmt: skip


def targets() -> list[Target]:
    """Each has a stage of its own: what one is fed must not help another."""
    return [_stranger(), _handshakes(), _member(), _fact(), *_streams()]


class _Audience:
    """Ann, to whom things are said; time passes with every word."""

    def __init__(self) -> None:
        self.stage: Stage = staged()
        self.agent = self.stage.ann.alive
        self.now = self.stage.world.shell.local(self.stage.ann)
        self.number = count()

    def tick(self) -> int:
        """A millisecond passes, and what is due is done."""
        self.now += MILLISECOND
        number = next(self.number)
        if number % WAKE_EVERY == 0:
            self.agent.wake(self.now)
            self.agent.seal(self.now)
        return number

    def check(self) -> None:
        mesh = self.agent.mesh
        check_roll(mesh.roll)
        check_board(mesh.board)
        check_chains(mesh.chains)

    def living(self, effects: Sequence[Effect]) -> None:
        assert not any(isinstance(effect, Stop) for effect in effects), "it was made to stop"


def _stranger() -> Target:
    audience = _Audience()
    eve, ann = audience.stage.eve, audience.stage.ann
    gate = eve.alive.mesh._post.gate  # noqa: SLF001 - hellos that nobody has answered yet
    fresh = [gate.hello(to, audience.now) for to in (ann.id, None, eve.id)]
    examples = (*audience.stage.datagrams_to("ann", each_kind_max=8), *fresh)
    feed = partial(_from_a_stranger, audience)
    return Target(
        "agent, a stranger's datagram", examples, feed, Shape.BYTES, COSTLY, audience.check
    )


def _from_a_stranger(audience: _Audience, datagram: bytes) -> bool:
    number = audience.tick()
    source = Address(f"10.9.{number >> 8 & 255}.{number & 255}", 1024 + number % 60_000)
    effects = audience.agent.receive(datagram, source, audience.now)
    audience.living(effects)
    assert not any(isinstance(effect, Persist) for effect in effects), "a stranger was believed"
    back = [len(e.datagram) for e in effects if isinstance(e, Send) and e.to.host == source.host]
    header = read_header(datagram)
    beacon = not isinstance(header, Rejection) and header.kind is Kind.BEACON
    # A beacon that was recorded earns one hello a second, to whoever showed it: that it is a whole
    # datagram is what keeps the answer to it from being larger. See docs/threat-model.md.
    assert beacon or sum(back) <= len(datagram), "an answer larger than what it answers"
    return bool(effects)


def _handshakes() -> Target:
    """A member can make a good tag over anything, in anybody's name; a session it cannot make."""
    audience = _Audience()
    eve, ann = audience.stage.eve, audience.stage.ann
    gate = eve.alive.mesh._post.gate  # noqa: SLF001 - as above
    tags = (Kind.BEACON, Kind.HELLO, Kind.WELCOME, Kind.STALE, Kind.OUTCAST)
    heard = [d for d in audience.stage.datagrams_to("ann", each_kind_max=8) if d[3] in tags]
    stale = write_stale(audience.stage.world.keys.primary, eve.id, ann.id, bytes(16), bytes(200))
    examples = tuple(d[:-TAG_BYTES] for d in (*heard, gate.hello(ann.id, audience.now), stale))
    feed = partial(_tagged_by_a_member, audience)
    return Target(
        "agent, a member's handshakes", examples, feed, Shape.BYTES, COSTLY, audience.check
    )


def _tagged_by_a_member(audience: _Audience, bare: bytes) -> bool:
    keys = audience.stage.world.keys.primary
    kind = bare[3] if len(bare) > 3 else 0
    if kind == Kind.HELLO:
        bare = bare.ljust(DATAGRAM_BYTES_MAX - TAG_BYTES, b"\0")
    key = keys.beacon_mac if kind == Kind.BEACON else keys.handshake
    return _from_a_stranger(audience, tagged(key, bare[: DATAGRAM_BYTES_MAX - TAG_BYTES]))


def _member() -> Target:
    audience = _Audience()
    letters = mesh_targets.LETTERS
    examples = (*(encode((letter,)) for letter in letters), encode(letters[:5]))
    feed = partial(_from_a_member, audience)
    return Target(
        "agent, a member's letters", examples, feed, Shape.MSGPACK, COSTLY, audience.check
    )


def _from_a_member(audience: _Audience, payload: bytes) -> bool:
    audience.tick()
    eve, ann = audience.stage.eve, audience.stage.ann
    post = eve.alive.mesh._post  # noqa: SLF001 - what is sealed is what a member may bend
    sealed = post.gate.seal(ann.id, payload[:PAYLOAD_BYTES_MAX], audience.now)
    if sealed is None:
        return _meet_again(audience)
    effects = audience.agent.receive(sealed, eve.endpoint, audience.now)
    audience.living(effects)
    return bool(effects)


def _meet_again(audience: _Audience) -> bool:
    """The hour of their session is over."""
    fresh = _Audience()
    audience.stage, audience.agent, audience.now = fresh.stage, fresh.agent, fresh.now
    return False


def _fact() -> Target:
    audience = _Audience()
    board = audience.stage.eve.alive.mesh.board
    said = [board.fact(audience.stage.eve.id, topic) for topic in _TOPICS]
    examples = tuple(fact.body for fact in said if fact is not None)
    feed = partial(_signed_by_a_member, audience)
    return Target("agent, a member's facts", examples, feed, Shape.MSGPACK, DEAR, audience.check)


_TOPICS: Final = (TOPIC_INVENTORY, TOPIC_LIVE, TOPIC_STANDING)


def _signed_by_a_member(audience: _Audience, body: bytes) -> bool:
    """Under each topic in turn; and what the agent makes of it."""
    number = audience.tick()
    eve = audience.stage.eve
    topic = _TOPICS[number % len(_TOPICS)]
    version = version_of(eve.alive.mesh.epoch, (1 << 20) + number)
    mesh_id = audience.stage.world.keys.mesh_id
    fact = sign_fact(eve.identity, mesh_id, topic, version, body)
    pushed = parcel_bytes([Item("fact", (fact_bytes(fact),))], None, more=False, lacks=None)
    effects = audience.agent.serve(number, eve.id, SERVICE_PUSH, pushed, audience.now)
    audience.living(effects)
    if number % ASK_EVERY < len(_TOPICS):
        for question in QUESTIONS:
            answer = audience.agent.query(question, audience.now)
            assert b"internal" not in answer[:40], "a question was not answered"
    return True


def _streams() -> list[Target]:
    made = []
    for name, service, examples in _services():
        audience = _Audience()
        feed = partial(_asked, audience, service)
        made.append(Target(f"agent, {name}", examples, feed, Shape.MSGPACK, COSTLY, audience.check))
    return made


def _services() -> list[tuple[str, str, tuple[bytes, ...]]]:
    stage = staged()
    mesh = stage.eve.alive.mesh
    digest = digest_of(mesh.board, mesh.chains)
    nothing = type(digest)({}, {})
    items = list(items_for(nothing, stage.ann.id, mesh.board, mesh.chains, only_named=False))
    other = Secret(bytes(range(32))).for_mesh(stage.world.keys.mesh_id)
    key = derive(other).key_id.hex()
    orders = tuple(
        msgspec.msgpack.encode(KeyOrder(change, key, secret))
        for change, secret in (("install", other.text), ("use", ""), ("remove", ""))
    )
    signed = books_targets.targets()[2].examples
    return [
        ("a member's sync", SERVICE_SYNC,
         (question_bytes(digest, BEGINNING), question_bytes(nothing, None))),
        ("a member's push", SERVICE_PUSH, (parcel_bytes(items, None, more=False, lacks=None),)),
        ("a member's command", SERVICE_LEDGER, signed),
        ("a member's keys", SERVICE_KEYS, orders),
    ]  # fmt: skip


def _asked(audience: _Audience, service: str, body: bytes) -> bool:
    number = audience.tick()
    effects = audience.agent.serve(number, audience.stage.eve.id, service, body, audience.now)
    effects += audience.agent.seal(audience.now)
    audience.living(effects)
    return bool(effects)
