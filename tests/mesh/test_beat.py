"""Who probes whom, and when: everyone once per period, and nobody in step."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mesh.beat import BEAT_MAX, Beat, Ring
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND

NODES = sorted(NodeId(bytes([index * 7 % 251]) * 16) for index in range(1, 20))
MESH = b"mesh id."


def turns(own: NodeId, beat: int, count: int) -> list[tuple[int, NodeId, int]]:
    """(period, target, moment) of the next turns of `own`."""
    ring = Ring(own, MESH, SECOND)
    others = [node for node in NODES if node != own]
    found = []
    after = ring.period_of(beat) - 1
    for _ in range(count):
        turn = ring.next_turn(others, beat, after)
        beat += turn.wait // MILLISECOND
        after = turn.period
        found.append((turn.period, turn.target, beat))
    return found


def test_in_each_period_everyone_is_probed_by_exactly_one_other() -> None:
    probed = Counter(
        (period, target)
        for node in NODES
        for period, target, _ in turns(node, 0, 8)
        if 2 <= period < 7
    )
    assert set(probed.values()) == {1}
    assert len(probed) == 5 * len(NODES)


def test_between_two_probes_of_one_node_lies_one_period() -> None:
    seen = sorted(
        (at, period) for node in NODES for period, target, at in turns(node, 0, 8)
        if target == NODES[3] and 2 <= period < 7
    )  # fmt: skip
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(seen)]
    assert gaps == [1000] * 4


def test_nobody_probes_itself_and_everyone_probes_everyone_in_time() -> None:
    targets = [target for _, target, _ in turns(NODES[0], 0, 200)]
    assert set(targets) == set(NODES[1:])


def test_two_meshes_turn_differently() -> None:
    others = NODES[1:]
    one, two = (Ring(NODES[0], mesh, SECOND) for mesh in (MESH, b"another."))
    turned = [
        [ring.next_turn(others, 0, after).target for after in range(20)] for ring in (one, two)
    ]
    assert turned[0] != turned[1]


def test_who_hears_a_later_beat_goes_on_from_there_and_an_earlier_one_moves_nobody() -> None:
    beat = Beat()
    assert beat.at(5 * SECOND) == 0
    assert beat.heard(700, 5 * SECOND) == 700 * MILLISECOND
    assert beat.at(6 * SECOND) == 1_700
    assert beat.heard(1_000, 6 * SECOND) == 0
    assert beat.at(6 * SECOND) == 1_700


def test_the_count_goes_on_over_its_end() -> None:
    beat = Beat()
    beat.at(0)
    while beat.at(0) < BEAT_MAX - 10:
        beat.heard(min(BEAT_MAX - 10, beat.at(0) + BEAT_MAX // 2), 0)
    assert beat.at(20 * MILLISECOND) == 9
    assert beat.heard(30, 20 * MILLISECOND) == 21 * MILLISECOND


@given(st.lists(st.integers(0, BEAT_MAX), max_size=20), st.sets(st.sampled_from(NODES), min_size=1))
def test_whatever_others_count_the_next_turn_is_at_most_two_periods_away(
    beats: list[int], others: set[NodeId]
) -> None:
    beat, own = Beat(), NodeId(b"o" * 16)
    beat.at(0)
    for said in beats:
        beat.heard(said, 0)
    ring = Ring(own, MESH, SECOND)
    now = beat.at(0)
    turn = ring.next_turn(sorted(others), now, ring.period_of(now) - 1)
    assert turn.target in others
    assert 0 <= turn.wait <= 2 * SECOND
