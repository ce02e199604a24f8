"""Every scenario passes, is one history, and notices the fault that it is there to notice."""

from collections.abc import Callable

import pytest

from ledger import desk, granting
from ledger.books import Books
from ledger.observations import Continuity
from ledger.owner import succession
from ledger.recovery import Gathered
from ledger.waiting import turns
from mesh.instant import SECOND
from node.core.gangs.returning import ReturningGangs
from node.core.usage.rivals import Rivals
from simulations.invented import machines
from simulations.invented.network import Network
from simulations.options import Options
from simulations.results import OK, STALLED, VIOLATED
from simulations.scenarios.catalogue import SCENARIOS, UnknownScenario, find
from simulations.scenarios.playing import BadSize, line_of, play
from tests.architecture.source import ROOT

ENOUGH = 9
"""Machines. A few dozen take longer and show the same."""
SHORT = 6 * SECOND
Plant = Callable[[pytest.MonkeyPatch], None]
NAMED = (
    "split-brain", "mass-join", "rack-loss", "gpu-race", "slow-disk", "full-disk",
    "cloned-identity", "clock-jump", "lossy-wifi", "one-way", "power-cut", "amnesia", "lost-disk",
    "lost-key", "only-one", "late-copy",
    "storm", "requester-dies", "shrinking-machine", "foreign-memory", "flapping",
    "sleepy-laptop", "gang-hunger", "gang-returns", "night",
)  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_passes_and_its_misfortune_really_happens(name: str) -> None:
    scenario = SCENARIOS[name]
    played = play(scenario, seed=7, nodes=min(scenario.nodes, ENOUGH))
    assert (played.result.verdict, played.result.violations) == (OK, ())
    assert sum(played.result.faults.values()) > 0
    assert played.result.operations["granted"] > 0
    assert played.result.checks["B1"] > 0


def test_every_scenario_that_was_promised_is_there() -> None:
    assert set(NAMED) <= set(SCENARIOS)


def test_the_guide_tells_of_every_scenario_in_its_own_words() -> None:
    page = (ROOT / "docs/guides/simulating.md").read_text()
    for one in SCENARIOS.values():
        assert f"| `{one.name}` | {one.sentence} | {one.holds} |" in page


def test_the_same_number_is_the_same_history_and_another_is_another() -> None:
    first, again, other = (play(find("gpu-race"), seed, duration=SHORT) for seed in (3, 3, 4))
    assert first.result.trace_hash == again.result.trace_hash
    assert first.result.trace_hash != other.result.trace_hash


def test_its_line_repeats_it_at_the_size_that_was_asked_for() -> None:
    played = play(find("gpu-race"), seed=3, nodes=4, duration=SHORT)
    assert played.line == "holdfast simulate --scenario gpu-race --seed 3 --nodes 4 --for 6s"
    assert played.result.options.nodes == 4
    usual = Options(3, find("gpu-race").nodes, find("gpu-race").duration)
    assert line_of(find("gpu-race"), usual) == "holdfast simulate --scenario gpu-race --seed 3"


def test_a_size_that_makes_no_story_is_refused_with_one_that_does() -> None:
    with pytest.raises(BadSize, match="split-brain needs 4 to "):
        play(find("split-brain"), seed=1, nodes=2)


def test_a_name_that_was_nearly_right_is_named() -> None:
    with pytest.raises(UnknownScenario, match="did you mean 'split-brain'"):
        find("split-brian")


# Planted faults: what each scenario alone is there to see -----------------------------------------


def set_to(target: object, name: str, value: object) -> Plant:
    return lambda patch: patch.setattr(target, name, value)


def no_look_at_the_room(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(granting, "_no_room", lambda *_: None)
    patch.setattr(Books, "fits", lambda *_: True)


PLANTS: dict[tuple[str, str], tuple[str, Plant]] = {
    ("gpu-race", "the owner looks at no room"): (VIOLATED, no_look_at_the_room),
    ("one-card-two-owners", "nobody looks who else says so"): (
        VIOLATED, set_to(Rivals, "look", lambda _: ([], [])),
    ),
    ("storm", "the owner looks at no room"): (VIOLATED, no_look_at_the_room),
    ("foreign-memory", "the owner looks at no room"): (VIOLATED, no_look_at_the_room),
    ("blind-probe", "the owner looks at no room"): (VIOLATED, no_look_at_the_room),
    ("split-brain", "the cut lets everything pass"): (
        VIOLATED, set_to(Network, "is_cut", lambda *_: False),
    ),
    ("amnesia", "every start is taken for a continuation"): (
        VIOLATED, set_to(machines, "continuity", lambda *_: Continuity(True, "planted")),
    ),
    ("lost-disk", "peers' copies are ignored"): (
        VIOLATED, set_to(Gathered, "add", lambda *_: []),
    ),
    ("lost-key", "nobody looks whose hardware it is"): (
        VIOLATED, set_to(Rivals, "_look_back", lambda _: {}),
    ),
    ("lost-key", "nothing of it is taken over"): (
        VIOLATED, set_to(succession, "lost_claims", lambda *_: []),
    ),
    ("clock-jump", "the owner counts too fast"): (
        VIOLATED, set_to(desk, "owner_span", lambda term: term // 400),
    ),
    ("gang-hunger", "what is kept for a gang is given to whoever comes"): (
        VIOLATED, set_to(turns, "_claim", lambda *_: None),
    ),
    ("gang-returns", "nobody looks what was formed before a restart"): (
        STALLED, set_to(ReturningGangs, "_earlier", lambda *_: None),
    ),
    ("requester-dies", "nothing ever lapses"): (
        VIOLATED, set_to(desk, "owner_span", lambda term: term * 1000),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "fault"), PLANTS)
def test_a_scenario_shows_a_planted_fault(
    name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict, plant = PLANTS[name, fault]
    plant(monkeypatch)
    assert play(find(name), seed=7).result.verdict == verdict
