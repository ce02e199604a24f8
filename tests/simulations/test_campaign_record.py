"""A record: what a stranger can repeat, and when it is none."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from mesh.instant import SECOND
from simulations.campaign import __main__ as command
from simulations.campaign import beside, keeping, origin, record
from simulations.campaign.keeping import Kept, Stopped, keep
from simulations.campaign.record import Aim, Canary, Record, Unfit
from simulations.campaign.tally import Tally
from simulations.coverage import BESIDE, RUNS_ENOUGH, STATES
from simulations.faults.catalogue import CATALOGUE
from simulations.options import Options
from simulations.results import OK, VIOLATED, Result

SIDEWAYS = (beside.Beside("holdfast simulate --scenario x", OK, (), dict.fromkeys(BESIDE, 1)),)
DRAWN = [state for state in STATES if state not in BESIDE]
AIM = Aim(operations=2_000, seeds=30, first_seed=1)
EVERYTHING = ("I1", "I2", "I3", "I4", "G1", "G2", "B1", "B13")


def lived(options: Options) -> Result:
    """A run without a world: a hundred operations, half of which changed a book."""
    ok = Result(
        options, OK, (), f"{options.seed:032x}", unheard=0, changed=50,
        operations={"granted": 60, "refused": 40}, kinds={}, faults=dict.fromkeys(CATALOGUE, 1),
        states=dict.fromkeys(DRAWN, 1), checks=dict.fromkeys(EVERYTHING, 2), struck=(),
        virtual_seconds=60.0, wall_seconds=0.1,
    )  # fmt: skip
    broken = ("B13: nobody wrote that down",)
    return replace(ok, verdict=VIOLATED, violations=broken) if options.canary else ok


def breaks_at_25(options: Options) -> Result:
    broken = ("G1: the same byte twice",)
    result = lived(options)
    return replace(result, verdict=VIOLATED, violations=broken) if options.seed == 25 else result


def one_history(_options: Options, _code: str) -> None:
    return None


@pytest.fixture(autouse=True)
def small_chunks_of_one_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "CHUNK_SEEDS", 10)
    monkeypatch.setattr(keeping, "uncommitted", list)
    monkeypatch.setattr(beside, "lived", lambda _seed: SIDEWAYS)


def kept(path: Path, *, resume: bool = False, aim: Aim = AIM) -> Kept:
    done = keep(path, "the command", aim, workers=2, resume=resume, live=lived, again=one_history)
    assert isinstance(done, Kept)
    return done


def test_a_brief_campaign_keeps_long_runs_of_every_mode() -> None:
    brief = Aim(operations=1, seeds=1, first_seed=1, horizon_s=30)
    runs = [(brief.draw(seed), Options.draw(seed)) for seed in range(1, 600)]
    assert all(run in (drawn, drawn.but(duration=30 * SECOND)) for run, drawn in runs)
    assert {run.mode for run, _ in runs if run.duration > 60 * SECOND} == {"swarm", "all", "one"}
    assert sum(run.duration > 30 * SECOND for run, _ in runs) < len(runs) / 10


def good() -> Record:
    """A record against which nothing can be said."""
    tally = Tally(
        seeds=RUNS_ENOUGH, verdicts={OK: RUNS_ENOUGH}, operations={"granted": 2_000}, changed=1_000,
        faults=dict.fromkeys(CATALOGUE, 1), states=dict.fromkeys(DRAWN, 1),
        checks=dict.fromkeys(EVERYTHING, 7), lived_twice=25,
    )  # fmt: skip
    canary = Canary("holdfast simulate --seed 1 --canary", VIOLATED, ("B13: …",))
    made = Record("the command", origin.origin(), AIM, 1, canary=canary, beside=SIDEWAYS)
    made.add(tally, RUNS_ENOUGH + 1)
    return made


def test_it_goes_on_until_it_holds_enough_and_says_what_it_is_of(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    done = kept(path)
    assert done.objections == ()
    written = json.loads(path.read_text())
    assert written["complete"]
    assert written["tally"]["seeds"] == 30
    assert written["tally"]["operations"] == {"granted": 1800, "refused": 1200}
    assert written["found"] == dict.fromkeys(record.SUMS, 0)
    assert all(written["looked"].values())
    assert written["canary"]["verdict"] == VIOLATED
    assert written["origin"]["source"] == origin.source()
    assert set(written["origin"]["libraries"]) == set(origin.LIBRARIES)
    assert not list(tmp_path.glob("*.new"))


def test_interrupted_and_gone_on_with_it_is_the_same_record(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    kept(whole)

    def enough(tally: Tally) -> None:
        if tally.seeds == 17:
            raise KeyboardInterrupt

    ended = keep(
        parts,
        "the command",
        AIM,
        workers=2,
        resume=False,
        live=lived,
        again=one_history,
        progress=enough,
    )
    assert isinstance(ended, Stopped)
    assert ended.failure is None
    assert json.loads(parts.read_text())["next_seed"] == 11, "what is whole was saved"
    kept(parts, resume=True)
    assert parts.read_text() == whole.read_text()


def test_a_failure_ends_it_and_what_was_saved_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    ended = keep(path, "the command", AIM, workers=2, resume=False, live=breaks_at_25)
    assert isinstance(ended, Stopped)
    assert isinstance(ended.failure, Result)
    assert ended.failure.seed == 25
    assert not json.loads(path.read_text())["complete"]


def test_it_is_of_one_code_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    kept(path)
    with pytest.raises(Unfit, match="is there already"):
        kept(path)
    with pytest.raises(Unfit, match="aims at something else"):
        kept(path, resume=True, aim=Aim(5, 5, 5))
    monkeypatch.setattr(origin, "source", lambda: "other code")
    with pytest.raises(Unfit, match="other code"):
        kept(path, resume=True)
    monkeypatch.setattr(keeping, "uncommitted", lambda: ["mesh/door/gate.py"])
    with pytest.raises(Unfit, match=r"mesh/door/gate\.py is in none"):
        kept(tmp_path / "other.json")


def test_what_is_no_record_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(Unfit, match="never begun"):
        kept(path, resume=True)
    path.write_text('{"command": 5}')
    with pytest.raises(Unfit, match="no record of ours"):
        kept(path, resume=True)


def test_nothing_can_be_said_against_a_good_one() -> None:
    assert good().objections() == []


@pytest.mark.parametrize(
    ("changes", "objection"),
    [
        ({"operations": {"granted": 100}}, "does not hold what it aims at"),
        ({"changed": 500}, "only 25% of the answered operations changed a book"),
        ({"faults": dict.fromkeys(set(CATALOGUE) - {"kill"}, 1)}, "never struck: kill"),
        ({"states": dict.fromkeys(set(STATES) - {"adopted"}, 1)}, "never reached: adopted"),
        ({"checks": {"B1": 3, "I1": 2}}, "nobody ever looked for double grants"),
        ({"broken": {"G1": 1}}, "1 double grants"),
        ({"verdicts": {OK: 499, VIOLATED: 1}}, "not every seed passed"),
        ({"lived_twice": 0}, "no seed was lived twice"),
    ],
)
def test_one_that_has_shown_too_little_is_refused(
    changes: dict[str, object], objection: str
) -> None:
    made = good()
    made.tally = msgspec.structs.replace(made.tally, **changes)
    made.add(Tally(), made.next_seed)
    assert any(objection in one for one in made.objections()), made.objections()


def test_a_canary_that_passed_means_that_nobody_looked() -> None:
    made = good()
    made.canary = Canary("holdfast simulate --seed 1 --canary", OK, ())
    assert made.objections() == ["the run that must fail did not: nobody is looking"]


@pytest.mark.parametrize(
    ("lives", "objection"),
    [
        ((), "never reached, nor by late-copy: superseded"),
        ((msgspec.structs.replace(SIDEWAYS[0], verdict=VIOLATED),), "simulate --scenario x is"),
        ((msgspec.structs.replace(SIDEWAYS[0], verdict=VIOLATED),), "nor by only-one: opened al"),
        ((msgspec.structs.replace(SIDEWAYS[0], states={"superseded": 0}),), "nor by late-copy"),
    ],
)
def test_what_no_drawn_life_reaches_must_have_been_reached_beside_them(
    lives: tuple[beside.Beside, ...], objection: str
) -> None:
    made = good()
    made.beside = lives
    assert any(objection in one for one in made.objections()), made.objections()


def test_the_lives_beside_reach_what_they_are_there_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    lives = beside.lived(1)
    assert {life.verdict for life in lives} == {OK}
    assert {state for life in lives for state in life.states} >= set(BESIDE)
    assert set(BESIDE) <= set(STATES)


def test_a_record_is_judged_again_and_says_by_which_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "record.json"
    kept(path)
    lived_by = origin.origin()
    monkeypatch.setattr(origin, "source", lambda: "later code")
    assert command.main(["--judge", str(path)]) == 0
    judged = msgspec.json.decode(path.read_bytes(), type=Record)
    assert (judged.complete, judged.origin) == (True, lived_by)
    assert judged.judged is not None
    assert judged.judged.source == "later code"
    monkeypatch.setattr(beside, "lived", lambda _seed: ())
    assert command.main(["--judge", str(path)]) == 6
    assert "nor by only-one: opened alone" in capsys.readouterr().err
    assert not msgspec.json.decode(path.read_bytes(), type=Record).complete
    record.save(path, Record("begun", lived_by, AIM, next_seed=1))
    assert command.main(["--judge", str(path)]) == 64
    assert "not lived to its end" in capsys.readouterr().err


def test_the_command_says_why_it_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "record.json"
    path.write_text("{}")
    assert command.main(["--record", str(path)]) == 64
    assert "is there already" in capsys.readouterr().err
    blind = Kept(good(), ("nobody ever looked for double grants",))
    monkeypatch.setattr(keeping, "keep", lambda *_, **__: blind)
    assert command.main(["--record", str(path)]) == 6
    heard = capsys.readouterr()
    assert "not a record: nobody ever looked for double grants" in heard.err
    assert heard.out.splitlines()[-1] == "campaign: 500 passed, 1 failed"


def test_the_code_of_a_record_is_every_line_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = origin.source()
    assert before == origin.source()
    monkeypatch.setattr(origin, "ROOMS", origin.ROOMS[:-1])
    assert origin.source() != before
