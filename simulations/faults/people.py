"""What people do to a mesh without meaning harm, and what their clients do when they are wrong."""

from random import Random
from typing import Final

from mesh.instant import SECOND
from simulations.faults.fault import End, Fault, over
from simulations.faults.processes import FAST, between
from simulations.faults.scene import Scene
from simulations.invented.host import Host
from simulations.people.resending import Resend

STORM: Final = range(20, 80)
"""Requests at one instant at one door."""


def _storm(scene: Scene, host: Host, dice: Random, strength: float) -> End | None:
    count = round(strength * dice.choice(STORM))
    return over if scene.crowd.storm(host, dice, count) else None


def _dies(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """Somewhere between asking for a hold and hearing that it is confirmed."""
    if not scene.crowd.reserve_now(host, dice):
        return None
    scene.world.crash_at_effect(host.name, dice.randrange(1, 12))
    scene.back_after(host, 5 * SECOND + between(dice, FAST))
    return over


def _dies_in_a_gang(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """Somewhere between the intent and the answer, at any effect."""
    if not scene.crowd.gang_now(host, dice):
        return None
    scene.world.crash_at_effect(host.name, dice.randrange(1, 40))
    scene.back_after(host, 5 * SECOND + between(dice, FAST))
    return over


def _hangs_up(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return over if scene.crowd.hang_up(host, dice) else None


def _adopts(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return over if scene.crowd.adopt_now(host, dice) else None


def _spends(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return over if scene.crowd.spend_now(host, dice) else None


def _resent(how: Resend, scene: Scene, host: Host, dice: Random) -> End | None:
    return over if scene.crowd.resend(host, dice, how) else None


def _repeated(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return _resent(Resend.SAME, scene, host, dice)


def _other_body(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return _resent(Resend.OTHER_BODY, scene, host, dice)


def _stale(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    return _resent(Resend.STALE_SESSION, scene, host, dice)


FAULTS: Final = (
    Fault("storm", "people", "many ask at one door at once", 400 * SECOND, _storm),
    Fault(
        "requester-dies", "people", "the asker's agent dies between hold and confirm",
        250 * SECOND, _dies,
    ),
    Fault(
        "gang-asker-dies", "people", "an asker's agent dies with a gang half formed",
        250 * SECOND, _dies_in_a_gang,
    ),
    Fault(
        "hang-up", "people", "whoever asked does not wait for the answer", 60 * SECOND, _hangs_up
    ),
    Fault(
        "pid-again", "people", "the pid of a process that was tied to a hold is another's",
        120 * SECOND, _adopts,
    ),
    Fault(
        "greed", "people", "somebody asks for more than was allotted", 150 * SECOND, _spends
    ),
    Fault(
        "repeated-id", "people", "a command is sent again, word for word", 40 * SECOND, _repeated
    ),
    Fault(
        "other-body", "people", "an id is used again for something else", 60 * SECOND, _other_body
    ),
    Fault(
        "stale-session", "people", "a command from before the owner's restart comes again",
        60 * SECOND, _stale,
    ),
)  # fmt: skip
