from pathlib import Path

from node.probes.battery_heat import Supply, battery_metrics, hottest, read_battery, read_heat
from node.probes.sources import Roots
from tests.node.probes.world import machine


def _values(*supplies: Supply) -> tuple[object, object]:
    metrics = battery_metrics(supplies)
    return metrics["battery_percent"].value, metrics["on_battery"].value


def test_a_laptop_that_is_unplugged_runs_on_its_battery() -> None:
    mains = Supply("Mains", online="0")
    assert _values(mains, Supply("Battery", status="Discharging", capacity="81")) == (81, 1)


def test_a_laptop_that_is_plugged_in_does_not_even_while_its_battery_loses() -> None:
    mains = Supply("Mains", online="1")
    assert _values(mains, Supply("Battery", status="Discharging", capacity="81")) == (81, 0)


def test_the_battery_of_a_mouse_does_not_carry_the_machine() -> None:
    mouse = Supply("Battery", scope="Device", status="Discharging", capacity="5")
    assert _values(mouse) == (None, 0)


def test_a_battery_that_does_not_say_leaves_both_unknown() -> None:
    assert _values(Supply("Battery", capacity="250", status="Unknown")) == (None, None)


def test_two_batteries_are_one_level() -> None:
    first, second = (
        Supply("Battery", capacity="90", status="Full"),
        Supply("Battery", capacity="70"),
    )
    assert _values(first, second) == (80, 0)


def test_a_sensor_without_a_chip_behind_it_is_not_the_hottest() -> None:
    assert hottest((45_500, 255_000, -273_200, None, 61_000)) == 61.0
    assert hottest((None, 6_553_500)) is None
    assert hottest(()) is None


def test_core_sensors_are_asked_where_there_are_no_zones_and_disks_are_not(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {
            "sys/class/hwmon/hwmon0/name": "nvme\n",
            "sys/class/hwmon/hwmon0/temp1_input": "99000\n",
            "sys/class/hwmon/hwmon1/name": "k10temp\n",
            "sys/class/hwmon/hwmon1/temp1_input": "52125\n",
        },
    )
    assert read_heat(roots).value == 52.125


def test_a_folder_of_supplies_is_read(tmp_path: Path) -> None:
    folder = "sys/class/power_supply"
    roots = machine(
        tmp_path,
        {
            f"{folder}/AC/type": "Mains\n",
            f"{folder}/AC/online": "0\n",
            f"{folder}/BAT0/type": "Battery\n",
            f"{folder}/BAT0/capacity": "33\n",
            f"{folder}/BAT0/status": "Discharging\n",
            "sys/class/thermal/thermal_zone0/temp": "47000\n",
        },
    )
    assert read_battery(roots)["battery_percent"].value == 33
    assert read_battery(roots)["on_battery"].value == 1
    assert read_heat(roots).value == 47.0


def test_this_machine_answers_with_a_figure_or_with_a_note() -> None:
    for metric in (*read_battery(Roots()).values(), read_heat(Roots())):
        assert (metric.value is None) == (metric.status == "unknown")
        assert metric.value is not None or metric.note
