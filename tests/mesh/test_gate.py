"""Passport control: only an answer to our own fresh nonce proves a peer, and each word once."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.door.allowance import ALL_HELLOS_BURST
from mesh.door.challenges import CHALLENGE_LIFE, CHALLENGES_MAX, REPEATED_FOR, speaks_first
from mesh.door.confirming import CONFIRM_INTERVAL, CONFIRM_REPEATS_MAX
from mesh.door.epochs import PEERS_MAX
from mesh.door.gate import Gate
from mesh.door.handshake import read_hello
from mesh.door.judgements import (
    Established,
    HeardBeacon,
    Respond,
    Verified,
)
from mesh.door.sessions import PAYLOAD_BYTES_MAX, SESSIONS_PER_PEER_MAX
from mesh.effects import Address
from mesh.identity import Epoch, NodeId
from mesh.instant import HOUR, SECOND
from mesh.letters.datagram import DATAGRAM_BYTES_MAX, Kind, read_header
from mesh.rejections import Rejection
from tests.mesh.border import KEYS, OTHER_RING, Road, Traveller, met, welcome_of


def test_both_prove_each_other_in_one_handshake() -> None:
    road, ann, bob = met()
    assert [(seen.peer, seen.epoch, seen.address) for seen in ann.established()] == [
        (bob.id, bob.epoch, bob.address)
    ]
    assert [(seen.peer, seen.epoch, seen.address) for seen in bob.established()] == [
        (ann.id, ann.epoch, ann.address)
    ]
    assert ann.gate.epochs() == {bob.id: bob.epoch}
    assert len(road.capture) == 4  # hello, welcome, confirm, and a word in the session


def test_a_sealed_payload_arrives_whole_and_names_its_sender() -> None:
    road, ann, bob = met()
    road.tell(ann, bob, b"from ann")
    road.tell(bob, ann, b"from bob")
    assert bob.judged[-1] == Verified(ann.id, ann.epoch, b"from ann", ann.address)
    assert ann.judged[-1] == Verified(bob.id, bob.epoch, b"from bob", bob.address)


def test_both_may_say_hello_at_the_same_moment() -> None:
    road, ann, bob = Road(), Traveller("ann"), Traveller("bob")
    from_ann, from_bob = ann.gate.hello(bob.id, 0), bob.gate.hello(ann.id, 0)
    road.carry(ann, bob, from_ann)
    road.carry(bob, ann, from_bob)
    road.tell(ann, bob, b"one")
    road.tell(bob, ann, b"two")
    assert (bob.payloads(), ann.payloads()) == ([b"one"], [b"two"])
    assert ann.gate.next_wake is None
    assert bob.gate.next_wake is None


def test_of_two_hellos_that_cross_one_is_answered() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    if not speaks_first(ann.id, bob.id):
        ann, bob = bob, ann
    from_ann, from_bob = ann.gate.hello(bob.id, 0), bob.gate.hello(ann.id, 0)
    assert ann.judge(from_bob, bob.address, 0) is Rejection.CROSSED
    assert isinstance(bob.judge(from_ann, ann.address, 0), Respond)
    assert isinstance(ann.judge(from_bob, bob.address, 1), Respond)  # ours may have been lost


def test_the_same_hello_is_said_again_while_it_is_open() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    first = ann.gate.hello(bob.id, 0)
    assert ann.gate.hello(bob.id, REPEATED_FOR) == first
    assert ann.gate.hello(bob.id, REPEATED_FOR + 1) != first
    answers = [bob.judge(first, ann.address, now) for now in (0, 1)]
    assert answers[0] == answers[1]
    assert ann.gate.hello(None, 0) != ann.gate.hello(None, 0)


def test_a_hello_to_whom_it_may_concern_is_answered_by_anybody() -> None:
    road, ann, bob = Road(), Traveller("ann"), Traveller("bob")
    road.carry(ann, bob, ann.gate.hello(None, 0))
    assert ann.gate.has_session(bob.id)


def test_a_hello_for_another_is_left_alone() -> None:
    ann, bob, cid = Traveller("ann"), Traveller("bob"), Traveller("cid")
    assert cid.judge(ann.gate.hello(bob.id, 0), ann.address, 0) is Rejection.NOT_FOR_US


def test_another_node_cannot_answer_for_the_one_we_asked() -> None:
    ann, bob, eve = Traveller("ann"), Traveller("bob"), Traveller("eve")
    asked_anybody = ann.gate.hello(None, 0)
    asked_bob = ann.gate.hello(bob.id, 0)
    assert eve.judge(asked_bob, ann.address, 0) is Rejection.NOT_FOR_US
    welcome = eve.judge(asked_anybody, ann.address, 0)
    assert isinstance(welcome, Respond)
    bobs = bob.judge(asked_bob, ann.address, 0)
    assert isinstance(bobs, Respond)
    assert isinstance(ann.judge(bobs.datagram, eve.address, 0), Established)
    assert ann.established()[-1].peer == bob.id


def test_a_welcome_to_a_hello_that_was_meant_for_another_is_refused() -> None:
    """Eve is a member and answers with her own good proof what Bob was asked."""
    ann, bob, eve = Traveller("ann"), Traveller("bob"), Traveller("eve")
    datagram = ann.gate.hello(bob.id, 0)
    header = read_header(datagram)
    assert not isinstance(header, Rejection)
    hello = read_hello(KEYS, header, datagram)
    assert not isinstance(hello, Rejection)
    welcome = welcome_of(eve, KEYS, hello)
    assert ann.judge(welcome, eve.address, 0) is Rejection.UNKNOWN_CHALLENGE


def test_a_welcome_that_reaches_another_is_not_for_it() -> None:
    ann, bob, cid = Traveller("ann"), Traveller("bob"), Traveller("cid")
    welcome = bob.judge(ann.gate.hello(bob.id, 0), ann.address, 0)
    assert isinstance(welcome, Respond)
    assert cid.judge(welcome.datagram, bob.address, 0) is Rejection.NOT_FOR_US


def test_only_the_side_that_said_hello_confirms() -> None:
    road, ann, bob = met()
    session = bob.gate._sessions.best(ann.id, road.now)
    assert session is not None
    odd = session.seal(Kind.CONFIRM, b"")
    assert ann.judge(odd, bob.address, road.now) is Rejection.NO_SESSION


def test_a_session_known_to_work_is_preferred_to_a_newer_one_that_may_not() -> None:
    road, ann, bob = met()
    road.lost = (len(road.capture) + 2,)  # the confirmation
    road.meet(ann, bob)
    road.tell(ann, bob, b"heard at once")
    assert bob.payloads() == [b"heard at once"]


@pytest.mark.parametrize("lost", range(4))
def test_the_loss_of_any_one_datagram_delays_and_harms_nothing(lost: int) -> None:
    road, ann, bob = Road(lost), Traveller("ann"), Traveller("bob")
    road.meet(ann, bob)
    road.wait(ann, bob, road.now + SECOND)
    if not ann.gate.has_session(bob.id):
        road.meet(ann, bob)  # the hello or the welcome was lost: the caller says hello again
    road.tell(ann, bob, b"one")
    road.tell(bob, ann, b"two")
    assert (bob.payloads(), ann.payloads()) == ([b"one"], [b"two"])
    assert len(bob.established()) == len(ann.established()) == 1


def test_a_confirmation_is_repeated_until_something_is_heard_and_then_given_up() -> None:
    road, ann, bob = Road(2, 3, 4, 5, 6, 7), Traveller("ann"), Traveller("bob")
    road.meet(ann, bob)
    due = ann.gate.next_wake
    assert due == road.now - 5_000_000 + CONFIRM_INTERVAL
    road.wait(ann, bob, 10 * SECOND)
    assert len(road.capture) == 3 + CONFIRM_REPEATS_MAX
    assert not ann.gate.has_session(bob.id)
    assert ann.gate.next_wake is None


def test_a_session_given_up_for_sending_is_still_heard() -> None:
    """Only the answers were lost: the far end has the session and speaks in nothing newer."""
    road, ann, bob = met()
    answers_lost = (7, 9, 11, 13, 15)
    road.lost = answers_lost
    road.meet(ann, bob)
    road.wait(ann, bob, road.now + 10 * SECOND)
    assert ann.gate.next_wake is None
    road.tell(ann, bob, b"in the first session")
    road.tell(bob, ann, b"in the second")
    assert (bob.payloads(), ann.payloads()) == ([b"in the first session"], [b"in the second"])
    road.tell(ann, bob, b"in the second too")
    assert road.capture[-1].datagram[24:32] == road.capture[-2].datagram[24:32]
    assert len(road.capture) == answers_lost[-1] + 4


@given(st.sets(st.integers(0, 25)), st.booleans())
def test_whatever_is_lost_two_nodes_that_keep_trying_understand_each_other(
    lost: set[int], both: bool
) -> None:
    road, ann, bob = Road(*lost), Traveller("ann"), Traveller("bob")
    for _ in range(30):
        if ann.gate.wants_hello(bob.id, road.now):
            road.meet(ann, bob)
        if both and bob.gate.wants_hello(ann.id, road.now):
            road.meet(bob, ann)
        road.wait(ann, bob, road.now + 6 * SECOND)
        road.wait(bob, ann, road.now)
    road.lost = ()
    road.tell(ann, bob, b"one")
    road.tell(bob, ann, b"two")
    assert (bob.payloads(), ann.payloads()) == ([b"one"], [b"two"])


def test_nothing_waits_once_a_handshake_is_over() -> None:
    _, ann, bob = met()
    assert (ann.gate.next_wake, bob.gate.next_wake) == (None, None)


def test_a_hello_alone_proves_nothing() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    assert isinstance(bob.judge(ann.gate.hello(bob.id, 0), ann.address, 0), Respond)
    assert bob.gate.epochs() == {}
    assert not bob.gate.has_session(ann.id)
    assert bob.gate.seal(ann.id, b"", 0) is None


def test_a_repeated_hello_gets_the_same_welcome() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    hello = ann.gate.hello(bob.id, 0)
    assert bob.judge(hello, ann.address, 0) == bob.judge(hello, ann.address, 1)


def test_no_answer_to_an_unproven_datagram_is_larger_than_it() -> None:
    road, _ann, _bob = met()
    hello, welcome = road.capture[0].datagram, road.capture[1].datagram
    assert len(welcome) <= len(hello) == DATAGRAM_BYTES_MAX


def test_datagrams_may_overtake_each_other() -> None:
    road, ann, bob = met()
    sealed = [ann.gate.seal(bob.id, b"%d" % number, road.now) for number in range(300)]
    Random(1).shuffle(sealed)
    for datagram in sealed:
        assert datagram is not None
        road.carry(ann, bob, datagram)
    assert sorted(bob.payloads(), key=int) == [b"%d" % number for number in range(300)]


def test_the_largest_payload_fits_exactly() -> None:
    road, ann, bob = met()
    datagram = ann.gate.seal(bob.id, bytes(Gate.payload_bytes_max), road.now)
    assert datagram is not None
    assert len(datagram) == DATAGRAM_BYTES_MAX
    with pytest.raises(AssertionError):
        ann.gate.seal(bob.id, bytes(PAYLOAD_BYTES_MAX + 1), road.now)


def test_three_sessions_per_peer_are_enough_and_the_newest_is_used() -> None:
    road, ann, bob = met(rounds=SESSIONS_PER_PEER_MAX + 1)
    first_word = road.capture[3].datagram
    road.tell(ann, bob, b"still here")
    assert bob.payloads() == [b"still here"]
    assert ann.judge(first_word, bob.address, road.now) is Rejection.NO_SESSION


def test_a_stranger_with_another_secret_is_told_nothing() -> None:
    ann, eve = Traveller("ann"), Traveller("eve", keys=OTHER_RING)
    assert ann.judge(eve.gate.hello(ann.id, 0), eve.address, 0) is Rejection.UNKNOWN_KEY
    assert ann.judge(eve.gate.beacon(1), eve.address, 0) is Rejection.UNKNOWN_KEY


def test_a_beacon_is_a_hint_at_the_address_it_came_from() -> None:
    ann, bob = Traveller("ann", counter=9), Traveller("bob")
    heard = bob.judge(ann.gate.beacon(5000), Address("fe80::7", 60001), 0)
    assert heard == HeardBeacon(ann.id, 9, Address("fe80::7", 5000))
    assert bob.gate.epochs() == {}


def test_what_comes_back_to_us_is_known_as_ours() -> None:
    ann = Traveller("ann")
    for datagram in (ann.gate.beacon(1), ann.gate.hello(None, 0)):
        assert ann.judge(datagram, ann.address, 0) is Rejection.FROM_OURSELVES


# Bounds ----------------------------------------------------------------------------------------


def test_one_source_is_answered_only_so_often() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    judged = [bob.judge(ann.gate.hello(bob.id, 0), ann.address, 0) for _ in range(30)]
    assert sum(isinstance(one, Respond) for one in judged) == 20
    assert judged[-1] is Rejection.RATE_LIMITED
    assert isinstance(bob.judge(ann.gate.hello(bob.id, SECOND), ann.address, SECOND), Respond)


def test_all_sources_together_are_answered_only_so_often() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    judged = [
        bob.judge(ann.gate.hello(bob.id, 0), Address(f"10.1.{host // 250}.{host % 250}", 1), 0)
        for host in range(ALL_HELLOS_BURST + 50)
    ]
    assert sum(isinstance(one, Respond) for one in judged) == ALL_HELLOS_BURST


def test_forged_hellos_use_up_nobodys_allowance() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    forged = ann.gate.hello(bob.id, 0)[:-1] + b"?"
    for _ in range(200):
        assert bob.judge(forged, ann.address, 0) is Rejection.BAD_TAG
    assert isinstance(bob.judge(ann.gate.hello(bob.id, 0), ann.address, 0), Respond)


def test_open_questions_are_bounded_and_lapse() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    first = bob.judge(ann.gate.hello(bob.id, 0), ann.address, 0)
    assert isinstance(first, Respond)
    for _ in range(CHALLENGES_MAX):
        ann.gate.hello(None, 0)
    assert ann.judge(first.datagram, bob.address, 0) is Rejection.UNKNOWN_CHALLENGE
    assert ann.gate.next_wake == CHALLENGE_LIFE
    assert ann.gate.wake(CHALLENGE_LIFE) == []
    assert ann.gate.next_wake is None


def test_unconfirmed_welcomes_are_bounded_and_the_oldest_goes_first() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    welcome = bob.judge(ann.gate.hello(bob.id, 0), ann.address, 0)
    assert isinstance(welcome, Respond)
    met_bob = ann.judge(welcome.datagram, bob.address, 0)
    assert isinstance(met_bob, Established)
    crowd, now = Traveller("crowd"), 0
    for host in range(CHALLENGES_MAX + 1):
        now = host * SECOND // 250
        crowd.gate.wake(now)
        bob.judge(crowd.gate.hello(None, now), Address(f"10.1.{host // 250}.{host % 250}", 1), now)
    assert now < CHALLENGE_LIFE
    confirm = ann.gate.respond(met_bob, b"", now)
    assert bob.judge(confirm, ann.address, now) is Rejection.NO_SESSION
    assert bob.gate.epochs() == {}


def test_a_late_welcome_answers_nothing() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    welcome = bob.judge(ann.gate.hello(bob.id, 0), ann.address, 0)
    assert isinstance(welcome, Respond)
    judged = ann.judge(welcome.datagram, bob.address, CHALLENGE_LIFE)
    assert judged is Rejection.UNKNOWN_CHALLENGE


def test_new_peers_are_refused_when_the_table_is_full_and_old_ones_are_not() -> None:
    ann, bob = Traveller("ann"), Traveller("bob")
    crowd = {NodeId(number.to_bytes(16, "big")): Epoch(1, bytes(16)) for number in range(PEERS_MAX)}
    full = Traveller("full", highest=crowd)
    assert full.judge(ann.gate.hello(None, 0), ann.address, 0) is Rejection.TABLE_FULL
    crowd.popitem()
    crowd[bob.id] = bob.epoch
    full = Traveller("full", highest=crowd)
    assert isinstance(full.judge(bob.gate.hello(None, 0), bob.address, 0), Respond)


def test_a_worn_session_asks_for_a_hello_and_an_old_one_ends() -> None:
    road, ann, bob = met()
    assert not ann.gate.wants_hello(bob.id, road.now + HOUR - SECOND)
    assert ann.gate.wants_hello(bob.id, road.now + HOUR + SECOND)
    assert ann.gate.seal(bob.id, b"", road.now + HOUR + SECOND) is not None
    assert ann.gate.seal(bob.id, b"", road.now + 2 * HOUR) is None
    assert not ann.gate.has_session(bob.id)


def test_hanging_up_ends_sessions_and_remembers_the_epoch() -> None:
    road, ann, bob = met()
    ann.gate.hang_up(bob.id)
    assert not ann.gate.has_session(bob.id)
    assert ann.gate.epochs() == {bob.id: bob.epoch}
    ann.gate.forget(bob.id)
    assert ann.gate.epochs() == {}
    road.meet(bob, ann)
    assert ann.gate.epochs() == {bob.id: bob.epoch}


def test_counter_ranges_of_one_run_never_overlap() -> None:
    road, ann, bob = met(rounds=3)
    counters = [
        int.from_bytes(packet.datagram[32:40], "big")
        for packet in road.capture
        if packet.source is ann and packet.datagram[3] in (4, 5)
    ]
    assert len({*counters}) == len(counters) == 3
    assert KEYS.key_id == road.capture[0].datagram[4:8]
    assert bob.established()
