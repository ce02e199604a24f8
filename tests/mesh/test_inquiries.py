"""Inquiries: whom it is worth a stream to ask, and the tempo that says how long to wait first."""

from mesh.exchange.inquiries import KEPT_PATIENCE, LOOKUP_PATIENCE, Inquiries, Inquiry
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND, Instant
from mesh.tempo import ANSWER_TIMES, LONGEST, Tempo
from tests.mesh.network import Network

AFTER = 100 * MILLISECOND
BERT, CLEO, DORA = (NodeId(bytes([number]) * 16) for number in range(3))
OURS, THEIRS = 1, 2


def inquiries() -> Inquiries:
    return Inquiries(AFTER, places=2)


def next_of(asked: Inquiries, now: Instant, calling: tuple[NodeId, ...] = ()) -> Inquiry | None:
    return asked.next(calling, len(calling), OURS, 3, now)


def look_up(asked: Inquiries, peer: NodeId, now: Instant = SECOND) -> Instant:
    """`peer` differed, and is looked up; when that is."""
    asked.heard_root(peer, THEIRS, OURS, now)
    wake_at = asked.next_wake(0)
    assert wake_at is not None
    assert wake_at >= now + AFTER
    assert next_of(asked, wake_at) == Inquiry(peer, lookup=True)
    return wake_at


def test_who_has_become_equal_meanwhile_is_not_asked() -> None:
    asked = inquiries()
    at = look_up(asked, BERT)
    asked.heard_root(BERT, OURS, OURS, at + MILLISECOND)
    assert asked.next_wake(0) is None


def test_who_still_differs_when_looked_up_is_asked_at_once() -> None:
    asked = inquiries()
    at = look_up(asked, BERT)
    asked.heard_root(BERT, THEIRS, OURS, at + MILLISECOND)
    assert next_of(asked, at + MILLISECOND) == Inquiry(BERT, lookup=False)


def test_one_who_is_like_us_spares_the_others_whose_roots_are_older() -> None:
    asked = inquiries()
    asked.heard_root(BERT, THEIRS, OURS, SECOND)
    asked.heard_root(CLEO, THEIRS, OURS, SECOND)
    at = SECOND + AFTER
    asked.gap(DORA, at + 50 * MILLISECOND)
    assert next_of(asked, at) == Inquiry(BERT, lookup=True)
    asked.heard_root(BERT, OURS, OURS, at + MILLISECOND)
    found = next_of(asked, at + 50 * MILLISECOND)
    assert found == Inquiry(DORA, lookup=False), "it has what we lack, whatever others have"
    assert next_of(asked, at + 100 * MILLISECOND) is None
    asked.heard_root(CLEO, THEIRS, OURS, at + SECOND)
    assert next_of(asked, at + 2 * SECOND - AFTER) is None, "not from a root so old"
    asked.heard_root(CLEO, THEIRS, OURS, at + 2 * SECOND)
    assert next_of(asked, at + 2 * SECOND + AFTER) == Inquiry(CLEO, lookup=True)


def test_who_does_not_answer_a_lookup_gives_its_place_to_another() -> None:
    asked = inquiries()
    asked.heard_root(BERT, THEIRS, OURS, SECOND)
    at = SECOND + AFTER
    assert next_of(asked, at, (DORA,)) == Inquiry(BERT, lookup=True)
    asked.gap(CLEO, at)
    assert next_of(asked, at + 10 * MILLISECOND, (DORA,)) is None, "both places are taken"
    assert asked.next_wake(1) == at + LOOKUP_PATIENCE
    assert next_of(asked, at + LOOKUP_PATIENCE, (DORA,)) == Inquiry(CLEO, lookup=False)
    asked.heard_root(BERT, THEIRS, OURS, at + SECOND)
    assert asked.next_wake(0) is not None, "a later word of it counts again"


def test_whoever_may_keep_more_of_our_log_is_asked_without_a_lookup() -> None:
    asked = inquiries()
    asked.met(BERT, SECOND)
    asked.heard_root(BERT, OURS, OURS, SECOND)
    assert next_of(asked, SECOND + KEPT_PATIENCE) == Inquiry(BERT, lookup=False)


def test_where_answers_take_long_news_is_waited_for_longer() -> None:
    tempo = Tempo(AFTER)
    assert tempo.moment == AFTER
    tempo.answered(MILLISECOND)
    assert tempo.moment == AFTER
    for _ in range(40):
        tempo.answered(200 * MILLISECOND)
    assert ANSWER_TIMES * 195 * MILLISECOND <= tempo.moment <= ANSWER_TIMES * 200 * MILLISECOND
    for _ in range(40):
        tempo.answered(MILLISECOND)
    assert tempo.moment == AFTER, "and no longer than they do"


def test_one_that_slept_for_a_minute_does_not_slow_the_others() -> None:
    tempo = Tempo(AFTER)
    tempo.answered(MILLISECOND)
    tempo.answered(60 * SECOND)
    assert tempo.moment <= 2 * LONGEST // 8 + AFTER


def test_a_mesh_that_forms_asks_few_over_streams() -> None:
    network = Network()
    network.beacons = False
    nodes = [network.node(f"n{number:02}") for number in range(16)]
    for node in nodes:
        node.start()
        others = [other.address for other in nodes[:3] if other is not node]
        network.carry_out(node, node.mesh.seed(others, network.now))
    assert network.run_until(lambda: all(len(n.mesh.board.authors()) == 16 for n in nodes), SECOND)
    network.run(3 * SECOND)
    assert len({node.mesh.root for node in nodes}) == 1
    assert network.calls <= 3 * len(nodes), "each asks a few, not each other"
