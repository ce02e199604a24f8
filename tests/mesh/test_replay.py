"""A recording of everything that was ever said is worth nothing to whoever plays it back.

Each test ends in the same judgement of the recording: nothing is established, nothing verified, no
session opened, no epoch learned. The last tests plant a fault and expect that judgement to fail.
"""

import pytest

from mesh.door.gate import Gate
from mesh.door.handshake import Hello
from mesh.door.judgements import (
    CloneSeen,
    Established,
    HeardBeacon,
    LowerEpoch,
    Respond,
    ToldStale,
    Verified,
)
from mesh.door.window import ReplayWindow
from mesh.instant import MINUTE, SECOND
from mesh.letters.datagram import Kind
from mesh.rejections import Rejection
from tests.mesh.border import Packet, Road, Traveller, met

BELIEVING = (Established, Verified, CloneSeen, ToldStale)


def recorded() -> tuple[Road, Traveller, Traveller]:
    """A lively evening: beacons, two handshakes, words both ways, a restart and a stale hello."""
    road, ann, bob = met()
    road.carry(ann, bob, ann.gate.beacon(4653))
    road.meet(bob, ann)
    for number in range(5):
        road.tell(ann, bob, b"ann %d" % number)
        road.tell(bob, ann, b"bob %d" % number)
    newer = bob.restarted()
    road.meet(newer, ann)
    late = ann.judge(bob.gate.hello(ann.id, road.now), bob.address, road.now)
    assert isinstance(late, LowerEpoch)
    answer = ann.gate.stale(late, b"record")
    assert answer is not None
    road.carry(ann, bob, answer)
    road.tell(newer, ann, b"again")
    return road, ann, newer


def play_back(road: Road, listener: Traveller) -> None:
    """Play every recorded datagram to `listener`, from everywhere, and let nothing be believed."""
    before = listener.gate.epochs()
    for packet in list(road.capture):
        for source in (packet.source, packet.to):
            road.now += SECOND // 10
            judged = listener.gate.judge(packet.datagram, source.address, road.now)
            assert not isinstance(judged, BELIEVING), judged
            assert_harmless(judged, packet)
    assert listener.gate.epochs() == before


def assert_harmless(judged: object, packet: Packet) -> None:
    match judged:
        case Respond(answer):
            assert packet.datagram[3] == Kind.HELLO, "nothing else may be answered when replayed"
            assert len(answer) <= len(packet.datagram)
        case Rejection() | HeardBeacon() | LowerEpoch():
            pass
        case _:
            pytest.fail(f"{judged} is not harmless")


def test_played_back_at_once_nothing_is_believed() -> None:
    road, ann, bob = recorded()
    play_back(road, ann)
    play_back(road, bob)


def test_played_back_later_nothing_is_believed() -> None:
    road, ann, bob = recorded()
    road.now += 5 * MINUTE
    play_back(road, ann)
    play_back(road, bob)


def test_played_back_after_a_restart_of_either_side_nothing_is_believed() -> None:
    road, ann, bob = recorded()
    for listener in (ann.restarted(), bob.restarted()):
        play_back(road, listener)
        assert not listener.gate.has_session(ann.id)
        assert not listener.gate.has_session(bob.id)


def test_played_back_to_a_third_node_nothing_is_believed() -> None:
    road, ann, bob = recorded()
    play_back(road, cid := Traveller("cid"))
    assert not cid.gate.has_session(ann.id)
    assert not cid.gate.has_session(bob.id)


def test_a_recording_does_not_end_the_sessions_that_live() -> None:
    road, ann, bob = recorded()
    play_back(road, ann)
    play_back(road, bob)
    road.tell(ann, bob, b"still here")
    assert bob.payloads()[-1:] == [b"still here"]


def test_each_datagram_doubled_on_the_way_is_believed_once() -> None:
    road, ann, bob = met()
    for packet in list(road.capture):
        judged = packet.to.judge(packet.datagram, packet.source.address, road.now)
        assert isinstance(judged, Rejection)
    assert len(ann.established()) == len(bob.established()) == 1


def test_played_back_to_its_own_senders_it_is_still_nothing() -> None:
    road, _ann, _bob = met()
    for packet in list(road.capture):
        judged = packet.source.judge(packet.datagram, packet.to.address, road.now)
        assert isinstance(judged, Rejection)


def test_without_the_window_a_recording_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    road, ann, _bob = recorded()
    monkeypatch.setattr(ReplayWindow, "would_accept", lambda _window, _counter: True)
    with pytest.raises(AssertionError, match=r"when replayed|Verified"):
        play_back(road, ann)


def test_without_the_challenge_a_recording_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def gullible(_gate: Gate, _hello: Hello) -> bool:
        return True

    road, ann, _bob = recorded()
    monkeypatch.setattr(Gate, "believes", gullible)
    with pytest.raises(AssertionError, match="Established"):
        play_back(road, ann.restarted())
