"""Battery and heat: a laptop about to sleep and a machine about to throttle are poor hosts."""

from dataclasses import dataclass
from typing import Final

from node.core.picture.topics import STATUS_UNKNOWN, Metric
from node.probes.sources import Roots, names_in, read_integer, read_word, whole

PLAUSIBLE_MILLIDEGREES: Final = range(-40_000, 150_001)
"""Sensors without a chip behind them report -273 °C, 255 °C or 6,553 °C."""

CORE_SENSORS: Final = ("coretemp", "cpu_thermal", "k10temp", "zenpower")
"""hwmon drivers to ask where there are no thermal zones. Not all drivers: reading a disk's wakes
the disk, and reading a card's wakes the card."""


@dataclass(frozen=True, slots=True)
class Supply:
    """One folder of /sys/class/power_supply, as its files read."""

    kind: str
    scope: str | None = None
    online: str | None = None
    status: str | None = None
    capacity: str | None = None


def battery_metrics(supplies: tuple[Supply, ...]) -> dict[str, Metric]:
    """`battery_percent` and `on_battery` (1 or 0). A mouse's battery does not carry the machine."""
    ours = [supply for supply in supplies if supply.scope != "Device"]
    batteries = [supply for supply in ours if supply.kind == "Battery"]
    source = "/sys/class/power_supply"
    if not batteries:
        percent = Metric(None, "percent", source, STATUS_UNKNOWN, "no battery here")
        return {"battery_percent": percent, "on_battery": Metric(0, "flag", source)}
    levels = [level for battery in batteries if (level := whole(battery.capacity)) is not None]
    levels = [level for level in levels if 0 <= level <= 100]
    percent = Metric(None, "percent", source, STATUS_UNKNOWN, "the battery does not say")
    if levels:
        percent = Metric(sum(levels) // len(levels), "percent", source)
    on_battery = _on_battery(ours, batteries)
    flag = Metric(None, "flag", source, STATUS_UNKNOWN, "the battery does not say")
    if on_battery is not None:
        flag = Metric(int(on_battery), "flag", source)
    return {"battery_percent": percent, "on_battery": flag}


def _on_battery(supplies: list[Supply], batteries: list[Supply]) -> bool | None:
    if any(supply.kind != "Battery" and supply.online == "1" for supply in supplies):
        return False
    states = {battery.status for battery in batteries}
    if "Discharging" in states:
        return True
    return False if states & {"Charging", "Full", "Not charging"} else None


def hottest(millidegrees: tuple[int | None, ...]) -> float | None:
    """The highest plausible figure in °C, or None."""
    plausible = [heat for heat in millidegrees if heat in PLAUSIBLE_MILLIDEGREES]
    known = [heat for heat in plausible if heat is not None]
    return max(known) / 1000 if known else None


def read_battery(roots: Roots) -> dict[str, Metric]:
    """This machine's batteries."""
    folder = f"{roots.sys}/class/power_supply"
    return battery_metrics(tuple(_supply(f"{folder}/{name}") for name in names_in(folder)))


def _supply(folder: str) -> Supply:
    return Supply(
        kind=read_word(f"{folder}/type") or "",
        scope=read_word(f"{folder}/scope"),
        online=read_word(f"{folder}/online"),
        status=read_word(f"{folder}/status"),
        capacity=read_word(f"{folder}/capacity"),
    )


def read_heat(roots: Roots) -> Metric:
    """`temperature_max`: the hottest thermal zone, or core sensor where there are no zones."""
    source = "/sys/class/thermal"
    heat = hottest(_zones(roots))
    if heat is None:
        source = "/sys/class/hwmon"
        heat = hottest(_core_sensors(roots))
    if heat is None:
        return Metric(None, "celsius", source, STATUS_UNKNOWN, "no sensor here")
    return Metric(heat, "celsius", source)


def _zones(roots: Roots) -> tuple[int | None, ...]:
    folder = f"{roots.sys}/class/thermal"
    zones = [name for name in names_in(folder) if name.startswith("thermal_zone")]
    return tuple(read_integer(f"{folder}/{zone}/temp") for zone in zones)


def _core_sensors(roots: Roots) -> tuple[int | None, ...]:
    base = f"{roots.sys}/class/hwmon"
    folders = [f"{base}/{name}" for name in names_in(base)]
    ours = [folder for folder in folders if read_word(f"{folder}/name") in CORE_SENSORS]
    return tuple(
        read_integer(f"{folder}/{name}")
        for folder in ours
        for name in names_in(folder)
        if name.startswith("temp") and name.endswith("_input")
    )
