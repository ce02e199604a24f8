"""What goes wrong with a disk: it loses, refuses, forgets, or takes its time."""

from random import Random
from typing import Final

from ledger.limits import QUARANTINE
from mesh.instant import MILLISECOND, SECOND, seconds
from simulations.faults.fault import End, Fault, over
from simulations.faults.processes import ANY, FAST, between
from simulations.faults.scene import Scene
from simulations.invented.host import Host

SYNC_LOOK: Final = 8 * SECOND
"""By then an agent whose disk failed has stopped, and somebody starts it again."""


def _power_fails_in_a_write(scene: Scene, host: Host, dice: Random, *, torn: bool) -> End | None:
    """At some moment of the next transaction. Until then nothing has happened."""
    if host.agent is None:
        return None
    moment, pause = dice.randrange(2 * MILLISECOND), between(dice, ANY)

    def fail() -> None:
        if host.agent is not None:
            if torn:
                host.disk.tear()
            scene.world.crash(host.name, power=True)
            scene.back_after(host, pause)

    scene.at_next_write(host, moment, fail)
    return over


def _torn_tail(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return _power_fails_in_a_write(scene, host, dice, torn=True)


def _lost_batch(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return _power_fails_in_a_write(scene, host, dice, torn=False)


def _lying_disk(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """It says that it has synced, and the power fails soon after."""
    if host.agent is None:
        return None
    host.disk.lie(dice.randrange(1, 6))

    def power_fails() -> None:
        if host.agent is not None:
            scene.world.crash(host.name, power=True)
        host.disk.lie(0)
        scene.back_after(host, between(dice, ANY))

    return power_fails


def _bit_rot(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None:
        return None
    host.disk.damage()
    scene.world.crash(host.name, power=dice.random() < 0.5)
    scene.back_after(host, between(dice, ANY))
    return over


def _failed_sync(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None:
        return None
    host.disk.fail_sync(1)
    scene.back_after(host, SYNC_LOOK + between(dice, ANY))
    return lambda: host.disk.fail_sync(0)


def _full(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """Not a byte more; or next to none, so that what was promised can be kept and no more be."""
    if host.agent is None:
        return None
    shell, spare = scene.world.shell, dice.random() < 0.5
    shell.tell_room(host, full=True) if spare else host.disk.fill(True)

    def emptied() -> None:
        host.disk.fill(False)
        shell.tell_room(host, full=False)
        scene.back_after(host, between(dice, ANY))

    return emptied


def _set_back(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """The first time a careful person copies the disk; the next, a careless one puts it back."""
    if host.name not in scene.backups or dice.random() < 0.3:
        scene.backups[host.name] = host.disk.snapshot()
        return None
    if host.agent is not None:
        scene.world.crash(host.name, power=dice.random() < 0.5)
    host.disk.set_back(scene.backups[host.name])
    scene.back_after(host, between(dice, ANY))
    return over


def _lost(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """Journal and marker are gone. The identity is not: it lies elsewhere."""
    if host.agent is not None:
        scene.world.crash(host.name, power=True)
    host.disk.lose()
    host.marker = None
    scene.back_after(host, between(dice, ANY))
    return over


def _forgets_alone(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """Nobody who could tell is heard before its quarantine is over: what they knew turns up late,
    when its room may be somebody else's and its numbers may have been used again."""
    others = scene.others(host)
    if not others:
        return None
    if host.agent is not None:
        scene.world.crash(host.name, power=True)
    if dice.random() < 0.5 and host.name in scene.backups:
        host.disk.set_back(scene.backups[host.name])
    else:
        host.disk.lose()
    network = scene.world.network
    cut = network.cut([host.name], others)
    scene.back_after(host, between(dice, FAST))
    return lambda: network.mend(cut)


def _slow_disk(_scene: Scene, host: Host, dice: Random, strength: float) -> End | None:
    host.disk.slow(max(2, round(strength * dice.randrange(5, 200))))
    return lambda: host.disk.slow(1)


FAULTS: Final = (
    Fault(
        "torn-tail", "disks", "the power fails in the middle of a write, and its tail is torn",
        400 * SECOND, _torn_tail,
    ),
    Fault(
        "lost-batch", "disks", "the power fails in a write, which is whole or gone", 400 * SECOND,
        _lost_batch,
    ),
    Fault(
        "lying-disk", "disks", "a disk says that it has synced, and has not when the power fails",
        900 * SECOND, _lying_disk, (SECOND, 5 * SECOND),
    ),
    Fault(
        "bit-rot", "disks", "a journal is damaged, and the next start sets it aside", 900 * SECOND,
        _bit_rot,
    ),
    Fault("failed-sync", "disks", "a sync fails, and the agent stops", 300 * SECOND, _failed_sync,
        (SECOND, SYNC_LOOK),
    ),
    Fault(
        "full-disk", "disks", "a disk is full", 300 * SECOND, _full, (seconds(0.5), 10 * SECOND)
    ),
    Fault("set-back", "disks", "a disk is set back to an older copy", 70 * SECOND, _set_back),
    Fault("lost-disk", "disks", "a disk is lost with all that was on it", 700 * SECOND, _lost),
    Fault(
        "forgets-alone", "disks", "a disk forgets, and nobody who could tell is within reach",
        300 * SECOND, _forgets_alone, (QUARANTINE, 2 * QUARANTINE),
    ),
    Fault(
        "slow-disk", "disks", "every sync takes long", 150 * SECOND, _slow_disk,
        (2 * SECOND, 20 * SECOND),
    ),
)  # fmt: skip
