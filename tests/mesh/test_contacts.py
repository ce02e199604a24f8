from itertools import pairwise
from random import Random

from mesh.config import lan
from mesh.door.challenges import speaks_first
from mesh.finding.beaconing import Beaconing
from mesh.finding.contacts import OPEN_LEAST, Contacts
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND

BERT = NodeId(b"b" * 16)


def greeted(contacts: Contacts, until: int) -> list[int]:
    times = []
    while (at := contacts.next_wake) is not None and at <= until:
        times += [at for _ in contacts.due(at)]
    return times


def test_an_aim_is_sought_at_doubling_intervals_for_ever() -> None:
    contacts = Contacts(10, 10**9, 10)
    contacts.seek(BERT, 5, 10, 60)
    assert greeted(contacts, 300) == [5, 15, 35, 75, 135, 195, 255]
    contacts.reached(BERT, 300)
    assert contacts.next_wake is None


def test_signs_hasten_a_hello_but_never_more_than_one_a_second() -> None:
    contacts = Contacts(10, 100, 10)
    contacts.seek(BERT, 0, 10 * SECOND, 60 * SECOND)
    assert contacts.due(0) == (BERT,)
    hellos = 0
    for tenth in range(1, 101):
        now = tenth * SECOND // 10
        contacts.nudge(BERT, now, 10 * SECOND, 60 * SECOND)
        hellos += len(contacts.due(now))
    assert 9 <= hellos <= 10


def test_aims_are_bounded_and_the_oldest_gives_way() -> None:
    contacts = Contacts(3, 100, 10)
    for index in range(6):
        contacts.seek(NodeId(bytes([index]) * 16), 0, 10, 10)
    assert len(list(contacts.aims())) == 3
    assert len(contacts.due(0)) == 3


def crowd(contacts: Contacts, count: int) -> list[NodeId]:
    nodes = [NodeId(index.to_bytes(16, "big")) for index in range(count)]
    for node in nodes:
        contacts.seek(node, 0, 250 * MILLISECOND, 10 * SECOND)
    return nodes


def test_the_line_moves_at_its_pace_when_everybody_answers_at_once() -> None:
    contacts = Contacts(1000, 100, 64)
    crowd(contacts, 500)
    assert contacts.line == 5 * SECOND
    greeted_at: list[int] = []
    while (at := contacts.next_wake) is not None and at <= 4 * SECOND:
        for aim in contacts.due(at):
            greeted_at.append(at)
            contacts.reached(aim, at)
    assert greeted_at[:64] == [0] * 64, "the burst"
    assert len(greeted_at) == 64 + 400, "and then a hundred a second"
    assert len(contacts.aims()) == 500 - len(greeted_at)


def test_while_nobody_answers_only_a_few_are_greeted_and_nobody_twice_too_soon() -> None:
    contacts = Contacts(1000, 100, 64)
    nodes = crowd(contacts, 500)
    assert list(contacts.due(0)) == nodes[:OPEN_LEAST]
    greeted: list[object] = []
    while (at := contacts.next_wake) is not None and at <= 4 * SECOND:
        greeted += contacts.due(at)
    assert greeted == nodes[OPEN_LEAST : 6 * OPEN_LEAST], "at 1/4 s, 3/4 s, and once a second"


def test_a_thousand_that_are_gone_do_not_hide_the_one_that_is_there() -> None:
    contacts = Contacts(2000, 100, 64)
    nodes = crowd(contacts, 1000)
    seen: set[object] = set()
    while nodes[-1] not in seen and (at := contacts.next_wake) is not None:
        seen |= {*contacts.due(at)}
    assert at is not None
    assert at <= 130 * SECOND


def test_every_answer_lets_one_more_be_open_and_slow_answers_are_waited_for() -> None:
    contacts = Contacts(1000, 1000, 64)
    crowd(contacts, 100)
    first = contacts.due(0)
    for aim in first:
        contacts.reached(aim, 2 * SECOND)
    assert contacts.next_wake == 2 * SECOND, "the line moves on at once"
    assert len(contacts.due(2 * SECOND)) == 2 * OPEN_LEAST
    assert contacts.next_wake == 8 * SECOND, "three times what the first took"


def test_a_line_that_is_not_moving_wants_no_waking_before_it_does() -> None:
    contacts = Contacts(10, 100, 1)
    for index in range(3):
        contacts.seek(NodeId(bytes([index]) * 16), 0, SECOND, SECOND)
    while (at := contacts.next_wake) is not None and at < 30 * MILLISECOND:
        contacts.due(at)
        later = contacts.next_wake
        assert later is not None
        assert later > at


def test_one_of_two_speaks_first_and_everyone_is_first_towards_about_half() -> None:
    nodes = [NodeId(Random(number).randbytes(16)) for number in range(100)]
    first = {one: sum(speaks_first(one, other) for other in nodes if other != one) for one in nodes}
    assert sum(first.values()) == 100 * 99 // 2, "both or neither would speak first"
    assert min(first.values()) > 33
    assert max(first.values()) < 66


def test_a_turn_is_passed_when_a_few_known_faces_spoke_but_never_the_first() -> None:
    beaconing = Beaconing(lan(), Random(1))
    beaconing.start(0)
    turns = []
    while (at := beaconing.next_wake) is not None and at < 10 * SECOND:
        for _ in range(3):
            beaconing.known_face()
        turns.append(beaconing.due(at))
    assert turns[0]
    assert len(turns) > 3
    assert not any(turns[1:])
    at = beaconing.next_wake
    assert at is not None
    beaconing.known_face()
    assert beaconing.due(at), "one known face is not enough"


def test_beacons_come_in_a_burst_and_then_ever_more_rarely() -> None:
    beaconing = Beaconing(lan(), Random(1))
    beaconing.start(0)
    times = []
    while (at := beaconing.next_wake) is not None and at < 200 * SECOND:
        assert beaconing.due(at)
        times.append(at)
    assert times[:3] == [0, 3 * SECOND // 10, 7 * SECOND // 10]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(gap <= 30 * SECOND for gap in gaps)
    assert len(times) < 20
    beaconing.new_face(200 * SECOND)
    assert beaconing.next_wake is not None
    assert beaconing.next_wake <= 201 * SECOND
