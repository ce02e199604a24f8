"""`holdfast simulate` as people type it: its door, its statuses, and everything written wrongly."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from simulations.command import entry, swarming
from simulations.options import Options
from simulations.run import Run
from tests.node.cli.conftest import ROOT, Ran, shell

SMALL = ("--nodes", "3", "--for", "2s")

WRONG = {
    ("--faults", "all,kil"): "did you mean 'kill'",
    ("--faults", "kill=fast"): "a strength is a number",
    ("--scenario", "split-brian"): "did you mean 'split-brain'",
    ("--scenario", "storm", "--faults", "kill"): "a scenario brings its own",
    ("--scenario", "split-brain", "--nodes", "2"): "needs 4 to",
    ("--for", "10x"): "'10x' is not a duration: write 90s",
    ("--for", "0s"): "'0s' asks for nothing",
    ("--for", "9999d"): "at most a day",
    ("--nodes", "-3"): "no whole number from 1 to 10000",
    ("--nodes", "many"): "no whole number",
    ("--replay", "nonsense"): "no whole number",
    ("--replay", "1", "--seed", "1"): "do not go together",
    ("--swarm", "soon"): "--swarm: 'soon'",
    ("--swarm", "1s", "--trace"): "do not go together",
    ("--jobs", "2"): "--jobs is for --swarm",
    ("--swarm", "1s", "--jobs", "0"): "from 1 to",
    ("--operations", "lots"): "no number",
    ("--operations", "nan"): "operations per second",
    ("--scheme", "rsa"): "stand-in",
    ("--swam", "1s"): "did you mean --swarm",
    ("--trace", "evry"): "every",
    ("surplus",): "one word too many",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_is_written_wrongly_is_named_and_is_no_verdict(
    words: tuple[str, ...], run: Callable[..., Ran]
) -> None:
    ran = run("simulate", *words)
    assert ran.status == 64, ran
    assert WRONG[words] in ran.err
    assert ran.out == ""


def test_a_run_ends_in_one_line_that_is_the_same_every_time(run: Callable[..., Ran]) -> None:
    ran, again = (run("simulate", *SMALL, "--seed", "5", "--json") for _ in range(2))
    assert ran.status == 0, ran
    body, other = (json.loads(one.out.splitlines()[-1]) for one in (ran, again))
    assert (body["seed"], body["verdict"], body["violations"]) == (5, "ok", [])
    assert set(body["operations"]) == {"granted", "refused", "unknown"}
    assert body["virtual_seconds"] > 2
    assert body["trace_hash"] == other["trace_hash"]
    assert body["replay"].startswith("holdfast simulate --seed 5 --nodes 3 --for 2s")


def test_the_canary_fails_with_its_own_status(run: Callable[..., Ran]) -> None:
    ran = run("simulate", "--nodes", "3", "--for", "8s", "--seed", "5", "--canary")
    assert ran.status == 2, ran
    assert "violated: a promise was broken" in ran.out
    again = next(line for line in ran.out.splitlines() if line.startswith("again"))
    assert again.endswith("--seed 5 --nodes 3 --for 8s --faults all --operations 20 --canary")


def test_a_trace_tells_what_happens_and_leaves_the_last_line_to_json(
    run: Callable[..., Ran],
) -> None:
    told = run("simulate", *SMALL, "--seed", "5", "--trace")
    assert "n0 starts for the 1st time" in told.out
    aside = run("simulate", *SMALL, "--seed", "5", "--trace", "--json")
    assert len(aside.out.splitlines()) == 1
    assert "n0 starts for the 1st time" in aside.err
    every = run("simulate", *SMALL, "--seed", "5", "--trace", "every")
    assert len(every.out) > 3 * len(told.out)


def test_a_scenario_is_told_under_its_name(run: Callable[..., Ran]) -> None:
    ran = run("simulate", "--scenario", "gpu-race", "--seed", "2", "--for", "6s", "--json")
    body = json.loads(ran.out)
    assert (ran.status, body["scenario"], body["verdict"]) == (0, "gpu-race", "ok")
    assert body["replay"] == "holdfast simulate --scenario gpu-race --seed 2 --for 6s"


def test_the_list_has_every_scenario_and_every_fault(run: Callable[..., Ran]) -> None:
    ran = run("simulate", "--list", "--json")
    body = json.loads(ran.out)
    told = run("simulate", "--list").out
    assert len(body["scenarios"]) >= 20
    assert len(body["faults"]) >= 30
    for name in (*body["scenarios"], *body["faults"]):
        assert f"  {name} " in told


def test_ctrl_c_says_how_far_it_came_and_how_to_see_it_again(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(self: Run, _progress: object) -> None:
        self.world.run(3_000_000_000)
        raise KeyboardInterrupt

    monkeypatch.setattr(entry.Run, "live", pressed)
    ran = run("simulate", "--seed", "5", *SMALL)
    assert ran.status == 130
    assert "stopped after 3 s of virtual time" in ran.err
    assert "again: holdfast simulate --seed 5 --nodes 3 --for 2s" in ran.err


def test_a_small_swarm_passes_and_says_what_it_met() -> None:
    ran = shell("simulate", "--swarm", "1s", "--jobs", "1", "--seed", "1", *SMALL, "--json")
    assert ran.status == 0, ran
    body = json.loads(ran.out.splitlines()[-1])
    assert body["verdict"] == "ok"
    assert body["seeds"] >= 1
    assert body["next_seed"] == 1 + body["seeds"]
    assert sum(body["operations"].values()) > 0


def test_a_swarm_that_fails_ends_with_the_seed_and_its_line(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Run(Options(9, nodes=3, duration=8_000_000_000, canary=True)).live()
    assert failed.verdict == "violated"

    def lived(first: int, **_kept: object) -> swarming.Swarm:
        whole = swarming.Swarm(failure=failed, next_seed=first + 1)
        whole.tally.add(failed)
        return whole

    told = swarming.Report(2, ("seed 9 is violated: planted",), "holdfast simulate --seed 9")
    monkeypatch.setattr(swarming, "lived", lived)
    monkeypatch.setattr(swarming, "report", lambda *_, **_kept: told)
    ran = run("simulate", "--swarm", "1s")
    assert ran.status == 2
    assert "seed 9 is violated: planted" in ran.out
    assert "replay: holdfast simulate --seed 9" in ran.out
    body = json.loads(run("simulate", "--swarm", "1s", "--json").out)
    assert (body["seed"], body["verdict"]) == (9, "violated")
    assert body["replay"] == "holdfast simulate --seed 9"


@pytest.mark.parametrize("words", [("simulate", "--help"), ("--help",), ("version",)], ids=str)
def test_who_does_not_simulate_does_not_pay_for_it(words: tuple[str, ...]) -> None:
    listing = (
        "import json, sys\nfrom node.cli.main import main\n"
        "try:\n    main(json.loads(sys.argv[1]))\nexcept SystemExit:\n    pass\n"
        "print(sorted(n for n in sys.modules if n.startswith('simulations')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", listing, json.dumps(words)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "[]"
