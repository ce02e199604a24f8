"""The command as people use it, and the guide: what it prints is what the guide shows."""

import csv
import json
import re
from pathlib import Path

import msgspec
import pytest

from mesh.instant import HOUR, SECOND
from node.cli.exits import SIMULATE_MISUSED
from node.cli.main import main
from node.core.requests import Facts
from simulations.invented.hardware import GIB, Card
from simulations.invented.world import World
from simulations.whatif.findings import CSV_COLUMNS, findings
from tests.simulations.whatif.files import ONE_MACHINE, cluster, demand, studied

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "what-if.md"
SHOWN = re.compile(r"^\$ holdfast (simulate --cluster docs/.*)\n((?:.+\n|\n)*?)```$", re.MULTILINE)
JOB = '[[job]]\nname = "build"\nrequest = { ram = "5GiB" }\nruns = "5m"\n'


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main(list(words)))
    return int(ended.value.code or 0)


@pytest.mark.parametrize("shown", SHOWN.findall(GUIDE.read_text()), ids=["home", "group"])
def test_the_guide_shows_what_is_printed(
    shown: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert run(*shown[0].split()) == 0
    printed = capsys.readouterr().out
    for part in shown[1].split("…\n"):
        assert part in printed


def test_packing_small_models_leaves_whole_boxes_to_those_who_need_them(tmp_path: Path) -> None:
    machines, jobs = (
        (GUIDE.parent / "what-if" / f"group-{which}.toml").read_text()
        for which in ("machines", "jobs")
    )
    words = '"run ollama inference on a 7b model"'
    assert words in jobs
    packed = jobs.replace(words, f'{{ words = {words}, objective = "pack" }}')
    study = studied(tmp_path, machines, packed, seed=1)
    assert findings(study)["total"]["gave_up"] == 7, "as the guide says"


def test_json_is_one_object_and_csv_has_a_row_per_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.toml").write_text(ONE_MACHINE)
    (tmp_path / "j.toml").write_text(JOB + "count = 2\n")
    words = [
        "simulate",
        "--cluster",
        f"{tmp_path / 'm.toml'}",
        "--demand",
        f"{tmp_path / 'j.toml'}",
    ]
    rows = tmp_path / "rows.csv"
    assert run(*words, "--json", "--for", "1h", "--csv", str(rows)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["total"]["asked"] == 2
    assert found["ground"] == "one shared view"
    with rows.open() as file:
        first, second = csv.DictReader(file)
    assert tuple(first) == CSV_COLUMNS
    assert (first["outcome"], first["took"]) == ("placed", f"ram={5 * GIB}")
    assert (second["waited_ms"], second["asks"]) == ("300000", "6")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--cluster", "CLUSTER"], "--cluster and --demand belong together"),
        (["--demand", "DEMAND"], "--cluster and --demand belong together"),
        (["--csv", "x"], "--csv is for --cluster"),
        (["--cluster", "CLUSTER", "--demand", "DEMAND", "--nodes", "3"], "do not go together"),
        (["--cluster", "CLUSTER", "--demand", "nowhere"], "nowhere: cannot be read"),
        (["--cluster", "DEMAND", "--demand", "DEMAND"], "'job' is no key here"),
        (["--cluster", "CLUSTER", "--demand", "DEMAND", "--for", "2y"], "is not a duration"),
        (["--cluster", "CLUSTER", "--demand", "DEMAND", "--for", "400d"], "a year is the most"),
        (["--cluster", "CLUSTER", "--demand", "DEMAND", "--faults", "rain"], "--faults"),
        (
            ["--cluster", "CLUSTER", "--demand", "DEMAND", "--for", "60d", "--faults", "none"],
            "would take hours",
        ),
    ],
)
def test_what_does_not_go_together_or_cannot_be_read_is_wrong_usage(
    tmp_path: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"CLUSTER": tmp_path / "m.toml", "DEMAND": tmp_path / "j.toml"}
    files["CLUSTER"].write_text(ONE_MACHINE)
    files["DEMAND"].write_text(JOB)
    assert run("simulate", *(str(files.get(word, word)) for word in words)) == SIMULATE_MISUSED
    assert sentence in capsys.readouterr().err


def test_a_mesh_that_exists_is_taken_as_its_facts_say(tmp_path: Path) -> None:
    world = World(3)
    world.add("attic", 64 * GIB, 16, cards=(Card("GPU-1", 24 * GIB, foreign=3 * GIB),))
    world.add("cellar", 8 * GIB, 4)
    for name in ("attic", "cellar"):
        world.start(name, first=True)
    world.hosts["cellar"].blind("ram")
    world.look("cellar")
    world.run(20 * SECOND)
    facts = world.answer("attic", Facts()).body
    text = msgspec.json.encode(facts).decode()
    machines = {one.name: one for one in cluster(tmp_path, text, "mesh.json").machines}
    assert machines["attic"].free["gpu:GPU-1"] == 21 * GIB
    assert machines["cellar"].free["ram"] is None
    assert machines["attic"].inventory == world.hosts["attic"].inventory().inventory


def test_what_a_probe_could_not_read_stays_unknown_and_nothing_is_granted_there(
    tmp_path: Path,
) -> None:
    whole = cluster(tmp_path).machines[0]
    body = {
        "name": "attic",
        "inventory": msgspec.to_builtins(whole.inventory),
        "live": {"pools": {"ram": {"free": None, "used": {}, "foreign": None, "source": ""}},
                 "metrics": {}},
    }  # fmt: skip
    study = studied(tmp_path, json.dumps({"nodes": [body]}), JOB, HOUR)
    assert "room unknown" in " ".join(
        miss.reason.value for miss in study.when_idle["build"].passed_over[0].misses
    )
    assert study.askers[0].state.value == "refused for ever"
    ram = next(use for use in study.usage.pools if use.fact.pool == "ram")
    assert (ram.room_known, ram.room_least) == (0, None)
    assert demand(tmp_path, JOB).kinds[0].name == "build"
