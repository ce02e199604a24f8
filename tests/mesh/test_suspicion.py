"""How long a suspect has, and when all doubt is ourselves."""

import pytest

from mesh.config import MeshConfig, balanced, fast
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND
from mesh.tempo import Tempo
from mesh.watch.docket import LEAST, WINDOW, Docket
from mesh.watch.fitness import CALM, SCORE_MAX, Fitness
from mesh.watch.patience import FIRST, MOST, PINGS_MAX, Patience
from mesh.watch.patience import LEAST as SHORTEST
from mesh.watch.suspicion import FREEZE, Due, Suspicions

NODES = [NodeId(bytes([index]) * 16) for index in range(40)]
BERT, CLEO, DORA, EMIL, FAYE = NODES[:5]
OWN = NodeId(b"own-own-own-own-")


def doubted(config: MeshConfig, confirmations: int, alive: int = 62) -> tuple[float, float]:
    """When the last look at Bert begins, and when his time is over, in seconds."""
    open_cases = Suspicions(config)
    open_cases.alive(alive)
    open_cases.doubt(BERT, OWN, 0)
    for node in NODES[1 : 1 + confirmations]:
        open_cases.doubt(BERT, node, 0)
    look = open_cases.next_wake
    assert look is not None
    assert open_cases.due(look - 1) == []
    assert open_cases.due(look) == [Due(BERT, over=False)]
    over = open_cases.next_wake
    assert over is not None
    assert open_cases.due(over) == [Due(BERT, over=True)]
    return look / SECOND, over / SECOND


@pytest.mark.parametrize(
    ("config", "confirmations", "over"),
    [
        (balanced(), 0, 12.0), (balanced(), 1, 8.0), (balanced(), 2, 5.664), (balanced(), 3, 4.0),
        (balanced(), 9, 4.0), (fast(), 0, 10.8), (fast(), 3, 1.8),
    ],
)  # fmt: skip
def test_a_suspect_has_less_time_the_more_have_looked_and_found_nothing(
    config: MeshConfig, confirmations: int, over: float
) -> None:
    assert doubted(config, confirmations) == (pytest.approx(over - 0.6), pytest.approx(over))


def test_where_nobody_is_left_who_could_confirm_the_least_time_is_all() -> None:
    assert doubted(balanced(), 0, alive=0)[1] == pytest.approx(4)
    open_cases = Suspicions(balanced())
    open_cases.alive(1)
    open_cases.doubt(BERT, OWN, 0)
    assert open_cases.next_wake == 12 * SECOND - 600 * MILLISECOND
    open_cases.alive(0)
    assert open_cases.next_wake == 4 * SECOND - 600 * MILLISECOND


def test_the_same_doubter_counts_once() -> None:
    open_cases = Suspicions(balanced())
    open_cases.alive(62)
    for _ in range(5):
        open_cases.doubt(BERT, OWN, 0)
    assert open_cases.next_wake == 12 * SECOND - 600 * MILLISECOND


def test_a_word_closes_the_case_and_tells_who_opened_it() -> None:
    open_cases = Suspicions(balanced())
    open_cases.doubt(BERT, CLEO, 0)
    open_cases.doubt(BERT, OWN, 0)
    assert open_cases.close(BERT) == CLEO
    assert open_cases.close(BERT) is None
    assert open_cases.next_wake is None


def test_while_we_slept_nobody_was_silent() -> None:
    open_cases = Suspicions(balanced())
    open_cases.doubt(BERT, OWN, 0)
    before = open_cases.next_wake
    assert before is not None
    open_cases.slept(SECOND)
    assert open_cases.next_wake == before + SECOND
    open_cases.begin_again(9 * SECOND)
    assert open_cases.next_wake == before + 9 * SECOND


def test_a_freeze_begins_when_more_than_half_turn_at_once_and_ends_by_itself() -> None:
    open_cases = Suspicions(balanced())
    open_cases.doubt(BERT, OWN, 0)
    began = [open_cases.turned(count, 10, count * 100 * MILLISECOND) for count in range(1, 7)]
    assert began == [False] * 5 + [True]
    now = 600 * MILLISECOND
    assert open_cases.frozen_until(now) == now + FREEZE
    assert open_cases.due(now + FREEZE - 1) == []
    assert open_cases.next_wake == now + FREEZE
    assert open_cases.due(now + FREEZE) == [Due(BERT, over=False)]
    # It has had its freeze: what goes on being silent is not frozen again.
    assert not open_cases.turned(9, 10, now + FREEZE)
    assert open_cases.frozen_until(now + FREEZE) is None


def test_only_when_most_are_back_may_there_be_another_freeze() -> None:
    open_cases = Suspicions(balanced())
    for count in range(1, 7):
        open_cases.turned(count, 10, count)
    assert not open_cases.calm(6, 10)
    assert open_cases.calm(5, 10)
    assert open_cases.frozen_until(7) is None
    assert [open_cases.turned(count, 10, 7 + count) for count in range(1, 7)][-1]


def test_one_after_the_other_is_no_storm_and_a_handful_is_none() -> None:
    open_cases = Suspicions(balanced())
    assert not any(open_cases.turned(count, 10, count * 3 * SECOND) for count in range(1, 10))
    assert not any(open_cases.turned(count, 3, count) for count in range(1, 4))


def test_nobody_is_heard_who_accuses_more_than_a_quarter() -> None:
    docket = Docket()
    heard = [docket.enter(CLEO, node, 40, 0) for node in NODES[10:25]]
    assert heard == [True] * 10 + [False] * 5
    assert docket.enter(CLEO, NODES[10], 40, 0)  # the same one again is no more than before
    assert docket.is_full(CLEO, 40, 0)
    assert docket.enter(DORA, NODES[24], 40, 0)
    assert docket.enter(CLEO, NODES[24], 40, WINDOW)
    assert [docket.enter(EMIL, node, 2, 0) for node in NODES[10:15]] == [True] * LEAST + [False]


def test_what_points_at_ourselves_is_counted_once_a_second_and_forgotten_in_calm() -> None:
    fitness = Fitness()
    for now in range(0, 20 * SECOND, SECOND // 4):
        fitness.ill(now)
    assert fitness.score(20 * SECOND) == SCORE_MAX
    fitness.well()
    assert fitness.score(20 * SECOND) == SCORE_MAX - 1
    assert fitness.score(19 * SECOND + 3 * CALM) == SCORE_MAX - 4
    assert fitness.score(60 * SECOND) == 0
    fitness.well()
    assert fitness.score(60 * SECOND) == 0


def test_we_wait_as_long_as_a_peer_is_known_to_take() -> None:
    patience = Patience(Tempo(SHORTEST))
    assert patience.of(BERT) == FIRST
    for seq in range(40):
        patience.pinged(BERT, seq, seq * SECOND)
        patience.answered(BERT, seq, seq * SECOND + 50 * MILLISECOND)
    assert 50 * MILLISECOND <= patience.of(BERT) <= 55 * MILLISECOND
    patience.pinged(CLEO, 1, 0)
    patience.answered(CLEO, 1, MILLISECOND)
    assert patience.of(CLEO) == SHORTEST
    patience.pinged(DORA, 1, 0)
    patience.pinged(DORA, 2, SECOND)
    patience.answered(DORA, 1, 2 * SECOND)  # a slow answer to an early ping tells that it is slow
    assert patience.of(DORA) == MOST


def test_an_answer_to_no_ping_of_ours_says_nothing() -> None:
    patience = Patience(Tempo(SHORTEST))
    patience.answered(BERT, 1, SECOND)
    for seq in range(PINGS_MAX + 1):
        patience.pinged(BERT, seq, 0)
    patience.answered(BERT, 0, SECOND)  # given way to newer ones
    patience.answered(BERT, 77, SECOND)
    assert patience.of(BERT) == FIRST
