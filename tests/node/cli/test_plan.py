"""`plan`, `explain`, `why-not` and `profile match` from the command."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.node.cli.conftest import Ran
from tests.support.fake_agent import WHERE, FakeAgent

Run = Callable[..., Ran]


def test_a_plan_says_how_to_take_it_and_a_batch_has_its_tokens_in_json(
    state: Path, run: Run, tmp_path: Path
) -> None:
    jobs = tmp_path / "jobs.toml"
    jobs.write_text('[[job]]\nname = "one"\nram = "1GiB"\n[[job]]\nname = "two"\nram = "2GiB"\n')
    with FakeAgent(state) as agent:
        ran = run("plan", "--ram", "1GiB")
        assert ran.status == 0
        assert "holdfast reserve … --plan plan1-abcd" in ran.out
        agent.say("plan", {"jobs": [{**WHERE, "plan": "plan1-abcd"}] * 2, "ages_ms": {}})
        assert "two" in run("plan", "--jobs", str(jobs)).out
        assert [
            job["name"]
            for job in json.loads(run("plan", "--jobs", str(jobs), "--json").out)["jobs"]
        ] == ["one", "two"]
        assert run("plan", "--jobs", str(tmp_path / "none.toml")).status == 2
        assert run("why-not", "bob", "--ram", "1GiB").status == 0
        assert run("why-not", "nobody", "--ram", "1GiB").status == 1
        assert run("why-not", "--ram", "1GiB").out.startswith("it fits on bob\n")
        assert run("why-not", "run ollama with a 7b model").status == 0
        assert run("explain", "--ram", "1GiB").status == 0
    assert run("profile", "match", "run", "go", "tests", "--json").status == 0


def test_a_plan_that_fits_nowhere_offers_nothing_to_take(state: Path, run: Run) -> None:
    nowhere = {"decision": {"chosen": None, "counts": [["not enough room", 1]]}, "plan": None}
    with FakeAgent(state) as agent:
        agent.say("plan", {"jobs": [nowhere], "ages_ms": {}})
        ran = run("plan", "--ram", "1TiB")
    assert ran.status == 1
    assert "nowhere (1 not enough room)" in ran.out
    assert "--plan" not in ran.out
    assert "holdfast explain" in ran.out


def test_a_job_in_words_takes_as_much_as_the_model_that_it_calls_by_name(
    state: Path, run: Run, tmp_path: Path
) -> None:
    words = "run ollama inference with llama3.1:70b"
    jobs = tmp_path / "jobs.json"
    sized = {"name": "sized", "words": words, "ram": "60GiB"}
    jobs.write_text(json.dumps({"job": [{"name": "named", "words": words}, sized]}))
    with FakeAgent(state) as agent:
        agent.say("plan", {"jobs": [{**WHERE, "plan": "plan1-abcd"}] * 2, "ages_ms": {}})
        ran = run("plan", "--jobs", str(jobs))
        run("reserve", words)
        planned, reserved = (heard for heard in agent.heard if heard["type"] in ("plan", "reserve"))
        assert planned["jobs"][0] == reserved["ask"], "its token is for the same request"
        assert planned["jobs"][0]["memory"].endswith("MiB")
        assert planned["jobs"][1] == {"words": words, "ram": "60GiB"}
    assert "llama3.1:70b, ollama" in ran.err
    jobs.write_text('{"words": 7, "ram": "1GiB"}')
    ran = run("plan", "--jobs", str(jobs))
    assert ran.status == 2
    assert "words is no text" in ran.err
    jobs.write_text('{"ram": "1GiB"}')
    for beside in (["--ram", "2GiB"], ["go", "build"], ["--model", "llama3.1:8b"]):
        ran = run("plan", "--jobs", str(jobs), *beside)
        assert ran.status == 2
        assert "--jobs has all that its jobs ask for" in ran.err
