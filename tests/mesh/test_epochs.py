"""A node's runs follow each other, and passport control knows the newest it has proven."""

import pytest

from mesh.door.judgements import (
    CloneSeen,
    Established,
    LowerEpoch,
    Respond,
    ToldStale,
)
from mesh.identity import Epoch
from mesh.letters.datagram import DATAGRAM_BYTES_MAX
from mesh.rejections import Rejection
from tests.mesh.border import Road, Traveller, met


def test_a_restarted_peer_is_believed_and_its_old_sessions_end() -> None:
    road, ann, bob = met()
    old_word = bob.gate.seal(ann.id, b"old", road.now)
    newer = bob.restarted()
    road.meet(newer, ann)
    assert ann.gate.epochs() == {bob.id: newer.epoch}
    road.tell(ann, newer, b"welcome back")
    assert newer.payloads() == [b"welcome back"]
    assert old_word is not None
    assert ann.judge(old_word, bob.address, road.now) is Rejection.NO_SESSION


def test_an_unproven_higher_epoch_ends_no_session() -> None:
    road, ann, bob = met()
    ann.judge(bob.restarted().gate.hello(ann.id, road.now), bob.address, road.now)
    road.tell(ann, bob, b"still you")
    assert bob.payloads() == [b"still you"]


def test_a_lower_epoch_is_shown_its_own_later_record() -> None:
    road, ann, bob = met()
    later = bob.restarted()
    road.meet(later, ann)
    hello = bob.gate.hello(ann.id, road.now)
    judged = ann.judge(hello, bob.address, road.now)
    assert isinstance(judged, LowerEpoch)
    assert (judged.peer, judged.claimed, judged.known) == (bob.id, bob.epoch, later.epoch)
    answer = ann.gate.stale(judged, b"record")
    assert answer is not None
    assert len(answer) <= len(hello)
    assert bob.judge(answer, ann.address, road.now) == ToldStale(b"record")
    assert bob.judge(answer, ann.address, road.now) is Rejection.REPLAYED


def test_a_lower_epoch_that_was_asked_is_told_so_too() -> None:
    bob = Traveller("bob")
    ann = Traveller("ann", highest={bob.id: Epoch(7, bytes(16))})
    judged = bob.judge(ann.gate.hello(bob.id, 0), ann.address, 0)
    assert isinstance(judged, Respond)
    late = ann.judge(judged.datagram, bob.address, 0)
    assert isinstance(late, LowerEpoch)
    answer = ann.gate.stale(late, b"record")
    assert answer is not None
    assert bob.judge(answer, ann.address, 0) == ToldStale(b"record")
    assert not ann.gate.has_session(bob.id)


def test_nobody_is_shown_a_record_without_having_asked() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    late = LowerEpoch(bob.id, bob.epoch, bob.epoch, bob.address, b"?" * 16)
    answer = ann.gate.stale(late, b"record")
    assert answer is not None
    assert bob.judge(answer, ann.address, 0) is Rejection.UNKNOWN_CHALLENGE
    assert ann.judge(answer, ann.address, 0) is Rejection.NOT_FOR_US


def test_a_record_that_cannot_fit_is_not_sent() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    late = LowerEpoch(bob.id, bob.epoch, bob.epoch, bob.address, b"?" * 16)
    assert ann.gate.stale(late, bytes(DATAGRAM_BYTES_MAX)) is None


def test_the_same_counter_from_another_start_is_a_clone_once_proven() -> None:
    road, ann, bob = met()
    twin = Traveller("bob", start=b"another start...")
    hello = twin.gate.hello(ann.id, road.now)
    welcome = ann.judge(hello, twin.address, road.now)
    assert isinstance(welcome, Respond)  # a claim of that kind is not yet worth an alarm
    met_ann = twin.judge(welcome.datagram, ann.address, road.now)
    assert isinstance(met_ann, Established)
    confirm = twin.gate.respond(met_ann, b"", road.now)
    seen = ann.judge(confirm, twin.address, road.now)
    assert isinstance(seen, CloneSeen)
    assert (seen.peer, seen.epoch, seen.known) == (bob.id, twin.epoch, bob.epoch)
    road.tell(ann, bob, b"you remain")
    assert bob.payloads() == [b"you remain"]
    assert ann.gate.epochs() == {bob.id: bob.epoch}


def test_a_clone_that_we_asked_is_seen_in_its_welcome() -> None:
    road, ann, bob = met()
    twin = Traveller("bob", start=b"another start...")
    road.meet(ann, twin)
    assert isinstance(ann.judged[-1], CloneSeen)
    assert not twin.gate.has_session(ann.id)
    road.tell(bob, ann, b"it is me")
    assert ann.payloads() == [b"it is me"]


@pytest.mark.parametrize("counter", [2, 3, 4])
def test_a_second_machine_with_our_own_key_is_seen_whatever_its_epoch(counter: int) -> None:
    road = Road()
    ann, copy = Traveller("ann", counter=3), Traveller("ann", counter=counter, start=b"?" * 16)
    road.carry(ann, copy, ann.gate.hello(None, 0))
    road.carry(copy, ann, copy.gate.hello(None, 0))
    seen = [one for one in ann.judged + copy.judged if isinstance(one, CloneSeen)]
    assert seen
    assert all(one.peer == ann.id for one in seen)
    assert not ann.gate.has_session(ann.id)
    assert not copy.gate.has_session(ann.id)
