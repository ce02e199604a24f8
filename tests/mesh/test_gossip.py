from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.config import MeshConfig, lan
from mesh.exchange.gossip import FLOOD, Gossip, branches
from mesh.facts import sign_fact
from mesh.identity import Identity, NodeId
from mesh.instant import MILLISECOND
from mesh.letters.messages import FactNews
from mesh.letters.wire import decode

ANNA = Identity(b"a" * 32)
MEMBERS = [NodeId(bytes([index]) * 16) for index in range(9)]


def fact(topic: str, version: int = 1, size: int = 10) -> FactNews:
    return FactNews(sign_fact(ANNA, b"mesh-id!", topic, version, Random(size).randbytes(size)))


def gossip(config: MeshConfig | None = None) -> Gossip:
    return Gossip(ANNA.id, config or lan(), Random(1), 1100)


def told(rumours: Gossip, members: list[NodeId]) -> list[tuple[NodeId, FactNews]]:
    heard = []
    while (at := rumours.next_wake) is not None:
        for telling in rumours.wake(at, members):
            assert len(telling.payload) <= 1100
            letters = decode(telling.payload)
            assert isinstance(letters, tuple)
            heard += [(telling.to, letter) for letter in letters if isinstance(letter, FactNews)]
    return heard


def test_news_waits_for_company_and_travels_together() -> None:
    rumours = gossip()
    for index in range(4):
        rumours.tell_fact(fact(f"topic-{index}").fact, (), 0)
    assert rumours.wake(19 * MILLISECOND, MEMBERS[:1]) == []
    tellings = rumours.wake(20 * MILLISECOND, MEMBERS[:1])
    assert len(tellings) == 1


@settings(max_examples=30)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 6))
def test_a_rumour_is_told_a_few_times_to_others_and_nobody_twice(
    count: int, knowing: int, rumour_count: int
) -> None:
    rumours = gossip()
    knows = MEMBERS[:knowing]
    for index in range(rumour_count):
        rumours.tell_fact(fact(f"topic-{index}", size=300).fact, knows, 0)
    heard = told(rumours, MEMBERS[:count])
    assert len({(to, news.fact.topic) for to, news in heard}) == len(heard)
    assert not {to for to, _ in heard} & set(knows)
    for index in range(rumour_count):
        times = sum(news.fact.topic == f"topic-{index}" for _, news in heard)
        assert times == min(4, max(0, count - knowing))


def test_members_that_know_one_rumour_are_told_only_the_others() -> None:
    rumours = gossip()
    for index in range(5):
        rumours.tell_fact(fact(f"topic-{index}").fact, MEMBERS[:index], 0)
    heard = told(rumours, MEMBERS)
    assert len({(to, news.fact.topic) for to, news in heard}) == len(heard)
    for to, news in heard:
        assert to not in MEMBERS[: int(news.fact.topic[-1])]


def test_a_newer_fact_takes_the_place_of_the_older() -> None:
    rumours = gossip()
    rumours.tell_fact(fact("live", 1).fact, (), 0)
    rumours.tell_fact(fact("live", 2).fact, (), 0)
    assert {news.fact.version for _, news in told(rumours, MEMBERS)} == {2}


def test_what_does_not_fit_a_datagram_or_a_slot_is_left_to_reconciliation() -> None:
    rumours = gossip(MeshConfig(gossip_slots_max=1))
    assert not rumours.tell_fact(fact("big", size=2000).fact, (), 0)
    assert rumours.next_wake is None
    assert rumours.tell_fact(fact("one").fact, (), 0)
    assert not rumours.tell_fact(fact("two").fact, (), 0)
    assert rumours.tell_fact(fact("one", 2).fact, (), 0)


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(0, 89), st.integers(0, 2**64 - 1), st.integers(1, 5))
def test_along_the_branches_everyone_is_told_once(
    count: int, author: int, spin: int, fanout: int
) -> None:
    ring = [NodeId(bytes([index]) * 16) for index in range(count)]
    root = ring[author % count]
    told = [one for own in ring for one in branches(ring, own, root, spin, fanout)]
    assert sorted(told) == [one for one in ring if one != root]


def test_the_branches_of_one_rumour_are_not_those_of_the_next() -> None:
    ring = sorted(MEMBERS)
    assert len({tuple(branches(ring, ring[0], ring[0], spin, 3)) for spin in range(8)}) == 8


def test_a_rumour_of_someone_we_do_not_know_is_told_at_random() -> None:
    ring = sorted(MEMBERS)
    for stranger in (NodeId(bytes(16)), NodeId(b"\xff" * 16), NodeId(b"\x03" * 15 + b"\x04")):
        if stranger not in ring:
            assert branches(ring, ring[0], stranger, 5, 3) == []
    assert branches(ring[:1], ring[0], ring[0], 5, 3) == []


def test_what_was_said_to_nobody_waits_for_somebody_and_only_the_newest_of_it() -> None:
    rumours = gossip()
    for index in range(FLOOD + 9):
        rumours.tell_fact(fact(f"topic-{index}").fact, (), 0)
    assert told(rumours, []) == []
    assert rumours.next_wake is None
    rumours.met(0)
    heard = {news.fact.topic for _, news in told(rumours, MEMBERS[:1])}
    assert heard == {f"topic-{index}" for index in range(9, FLOOD + 9)}
    rumours.met(0)
    assert rumours.next_wake is None
