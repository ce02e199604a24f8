"""What goes wrong with the machine under an agent: power, memory, cards, and what probes see."""

from random import Random
from typing import Final

from mesh.instant import SECOND, seconds
from simulations.faults.fault import End, Fault, over
from simulations.faults.processes import ANY, between
from simulations.faults.scene import Scene
from simulations.invented.hardware import Card
from simulations.invented.host import Host

SHARES: Final = (0.05, 0.2, 0.5, 0.8, 1.0)
"""Of main memory: from a browser to everything there is."""
LEFT_MIN: Final = 2
"""So many are never taken away: one alone keeps no promise about copies."""


def _look(scene: Scene, host: Host) -> None:
    """Honest probes look soon after whatever changed."""
    if host.agent is not None:
        scene.world.look(host.name)


def _power_cut(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if host.agent is None:
        return None
    scene.world.crash(host.name, power=True)
    scene.back_after(host, between(dice, ANY))
    return over


def _for_good(scene: Scene, host: Host, _dice: Random, _strength: float) -> End | None:
    left = len(scene.world.hosts) - len(scene.gone)
    if host.agent is None or left <= LEFT_MIN:
        return None
    scene.gone.add(host.name)
    scene.world.crash(host.name, power=True)
    return over


def _foreign(scene: Scene, host: Host, dice: Random, _strength: float) -> End:
    host.ram_foreign = round(host.ram * dice.choice(SHARES))
    if dice.random() < 0.7:
        _look(scene, host)

    def gone() -> None:
        host.ram_foreign = 0
        _look(scene, host)

    return gone


def _shrink(scene: Scene, host: Host, dice: Random, _strength: float) -> End:
    whole = host.ram
    host.set_ram(round(whole * dice.uniform(0.1, 0.9)))
    _look(scene, host)

    def whole_again() -> None:
        host.set_ram(whole)
        _look(scene, host)

    return whole_again


def _card_gone(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    if not host.cards:
        return None
    card = dice.choice(host.cards)
    card.present = False
    _look(scene, host)

    def back() -> None:
        card.present = True  # although the machine may have lost it for good meanwhile
        _look(scene, host)

    return back


def _same_card(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """Two virtual machines were given one card."""
    others = [scene.world.hosts[name] for name in scene.others(host)]
    cards = [card for other in others for card in other.cards]
    mine = {card.uuid for card in host.cards}
    cards = [card for card in cards if card.uuid not in mine]
    if not cards:
        return None
    theirs = dice.choice(cards)
    card = Card(theirs.uuid, theirs.vram)
    host.cards.append(card)
    _look(scene, host)

    def taken_away() -> None:
        host.cards.remove(card)
        _look(scene, host)

    return taken_away


def _one_kernel(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """Two containers of one machine, each of which says that all of it is its own."""
    others = [scene.world.hosts[name] for name in scene.others(host)]
    others = [other for other in others if not other.kernel]
    if host.kernel or not others:
        return None
    other = dice.choice(others)
    for one in (host, other):
        one.kernel = f"one kernel for {host.name} and {other.name}"
        _look(scene, one)

    def moved_apart() -> None:
        for one in (host, other):
            one.kernel = ""
            _look(scene, one)

    return moved_apart


def _hung_probe(scene: Scene, host: Host, _dice: Random, _strength: float) -> End:
    host.hang_probes(True)

    def moves() -> None:
        host.hang_probes(False)
        _look(scene, host)

    return moves


def _unknown(scene: Scene, host: Host, dice: Random, _strength: float) -> End:
    pool = dice.choice(("ram", "cpu"))
    host.blind(pool)
    _look(scene, host)

    def seen() -> None:
        host.see(pool)
        _look(scene, host)

    return seen


SPELL: Final = (2 * SECOND, 25 * SECOND)

FAULTS: Final = (
    Fault("power-cut", "machines", "the power of a machine fails", 300 * SECOND, _power_cut),
    Fault(
        "off-for-good", "machines", "a machine is switched off, and nobody switches it on again",
        2000 * SECOND, _for_good,
    ),
    Fault(
        "foreign-memory", "machines", "programs that nobody asked about take memory",
        100 * SECOND, _foreign, SPELL,
    ),
    Fault(
        "shrink", "machines", "a machine has less memory than it has promised", 250 * SECOND,
        _shrink, SPELL,
    ),
    Fault(
        "card-gone", "machines", "a card vanishes and comes back", 150 * SECOND, _card_gone, SPELL
    ),
    Fault(
        "same-card", "machines", "two machines say that one card is theirs", 400 * SECOND,
        _same_card, SPELL,
    ),
    Fault(
        "one-kernel", "machines", "two machines say that one memory is theirs", 800 * SECOND,
        _one_kernel, SPELL,
    ),
    Fault(
        "hung-probe", "machines", "a probe hangs, and nobody looks at the machine", 200 * SECOND,
        _hung_probe, (seconds(1), 30 * SECOND),
    ),
    Fault(
        "unknown-figures", "machines", "a figure cannot be read", 200 * SECOND, _unknown, SPELL
    ),
)  # fmt: skip
