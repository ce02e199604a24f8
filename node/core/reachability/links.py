"""Links: what one node has seen of every other, as it tells whoever asks.

Told on demand, over a stream, and never as a fact. A fact goes to everyone and must not churn,
while these figures are old after a second and wanted once a week; asked for, they cost nothing
until a person wonders, and the stream that brings them is itself one of the legs to be tried.

A link says only what its teller saw. What follows from two tellings of one pair is for the matrix.
Ages are counted by the teller up to the moment of its answer: no two clocks are compared.
"""

from typing import Annotated, Final

import msgspec

from mesh.identity import NodeId, id_text
from mesh.instant import MILLISECOND, Duration, Instant
from mesh.roll.membership import Liveness, Member
from node.core.picture.evidence import NO_EVIDENCE, WORDS_MAX, Airway, Count, Evidence, Word
from node.core.picture.knowledge import Knowledge
from node.core.reachability.places import airway_of

LINKS_MAX: Final = 512
"""Peers in one answer: some 130 kB. Of a larger mesh those who do not answer come first."""
BEACONS_MAX: Final = 8
PLACES_MAX: Final = 8
NOVELTIES_MAX: Final = 16
ANSWER_BYTES_MAX: Final = 512 * 1024

Age = Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None
"""Milliseconds ago; None: not since the teller's start."""


class Link(msgspec.Struct, frozen=True):
    """One peer, as the teller sees it."""

    id: Word
    name: Word
    liveness: Word
    trust: Word
    session: bool
    address: Word | None = None
    """The address in use."""
    kind: Word | None = None
    """What the peer says that its interface is there."""
    places: Annotated[dict[Word, Word], msgspec.Meta(max_length=PLACES_MAX)] = {}
    """Everywhere it might be reached, and the kind of its interface there ("" where unsaid)."""
    version: Word = ""
    beacons: Annotated[dict[Word, Annotated[int, msgspec.Meta(ge=0)]],
                       msgspec.Meta(max_length=BEACONS_MAX)] = {}  # fmt: skip
    """Milliseconds since its newest beacon, by the teller's interface that heard it."""
    knocked_ms: Age = None
    heard_ms: Age = None
    """Since its newest proven word, of whatever kind."""
    asked_ms: Age = None
    waiting_ms: Age = None
    """Since the first of several questions that it has not answered; None: it owes no answer, or
    one that may have been lost."""
    answered_ms: Age = None
    round_trip_us: Age = None
    streamed_ms: Age = None
    """Since it last asked the teller something over a stream."""
    passed_over: Annotated[dict[Word, Count], msgspec.Meta(max_length=NOVELTIES_MAX)] = {}
    """What it said that the teller's version does not know: sort → how often."""
    helper: Word | None = None
    """Who last reached it for the teller (an id)."""
    helper_ms: Age = None


class Stray(msgspec.Struct, frozen=True):
    """Datagrams that the teller refused, by where they came from and why."""

    source: Word
    cause: Word
    count: Count
    ago_ms: Age


class Telling(msgspec.Struct, frozen=True):
    """All that one node tells when it is asked for its links."""

    id: Word
    name: Word
    version: Word
    key_id: Word
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    links: Annotated[tuple[Link, ...], msgspec.Meta(max_length=LINKS_MAX)]
    evidence: Evidence = NO_EVIDENCE
    strays: Annotated[tuple[Stray, ...], msgspec.Meta(max_length=WORDS_MAX)] = ()
    wall_ms: Annotated[int, msgspec.Meta(ge=-(2**60), le=2**60)] | None = None
    """The teller's wall clock as it answered: shown to people, and nothing is decided by it."""
    left_out: Count = 0
    """Peers for which there was no room in the answer."""


class Self(msgspec.Struct, frozen=True):
    """What only this start of an agent knows of itself."""

    version: str
    port: int


def told_by(knowledge: Knowledge, us: Self) -> Telling:
    """What we ourselves tell."""
    members = sorted(knowledge.mesh.roll.members(), key=_doubtful_first)
    evidence = knowledge.news.evidence
    strays = [
        Stray(_word(host), cause.value, seen.count, _ms(knowledge.now - seen.last))
        for host, cause, seen in knowledge.mesh.strangers.seen()[:WORDS_MAX]
    ]
    return Telling(
        id=id_text(knowledge.us), name=_word(knowledge.our_name), version=_word(us.version),
        key_id=knowledge.keys.primary.key_id.hex(), port=us.port,
        links=tuple(_link(knowledge, member, evidence) for member in members[:LINKS_MAX]),
        evidence=evidence, strays=tuple(strays), wall_ms=wall_ms(knowledge),
        left_out=max(0, len(members) - LINKS_MAX),
    )  # fmt: skip


def wall_ms(knowledge: Knowledge) -> int | None:
    """What a clock on the wall shows now, by the shell's last word on how far it is from ours."""
    ahead = knowledge.news.wall_ahead
    return None if ahead is None else (knowledge.now + ahead) // MILLISECOND


def encode(telling: Telling) -> bytes:
    """As it travels."""
    return msgspec.msgpack.encode(telling)


def decode(body: bytes) -> Telling | None:
    """The inverse; None for what is no such thing. Never raises."""
    if len(body) > ANSWER_BYTES_MAX:
        return None
    try:
        return msgspec.msgpack.decode(body, type=Telling)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _link(knowledge: Knowledge, member: Member, evidence: Evidence) -> Link:
    now, node = knowledge.now, member.id
    link = Link(
        id=id_text(node),
        name=_word(member.name),
        liveness=member.liveness.value if member.liveness else "unknown",
        trust=member.trust.value,
        session=knowledge.mesh.has_session(node),
        address=None if member.address is None else _word(member.address.text),
        kind=member.address_kind,
        places=_places(member),
        version=member.record.version if member.record else "",
        heard_ms=_ago(now, member.last_heard),
        passed_over={
            novelty.value: count for novelty, count in knowledge.mesh.novelties.of(node).items()
        },
    )
    sight = knowledge.mesh.sightings.of(node)
    if sight is None:
        return link
    helper, vouched = sight.helper or (None, None)
    return msgspec.structs.replace(
        link,
        beacons=_beacons(sight.beacons, evidence.airways, now),
        knocked_ms=_ago(now, sight.knocked),
        asked_ms=_ago(now, sight.asked),
        waiting_ms=_ago(now, sight.silent_since),
        answered_ms=_ago(now, sight.answered),
        round_trip_us=None if sight.round_trip is None else sight.round_trip // 1_000,
        streamed_ms=_ago(now, sight.streamed),
        helper=None if helper is None else id_text(helper),
        helper_ms=_ago(now, vouched),
    )


def _kinds(member: Member) -> dict[str, str]:
    """What kind of interface it says is behind each of its hosts."""
    return {said.host: said.kind for said in member.record.endpoints} if member.record else {}


def _places(member: Member) -> dict[str, str]:
    kinds = _kinds(member)
    return {
        _word(address.text): kinds.get(address.host, "")
        for address in member.addresses[:PLACES_MAX]
    }


def _beacons(
    heard: dict[str, Instant], airways: tuple[Airway, ...], now: Instant
) -> dict[str, int]:
    by_name: dict[str, int] = {}
    for host, when in heard.items():
        airway = airway_of(host, airways)
        name = host if airway is None else airway.name
        age = max(0, now - when) // MILLISECOND
        by_name[name] = min(age, by_name.get(name, age))
    return by_name


def _doubtful_first(member: Member) -> tuple[bool, NodeId]:
    return member.liveness is Liveness.ALIVE, member.id


def _ago(now: Instant, when: Instant | None) -> int | None:
    return None if when is None else _ms(now - when)


def _ms(duration: Duration) -> int:
    return max(0, duration) // MILLISECOND


def _word(text: str) -> str:
    return text[:128]
