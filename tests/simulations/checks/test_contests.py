"""An owner that grants what another says it owns is caught, and one that does not is left alone."""

import pytest

from mesh.instant import SECOND
from node.core.requests import Reserve
from node.core.usage.rivals import Rivals
from simulations.checks.checks import Checks
from simulations.checks.contests import NothingContested
from simulations.invented.hardware import GIB, Card
from simulations.invented.world import World
from simulations.verdicts import PromiseBroken


def lived() -> int:
    world = World(4)
    checks = Checks(world, [NothingContested])
    world.observe(checks)
    for name in ("ann", "bob", "cyd"):
        apart = name == "cyd"
        host = world.add(name, cards=() if apart else (Card("GPU-1", 24 * GIB),))
        host.kernel = "" if apart else "one kernel"
        host.slots = {} if apart else {"whisper": 2}
        world.start(name, first=True)
    world.run(4 * SECOND)
    for owner in ("ann", "cyd"):
        for ask in ({"gpus": ["nvidia:8GiB"]}, {"ram": "1GiB"}, {"slots": ["whisper"]}):
            world.answer("cyd", Reserve({**ask, "node": owner}, 3_600_000))
    return checks.evidence.looked["rival"]


def test_what_is_contested_is_not_granted_and_the_rest_is() -> None:
    assert lived() > 0


def test_an_owner_that_looks_at_nobody_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rivals, "look", lambda _: ([], []))
    with pytest.raises(PromiseBroken, match="granted on gpu:GPU-1, which another says it owns"):
        lived()


def test_an_owner_whose_own_probe_hangs_has_not_seen_what_it_shares() -> None:
    world = World(4)
    world.observe(Checks(world, [NothingContested]))
    for name in ("ann", "bob", "cyd"):
        world.add(name)
        world.start(name, first=True)
    world.run(4 * SECOND)
    ann, bob = world.hosts["ann"], world.hosts["bob"]
    ann.hang_probes(True)
    ann.kernel = bob.kernel = "one kernel"
    request = Reserve({"ram": "1GiB", "node": "ann"}, 3_600_000)
    look_and_let_it_be_heard(world)
    assert world.answer("cyd", request).ok
    ann.hang_probes(False)
    look_and_let_it_be_heard(world)
    assert not world.answer("cyd", request).ok, "it has looked, and both say so"


def look_and_let_it_be_heard(world: World) -> None:
    for name in ("ann", "bob"):
        world.look(name)
    world.run(4 * SECOND)
