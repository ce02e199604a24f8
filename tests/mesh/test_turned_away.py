"""Who is kept out is told so when it knocks, and nobody else can make it believe that."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mesh.door.challenges import CHALLENGE_LIFE
from mesh.door.judgements import Judgement, Respond, ToldOutcast, TurnedAway
from mesh.door.turned_away import TOLD_BURST, Doorman
from mesh.effects import Address, KeptOut
from mesh.identity import NodeId
from mesh.instant import SECOND
from mesh.letters.datagram import DATAGRAM_BYTES_MAX, read_header, tagged
from mesh.letters.outcast import WORD_BYTES_MAX, Notice, read_outcast, sign_word, write_outcast
from mesh.rejections import Rejection
from mesh.roll.admission import Admission, Policy
from tests.mesh.border import KEYS, OTHER_RING, Traveller
from tests.mesh.network import Network, Node

WORD = b"who, by whose word, and why"


def keeper(keeps_out: NodeId, word: bytes = WORD, name: str = "bob") -> Traveller:
    one = Traveller(name)
    one.gate.bar({keeps_out: None}, {keeps_out: word})
    return one


def knocked(eve: Traveller, bob: Traveller, now: int = 0) -> Judgement | Rejection:
    return bob.judge(eve.gate.hello(bob.id, now), eve.address, now)


def notice_of(answer: Judgement | Rejection) -> Notice:
    assert isinstance(answer, TurnedAway)
    header = read_header(answer.datagram)
    assert not isinstance(header, Rejection)
    notice = read_outcast(KEYS, header, answer.datagram)
    assert isinstance(notice, Notice)
    return notice


def test_the_answer_to_its_hello_is_the_word_under_the_signature_of_whoever_keeps_it_out() -> None:
    eve = Traveller("eve")
    bob = keeper(eve.id)
    answer = knocked(eve, bob)
    assert isinstance(answer, TurnedAway)
    assert eve.judge(answer.datagram, bob.address, 0) == ToldOutcast(bob.id, WORD)
    assert eve.judge(answer.datagram, bob.address, 0) is Rejection.REPLAYED
    assert not eve.gate.has_session(bob.id)
    assert not bob.gate.has_session(eve.id)


@pytest.mark.parametrize("size", [1, WORD_BYTES_MAX])
def test_no_word_makes_the_answer_larger_than_the_hello(size: int) -> None:
    eve = Traveller("eve")
    answer = knocked(eve, keeper(eve.id, bytes(size)))
    assert isinstance(answer, TurnedAway)
    assert len(answer.datagram) <= DATAGRAM_BYTES_MAX


def test_nothing_but_a_whole_hello_to_us_is_answered() -> None:
    eve, cid = Traveller("eve"), Traveller("cid")
    bob = keeper(eve.id)
    hello = eve.gate.hello(bob.id, 0)
    for datagram in (
        eve.gate.beacon(4653), hello[:-1] + b"?", hello[:900], eve.gate.hello(cid.id, 0),
    ):  # fmt: skip
        assert bob.judge(datagram, eve.address, 0) is Rejection.REVOKED
    assert knocked(eve, keeper(eve.id, b"")) is Rejection.REVOKED
    assert knocked(eve, keeper(eve.id, bytes(WORD_BYTES_MAX + 1))) is Rejection.REVOKED


def test_one_id_gets_few_answers_wherever_it_seems_to_knock_and_more_in_time() -> None:
    eve = Traveller("eve")
    bob = keeper(eve.id)
    hello = eve.gate.hello(bob.id, 0)
    judged = [bob.judge(hello, Address("10.0.0.9", 1024 + n), 0) for n in range(50)]
    assert sum(isinstance(one, TurnedAway) for one in judged) == TOLD_BURST
    assert isinstance(bob.judge(hello, eve.address, SECOND), TurnedAway)
    cid = Traveller("cid")
    assert isinstance(knocked(cid, bob), Respond), "nobody else waits for it"


Bend = Callable[[Notice, Traveller, Traveller], Notice]


def by_eve(notice: Notice, _bob: Traveller, eve: Traveller) -> Notice:
    signature = sign_word(eve.identity, KEYS.mesh_id, notice.to, notice.word)
    return replace(notice, public=eve.identity.public, signature=signature)


def of_another_mesh(notice: Notice, bob: Traveller, _eve: Traveller) -> Notice:
    mesh_id = OTHER_RING.mesh_id
    signature = sign_word(bob.identity, mesh_id, notice.to, notice.word)
    return replace(notice, signature=signature)


@pytest.mark.parametrize(
    ("bend", "cause"),
    [
        (lambda n, _b, _e: replace(n, word=n.word + b"!"), Rejection.BAD_SIGNATURE),
        (lambda n, _b, e: replace(n, to=e.id), Rejection.NOT_FOR_US),
        (lambda n, _b, _e: replace(n, echo=bytes(16)), Rejection.UNKNOWN_CHALLENGE),
        (by_eve, Rejection.UNKNOWN_CHALLENGE),
        (of_another_mesh, Rejection.BAD_SIGNATURE),
    ],
    ids=["another word", "to another", "to no hello", "by who was not asked", "in another mesh"],
)
def test_a_member_makes_nobody_believe_what_was_not_said_to_it(
    bend: Bend, cause: Rejection
) -> None:
    ann, eve = Traveller("ann"), Traveller("eve")
    bob = keeper(ann.id)
    bent = bend(notice_of(knocked(ann, bob)), bob, eve)
    assert ann.judge(write_outcast(KEYS, bent), bob.address, 0) is cause


def test_what_is_signed_by_one_and_sent_by_another_is_refused() -> None:
    ann, eve = Traveller("ann"), Traveller("eve")
    notice = notice_of(knocked(ann, keeper(ann.id)))
    bare = bytearray(write_outcast(KEYS, notice)[:-16])
    bare[8:24] = eve.id
    forged = tagged(KEYS.handshake, bytes(bare))
    assert ann.judge(forged, eve.address, 0) is Rejection.MALFORMED


def test_a_recording_is_worth_nothing_once_its_hello_is_over() -> None:
    eve = Traveller("eve")
    bob = keeper(eve.id)
    answer = knocked(eve, bob)
    assert isinstance(answer, TurnedAway)
    late = CHALLENGE_LIFE + 1
    assert eve.judge(answer.datagram, bob.address, late) is Rejection.UNKNOWN_CHALLENGE
    other = Traveller("eve", keys=OTHER_RING)
    assert other.judge(answer.datagram, bob.address, 0) is Rejection.UNKNOWN_KEY


def test_a_gate_that_bars_whoever_says_it_takes_no_word_of_it() -> None:
    eve = Traveller("eve")
    bob = keeper(eve.id)
    eve.gate.bar({bob.id: None}, {})
    answer = knocked(eve, bob)
    assert isinstance(answer, TurnedAway)
    assert eve.judge(answer.datagram, bob.address, 0) is Rejection.REVOKED


# Two machines ------------------------------------------------------------------------------------


def away_and_back(policy: Policy = Policy.SECRET, *, met: bool = True) -> tuple[Network, Node]:
    """eve is kept out by all while it is off, and starts again."""
    network = Network()
    ann, eve = network.start("ann", "eve")
    network.run(5 * SECOND)
    eve.kill()
    bob = network.node("bob")
    bob.start()
    network.run(5 * SECOND)
    for one in (ann, bob):
        network.carry_out(one, one.mesh.revoke(eve.id, "stolen", WORD, None, network.now))
    network.run(20 * SECOND)
    if not met:
        ann.kill()
    eve.build()
    eve.mesh.roll.admission = Admission(policy)
    for member in eve.mesh.roll.members():
        eve.mesh.roll.judge(member.id)
    eve.up = True
    network.carry_out(eve, eve.mesh.start(network.now, ((eve.host, 4653, "ethernet"),)))
    network.run(40 * SECOND)  # who was never met is heard of by its beacon
    return network, eve


def authors(eve: Node) -> dict[NodeId, bytes]:
    return {one.author: one.word for one in eve.told if isinstance(one, KeptOut)}


def test_whoever_comes_back_hears_it_from_those_it_knows_and_those_it_has_never_met() -> None:
    network, eve = away_and_back()
    ann, bob = network.nodes["ann"], network.nodes["bob"]
    assert authors(eve) == {ann.id: WORD, bob.id: WORD}
    assert not ann.mesh.has_session(eve.id)
    assert ann.mesh.rejections[Rejection.REVOKED] > 0


def test_where_not_all_count_only_those_that_count_are_believed() -> None:
    _, eve = away_and_back(Policy.ALLOW_LIST)
    assert authors(eve) == {}
    assert eve.mesh.rejections["outcast: by a node whose word does not count here"] > 0
    _, tofu = away_and_back(Policy.TOFU, met=False)
    assert authors(tofu) == {}, "it has never met the only one that says so"


def test_an_older_version_counts_the_answer_and_goes_on() -> None:
    eve = Traveller("eve")
    answer = knocked(eve, keeper(eve.id))
    assert isinstance(answer, TurnedAway)
    unknown = answer.datagram[:3] + b"\x63" + answer.datagram[4:]
    assert Traveller("old").judge(unknown, eve.address, 0) is Rejection.UNKNOWN_KIND


def test_without_the_answer_nobody_would_hear_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Doorman, "_may_tell", lambda *_: False)
    _, eve = away_and_back()
    assert authors(eve) == {}
