"""Small files for studies, and studies of them."""

from pathlib import Path

from mesh.instant import Duration
from simulations.faults.catalogue import Chosen
from simulations.whatif.cluster import Cluster, read_cluster
from simulations.whatif.demand import Demand, read_demand
from simulations.whatif.study import Plan, Study, study

ONE_MACHINE = """
[[machine]]
name = "attic"
ram = "8GiB"
cores = 4
"""


def cluster(folder: Path, text: str = ONE_MACHINE, name: str = "machines.toml") -> Cluster:
    path = folder / name
    path.write_text(text)
    return read_cluster(path)


def demand(folder: Path, text: str, name: str = "jobs.toml") -> Demand:
    path = folder / name
    path.write_text(text)
    return read_demand(path)


def studied(
    folder: Path, machines: str, jobs: str, horizon: Duration | None = None, seed: int = 7,
    faults: Chosen | None = None, *, patient: bool = True,
) -> Study:  # fmt: skip
    asked = demand(folder, jobs)
    plan = Plan(cluster(folder, machines), asked, seed, horizon or asked.horizon, faults)
    return study(plan, patient=patient)
