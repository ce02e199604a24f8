"""Two machines with one key, one of which goes on: caught. Cut off, neither can know."""

import pytest

from mesh.instant import SECOND
from node.core import requests, selves
from node.core.selves import Selves
from simulations.checks.checks import Checks
from simulations.checks.twins import TwinsAreStopped
from simulations.invented.network import Weather
from simulations.invented.world import World
from simulations.verdicts import PromiseBroken


def copied(*, cut: bool = False, marker: bool = True) -> int:
    """ann's machine is copied, and both are asked for room. How often that was looked at."""
    world = World(4, Weather())
    checks = Checks(world, [TwinsAreStopped])
    world.observe(checks)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    world.clone("ann", "twin", marker=marker)
    if cut:
        world.network.cut(["twin"], ["ann", "bob"])
    world.start("twin")
    for _ in range(4):
        for name in ("ann", "twin"):
            if world.hosts[name].agent is not None:
                world.ask(name, requests.Reserve({"ram": "1GiB", "node": name}, 60_000))
        world.run(SECOND)
    return checks.evidence.looked["twin"]


def test_both_are_closed_and_it_is_seen() -> None:
    assert copied() > 0


def test_who_cannot_hear_the_other_is_blamed_for_nothing() -> None:
    assert copied(cut=True) == 0


def test_an_agent_that_does_not_care_for_its_twin_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Selves, "heard", lambda *_: [])
    with pytest.raises(PromiseBroken, match=r"^twin: .* is (open|bookings_closed), and hears"):
        copied()
    with pytest.raises(PromiseBroken, match=r"^twin: .*"):
        copied(marker=False)


def test_an_agent_that_closes_without_a_word_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selves, "_sentence", lambda *_, **__: "closed")
    with pytest.raises(PromiseBroken, match=r"^twin: .* does not say why"):
        copied()


def test_an_agent_that_would_open_at_its_next_start_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selves, "META_TWIN", b"forgotten")
    with pytest.raises(PromiseBroken, match=r"^twin: .* would open at its next start"):
        copied()
