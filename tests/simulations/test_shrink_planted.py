"""Guards of the core taken away: what a failing run needs is found, and told so that it can be
lived again."""

from collections.abc import Callable
from math import inf

import pytest

from ledger import desk
from ledger.observations import Continuity
from mesh.instant import SECOND
from simulations.campaign.report import report
from simulations.campaign.shrinking import promise_of, shrunk
from simulations.campaign.swarm import live
from simulations.faults.catalogue import read_faults
from simulations.invented import machines
from simulations.options import Options
from simulations.results import VIOLATED, Result

SEEDS = 12


def first_failing(draw: Callable[[int], Options]) -> Result:
    found = (live(draw(seed)) for seed in range(1, SEEDS + 1))
    return next(result for result in found if result.verdict == VIOLATED)


def test_an_owner_that_counts_too_fast_needs_no_fault_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk, "owner_span", lambda term: term // 20)
    failed = first_failing(lambda seed: Options.draw(seed, nodes=3, duration=5 * SECOND))
    told = report(failed, 2)
    assert told.exit_status == 2
    (needed,) = (line for line in told.sentences if line.startswith("needs only"))
    assert needed.startswith("needs only no fault; 1 node, 1.25 s, ")
    assert told.story, "what happened just before is told"
    words = told.line.split()
    assert words[:2] == ["holdfast", "simulate"]
    assert words[words.index("--faults") + 1] == "none"


def test_a_start_that_trusts_any_disk_needs_one_that_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machines, "continuity", lambda *_: Continuity(True, "planted"))
    faults = read_faults("set-back=10,kill=3,slow-disk,hung-probe")
    failed = first_failing(
        lambda seed: Options(seed, 1, 30 * SECOND, faults, operations_per_second=2.0)
    )
    small = shrunk(failed, live, 2, seconds_max=inf)
    assert [kind for kind, _ in small.result.options.faults] == ["set-back"]
    assert promise_of(small.result) == promise_of(failed)
    # Not even all of those that struck: one copy is made, and it is put back.
    assert {label.split("/")[0] for label in small.result.struck} == {"set-back"}
    again = live(Options.from_json(small.result.options.to_json()))
    assert (again.trace_hash, again.violations) == (
        small.result.trace_hash, small.result.violations,
    )  # fmt: skip
