"""Many runs: what they add up to, what ends them, and what a person is told."""

import io
import os
import signal
import time
from dataclasses import replace
from hashlib import blake2b

import pytest

from simulations.campaign import __main__ as command
from simulations.campaign import report as reporting
from simulations.campaign.kept import HANDFUL, kept_seeds, standing
from simulations.campaign.progress import Progress, span
from simulations.campaign.report import report
from simulations.campaign.swarm import TWICE_EVERY, LostSeed, Swarm, swarm
from simulations.campaign.tally import Tally
from simulations.campaign.twice import Divergence, Moved
from simulations.coverage import STATES
from simulations.faults.catalogue import CATALOGUE
from simulations.options import Options
from simulations.results import OK, VIOLATED, Result


def passed(options: Options) -> Result:
    """A run without a world: forty operations, half of which changed a book."""
    trace = blake2b(str(options.seed).encode(), digest_size=16).hexdigest()
    return Result(
        options, OK, (), trace, operations={"granted": 30, "refused": 9, "unknown": 1}, unheard=2,
        changed=20, kinds={"reserve: granted": 30}, faults=dict.fromkeys(CATALOGUE, 1),
        states=dict.fromkeys(STATES, 1), checks={"G1": 3, "B1": 2, "I1": 5},
        struck=("kill/n0/0",), virtual_seconds=60.0, wall_seconds=0.5,
    )  # fmt: skip


def seventh_fails(options: Options) -> Result:
    result = passed(options)
    if options.seed % 7:
        return result
    return replace(result, verdict=VIOLATED, violations=("G1: the same byte twice",))


def seventh_is_killed(options: Options) -> Result:
    if options.seed == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return passed(options)


def one_history(_options: Options, _code: str) -> None:
    return None


def parts(options: Options, _code: str) -> Divergence:
    return Divergence(options, 3, "n1 hears PING", "n1 hears ACK")


def swarm_of(count: int, *, first: int = 1, workers: int = 2) -> Swarm:
    return swarm(first, workers=workers, count=count, live=passed, again=one_history)


# Swarms ------------------------------------------------------------------------------------------


def test_every_seed_is_lived_once_and_added_up() -> None:
    done = swarm_of(25)
    assert done.failure is None
    assert (done.tally.seeds, done.next_seed) == (25, 26)
    assert done.tally.operations == {"granted": 750, "refused": 225, "unknown": 25}
    assert (done.tally.answered, done.tally.share_changed) == (1000, 0.5)
    assert done.tally.lived_twice == len([s for s in range(1, 26) if s % TWICE_EVERY == 0])
    assert done.tally.virtual_seconds == 25 * 60


def test_the_history_is_one_however_the_seeds_were_shared_out() -> None:
    whole = swarm_of(20).tally
    first, second = swarm_of(8, workers=3).tally, swarm_of(12, first=9, workers=1).tally
    second.merge(first)
    assert second == whole
    assert swarm_of(20, first=2).tally.history != whole.history


def test_the_first_failure_ends_it() -> None:
    done = swarm(1, workers=1, count=50, live=seventh_fails, again=one_history)
    assert isinstance(done.failure, Result)
    assert done.failure.seed == 7
    assert done.tally.verdicts == {OK: 6, VIOLATED: 1}
    assert done.tally.broken == {"G1": 1}


def test_a_seed_whose_process_was_killed_is_a_failure_and_no_pass() -> None:
    done = swarm(7, workers=1, count=3, live=seventh_is_killed, again=one_history)
    assert isinstance(done.failure, LostSeed)
    assert "SIGKILL" in done.failure.sentence
    assert done.tally.seeds == 0


def test_a_seed_that_lives_two_histories_is_a_failure() -> None:
    done = swarm(20, workers=1, count=2, live=passed, again=parts)
    assert isinstance(done.failure, Divergence)


def test_it_ends_when_its_time_is_over() -> None:
    began = time.perf_counter()
    done = swarm(1, workers=2, seconds=0.3, live=passed, again=one_history)
    assert time.perf_counter() - began >= 0.3
    assert done.tally.seeds == done.next_seed - 1 > 0


def test_ctrl_c_ends_it_with_what_was_done() -> None:
    def stop(so_far: Swarm) -> None:
        if so_far.tally.seeds == 5:
            raise KeyboardInterrupt

    done = swarm(1, workers=2, count=50, live=passed, again=one_history, progress=stop)
    assert done.interrupted
    assert done.failure is None
    assert done.tally.seeds == 5


# What is told ------------------------------------------------------------------------------------


def test_a_failure_is_told_with_its_causes_its_story_and_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reporting, "story", lambda _: ("1.0 s  n1 is killed",))
    failed = seventh_fails(Options.draw(7))
    told = report(failed, 2, live=seventh_fails)
    assert told.exit_status == 2
    text = "\n".join(told.lines())
    assert "seed 7 is violated: G1: the same byte twice" in text
    assert "first seen with holdfast simulate --replay 7" in text
    assert "needs only no fault; 1 node," in text
    assert "n1 is killed" in text
    assert text.splitlines()[-1].startswith("replay: holdfast simulate --seed 7 --nodes 1 --for")


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Divergence(Options(1), 3, "here", "there"), 4),
        (Divergence(Options(1), 3, "", ""), 4),
        (Moved(Options(1)), 6),
    ],
)
def test_what_is_no_broken_promise_has_a_status_of_its_own(
    failure: Divergence | Moved, status: int
) -> None:
    told = report(failure, 1)
    assert told.exit_status == status
    assert list(told.lines())[-1].startswith("replay: holdfast simulate --seed 1")


def test_the_last_line_can_be_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "swarm", lambda *_, **__: swarm_of(12))
    monkeypatch.setattr(command, "live", seventh_fails)  # the canary, as seed 7 … and as seed 1
    monkeypatch.setattr(command, "canary_options", lambda _: Options(7, canary=True))
    assert command.main(["--count", "12"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "campaign: 12 passed, 0 failed"
    monkeypatch.setattr(command, "canary_options", lambda _: Options(1, canary=True))
    assert command.main(["--count", "12"]) == 6
    heard = capsys.readouterr()
    assert "nobody is looking" in heard.err
    assert heard.out.splitlines()[-1] == "campaign: 12 passed, 1 failed"


def test_many_seeds_that_never_met_a_state_have_shown_too_little(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blind = Swarm(Tally(seeds=500, verdicts={OK: 500}, faults=dict.fromkeys(CATALOGUE, 1)))
    blind.tally.states = {state: 1 for state in STATES if state != "adopted"}
    monkeypatch.setattr(command, "swarm", lambda *_, **__: blind)
    monkeypatch.setattr(command, "live", lambda _: seventh_fails(Options(7)))
    assert command.main(["--count", "500"]) == 6
    assert f"this never happened: adopted: {STATES['adopted']}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--count", "0"], ["--count", "-3"], ["--count", "many"], ["--for", "10x"], ["--resume"],
        ["--jobs", "0"], ["--kept", "--count", "3"], ["--record", "x.json", "--for", "1m"],
    ],
)  # fmt: skip
def test_wrong_words_are_not_taken_for_a_broken_promise(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(words)
    assert ended.value.code == 64
    assert "usage:" in capsys.readouterr().err


def test_the_line_says_how_far_it_came_and_what_is_left() -> None:
    progress = Progress(seeds=100, operations=8_000, to=io.StringIO())
    tally = swarm_of(20).tally
    assert progress.line(tally, 10.0) == "20 seeds, 800 operations, 2.0 seeds/s, 90 s left"
    later = Progress(seeds=100, before=tally, to=io.StringIO())
    assert later.line(tally, 10.0) == "20 seeds, 800 operations, 0.0 seeds/s"
    timed = Progress(seconds=600, to=io.StringIO())
    assert timed.line(tally, 10.0).endswith("10 min left")
    assert span(4000) == "1 h 07 min"


def test_nothing_is_drawn_where_nobody_looks() -> None:
    paper = io.StringIO()
    progress = Progress(seeds=10, to=paper)
    progress.show(Tally(seeds=3))
    progress.end()
    assert paper.getvalue() == ""


# Kept seeds --------------------------------------------------------------------------------------


def test_every_kept_seed_says_what_it_taught_and_can_be_repeated() -> None:
    kept = kept_seeds()
    assert len(kept) >= 3
    for one in kept:
        assert len(one.taught) > 20
        assert Options.from_json(one.options.to_json()) == one.options


def test_the_checks_live_through_all_kept_seeds_and_every_mode() -> None:
    runs = standing()
    assert len(runs) == len(kept_seeds()) + len(HANDFUL)
    assert {run.mode for run in runs} == {"named", "swarm", "all", "one"}
