"""The fixture in somebody's tests: what passes, what fails, and what is said then."""

import re
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

pytest_plugins = ["pytester"]

HOLDFAST = Path(sys.executable).with_name("holdfast")
PLUGIN = ROOT / "simulations/plugin"


@pytest.fixture
def tests_of_somebody(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """A folder of tests with the plugin, and nothing of ours on the path."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


def run(
    pytester: pytest.Pytester, source: str, *words: str, command: str = str(HOLDFAST)
) -> pytest.RunResult:
    pytester.makepyfile(source)
    return pytester.runpytest_subprocess(
        "-p",
        "pytest_holdfast.plugin",
        "-p",
        "no:cacheprovider",
        f"--holdfast-command={command}",
        *words,
        timeout=90,
    )


THEIRS = """
import pytest
from pytest_holdfast import Misuse, NoAnswer, NodeDown, Refused

def test_room_is_promised_once(holdfast_cluster):
    c = holdfast_cluster(nodes=4)
    hold = c["n0"].reserve("6GiB ram, 2 cores", term="1h", on="n1")
    assert (hold.owner, hold.state) == ("n1", "posted")
    assert hold.amounts == {"ram": 6 << 30, "cpu": 2000}
    assert hold.stored_on and hold.remaining == 3600
    with pytest.raises(Refused, match="Nowhere") as no:
        c["n2"].reserve(ram="6GiB", on="n1")
    assert no.value.code == "not_possible"
    c.advance("2s")
    assert c["n3"].holds() == [hold]
    hold.release()
    c.advance("1s")  # who asks sooner may not have heard of it
    assert c["n2"].reserve("6GiB ram", on="n1").owner == "n1"
    assert sum(c.check().values()) > 10

def test_a_hold_is_confirmed_or_lapses(holdfast_cluster):
    c = holdfast_cluster()
    kept, lapsed = c["n0"].hold("1GiB ram"), c["n1"].hold("2GiB ram")
    assert kept.state != "posted"
    assert kept.confirm().state == "posted"
    c.advance("5m")
    assert c["n2"].holds() == [kept]
    with pytest.raises(Refused):
        lapsed.confirm()

def test_a_race_has_one_winner(holdfast_cluster):
    c = holdfast_cluster(3, cards=["24GiB"])
    both = [c[name].reserving("16GiB vram", on="n2") for name in ("n0", "n1")]
    won = []
    for pending in both:
        try:
            won.append(pending.answer())
        except Refused as no:
            assert no.sentence
    assert len(won) == 1 and all(pending.over for pending in both)

def test_the_network_and_the_machines_fail(holdfast_cluster):
    c = holdfast_cluster(nodes=3)
    with c.isolate("n0"):
        assert c.wait_until("sees", node="n1", of="n0", liveness="suspect")
        assert c.wait_until("sees", node="n0", of="n1", liveness="dead")
        assert not c["n0"].where("1GiB ram", on="n1")
    assert c.wait_until("agree")
    c.kill("n1")
    assert not c["n1"].up
    with pytest.raises(NodeDown):
        c["n1"].status()
    assert c.start("n1") and c["n1"].up
    c["n2"].disk.copy()
    c.power_cut("n2")
    c["n2"].disk.set_back()
    assert c["n2"].start() and c["n2"].standing != "open"
    c["n0"].set_foreign("7GiB")
    assert c["n0"].where(ram="2GiB", on="n0").node is None
    c["n0"].kill(after_effects=2)
    with pytest.raises(NoAnswer, match="died"):
        c["n0"].reserve(ram="1GiB")
    c.calm()
    assert {node.standing for node in c} == {"open"}

def test_all_of_a_node(holdfast_cluster):
    c = holdfast_cluster([{"name": "attic", "cards": ["8GiB"]}, {"name": "cellar"}])
    attic, work = c["attic"], c["attic"].run(ram="1GiB")
    tied = attic.reserve("1GiB ram", process=work)
    assert tied.owner == "attic"
    attic.pause("1s"); attic.suspend("1s"); attic.slow("5ms"); attic.slow("0s")
    attic.jump_clock("1s"); attic.jump_clock("500ms", back=True); attic.set_clock_rate(10)
    attic.lose_card(); attic.return_card(); attic.blind(); attic.see(); attic.hang_probes()
    attic.set_ram("6GiB"); attic.disk.slow(2); attic.disk.lie(1); attic.disk.lie(0)
    attic.disk.tear(); attic.disk.fill(); attic.disk.free()
    c.weather("attic", "cellar", loss=0.2); c.advance("1s"); c.weather("attic", "cellar"); c.mend()
    work.end()
    c.advance("90s")
    assert c["cellar"].holds() == []
    assert attic.facts("cellar")["nodes"] and attic.status()["node"]["name"] == "attic"
    attic.stop(leaving=True)
    assert c.wait_until("sees", node="cellar", of="attic", liveness="left", limit="9s")
    assert c["cellar"].sees("attic") == "left" and c.restart("cellar")
    with pytest.raises(Misuse, match="units|unit|time"):
        c.advance("4")
    with pytest.raises(Misuse, match="attic"):
        c["attics"]

HASHES = []

@pytest.mark.parametrize("again", [1, 2])
def test_one_seed_is_one_history(holdfast_cluster, again):
    c = holdfast_cluster(nodes=4, faults="lossy,restarts=3", operations=3, seed=9)
    c.advance("20s")
    HASHES.append(c.trace_hash)
    assert len(set(HASHES)) == 1 and c.script()[0].startswith('{"do":"new"')
    assert sum(c.trace()["faults"].values()) > 0
"""


def test_a_cluster_is_asked_cut_killed_and_calmed(tests_of_somebody: pytest.Pytester) -> None:
    result = run(tests_of_somebody, THEIRS)
    result.assert_outcomes(passed=7)


def test_a_failing_test_shows_its_seed_what_happened_and_the_line_that_repeats_it(
    tests_of_somebody: pytest.Pytester,
) -> None:
    source = """
        def test_wrong(holdfast_cluster):
            c = holdfast_cluster(nodes=2)
            c["n0"].reserve("1GiB ram")
            print("seed is", c.seed, c.trace_hash)
            assert c["n1"].holds() == []

        def test_right(holdfast_cluster):
            holdfast_cluster(nodes=1)
        """
    first = run(tests_of_somebody, source)
    first.assert_outcomes(passed=1, failed=1)
    first.stdout.fnmatch_lines([
        "*holdfast: cluster 1, seed *",
        "*n0 answers*",
        "again: pytest *test_wrong --holdfast-seed *",
    ])  # fmt: skip
    seed = next(line for line in first.outlines if line.startswith("again: ")).split()[4]
    told = next(line for line in first.outlines if line.startswith("seed is"))
    assert told.split()[2] == seed
    again = run(tests_of_somebody, source, "--holdfast-seed", seed)
    again.stdout.fnmatch_lines([told])
    run(tests_of_somebody, source).stdout.fnmatch_lines([told])
    other = run(tests_of_somebody, source, "--holdfast-seed", "5")
    other.stdout.fnmatch_lines(["seed is 5 *"])


STUB = """#!{python}
import json, sys
print(json.dumps({{"protocol": {protocol}, "holdfast": "9"}}), flush=True)
for line in sys.stdin:
    said = json.loads(line)
    answer = {{"id": said["id"], "ok": True, "nodes": ["n0"], "lines": ["the last thing"]}}
    if said["do"] == "advance":
        sys.exit("boom")
    if said["do"] == "check":
        answer["ok"] = False
        answer["error"] = {{"code": "broken", "sentence": "B1: a lie", "promise": "B1", "seed": 4}}
    if said["do"] == "calm":
        continue
    print(json.dumps(answer), flush=True)
"""


def stub(pytester: pytest.Pytester, protocol: int = 1) -> str:
    """A command that says what a simulator would on its worst days."""
    path = pytester.path / "stub"
    path.write_text(STUB.format(python=sys.executable, protocol=protocol))
    path.chmod(0o755)
    return str(path)


def test_a_broken_promise_fails_the_test_and_a_lost_service_only_one(
    tests_of_somebody: pytest.Pytester,
) -> None:
    tests_of_somebody.makeini("[pytest]\nholdfast_timeout = 1\n")
    result = run(
        tests_of_somebody,
        """
        def test_broken(holdfast_cluster):
            holdfast_cluster().check()

        def test_lost(holdfast_cluster):
            holdfast_cluster().advance("1s")

        def test_hangs(holdfast_cluster):
            holdfast_cluster().calm()

        def test_next(holdfast_cluster):
            assert holdfast_cluster().nodes == ["n0"]
        """,
        command=stub(tests_of_somebody),
    )  # fmt: skip
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines([
        "*PromiseBroken: B1: a lie", "broken: B1: a lie", "the last thing",
        "*ServiceLost: the simulator ended; it said: boom", "*no answer for 1 s*",
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("command", "says"),
    [("no-such-holdfast", "*NotInstalled*install Holdfast*"), ("", "*speaks protocol 7*")],
)
def test_a_missing_or_foreign_command_is_said_with_what_to_do(
    tests_of_somebody: pytest.Pytester, command: str, says: str
) -> None:
    result = run(
        tests_of_somebody, "def test_it(holdfast_cluster):\n    holdfast_cluster()",
        command=command or stub(tests_of_somebody, protocol=7),
    )  # fmt: skip
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([says])


EXAMPLES = {
    f"{page.name} {number}": example
    for page in (PLUGIN / "README.md", ROOT / "docs/guides/testing-with-holdfast.md")
    for number, example in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    )
}


def test_every_example_of_the_pages_passes(tests_of_somebody: pytest.Pytester) -> None:
    assert len(EXAMPLES) >= 4
    result = run(tests_of_somebody, "\n".join(EXAMPLES.values()))
    result.assert_outcomes(passed="".join(EXAMPLES.values()).count("def test_"))
