"""What goes wrong with a clock.

The agent reads one clock, which runs through suspend and never steps back; the wall clock decides
when a planned booking starts, and nothing else. Drift within the margin and a boot from which the
clock begins anew are honest, and every promise holds under them. A clock that leaps is not
(`simulations/invented/clock.py` says why): it is here so that everything which does not rest on
time is seen to hold all the same.
"""

from random import Random
from typing import Final

from mesh.instant import SECOND
from simulations.faults.fault import End, Fault, over
from simulations.faults.scene import Scene
from simulations.invented.clock import DRIFT_PPM_MAX
from simulations.invented.host import Host

LEAPS: Final = (-30, -5, -1, 1, 5, 40)
"""Seconds."""
WALL_STEPS: Final = (-86_400, -60, -1, 1, 30, 3600, 10_000_000)
"""Seconds. One second is a correction; the rest are jumps."""


def _drift(scene: Scene, host: Host, dice: Random, _strength: float) -> End:
    scene.world.set_clock_rate(host.name, dice.randrange(-DRIFT_PPM_MAX, DRIFT_PPM_MAX + 1))
    return lambda: scene.world.set_clock_rate(host.name, 0)


def _leap(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None:
        return None
    scene.world.jump_clock(host.name, dice.choice(LEAPS) * SECOND)
    return over


def _wall(scene: Scene, host: Host, dice: Random, _strength: float) -> End:
    """The clock on the wall is set wrong, and put right again: only the calendar reads it."""
    host.wall_ahead += dice.choice(WALL_STEPS) * SECOND
    host.wall_stepped = True
    _look(scene, host)

    def put_right() -> None:
        host.wall_ahead = 0
        _look(scene, host)

    return put_right


def _look(scene: Scene, host: Host) -> None:
    if host.agent is not None:
        scene.world.look(host.name)


def _reboot(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None:
        return None
    scene.world.crash(host.name, power=True)
    scene.back_after(host, dice.randrange(SECOND, 20 * SECOND))
    return over


FAULTS: Final = (
    Fault(
        "drift", "clocks", "a clock runs fast or slow, within the margin", 60 * SECOND, _drift,
        (5 * SECOND, 60 * SECOND),
    ),
    Fault(
        "wall-step", "clocks", "a wall clock jumps, and is put right", 120 * SECOND, _wall,
        (2 * SECOND, 30 * SECOND),
    ),
    Fault("skew", "clocks", "a machine reboots and its clock begins anew", 900 * SECOND, _reboot),
    Fault("clock-leap", "clocks", "a clock leaps ahead or stands still", 900 * SECOND, _leap),
)  # fmt: skip
