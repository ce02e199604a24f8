"""What goes wrong with an agent's process: it is killed, stopped, held up, or asked to go."""

from random import Random
from typing import Final

from mesh.instant import SECOND, Duration, seconds
from simulations.faults.fault import End, Fault, over
from simulations.faults.scene import Scene
from simulations.invented.host import Host

FAST: Final[tuple[Duration, Duration]] = (seconds(0.001), seconds(0.3))
"""A supervisor's restart: peers have not noticed that anybody was away."""
SLOW: Final[tuple[Duration, Duration]] = (15 * SECOND, 45 * SECOND)
"""Longer than a death takes to be declared, and than a carried lease lasts."""
ANY: Final[tuple[Duration, Duration]] = (seconds(0.3), 15 * SECOND)
EFFECTS_AHEAD: Final = 40
"""How many effects ahead the moment of a death between two of them may lie."""
EFFECT_WAIT: Final[Duration] = 5 * SECOND
"""By then the effects have happened, and a dead host is switched on again."""


def between(dice: Random, span: tuple[Duration, Duration]) -> Duration:
    """Any duration of `span`."""
    return dice.randrange(span[0], span[1] + 1)


def _killed(scene: Scene, host: Host, dice: Random, span: tuple[Duration, Duration]) -> End | None:
    if host.agent is None:
        return None
    scene.world.crash(host.name)
    scene.back_after(host, between(dice, span))
    return over


def _kill(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return _killed(scene, host, dice, ANY)


def _fast(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return _killed(scene, host, dice, FAST)


def _slow(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return _killed(scene, host, dice, SLOW)


def _at_effect(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None:
        return None
    scene.world.crash_at_effect(host.name, 1 + dice.randrange(EFFECTS_AHEAD))
    scene.back_after(host, EFFECT_WAIT + between(dice, FAST))
    return over


def _pause(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None:
        return None
    scene.world.pause(host.name, between(dice, (seconds(0.05), 12 * SECOND)))
    return over


def _suspend(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None:
        return None
    scene.world.suspend(host.name, between(dice, (2 * SECOND, 40 * SECOND)))
    return over


def _slow_node(scene: Scene, host: Host, dice: Random, strength: float) -> End | None:
    if host.agent is None:
        return None
    scene.world.slow(host.name, max(1, round(strength * dice.randrange(1, 60))))
    return lambda: scene.world.slow(host.name, 0)


def _stop(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None or host.closing:
        return None
    scene.world.stop(host.name, leaving=dice.random() < 0.3)
    scene.back_after(host, between(dice, ANY))
    return over


FAULTS: Final = (
    Fault("kill", "processes", "an agent is killed and comes back", 150 * SECOND, _kill),
    Fault(
        "kill-at-effect", "processes", "an agent dies between one effect and the next",
        100 * SECOND, _at_effect,
    ),
    Fault(
        "fast-restart", "processes", "an agent is killed and is back before anybody noticed",
        150 * SECOND, _fast,
    ),
    Fault(
        "slow-restart", "processes", "an agent is killed and stays away for long", 400 * SECOND,
        _slow,
    ),
    Fault(
        "pause", "processes", "an agent stands still (SIGSTOP, a debugger, swap) and goes on",
        120 * SECOND, _pause,
    ),
    Fault("suspend", "processes", "a laptop sleeps and wakes", 400 * SECOND, _suspend),
    Fault(
        "slow-node", "processes", "an agent handles everything late", 200 * SECOND, _slow_node,
        (2 * SECOND, 20 * SECOND),
    ),
    Fault(
        "clean-stop", "processes", "an agent is stopped, now and then for good-bye, and started",
        300 * SECOND, _stop,
    ),
)  # fmt: skip
