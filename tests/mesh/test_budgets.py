"""A flood of one class of news delays no other; and a death waits in no queue at all."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.config import MeshConfig, lan
from mesh.effects import Send
from mesh.exchange.budgets import ROUND_BYTES_MAX, SHARES, News, Waiting, chosen, news_of, places
from mesh.exchange.gossip import FLOOD, Gossip
from mesh.facts import Fact, sign_fact
from mesh.identity import Identity, NodeId
from mesh.instant import MILLISECOND, SECOND, Instant
from mesh.letters.messages import BlockNews, FactNews
from mesh.letters.wire import decode, encode
from mesh.logs import NO_BLOCK, Block, Era, seal_block
from mesh.roll.membership import Liveness
from tests.mesh.network import Network, Node

ANNA = Identity(b"a" * 32)
BERT = Identity(b"b" * 32)
MEMBERS = [NodeId(bytes([index]) * 16) for index in range(9)]
SIZES = st.integers(1, 1200)
WAITING = st.lists(st.tuples(st.sampled_from(News), SIZES), max_size=60)


def fact(topic: str, who: Identity = ANNA, size: int = 300) -> Fact:
    return sign_fact(who, b"mesh-id!", topic, 1, b"x" * size)


def block(height: int) -> Block:
    return seal_block(BERT, Era(1, bytes(16)), height, NO_BLOCK, (b"x" * 200,))


def flooded(count: int = 1500, config: MeshConfig | None = None) -> Gossip:
    rumours = Gossip(ANNA.id, config or lan(), Random(1), 1100)
    for number in range(count):
        rumours.tell_fact(fact(f"topic-{number}"), (), 0)
    return rumours


def letters_of(rumours: Gossip, at: Instant, to: list[NodeId]) -> list[FactNews | BlockNews]:
    """What the first to be told hears in one round, in order."""
    heard: list[FactNews | BlockNews] = []
    tellings = rumours.wake(at, to)
    for telling in tellings:
        if telling.to == tellings[0].to:
            letters = decode(telling.payload)
            assert isinstance(letters, tuple)
            heard += [one for one in letters if isinstance(one, FactNews | BlockNews)]
    return heard


def test_in_a_flood_of_facts_who_left_is_told_in_the_next_round_and_first() -> None:
    rumours = flooded()
    rumours.tell_fact(fact("node", BERT), (), 0)
    heard = letters_of(rumours, 20 * MILLISECOND, MEMBERS[:1])
    assert isinstance(heard[0], FactNews)
    assert heard[0].fact.author == BERT.id
    assert len(heard) > FLOOD, "and facts go on beside it"


def test_in_a_flood_of_facts_a_block_is_told_in_the_next_round() -> None:
    rumours = flooded()
    assert rumours.tell_block(block(1), (), 0, wants_receipt=True)
    heard = letters_of(rumours, 0, MEMBERS[:1])
    assert [one for one in heard if isinstance(one, BlockNews)]


def test_in_a_flood_of_blocks_a_fact_is_told_in_the_next_round_and_keeps_its_times() -> None:
    rumours = Gossip(ANNA.id, lan(), Random(1), 1100)
    for height in range(800):
        rumours.tell_block(block(height), (), 0, wants_receipt=False)
    assert rumours.tell_fact(fact("live"), (), 0)
    told = 0
    while (at := rumours.next_wake) is not None and at < SECOND:
        for telling in rumours.wake(at, MEMBERS):
            told += encode((FactNews(fact("live")),)) in telling.payload
    assert told == lan().gossip_transmissions, "a flood of another class is no reason to tell less"


def test_a_flood_fills_the_places_of_its_own_class_only() -> None:
    few = MeshConfig(gossip_slots_max=100)
    rumours = flooded(500, few)
    assert len(rumours._rumours) == places(News.FACTS, 100) == 40
    assert rumours.tell_fact(fact("node", BERT), (), 0)
    assert rumours.tell_block(block(1), (), 0, wants_receipt=False)
    assert sum(rumours._waiting.values()) == len(rumours._rumours)


def test_a_round_takes_no_more_than_a_socket_keeps() -> None:
    heard = letters_of(flooded(), 20 * MILLISECOND, MEMBERS[:1])
    assert sum(len(encode((one,))) for one in heard) <= ROUND_BYTES_MAX


@settings(max_examples=60)
@given(WAITING, st.integers(1200 * 5, 20_000))
def test_every_class_has_its_share_and_what_is_left_is_not_wasted(
    waiting: list[tuple[News, int]], bytes_max: int
) -> None:
    taken = chosen(((n, Waiting(*one)) for n, one in enumerate(waiting)), bytes_max)
    sizes = dict(enumerate(waiting))
    used = sum(sizes[n][1] for n in taken)
    assert used <= bytes_max
    assert len(set(taken)) == len(taken)
    assert [sizes[n][0] for n in taken] == sorted(sizes[n][0] for n in taken)
    for news in News:
        mine = [n for n, one in sizes.items() if one[0] is news]
        got = [n for n in taken if sizes[n][0] is news]
        assert got == mine[: len(got)], "the oldest first"
        if len(got) < len(mine):  # then its share was spent, but for one letter
            after = sum(sizes[n][1] for n in mine[: len(got) + 1])
            assert after > bytes_max * SHARES[news] // 100
            assert used + sizes[mine[len(got)]][1] > bytes_max, "room was left for it"


def test_classes_are_told_by_topic() -> None:
    assert news_of(fact("node")) is News.MEMBERSHIP
    assert news_of(fact("live")) is News.FACTS


def seconds_to_death(*, flood: bool) -> Instant:
    """From the end of cleo to her death in everybody's eyes, while bert tells a thousand facts."""
    network = Network()
    anna, bert, cleo, dora = network.start("anna", "bert", "cleo", "dora")
    network.run(10 * SECOND)
    cleo.kill()
    since = network.now

    def dead(one: Node) -> bool:
        member = one.mesh.roll.member(cleo.id)
        return member is not None and member.liveness is Liveness.DEAD

    while not (dead(anna) and dead(dora)) and network.now - since < 30 * SECOND:
        if flood:
            for number in range(400):
                told = sign_fact(ANNA, network.keys.mesh_id, f"t{number}", 1, b"x" * 300)
                bert.mesh._gossip.tell_fact(told, (), network.now)
        network.run(SECOND)
    return network.now - since


def test_a_flood_of_facts_delays_no_death() -> None:
    assert seconds_to_death(flood=True) <= seconds_to_death(flood=False)


def test_an_accusation_waits_in_no_queue() -> None:
    network = Network()
    anna, bert, cleo = network.start("anna", "bert", "cleo")
    network.run(5 * SECOND)
    for number in range(1500):
        anna.mesh._gossip.tell_fact(fact(f"t{number}"), (), network.now)
    member = anna.mesh.roll.member(cleo.id)
    assert member is not None
    anna.mesh.roll.suspect(cleo.id)
    sent = anna.mesh._lookout._accuse(member, network.now)
    assert [one.to for one in sent if isinstance(one, Send) and one.urgent] == [bert.address]


def test_news_for_another_region_is_kept_and_passed_on_by_nobody_here() -> None:
    network = Network()
    anna, bert = network.start("anna", "bert")
    network.run(3 * SECOND)
    said = sign_fact(anna.identity, network.keys.mesh_id, "live", 2**33, b"x")
    for scope, passed_on in (("elsewhere", 0), ("", 1)):
        bert.mesh._gossip._rumours.clear()
        bert.mesh.board.clear(anna.id)
        network.carry_out(anna, anna.mesh._post.letter(bert.id, FactNews(said, scope), network.now))
        network.run(10 * MILLISECOND)
        assert bert.mesh.board.fact(anna.id, "live") == said
        assert len(bert.mesh._gossip._rumours) == passed_on


def test_a_scope_goes_along_with_the_news() -> None:
    rumours = Gossip(ANNA.id, lan(), Random(1), 1100)
    rumours.tell_fact(fact("live"), (), 0, "attic")
    rumours.tell_block(block(1), (), 0, wants_receipt=False, scope="attic")
    heard = letters_of(rumours, 20 * MILLISECOND, MEMBERS[:1])
    assert [one.scope for one in heard] == ["attic", "attic"]
