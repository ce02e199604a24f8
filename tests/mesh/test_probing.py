from mesh.config import lan
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND
from mesh.watch.probing import AskHelpers, Kind, Knock, NoAnswer, Prober, Report, Step

MEMBERS = [NodeId(bytes([index]) * 16) for index in range(8)]
BERT, CLEO, DORA, EMIL = MEMBERS[:4]
PATIENCE = 40 * MILLISECOND


def prober() -> Prober:
    return Prober(lan())


def looking(kind: Kind = Kind.CAREFUL, scale: int = 1) -> Prober:
    probe = prober()
    probe.look(BERT, kind, PATIENCE, 0, scale)
    return probe


def until_quiet(probe: Prober, until: int = 10 * SECOND) -> list[tuple[int, Step]]:
    """Wake it whenever it asks."""
    steps: list[tuple[int, Step]] = []
    while (at := probe.next_wake) is not None and at <= until:
        steps += [(at // MILLISECOND, step) for step in probe.wake(at)]
    return steps


def knock_times(steps: list[tuple[int, Step]]) -> list[int]:
    return [at for at, step in steps if isinstance(step, Knock)]


def test_a_careful_look_knocks_as_fast_as_the_peer_answers_then_asks_helpers_twice() -> None:
    probe = looking()
    steps = until_quiet(probe)
    assert knock_times(steps) == [0, 40, 100, 300, 450, 600]
    assert [at for at, step in steps if isinstance(step, AskHelpers)] == [300, 450]
    assert steps[-1] == (750, NoAnswer(BERT, Kind.CAREFUL, unheard=False))
    hello = [at for at, step in steps if isinstance(step, Knock) and step.hello]
    assert hello == [300], "before any helper can vouch for it"
    assert probe.next_wake is None


def test_a_quick_look_asks_nobody() -> None:
    steps = until_quiet(looking(Kind.QUICK))
    assert knock_times(steps) == [0, 40, 100, 400, 500]
    assert steps[-1] == (600, NoAnswer(BERT, Kind.QUICK, unheard=False))
    assert not any(isinstance(step, AskHelpers) for _, step in steps)


def test_who_is_ill_itself_looks_longer() -> None:
    steps = until_quiet(looking(scale=3))
    assert knock_times(steps) == [0, 40, 100, 900, 1350, 1800]
    assert steps[-1][0] == 2250


def test_any_word_from_the_target_ends_the_look_and_the_errands() -> None:
    probe = looking()
    assert probe.run_errand(CLEO, 7, BERT, PATIENCE, 0) == [Knock(BERT, hello=False)]
    assert probe.heard(BERT) == [Report(CLEO, 7, BERT, alive=True)]
    assert until_quiet(probe) == []


def test_an_errand_knocks_twice_and_ends_in_an_early_no() -> None:
    probe = prober()
    probe.run_errand(CLEO, 7, BERT, PATIENCE, 0)
    assert until_quiet(probe) == [
        (40, Knock(BERT, hello=False)),
        (200, Report(CLEO, 7, BERT, alive=False)),
    ]


def test_errands_are_bounded() -> None:
    probe = prober()
    for seq in range(64):
        assert isinstance(probe.run_errand(CLEO, seq, BERT, PATIENCE, 0)[0], Knock)
    assert probe.run_errand(CLEO, 64, BERT, PATIENCE, 0) == [Report(CLEO, 64, BERT, alive=False)]


def test_nobody_can_vouch_or_deny_before_being_asked() -> None:
    probe = looking()
    probe.wake(0)
    assert not probe.vouched(BERT, CLEO)
    assert probe.denied(BERT, CLEO) == []
    until_quiet(probe, 300 * MILLISECOND)
    probe.asked(BERT, (CLEO,))
    assert not probe.vouched(BERT, DORA)
    assert probe.vouched(BERT, CLEO)
    assert until_quiet(probe) == []


def test_the_look_is_over_when_the_last_helper_of_both_waves_has_said_no() -> None:
    probe = looking()
    until_quiet(probe, 300 * MILLISECOND)
    probe.asked(BERT, (CLEO, DORA))
    assert probe.denied(BERT, CLEO) + probe.denied(BERT, DORA) == []  # one more wave
    until_quiet(probe, 450 * MILLISECOND)
    probe.asked(BERT, (EMIL,))
    assert probe.denied(BERT, CLEO) == []
    assert probe.denied(BERT, EMIL) == [NoAnswer(BERT, Kind.CAREFUL, unheard=False)]


def test_a_look_that_not_even_a_helper_answers_says_so() -> None:
    probe = looking()
    until_quiet(probe, 300 * MILLISECOND)
    probe.asked(BERT, (CLEO, DORA))
    assert until_quiet(probe)[-1] == (750, NoAnswer(BERT, Kind.CAREFUL, unheard=True))


def test_a_short_sleep_puts_off_what_runs_and_a_long_one_ends_it() -> None:
    probe = looking()
    probe.wake(0)
    probe.run_errand(CLEO, 7, DORA, PATIENCE, 0)
    probe.slept(300 * MILLISECOND)
    steps = until_quiet(probe)
    assert knock_times(steps)[:3] == [340, 340, 400]
    assert steps[-1][0] == 1050
    probe.look(BERT, Kind.QUICK, PATIENCE, 0)
    probe.forget_all()
    assert probe.next_wake is None


def test_a_look_may_begin_later() -> None:
    probe = prober()
    probe.look(BERT, Kind.GLANCE, PATIENCE, SECOND)
    assert until_quiet(probe) == [
        (1000, Knock(BERT, hello=False)),
        (1400, Knock(BERT, hello=True)),
        (1600, NoAnswer(BERT, Kind.GLANCE, unheard=False)),
    ]
