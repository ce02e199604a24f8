from random import Random

from mesh.config import lan
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND
from mesh.probing import AskHelpers, Knock, NoAnswer, Prober, Report, Step

MEMBERS = [NodeId(bytes([index]) * 16) for index in range(8)]
BERT, CLEO = MEMBERS[:2]


def prober() -> Prober:
    return Prober(lan(), Random(1))


def until_quiet(probe: Prober, until: int) -> list[tuple[int, Step]]:
    """Wake it whenever it asks, without a cycle of its own."""
    steps: list[tuple[int, Step]] = []
    while (at := probe.next_wake) is not None and at <= until:
        steps += [(at // MILLISECOND, step) for step in probe.wake(at, [], [])]
    return steps


def test_a_look_is_three_knocks_then_helpers_then_no_answer() -> None:
    probe = prober()
    probe.look(BERT, 0, accuse=True)
    assert until_quiet(probe, 10 * SECOND) == [
        (0, Knock(BERT, last=False)),
        (250, Knock(BERT, last=False)),
        (600, Knock(BERT, last=True)),
        (700, AskHelpers(BERT)),
        (1000, NoAnswer(BERT, accuse=True)),
    ]
    assert probe.next_wake is None


def test_any_word_from_the_target_ends_the_look_and_the_errands() -> None:
    probe = prober()
    probe.look(BERT, 0, accuse=True)
    assert probe.run_errand(CLEO, 7, BERT, 0) == [Knock(BERT, last=False)]
    assert probe.heard(BERT) == [Report(CLEO, 7, BERT, alive=True)]
    assert until_quiet(probe, 10 * SECOND) == []


def test_an_errand_without_an_answer_ends_in_an_early_no() -> None:
    probe = prober()
    probe.run_errand(CLEO, 7, BERT, 0)
    assert until_quiet(probe, SECOND) == [(200, Report(CLEO, 7, BERT, alive=False))]


def test_errands_are_bounded() -> None:
    probe = prober()
    for seq in range(64):
        assert isinstance(probe.run_errand(CLEO, seq, BERT, 0)[0], Knock)
    assert probe.run_errand(CLEO, 64, BERT, 0) == [Report(CLEO, 64, BERT, alive=False)]


def test_nobody_can_vouch_before_being_asked() -> None:
    probe = prober()
    probe.look(BERT, 0, accuse=True)
    probe.wake(0, [], [])
    probe.vouched(BERT)
    assert any(isinstance(step, AskHelpers) for _, step in until_quiet(probe, 700 * MILLISECOND))
    probe.vouched(BERT)
    assert until_quiet(probe, 10 * SECOND) == []


def test_who_slept_looks_again_from_the_beginning() -> None:
    probe = prober()
    probe.look(BERT, 0, accuse=True)
    probe.wake(0, [], [])
    probe.forgive(30 * SECOND)
    steps = until_quiet(probe, 40 * SECOND)
    assert steps[0] == (30_000, Knock(BERT, last=False))
    assert steps[-1] == (31_000, NoAnswer(BERT, accuse=True))


def test_every_member_is_looked_at_once_per_round_in_ever_new_order() -> None:
    probe = prober()
    probe.start(0)
    rounds = []
    seen: list[NodeId] = []
    while len(rounds) < 5:
        at = probe.next_wake
        assert at is not None
        for step in probe.wake(at, MEMBERS, []):
            if isinstance(step, Knock):
                seen.append(step.target)
                probe.heard(step.target)
        if len(seen) == len(MEMBERS):
            assert sorted(seen) == MEMBERS
            rounds.append(tuple(seen))
            seen = []
    assert len(set(rounds)) == 5


def test_suspects_are_looked_at_every_period_and_not_accused_again() -> None:
    probe = prober()
    probe.start(0)
    at = probe.next_wake
    assert at is not None
    knocks = [step for step in probe.wake(at, MEMBERS, [BERT, CLEO]) if isinstance(step, Knock)]
    assert {BERT, CLEO} <= {knock.target for knock in knocks}
    ends = [s for _, s in until_quiet(probe, at + 1001 * MILLISECOND) if isinstance(s, NoAnswer)]
    assert all(end.accuse == (end.target not in (BERT, CLEO)) for end in ends)


def test_without_members_nothing_ticks() -> None:
    probe = prober()
    probe.start(0)
    at = probe.next_wake
    assert at is not None
    assert probe.wake(at, [], []) == []
    assert probe.next_wake is None
