"""What goes wrong on the wire: weather of one sender's links, and cuts between hosts."""

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

from mesh.instant import MILLISECOND, SECOND, seconds
from simulations.faults.fault import Begin, End, Fault
from simulations.faults.scene import Scene
from simulations.host import Host

Sky: TypeAlias = dict[str, float | int]
SHARE_MAX: Final = 0.9
"""However strong: some datagrams get through, or nothing would be tested but silence."""
MTU_SPELL: Final = range(500, 1200)
"""Bytes. Below what a full letter of ours takes, above what a probe does."""


def _share(low: float, high: float, dice: Random, strength: float) -> float:
    return min(SHARE_MAX, strength * dice.uniform(low, high))


def _spell(draw: Callable[[Random, float], Sky]) -> Begin:
    """A while of bad weather over everything that one host sends."""

    def begin(scene: Scene, host: Host, dice: Random, strength: float) -> End:
        sky = draw(dice, strength)
        scene.darken(host, sky)
        return lambda: scene.clear(host, sky)

    return begin


def _loss(dice: Random, strength: float) -> Sky:
    return {"loss": _share(0.02, 0.3, dice, strength)}


def _delay(dice: Random, strength: float) -> Sky:
    return {"delay": round(strength * dice.randrange(5, 200) * MILLISECOND)}


def _jitter(dice: Random, strength: float) -> Sky:
    return {"jitter": round(strength * dice.randrange(5, 150) * MILLISECOND)}


def _reordering(dice: Random, strength: float) -> Sky:
    return {"reordering": _share(0.05, 0.4, dice, strength)}


def _duplication(dice: Random, strength: float) -> Sky:
    return {"duplication": _share(0.05, 0.4, dice, strength)}


def _corruption(dice: Random, strength: float) -> Sky:
    return {"corruption": _share(0.01, 0.15, dice, strength)}


def _late_replay(dice: Random, strength: float) -> Sky:
    return {"delay_tail": _share(0.005, 0.05, dice, strength)}


def _breakage(dice: Random, strength: float) -> Sky:
    return {"breakage": _share(0.05, 0.4, dice, strength)}


def _mtu(dice: Random, _strength: float) -> Sky:
    return {"mtu": dice.choice(MTU_SPELL)}


def _cut_off(scene: Scene, host: Host, _dice: Random, _strength: float) -> End | None:
    others = scene.others(host)
    return _cut(scene, [host.name], others) if others else None


def _one_way(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    others = scene.others(host)
    if not others:
        return None
    there = dice.sample(others, dice.randrange(1, len(others) + 1))
    here, there = dice.choice((([host.name], there), (there, [host.name])))
    return _cut(scene, here, there, one_way=True)


def _halves(scene: Scene, _host: Host, dice: Random, _strength: float) -> End | None:
    names = list(scene.world.hosts)
    if len(names) < 2:
        return None
    mixed = dice.sample(names, len(names))
    middle = dice.randrange(1, len(mixed))
    return _cut(scene, mixed[:middle], mixed[middle:])


def _cut(scene: Scene, here: list[str], there: list[str], *, one_way: bool = False) -> End:
    network = scene.world.network
    number = network.cut(here, there, one_way=one_way)
    return lambda: network.mend(number)


SPELL: Final = (2 * SECOND, 20 * SECOND)
CUT: Final = (seconds(0.5), 25 * SECOND)
"""From a blip that no probe notices to longer than a death takes to be declared."""

FAULTS: Final = (
    Fault("loss", "network", "datagrams are lost", 60 * SECOND, _spell(_loss), SPELL),
    Fault("delay", "network", "everything takes longer", 90 * SECOND, _spell(_delay), SPELL),
    Fault("jitter", "network", "nothing takes equally long", 90 * SECOND, _spell(_jitter), SPELL),
    Fault(
        "reordering", "network", "datagrams overtake each other", 90 * SECOND,
        _spell(_reordering), SPELL,
    ),
    Fault(
        "duplication", "network", "datagrams arrive twice", 90 * SECOND, _spell(_duplication), SPELL
    ),
    Fault(
        "corruption", "network", "datagrams arrive damaged, cut short or grown", 90 * SECOND,
        _spell(_corruption), SPELL,
    ),
    Fault(
        "late-replay", "network", "a datagram comes again seconds later, or after a restart",
        90 * SECOND, _spell(_late_replay), SPELL,
    ),
    Fault(
        "broken-streams", "network", "a connection breaks before the answer has passed",
        90 * SECOND, _spell(_breakage), SPELL,
    ),
    Fault("mtu", "network", "large datagrams do not pass", 150 * SECOND, _spell(_mtu), SPELL),
    Fault(
        "one-way-cut", "network", "a host hears and is not heard, or the other way round",
        150 * SECOND, _one_way, CUT,
    ),
    Fault("isolation", "network", "one host is cut off from all", 200 * SECOND, _cut_off, CUT),
    Fault(
        "partition", "network", "the mesh falls into two and heals", 50 * SECOND, _halves, CUT,
        per_mesh=True,
    ),
)  # fmt: skip
