"""What an unsigned word about an address may cost us, and whom it may cost it."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.effects import Address, MeshEffect, Send
from mesh.finding.hints import HINTS_MAX, WAITS, Hints
from mesh.identity import NodeId
from mesh.instant import MINUTE, SECOND, Instant
from mesh.roll.membership import Liveness
from tests.mesh.network import PORT, Network, Node

THERE = Address("10.0.0.9", 4653)
NOBODY = NodeId(b"n" * 16)
NOWHERE = Address("10.250.0.1", PORT)


def greeted(hints: Hints, until: Instant) -> list[Instant]:
    times = []
    while (at := hints.next_wake) is not None and at <= until:
        times += [at for _ in hints.due(at)]
    return times


def test_a_hint_earns_three_hellos_and_is_then_left_alone() -> None:
    hints = Hints()
    assert hints.told(THERE, 0)
    assert greeted(hints, 60 * MINUTE) == [0, SECOND, 3 * SECOND]
    assert hints.next_wake is None


def test_a_hint_told_again_earns_nothing_until_it_has_rested() -> None:
    hints = Hints()
    hellos = []
    for second in range(130):
        assert hints.told(THERE, second * SECOND)
        hellos += [second for _ in hints.due(second * SECOND)]
    assert hellos == [0, 1, 3, 64, 65, 67, 128, 129]


def test_who_has_answered_is_greeted_no_more_however_often_it_is_told() -> None:
    hints = Hints()
    hints.told(THERE, 0)
    assert hints.due(0) == (THERE,)
    hints.met(THERE, 10)
    for second in range(1, 60):
        hints.told(THERE, second * SECOND)
        assert hints.due(second * SECOND) == ()


def test_an_answer_from_where_nobody_pointed_is_no_matter() -> None:
    hints = Hints()
    hints.met(THERE, 0)
    assert hints.next_wake is None
    assert hints.told(THERE, 0)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 90 * SECOND)), max_size=300))
def test_whatever_is_told_the_hellos_of_a_minute_are_bounded(words: list[tuple[int, int]]) -> None:
    hints, now = Hints(), 0
    hellos: list[Instant] = []
    for number, later in words:
        hellos += greeted(hints, now + later)
        now += later
        hints.told(Address("10.0.0.1", 1 + number), now)
    hellos += greeted(hints, now + 10 * MINUTE)
    rest = WAITS[-1]
    for first in hellos:
        within = sum(1 for at in hellos if first <= at < first + rest)
        assert within <= HINTS_MAX * len(WAITS)
    assert hints.next_wake is None


def sends(effects: list[MeshEffect]) -> list[Address]:
    return [effect.to for effect in effects if isinstance(effect, Send)]


def two_nodes() -> tuple[Network, Node, Node]:
    network = Network()
    network.beacons = False
    anna, bert = network.start("anna", "bert")
    return network, anna, bert


def are_met(anna: Node, bert: Node) -> bool:
    member = anna.mesh.roll.member(bert.id)
    return member is not None and member.liveness is Liveness.ALIVE


def test_without_beacons_one_hint_is_enough() -> None:
    network, anna, bert = two_nodes()
    network.carry_out(anna, anna.mesh.hint(bert.id, [bert.address], network.now))
    assert network.run_until(lambda: are_met(anna, bert) and are_met(bert, anna), SECOND)
    assert not any(+node.mesh.rejections for node in (anna, bert))


def test_a_hint_about_somebody_who_is_with_us_sends_nothing() -> None:
    network, anna, bert = two_nodes()
    network.carry_out(anna, anna.mesh.hint(bert.id, [bert.address], network.now))
    network.run(5 * SECOND)
    assert NOWHERE not in sends(anna.mesh.hint(bert.id, [NOWHERE], network.now))
    assert NOWHERE not in sends(anna.mesh.hint(anna.id, [NOWHERE], network.now))
    assert sends(anna.mesh.hint(NOBODY, [NOWHERE], network.now)) == [NOWHERE]


def test_a_hint_that_nobody_answers_leaves_no_trace_on_the_roll() -> None:
    network, anna, _ = two_nodes()
    network.carry_out(anna, anna.mesh.hint(NOBODY, [NOWHERE], network.now))
    network.run(2 * MINUTE)
    assert anna.mesh.roll.members() == ()


def test_too_many_hints_are_counted_and_seeds_are_still_sought() -> None:
    network, anna, bert = two_nodes()
    crowd = [Address("10.250.0.1", port) for port in range(1, 1001)]
    network.carry_out(anna, anna.mesh.hint(NOBODY, crowd, network.now))
    assert sum(anna.mesh.rejections.values()) == 1000 - HINTS_MAX
    network.carry_out(anna, anna.mesh.seed([bert.address], network.now))
    assert network.run_until(lambda: are_met(anna, bert), SECOND)


def test_who_was_met_by_a_hint_and_died_is_sought_again_by_a_hint() -> None:
    network, anna, bert = two_nodes()
    network.carry_out(anna, anna.mesh.hint(bert.id, [bert.address], network.now))
    assert network.run_until(lambda: are_met(anna, bert), SECOND)
    bert.kill()
    assert network.run_until(lambda: not are_met(anna, bert), MINUTE)
    network.run(2 * MINUTE)
    assert NOWHERE in sends(anna.mesh.hint(bert.id, [NOWHERE], network.now))
