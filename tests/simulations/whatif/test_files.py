"""Reading their files: what is taken, and how every no names the place and the way out."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.instant import HOUR, MINUTE, SECOND
from simulations.whatif.cluster import read_cluster
from simulations.whatif.demand import read_demand
from simulations.whatif.table import BadFile
from tests.simulations.whatif.files import ONE_MACHINE, cluster, demand

GIB = 1 << 30
JOB = '[[job]]\nname = "build"\nrequest = { ram = "1GiB" }\nruns = "5m"\n'


def test_a_count_makes_machines_of_one_table(tmp_path: Path) -> None:
    text = ONE_MACHINE.replace('"attic"', '"box-{}"\ncount = 12')
    text += 'cards = [{ name = "L4", vram = "24GiB", count = 2 }]\n'
    machines = cluster(tmp_path, text).machines
    assert [one.name for one in machines] == [f"box-{n:02}" for n in range(1, 13)]
    assert len({card.uuid for one in machines for card in one.cards}) == 24
    assert machines[3].free["gpu:GPU-box-04-1"] == 24 * GIB


def test_an_offer_is_all_that_may_be_promised(tmp_path: Path) -> None:
    text = ONE_MACHINE + 'offer = "ram=2GiB,cores=1"\nram_in_use = "7GiB"\n'
    (machine,) = cluster(tmp_path, text).machines
    assert {pool.pool: pool.total for pool in machine.pools} == {"cpu": 1000, "ram": 2 * GIB}
    assert machine.free["ram"] == GIB, "what is not free cannot be promised, whatever is offered"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('ram = "8"', "has no unit: write 8GiB"),
        ('ram = "-8GiB"', "is negative"),
        ("ram = 8", "has no unit: write 8GiB"),
        ("count = -3", "-3 is no whole number from 1 to"),
        ("count = 2", "2 machines need a number"),
        ("cuont = 2", "did you mean 'count'?"),
        ("cores = 1.5", "1.5 is no whole number from 1"),
        ('offer = "ram=2GiB"', "An offer needs both memory and cores"),
        ('offer = "ram=20GiB,cores=1"', "offers more main memory than the machine has"),
        ('ram_in_use = "9GiB"', "less than its own system_reserve or ram_in_use"),
        ('cards = [{ vram = "24" }]', "cards 1: vram: '24' has no unit"),
        ('cards = [{ vram = "24GiB", vendor = "acme" }]', "'acme' is not one of amd"),
        ('disks = [{ size = "1TB", class = "floppy" }]', "'floppy' is not one of hdd"),
        ("labels = 3", "expected a table, not 3"),
        ('name = "two words"', "is not a name"),
    ],
)
def test_what_cannot_be_meant_of_a_machine_is_refused_with_file_line_and_table(
    tmp_path: Path, line: str, sentence: str
) -> None:
    key = line.partition(" ")[0]
    kept = [one for one in ONE_MACHINE.splitlines() if not one.startswith(f"{key} ")]
    with pytest.raises(BadFile) as refused:
        cluster(tmp_path, "\n".join([*kept, line]))
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path / 'machines.toml'}, line 2: [[machine]] 1")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('request = { ram = "1" }', "request: ram: '1' has no unit"),
        ('request = { rma = "1GiB" }', "did you mean 'ram'?"),
        ('request = "something nice"', "says what it needs"),
        ("request = {}", "write words in quotes, or a table"),
        ('runs = "5"', "is not a duration: write 90s"),
        ('runs = "5m..1m"', "ends before it begins"),
        ('runs = "31d"', "longer than any booking"),
        ('term = "31d"', "a booking lasts 30d at most"),
        ('rate = "12"', "is no rate: write '12/h'"),
        ('rate = "0/h"', "is no rate"),
        ('every = "0s"', "is under a millisecond"),
        ('every = "5m"\nrate = "1/h"', "stands beside `every`"),
        ("count = 0", "0 is no whole number from 1"),
        ('give_up = "5m"', "did you mean 'gives_up'?"),
    ],
)
def test_what_cannot_be_meant_of_a_job_is_refused_by_name(
    tmp_path: Path, line: str, sentence: str
) -> None:
    key = line.partition(" ")[0]
    kept = [one for one in JOB.splitlines() if not one.startswith(f"{key} ")]
    with pytest.raises(BadFile) as refused:
        demand(tmp_path, "\n".join([*kept, line]))
    assert sentence in str(refused.value)
    assert "[[job]] 1 'build'" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[machine", "at end of document"),
        ("", "there is no [[machine]] in it"),
        ("machine = 3", "expected a list of tables"),
        ('{"nodes": 3}', "expected a list of tables"),
        ('{"nodes": []}', "0 machines"),
        ('{"nodes": [{"name": "a", "inventory": null}]}', "nothing is known of it"),
        ("[1]", ""),
        (ONE_MACHINE + ONE_MACHINE, "two machines are called 'attic'"),
        (ONE_MACHINE + '[links]\nloss = "100%"', "is no share"),
        ('{"nodes": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_cluster_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadFile, match="machines") as refused:
        cluster(tmp_path, text)
    assert sentence in str(refused.value)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadFile, match="not UTF-8"):
        read_cluster(tmp_path / "image")
    with pytest.raises(BadFile, match="No such file"):
        read_demand(tmp_path / "nobody.toml")


def test_more_jobs_than_are_looked_at_are_refused_not_cut_short(tmp_path: Path) -> None:
    asked = demand(tmp_path, JOB + 'every = "1ms"\n')
    with pytest.raises(BadFile, match="more than 200000 jobs come within 1h"):
        asked.jobs(1, HOUR)


def test_arrivals_come_at_once_evenly_or_by_the_dice(tmp_path: Path) -> None:
    at_once = demand(tmp_path, JOB + 'at = "10s"\ncount = 3\n').jobs(1, HOUR)
    assert [job.arrives for job in at_once] == [10 * SECOND] * 3
    evenly = demand(tmp_path, JOB + 'at = "1m"\nevery = "20m"\n').jobs(1, HOUR)
    assert [job.arrives for job in evenly] == [MINUTE, 21 * MINUTE, 41 * MINUTE]
    drawn = demand(tmp_path, JOB + 'rate = "60/h"\n')
    assert drawn.jobs(1, 10 * HOUR) == drawn.jobs(1, 10 * HOUR) != drawn.jobs(2, 10 * HOUR)
    assert 500 < len(drawn.jobs(1, 10 * HOUR)) < 700


def test_another_kind_of_job_reshuffles_no_other(tmp_path: Path) -> None:
    one = JOB + 'rate = "30/h"\n'
    two = one.replace("build", "other") + one
    alone = [(job.arrives, job.runs) for job in demand(tmp_path, one).jobs(3, HOUR)]
    beside = demand(tmp_path, two).jobs(3, HOUR)
    assert alone == [(job.arrives, job.runs) for job in beside if job.kind.name == "build"]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["8GiB", "5m", "1/h", "ram", "attic", "{}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "ram", "cores", "cards", "vram", "count", "request", "runs",
                         "inventory", "live", "pools", "rate", "labels", "x"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@given(
    st.one_of(
        st.fixed_dictionaries({"machine": st.lists(plain, max_size=3)}),
        st.fixed_dictionaries({"job": st.lists(plain, max_size=3)}),
        st.fixed_dictionaries({"nodes": st.lists(plain, max_size=3)}),
        plain,
    )
)
@settings(
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_file_whatever_is_in_it_ends_otherwise_than_in_a_reading_or_a_sentence(
    tmp_path: Path, value: object
) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps(value))
    with contextlib.suppress(BadFile):
        assert read_cluster(path).machines
    with contextlib.suppress(BadFile):
        assert read_demand(path).kinds


@given(st.text(alphabet='[]{}="\n#.machine job ram8GiB', max_size=80))
@settings(
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_text_does_either(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.toml"
    path.write_text(text)
    with contextlib.suppress(BadFile):
        assert read_cluster(path).machines
    with contextlib.suppress(BadFile):
        assert read_demand(path).kinds
