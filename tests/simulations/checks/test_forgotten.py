"""A mesh that takes back whom it forgot, from anybody's old copy, is caught; ours is not."""

import pytest

from mesh.effects import PeerChanged
from mesh.identity import NodeId
from mesh.instant import SECOND
from mesh.roll.membership import Roll
from node.core.requests import Forget
from node.core.trust.forgetting import Forgetting
from simulations.checks.checks import Checks
from simulations.checks.forgotten import TheForgottenComeBackByThemselves
from simulations.invented.network import Weather
from simulations.invented.world import World
from simulations.verdicts import PromiseBroken


def lived() -> int:
    """cyd dies, ann forgets it while bob is off; bob comes back with all it has; then cyd does."""
    world = World(4, Weather())
    checks = Checks(world, [TheForgottenComeBackByThemselves])
    world.observe(checks)
    for name in ("ann", "bob", "cyd"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    world.crash("cyd", power=True)
    world.run(20 * SECOND)
    world.crash("bob", power=True)
    assert world.answer("ann", Forget("cyd")).ok
    world.run(15 * SECOND)
    world.start("bob")
    world.run(20 * SECOND)
    world.start("cyd")
    world.run(15 * SECOND)
    assert all(len(host.alive.mesh.roll.reachable()) == 2 for host in world.up())
    return checks.evidence.looked["forgotten"]


def test_who_was_forgotten_stays_away_and_comes_back_by_itself() -> None:
    assert lived() > 2


def test_a_roll_that_takes_it_from_anybody_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(self: Roll, node: NodeId, detail: str) -> tuple[PeerChanged, ...]:
        changes = forget(self, node, detail)
        self.forgotten.clear()
        return changes

    forget = Roll.forget
    monkeypatch.setattr(Roll, "forget", forgets)
    monkeypatch.setattr(Forgetting, "settle", lambda *_: [])  # which would strike it off again
    with pytest.raises(PromiseBroken, match="which its disk calls forgotten"):
        lived()


def test_a_node_that_takes_it_back_on_the_word_of_a_copy_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Forgetting, "_knows_more", lambda *_: True)
    with pytest.raises(PromiseBroken, match="unheard, and knows nothing new"):
        lived()
