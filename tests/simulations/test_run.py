"""One run: the same options are the same history, and what it comes to is told as it was."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mesh.instant import SECOND
from simulations import coverage
from simulations.coverage import BESIDE, RUNS_ENOUGH, STATES, never_reached, never_struck
from simulations.faults.catalogue import CATALOGUE
from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.invented.world import World
from simulations.options import BadOptions, Options
from simulations.run import Run
from simulations.verdicts import PromiseBroken, Stalled

SHORT = 6 * SECOND
ROOT = Path(__file__).parents[2]


def options(seed: int = 1, **fixed: object) -> Options:
    return Options.draw(seed, **{"duration": SHORT, "scheme": "stand-in", **fixed})


class Raising(Observer):
    """Ends a run at its first second, as a check would."""

    def __init__(self, what: BaseException) -> None:
        self.what = what

    def second(self, world: World) -> None:
        raise self.what


# Options -----------------------------------------------------------------------------------------


def test_of_five_seeds_two_are_a_swarm_two_have_everything_and_one_has_one_kind_alone() -> None:
    modes = Counter(Options.draw(seed).mode for seed in range(100))
    assert modes == {"swarm": 40, "all": 40, "one": 20}
    assert {len(Options.draw(seed).faults) for seed in range(100) if seed % 5 == 4} == {1}
    everything = [Options.draw(seed) for seed in range(100) if Options.draw(seed).mode == "all"]
    assert all(dict(one.faults) == dict.fromkeys(CATALOGUE, 1.0) for one in everything)


def test_each_kind_has_its_turn_alone() -> None:
    turns = (Options.draw(seed) for seed in range(5 * len(CATALOGUE)))
    alone = {one.faults[0][0] for one in turns if one.mode == "one"}
    assert alone == set(CATALOGUE)


def test_what_a_person_gives_stands_above_what_is_drawn() -> None:
    given = Options.draw(7, nodes=4, faults=(("kill", 2.0),))
    assert (given.nodes, given.faults, given.mode) == (4, (("kill", 2.0),), "named")
    assert given.duration == Options.draw(7).duration


def test_options_written_down_are_the_same_options() -> None:
    for seed in range(20):
        drawn = Options.draw(seed).but(without=("kill/n1/0",), canary=True)
        assert Options.from_json(drawn.to_json()) == drawn


def test_the_line_that_repeats_a_run_is_short_when_the_seed_says_it_all() -> None:
    assert Options.draw(42).line == "holdfast simulate --replay 42"
    smaller = Options.draw(42).but(nodes=3, faults=(("kill", 2.0),), without=("kill/n1/0",))
    words = smaller.arguments()
    assert words[:6] == ("--seed", "42", "--nodes", "3", "--for", words[5])
    assert "kill=2" in words
    assert words[-2:] == ("--without", "kill/n1/0")


@pytest.mark.parametrize(
    "fixed",
    [
        {"nodes": 0}, {"nodes": 10_001}, {"duration": 0}, {"mode": "wild"}, {"scheme": "none"},
        {"operations_per_second": -1.0}, {"faults": (("kil", 1.0),)},
    ],
)  # fmt: skip
def test_options_that_mean_no_run_are_refused(fixed: dict[str, object]) -> None:
    with pytest.raises(BadOptions):
        Options(1, **fixed)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": 1, "wild": 2}'])
def test_what_are_no_options_is_refused(text: str) -> None:
    with pytest.raises(BadOptions):
        Options.from_json(text)


# Runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2000, 2004))
def test_whatever_goes_wrong_every_promise_is_kept(seed: int) -> None:
    result = Run(options(seed)).live()
    assert result.verdict == "ok", (result.violations, result.transcript_tail)
    assert result.answered > 0


def test_the_same_options_are_the_same_history_in_any_process() -> None:
    once = Run(options(3)).live()
    program = (
        "import sys; from simulations.run import Options, Run;"
        "print(Run(Options.from_json(sys.argv[1])).live().trace_hash)"
    )
    for hash_seed in ("1", "77"):
        told = subprocess.run(
            [sys.executable, "-c", program, once.options.to_json()],
            cwd=ROOT, env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert told.stdout.strip() == once.trace_hash
    assert Run(options(4)).live().trace_hash != once.trace_hash


def test_a_run_that_passed_tells_what_happened_in_it() -> None:
    result = Run(options(1, faults=(("kill", 6.0), ("loss", 3.0)))).live()
    plain = json.loads(json.dumps(result.to_json()))
    assert list(plain)[:8] == [
        "seed", "verdict", "violations", "trace_hash", "operations", "faults", "virtual_seconds",
        "wall_seconds",
    ]  # fmt: skip
    assert set(plain["operations"]) == {"granted", "refused", "unknown"}
    assert plain["operations"]["granted"] > 10
    assert plain["faults"]["kill"] > 0
    assert len(result.struck) == sum(plain["faults"].values())
    assert result.virtual_seconds > SHORT / SECOND
    assert result.exit_code == 0


def test_what_is_left_out_does_not_happen_and_the_rest_does() -> None:
    whole = Run(options(1, faults=(("slow-disk", 6.0), ("drift", 6.0)))).live()
    spared = next(label for label in whole.struck if label.startswith("drift"))
    rest = Run(whole.options.but(without=(spared,))).live()
    assert spared not in rest.struck
    assert {one for one in whole.struck if one.startswith("slow-disk")} <= set(rest.struck)


@pytest.mark.parametrize(
    ("raised", "verdict", "exit_code", "told"),
    [
        (PromiseBroken("B1", "it was not on disk"), "violated", 2, "B1: it was not on disk"),
        (Stalled("V2", "never"), "stalled", 3, "V2: never"),
        (LookupError("here"), "internal", 6, "crash: LookupError"),
    ],
)
def test_a_run_ends_with_a_verdict_and_never_with_a_trace(
    raised: BaseException, verdict: str, exit_code: int, told: str
) -> None:
    run = Run(options())
    run.observe(Raising(raised))
    result = run.live()
    assert (result.verdict, result.exit_code) == (verdict, exit_code)
    assert result.violations[0].startswith(told)


def test_an_agent_that_stops_itself_is_to_blame_and_not_the_simulator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ledger import leases

    # An owner that arms no time for a hold trips over its own books when the hold is confirmed.
    monkeypatch.setattr(leases.Deadlines, "set", lambda self, key, at: self._at.pop(b"absent"))
    result = Run(options(faults=())).live()
    assert result.verdict == "violated"
    assert result.violations[0].startswith("crash: KeyError at ledger/desk/__init__.py")


def test_the_canary_dies() -> None:
    result = Run(options(canary=True, faults=())).live()
    assert result.verdict == "violated"
    assert Run(options(faults=())).live().verdict == "ok"


# Coverage ----------------------------------------------------------------------------------------


def test_runs_that_never_met_a_state_or_a_fault_have_shown_nothing() -> None:
    assert never_reached({}, RUNS_ENOUGH - 1) == []
    assert len(never_reached({}, RUNS_ENOUGH)) == len(STATES) - len(BESIDE)
    assert len(never_struck({}, RUNS_ENOUGH)) == len(CATALOGUE)
    met = dict.fromkeys(STATES, 1)
    assert never_reached(met, RUNS_ENOUGH) == []
    del met["adopted"]
    assert never_reached(met, RUNS_ENOUGH) == [f"adopted: {STATES['adopted']}"]


def test_coverage_counts_nothing_that_is_not_in_its_catalogue() -> None:
    names = {
        *coverage._EVENTS.values(), *coverage._OUTCOMES.values(),
        *coverage._REJECTIONS.values(), *coverage._OPENED.values(),
    }  # fmt: skip
    assert names <= set(STATES)


def test_a_quarantine_and_what_opened_it_are_counted() -> None:
    class OnePowerCut(Observer):
        done = False

        def second(self, world: World) -> None:
            host: Host = world.hosts["n0"]
            if not self.done and world.now > 5 * SECOND and host.agent is not None:
                self.done = True
                world.crash("n0", power=True)
                world.start("n0")

    run = Run(options(faults=()))
    run.observe(OnePowerCut())
    states = run.live().states
    assert states["quarantine"] == 1
    assert states["opened by answers"] == 1
    assert states["restarted"] >= 2
