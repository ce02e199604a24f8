"""A gate that goes on hearing outcasts is caught, and a mesh that changes its secret is not."""

from collections.abc import Callable
from random import Random

import pytest

from mesh.door.gate import Gate
from mesh.instant import SECOND
from mesh.keys.secret import Secret, derive
from node.core.requests import ChangeKeys, Revoke
from simulations.checks.checks import Checks
from simulations.checks.outcasts import OutcastsAreNotHeard
from simulations.invented.network import Weather
from simulations.invented.world import World
from simulations.verdicts import PromiseBroken

NEXT = Secret(Random("next").randbytes(32))


def rotates(world: World) -> None:
    """Two of three change the secret while the third is cut off, and comes back."""
    old, new = world.keys.primary.key_id.hex(), derive(NEXT).key_id.hex()
    cut = world.network.cut(["cyd"], ["ann", "bob"])
    world.run(8 * SECOND)
    for change in (
        ChangeKeys("install", secret=NEXT.text), ChangeKeys("use", key=new),
        ChangeKeys("remove", key=old),
    ):  # fmt: skip
        assert world.answer("ann", change).ok
        world.run(SECOND)
    world.network.mend(cut)
    world.run(15 * SECOND)


def revokes(world: World) -> None:
    assert world.answer("ann", Revoke("cyd", "stolen")).ok
    world.run(15 * SECOND)


def lived(story: Callable[[World], None]) -> int:
    world = World(4, Weather())
    checks = Checks(world, [OutcastsAreNotHeard])
    world.observe(checks)
    for name in ("ann", "bob", "cyd"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    story(world)
    return checks.evidence.looked["outcast"]


@pytest.mark.parametrize("story", [rotates, revokes])
def test_outcasts_knock_and_are_refused(story: Callable[[World], None]) -> None:
    assert lived(story) > 0


def test_a_gate_that_still_takes_a_removed_secret_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def keeps_all(self: Gate, keys: object, now: int) -> None:
        self._primary_since = now
        self._keys = self._keys.install(keys.secrets[0]).use(keys.primary.key_id)

    monkeypatch.setattr(Gate, "change_keys", keeps_all)
    with pytest.raises(PromiseBroken, match="another secret"):
        lived(rotates)


def test_a_gate_that_still_hears_the_revoked_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "bar", lambda self, nodes, words: None)
    with pytest.raises(PromiseBroken, match="revoked"):
        lived(revokes)
