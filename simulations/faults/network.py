"""What goes wrong on the wire: weather of one sender's links, and cuts between hosts."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from mesh.instant import MILLISECOND, SECOND, Duration, seconds
from simulations.faults.fault import End, Fault
from simulations.faults.scene import Bend, Scene
from simulations.invented.host import Host

SHARE_MAX: Final = 0.9
"""However strong: some datagrams get through, or nothing would be tested but silence."""
MTU_SPELL: Final = range(500, 1200)
"""Bytes. Below what a full letter of ours takes, above what a probe does."""


def _share(low: float, high: float, dice: Random, strength: float) -> float:
    return min(SHARE_MAX, strength * dice.uniform(low, high))


def _spell(
    name: str, sentence: str, every: Duration, draw: Callable[[Random, float], Bend]
) -> Fault:
    """A while of bad weather over everything that one host sends."""

    def begin(scene: Scene, host: Host, dice: Random, strength: float) -> End:
        scene.darken(host, name, draw(dice, strength))
        return lambda: scene.clear(host, name)

    return Fault(name, "network", sentence, every, begin, SPELL)


def _loss(dice: Random, strength: float) -> Bend:
    loss = _share(0.02, 0.3, dice, strength)
    return lambda weather: replace(weather, loss=loss)


def _delay(dice: Random, strength: float) -> Bend:
    delay = round(strength * dice.randrange(5, 200) * MILLISECOND)
    return lambda weather: replace(weather, delay=delay)


def _jitter(dice: Random, strength: float) -> Bend:
    jitter = round(strength * dice.randrange(5, 150) * MILLISECOND)
    return lambda weather: replace(weather, jitter=jitter)


def _reordering(dice: Random, strength: float) -> Bend:
    reordering = _share(0.05, 0.4, dice, strength)
    return lambda weather: replace(weather, reordering=reordering)


def _duplication(dice: Random, strength: float) -> Bend:
    duplication = _share(0.05, 0.4, dice, strength)
    return lambda weather: replace(weather, duplication=duplication)


def _corruption(dice: Random, strength: float) -> Bend:
    corruption = _share(0.01, 0.15, dice, strength)
    return lambda weather: replace(weather, corruption=corruption)


def _late_replay(dice: Random, strength: float) -> Bend:
    # A late copy is a replay only if the other one came in time, so many are copied and few late.
    late, twice = _share(0.01, 0.06, dice, strength), _share(0.3, 0.6, dice, strength)
    return lambda weather: replace(
        weather, delay_tail=late, duplication=max(weather.duplication, twice)
    )


def _breakage(dice: Random, strength: float) -> Bend:
    breakage = _share(0.05, 0.4, dice, strength)
    return lambda weather: replace(weather, breakage=breakage)


def _mtu(dice: Random, _strength: float) -> Bend:
    mtu = dice.choice(MTU_SPELL)
    return lambda weather: replace(weather, mtu=mtu)


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
    _spell("loss", "datagrams are lost", 60 * SECOND, _loss),
    _spell("delay", "everything takes longer", 90 * SECOND, _delay),
    _spell("jitter", "nothing takes equally long", 90 * SECOND, _jitter),
    _spell("reordering", "datagrams overtake each other", 90 * SECOND, _reordering),
    _spell("duplication", "datagrams arrive twice", 90 * SECOND, _duplication),
    _spell("corruption", "datagrams arrive damaged, cut short or grown", 90 * SECOND, _corruption),
    _spell(
        "late-replay", "a datagram comes again seconds later, or after a restart", 90 * SECOND,
        _late_replay,
    ),
    _spell(
        "broken-streams", "a connection breaks before the answer has passed", 90 * SECOND,
        _breakage,
    ),
    _spell("mtu", "large datagrams do not pass", 150 * SECOND, _mtu),
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
