"""Whatever is done to a datagram on its way, it arrives as it was sent or not at all."""

import dataclasses
from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.door.handshake import (
    FIRST_COUNTERS_APART,
    Ephemeral,
    Hello,
    agree,
    read_hello,
    write_hello,
)
from mesh.door.judgements import LowerEpoch, Respond
from mesh.door.passport import SHARE_AGE_MAX, TOPIC_PASSPORT, Papers, read_passport
from mesh.door.sessions import SEALED_HEADER_BYTES
from mesh.facts import sign_fact, version_of
from mesh.identity import Epoch, NodeId
from mesh.letters.beacon import Beacon, read_beacon, write_beacon
from mesh.letters.datagram import (
    DATAGRAM_BYTES_MAX,
    EPOCH_COUNTER_MAX,
    HEADER_BYTES,
    Header,
    Kind,
    read_header,
    tagged,
    write_header,
)
from mesh.letters.wire import fact_bytes
from mesh.rejections import Rejection
from mesh.shares import Share
from tests.mesh.border import KEYS, OTHER_KEYS, Road, Traveller, drawn, met

HELLO_HEADER = Header(Kind.HELLO, KEYS.key_id, NodeId(b"n" * 16))
BEACON_HEADER = Header(Kind.BEACON, KEYS.key_id, NodeId(b"n" * 16))


class Waylaid(Road):
    """A road on which every datagram is first tampered with, in every way that `tamper` knows."""

    def __init__(self, tamper: Any) -> None:
        super().__init__()
        self.tamper = tamper

    def carry(self, source: Traveller, to: Traveller, datagram: bytes) -> None:
        for wrong in self.tamper(datagram):
            judged = to.gate.judge(wrong, source.address, self.now)
            assert isinstance(judged, Rejection), f"{judged} from a tampered datagram"
        super().carry(source, to, datagram)


def every_bit_flipped(datagram: bytes) -> list[bytes]:
    return [
        datagram[:at] + bytes([datagram[at] ^ 1 << at % 8]) + datagram[at + 1 :]
        for at in range(len(datagram))
    ]


def every_truncation(datagram: bytes) -> list[bytes]:
    return [datagram[:length] for length in range(len(datagram))]


def too_much(datagram: bytes) -> list[bytes]:
    return [datagram + b"\0", datagram + datagram, datagram.ljust(DATAGRAM_BYTES_MAX + 1, b"\0")]


def every_kind(datagram: bytes) -> list[bytes]:
    others = [kind for kind in range(256) if kind != datagram[3]]
    return [datagram[:3] + bytes([kind]) + datagram[4:] for kind in others]


@pytest.mark.parametrize("tamper", [every_bit_flipped, every_truncation, too_much, every_kind])
def test_a_tampered_datagram_is_refused_and_the_true_one_still_taken(tamper: Any) -> None:
    road, ann, bob = Waylaid(tamper), Traveller("ann"), Traveller("bob")
    road.meet(ann, bob)
    road.tell(ann, bob, b"one")
    road.tell(bob, ann, b"two")
    assert (bob.payloads(), ann.payloads()) == ([b"one"], [b"two"])
    road.carry(ann, bob, ann.gate.beacon(4653))
    late = LowerEpoch(bob.id, bob.epoch, bob.epoch, bob.address, b"?" * 16)
    answer = ann.gate.stale(late, b"record")
    assert answer is not None
    road.carry(ann, bob, answer)


def test_each_outer_cause_has_its_own_name() -> None:
    bob, whole = Traveller("bob"), Traveller("ann").gate.beacon(1)
    causes = {
        bytes(DATAGRAM_BYTES_MAX + 1): Rejection.OVERSIZED,
        whole[: HEADER_BYTES - 1]: Rejection.TOO_SHORT,
        b"hf" + whole[2:]: Rejection.BAD_MAGIC,
        whole[:2] + b"\2" + whole[3:]: Rejection.UNKNOWN_VERSION,
        whole[:3] + b"\x63" + whole[4:]: Rejection.UNKNOWN_KIND,
        whole[:4] + b"else" + whole[8:]: Rejection.UNKNOWN_KEY,
        whole[:-1] + b"?": Rejection.BAD_TAG,
    }
    judged = {datagram: bob.judge(datagram, bob.address, 0) for datagram in causes}
    assert judged == causes


@given(st.binary(max_size=1300))
def test_no_bytes_from_a_stranger_are_more_than_refused(content: bytes) -> None:
    _, ann, bob = met()
    for kind in Kind:
        head = write_header(kind, KEYS.key_id, ann.id)
        assert isinstance(bob.judge(head + content, ann.address, 0), Rejection)
    assert isinstance(bob.judge(content, ann.address, 0), Rejection)


HANDSHAKES = (Kind.HELLO, Kind.WELCOME, Kind.STALE, Kind.OUTCAST)


@given(st.binary(max_size=1160), st.sampled_from(HANDSHAKES))
def test_no_bytes_under_the_mesh_s_own_tag_are_more_than_refused(
    content: bytes, kind: Kind
) -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    head = write_header(kind, KEYS.key_id, ann.id)
    for body in (content, content.ljust(DATAGRAM_BYTES_MAX - HEADER_BYTES - 16, b"\7")):
        judged = bob.judge(tagged(KEYS.handshake, head + body), ann.address, 0)
        assert isinstance(judged, Rejection)


@given(st.binary(max_size=200), st.integers(0, 2**64 - 1))
def test_no_sealed_bytes_are_more_than_refused(content: bytes, counter: int) -> None:
    road, ann, bob = met()
    true = ann.gate.seal(bob.id, b"", road.now)
    assert true is not None
    head = true[: SEALED_HEADER_BYTES - 8] + counter.to_bytes(8, "big")
    assert isinstance(bob.judge(head + content, ann.address, road.now), Rejection)
    road.carry(ann, bob, true)
    assert not isinstance(bob.judged[-1], Rejection)


def test_a_member_cannot_make_one_node_s_hello_under_another_s_id() -> None:
    ann, bob, eve = Traveller("ann"), Traveller("bob"), Traveller("eve")
    true = eve.gate.hello(bob.id, 0)[:-16]
    forged = tagged(KEYS.handshake, true[:8] + ann.id + true[HEADER_BYTES:])
    assert bob.judge(forged, eve.address, 0) is Rejection.MALFORMED


def test_a_member_cannot_answer_a_challenge_for_another() -> None:
    """Eve knows the secret and Ann's public key, and says hello as Ann; she cannot confirm."""
    ann, bob, eve = Traveller("ann"), Traveller("bob"), Traveller("eve")
    eve.gate._identity.id, eve.gate._identity.public = ann.id, ann.identity.public
    Road().carry(eve, bob, eve.gate.hello(bob.id, 0))
    assert bob.judged[-1] is Rejection.BAD_SIGNATURE
    assert bob.gate.epochs() == {}
    assert not bob.gate.has_session(ann.id)


def test_a_member_cannot_welcome_for_another() -> None:
    ann, bob, eve = Traveller("ann"), Traveller("bob"), Traveller("eve")
    eve.gate._identity.id, eve.gate._identity.public = bob.id, bob.identity.public
    Road().carry(ann, eve, ann.gate.hello(bob.id, 0))
    assert ann.judged == [Rejection.BAD_SIGNATURE]


def test_a_member_who_overheard_a_passport_has_no_use_for_it() -> None:
    """A passport is public; the private half of its share is not."""
    road, ann, _ = met()
    bob, eve = Traveller("bob"), Traveller("eve")
    shown = read_hello(KEYS, HELLO_HEADER._replace(sender=ann.id), road.capture[0].datagram)
    assert isinstance(shown, Hello)

    overheard = Share(bytes(32))
    overheard.public = shown.share
    eve.gate.papers.at = lambda _: (overheard, shown.passport)  # type: ignore[method-assign]  # she shows what she overheard
    eve.gate._challenges._identity, eve.gate._challenges._epoch = ann.identity, ann.epoch
    welcome = bob.judge(eve.gate.hello(bob.id, 0), eve.address, 0)
    assert isinstance(welcome, Respond)
    assert eve.judge(welcome.datagram, bob.address, 0) is Rejection.NOT_FOR_US
    eve.gate._identity = ann.identity
    assert eve.judge(welcome.datagram, bob.address, 0) is Rejection.BAD_SIGNATURE
    assert not bob.gate.has_session(ann.id)


def test_a_hello_with_another_s_passport_is_refused() -> None:
    ann, bob, eve = Traveller("ann"), Traveller("bob"), Traveller("eve")
    _, anns = ann.gate.papers.at(0)
    for share in (
        dataclasses.replace(drawn(eve), passport=anns),
        dataclasses.replace(drawn(ann), passport=drawn(eve).passport),
        dataclasses.replace(drawn(eve), passport=b""),
        dataclasses.replace(drawn(eve), passport=b"no passport"),
    ):
        hello = write_hello(KEYS, eve.identity, eve.epoch, share, None)
        assert bob.judge(hello, eve.address, 0) is Rejection.MALFORMED


def test_a_passport_counts_for_one_run_and_one_mesh() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    earlier = drawn(Traveller("ann", start=b"another start..."))
    hello = write_hello(KEYS, ann.identity, ann.epoch, earlier, None)
    assert bob.judge(hello, ann.address, 0) is Rejection.MALFORMED
    elsewhere = Papers(ann.identity, ann.epoch, b"othermsh", Random(1)).at(0)
    share = Ephemeral(*elsewhere, bytes(16), 0)
    hello = write_hello(KEYS, ann.identity, ann.epoch, share, None)
    assert bob.judge(hello, ann.address, 0) is Rejection.BAD_SIGNATURE


def test_a_share_lives_for_an_hour() -> None:
    ann = Traveller("ann")
    share, passport = ann.gate.papers.at(0)
    assert ann.gate.papers.at(SHARE_AGE_MAX) == (share, passport)
    later, shown = ann.gate.papers.at(SHARE_AGE_MAX + 1)
    assert later.public != share.public
    stated = read_passport(shown)
    assert stated is not None
    assert stated.is_of(ann.id, ann.epoch, later.public)


def test_two_meet_under_the_shares_of_a_later_hour() -> None:
    road, ann, bob = met()
    road.now += SHARE_AGE_MAX + 1
    road.meet(ann, bob)
    assert len(bob.established()) == 2
    road.tell(bob, ann, b"still here")
    assert ann.payloads() == [b"still here"]


@given(st.binary(max_size=900))
def test_no_bytes_are_more_than_no_passport(content: bytes) -> None:
    assert read_passport(content) is None


def test_a_void_share_is_refused() -> None:
    void = Share(bytes(32))
    void.public = bytes(32)
    ann, bob = Traveller("ann"), Traveller("bob")
    version = version_of(ann.epoch, 0)
    signed = sign_fact(
        ann.identity, KEYS.mesh_id, TOPIC_PASSPORT, version, ann.epoch.nonce + bytes(32)
    )
    share = Ephemeral(void, fact_bytes(signed), bytes(16), 0)
    hello = write_hello(KEYS, ann.identity, ann.epoch, share, None)
    assert bob.judge(hello, ann.address, 0) is Rejection.MALFORMED


def test_an_epoch_that_no_fact_could_carry_is_refused() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    share = drawn(Traveller("ann", counter=EPOCH_COUNTER_MAX, start=bytes(16)))
    for counter, refused in ((EPOCH_COUNTER_MAX, False), (EPOCH_COUNTER_MAX + 1, True)):
        hello = write_hello(KEYS, ann.identity, Epoch(counter, bytes(16)), share, None)
        assert (bob.judge(hello, ann.address, 0) is Rejection.MALFORMED) is refused


@pytest.mark.parametrize("first", [1, FIRST_COUNTERS_APART - 1, 2**64 - 1])
def test_first_counters_off_the_grid_are_refused(first: int) -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    hello = write_hello(KEYS, ann.identity, ann.epoch, drawn(ann, first), None)
    assert bob.judge(hello, ann.address, 0) is Rejection.MALFORMED


def test_session_keys_rest_on_the_exchange_and_on_the_secret_and_on_all_that_was_said() -> None:
    """Whoever knows but one of the three has none of the keys."""
    share, other = (
        Ephemeral(Share(Random(seed).randbytes(32)), b"", bytes(16), 0) for seed in (1, 2)
    )
    ann = Traveller("ann")
    said = Hello(ann.id, ann.identity.public, ann.epoch, share.public, b"n" * 16, None, 0, b"core")
    stranger = dataclasses.replace(KEYS, handshake=OTHER_KEYS.handshake)
    attempts = [
        agree(keys, ann.id, mine, said, transcript)
        for keys, mine, transcript in (
            (KEYS, share, b"t"),
            (stranger, share, b"t"),
            (KEYS, other, b"t"),
            (KEYS, share, b"T"),
        )
    ]
    grown = [
        key
        for one in attempts
        if one is not None
        for key in (one.key_in, one.key_out, one.proof, one.tag)
    ]
    assert len({*grown}) == len(grown) == 16


# Beacons ---------------------------------------------------------------------------------------


@given(st.integers(0, EPOCH_COUNTER_MAX), st.integers(1, 65535), st.integers(0, 2**32 - 1))
def test_a_beacon_reads_back_as_it_was_written(counter: int, port: int, seq: int) -> None:
    beacon = Beacon(BEACON_HEADER.sender, counter, port, seq)
    datagram = write_beacon(KEYS, beacon)
    assert read_header(datagram) == BEACON_HEADER
    assert read_beacon(KEYS, BEACON_HEADER, datagram) == beacon


def test_anyone_can_read_a_beacon() -> None:
    datagram = write_beacon(KEYS, Beacon(BEACON_HEADER.sender, 3, 4653, 9))
    said = msgpack.unpackb(datagram[HEADER_BYTES:-16])
    assert said == {"mesh": KEYS.mesh_id, "epoch": 3, "port": 4653, "seq": 9}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary()
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def beacon_of(body: bytes) -> Beacon | Rejection:
    head = write_header(Kind.BEACON, KEYS.key_id, BEACON_HEADER.sender)
    return read_beacon(KEYS, BEACON_HEADER, tagged(KEYS.beacon_mac, head + body))


@given(st.binary(max_size=300))
def test_no_beacon_body_does_more_than_be_refused(body: bytes) -> None:
    assert isinstance(beacon_of(body), Rejection)


@given(st.sampled_from(["mesh", "epoch", "port", "seq"]), PLAIN)
def test_a_beacon_with_one_wrong_field_is_refused_whole(name: str, value: Any) -> None:
    good = {"mesh": KEYS.mesh_id, "epoch": 3, "port": 4653, "seq": 9}
    judged = beacon_of(msgpack.packb({**good, name: value}))
    if type(value) is not int:
        assert judged is Rejection.MALFORMED


def test_a_newer_beacon_with_more_to_say_is_understood() -> None:
    newer = {"mesh": KEYS.mesh_id, "epoch": 3, "port": 4653, "seq": 9, "mood": "fine"}
    assert beacon_of(msgpack.packb(newer)) == Beacon(BEACON_HEADER.sender, 3, 4653, 9)
