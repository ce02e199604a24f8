from itertools import pairwise
from random import Random

from mesh.beaconing import Beaconing
from mesh.config import lan
from mesh.contacts import Contacts
from mesh.identity import NodeId
from mesh.instant import SECOND

BERT = NodeId(b"b" * 16)


def greeted(contacts: Contacts, until: int) -> list[int]:
    times = []
    while (at := contacts.next_wake) is not None and at <= until:
        times += [at for _ in contacts.due(at)]
    return times


def test_an_aim_is_sought_at_doubling_intervals_for_ever() -> None:
    contacts = Contacts(10)
    contacts.seek(BERT, 5, 10, 60)
    assert greeted(contacts, 300) == [5, 15, 35, 75, 135, 195, 255]
    contacts.reached(BERT)
    assert contacts.next_wake is None


def test_signs_hasten_a_hello_but_never_more_than_one_a_second() -> None:
    contacts = Contacts(10)
    contacts.seek(BERT, 0, 10 * SECOND, 60 * SECOND)
    assert contacts.due(0) == (BERT,)
    hellos = 0
    for tenth in range(1, 101):
        now = tenth * SECOND // 10
        contacts.nudge(BERT, now, 10 * SECOND, 60 * SECOND)
        hellos += len(contacts.due(now))
    assert 9 <= hellos <= 10


def test_aims_are_bounded_and_the_oldest_gives_way() -> None:
    contacts = Contacts(3)
    for index in range(6):
        contacts.seek(NodeId(bytes([index]) * 16), 0, 10, 10)
    assert len(list(contacts.aims())) == 3
    assert len(contacts.due(0)) == 3


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
