"""What the commands do that befall machines, their disks and clocks, and the network between."""

from typing import Any, Final

from mesh.instant import MILLISECOND
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.world import CALM
from simulations.serve import commands as say
from simulations.serve.cluster import Served, chosen, size, span
from simulations.serve.no import No

Said = dict[str, Any]
CUTS_MAX: Final = 1000

Misfortunes = (
    say.Cut | say.Mend | say.SetWeather | say.Kill | say.Start | say.Stop | say.Pause | say.Slow
    | say.Disk | say.Clock | say.Hardware | say.Faults
)  # fmt: skip


def befall(served: Served, command: Misfortunes) -> Said:
    """Carry `command` out. Raises No before anything has changed."""
    match command:
        case say.Cut():
            return _cut(served, command)
        case say.Mend():
            return _mend(served, command)
        case say.SetWeather():
            return _weather(served, command)
        case say.Faults():
            served.misfortune.unleash(chosen(command.faults), command.operations)
            return {"faults": served.misfortune.counts}
        case say.Disk():
            return _disk(served, command)
        case say.Clock():
            return _clock(served, command)
        case say.Hardware():
            return _hardware(served, command)
        case _:
            return _process(served, command)


# The network --------------------------------------------------------------------------------------


def _cut(served: Served, command: say.Cut) -> Said:
    for name in (*command.here, *command.there):
        served.host(name)
    if both := sorted({*command.here} & {*command.there}):
        raise No("bad_value", f"{both[0]} is on both sides of the cut")
    if len(served.world.network.cuts) >= CUTS_MAX:
        raise No("too_many", f"{CUTS_MAX} cuts at once: mend some")
    number = served.world.network.cut(command.here, command.there, command.one_way)
    arrow = ">" if command.one_way else "|"
    served.transcript.tell(f"* cut {' '.join(command.here)} {arrow} {' '.join(command.there)}")
    return {"cut": number}


def _mend(served: Served, command: say.Mend) -> Said:
    network = served.world.network
    if command.cut is None:
        network.heal()
    elif command.cut in network.cuts:
        network.mend(command.cut)
    else:
        raise No("not_found", f"there is no cut {command.cut}, or it is mended already")
    served.transcript.tell("* mend")
    return {}


def _weather(served: Served, command: say.SetWeather) -> Said:
    weather = Weather(
        delay=span(command.delay, "delay", least=0), jitter=span(command.jitter, "jitter", least=0),
        loss=command.loss, duplication=command.duplication, reordering=command.reordering,
        corruption=command.corruption, mtu=command.mtu, delay_tail=command.delay_tail,
        breakage=command.breakage,
    )  # fmt: skip
    if (command.here is None) != (command.there is None):
        raise No("bad_value", "here and there: name both ends of the link, or neither")
    network = served.world.network
    if command.here is None or command.there is None:
        network.weather = weather
        return {}
    one, other = served.host(command.here).name, served.host(command.there).name
    for source, target in ((one, other), (other, one)):
        network.set_link(source, target, None if weather == CALM else weather)

    def fair() -> None:
        network.set_link(one, other, None)
        network.set_link(other, one, None)

    served.mending[f"{one} {other}", "weather"] = fair
    return {}


# Processes ----------------------------------------------------------------------------------------


def _process(
    served: Served, command: say.Kill | say.Start | say.Stop | say.Pause | say.Slow
) -> Said:
    world = served.world
    match command:
        case say.Kill(effects=None):
            world.crash(served.up(command.node).name, power=command.power)
        case say.Kill():
            if command.power:
                raise No("bad_value", "effects: only a SIGKILL comes after a number of effects")
            assert command.effects is not None
            world.crash_at_effect(served.up(command.node).name, command.effects)
        case say.Start():
            return {"up": world.start(served.down(command.node).name)}
        case say.Stop():
            world.stop(served.up(command.node).name, leaving=command.leaving)
        case say.Pause():
            duration = span(command.time, "time")
            stand_still = world.suspend if command.suspend else world.pause
            stand_still(served.up(command.node).name, duration)
        case say.Slow():
            host, lag = served.host(command.node), span(command.by, "by", least=0)
            world.slow(host.name, lag / MILLISECOND)
            served.mending[host.name, "slow"] = lambda: world.slow(host.name, 0)
    return {}


# Disks --------------------------------------------------------------------------------------------

DISK: Final = (
    "fail-sync", "full", "free", "tear", "damage", "lie", "slow", "copy", "set-back", "lose",
)  # fmt: skip


def _disk(served: Served, command: say.Disk) -> Said:
    if command.what not in DISK:
        raise No("bad_value", f"what: {command.what[:40]!r} is not one of {', '.join(DISK)}")
    host = served.host(command.node)
    match command.what:
        case "copy":
            served.copies[host.name] = host.disk.snapshot()
        case "set-back" | "lose":
            _change_disk(served, command)
        case "tear":
            host.disk.tear()
        case "damage":
            host.disk.damage()
        case _:
            _trouble_disk(served, host, command)
    served.transcript.tell(f"* the disk of {host.name}: {command.what}")
    return {}


def _change_disk(served: Served, command: say.Disk) -> None:
    host = served.down(command.node)
    if command.what == "lose":
        host.disk.lose()
        host.marker = None
        return
    if host.name not in served.copies:
        raise No("not_found", f"nobody has made a copy of {host.name}'s disk")
    host.disk.set_back(served.copies[host.name])


def _trouble_disk(served: Served, host: Host, command: say.Disk) -> None:
    disk = host.disk
    match command.what:
        case "fail-sync":
            disk.fail_sync(command.count)
            served.mending[host.name, "fail-sync"] = lambda: disk.fail_sync(0)
        case "full" | "free":
            disk.fill(command.what == "full")
            served.mending[host.name, "full"] = lambda: disk.fill(False)
        case "lie":
            disk.lie(command.count)
            served.mending[host.name, "lie"] = lambda: disk.lie(0)
        case "slow":
            disk.slow(command.factor)
            served.mending[host.name, "slow disk"] = lambda: disk.slow(1)
        case what:
            raise AssertionError(what)


# Clocks and hardware ------------------------------------------------------------------------------


def _clock(served: Served, command: say.Clock) -> Said:
    host, world = served.host(command.node), served.world
    if command.jump_ms:
        world.jump_clock(host.name, command.jump_ms * MILLISECOND)
    if command.ppm is not None:
        world.set_clock_rate(host.name, command.ppm)
        served.mending[host.name, "clock"] = lambda: world.set_clock_rate(host.name, 0)
    return {}


def _hardware(served: Served, command: say.Hardware) -> Said:
    host = served.host(command.node)
    ram = None if command.ram is None else size(command.ram, "ram")
    foreign = None if command.foreign is None else size(command.foreign, "foreign", least=0)
    for number in (*command.lost, *command.back):
        if not 0 <= number < len(host.cards):
            raise No(
                "bad_value", f"{host.name} has {len(host.cards)} cards, and no number {number}"
            )
    pools = ["ram", "cpu", *(card.pool for card in host.cards)]
    for pool in filter(None, (command.blind, command.seen)):
        if pool not in pools:
            raise No("bad_value", f"{host.name} has no pool {pool[:40]!r}: {', '.join(pools)}")
    if ram is not None:
        host.set_ram(ram)
    if foreign is not None:
        host.ram_foreign = foreign
    for number in command.lost:
        host.lose_card(host.cards[number].uuid)
    for number in command.back:
        host.return_card(host.cards[number].uuid)
    if command.blind is not None:
        host.blind(command.blind)
    if command.seen is not None:
        host.see(command.seen)
    if command.probes_hang is not None:
        host.hang_probes(command.probes_hang)
    served.mending[host.name, "hardware"] = lambda: _as_new(host)
    if host.agent is not None:
        served.world.look(host.name)
    return {}


def _as_new(host: Host) -> None:
    """All cards there, nothing foreign, everything to be seen; as much memory as it has now."""
    host.ram_foreign = 0
    for card in host.cards:
        card.present = True
    host.blind_pools.clear()
    host.hang_probes(False)
