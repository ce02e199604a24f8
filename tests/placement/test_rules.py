"""Each reason, alone; and all of them at once."""

import pytest

from placement.judging.rules import misses, verdict_of_misses
from placement.reasons import Reason, Verdict
from placement.request import DiskNeed, GpuSelector, Kind, Request, SlotsNeed
from tests.placement.pictures import (
    GIB,
    A,
    card,
    cores,
    device,
    disk,
    gpu_node,
    mac,
    node,
    ram,
    slots,
)

ONE_CARD = Request(gpus=(GpuSelector(8 * GIB, "nvidia"),))
WHISPER = Request(slots=(SlotsNeed("whisper", 2),))
HEAVY = Request(ram_bytes=4 * GIB)


@pytest.mark.parametrize(
    ("request_", "machine", "reason"),
    [
        (Request(), node(A, liveness="dead"), Reason.NOT_ALIVE),
        (Request(), node(A, liveness="left"), Reason.NOT_ALIVE),
        (Request(), node(A, liveness="suspect"), Reason.SUSPECT),
        (Request(), node(A, standing="quarantine"), Reason.QUARANTINED),
        (Request(), node(A, standing="bookings_closed"), Reason.BOOKINGS_CLOSED),
        (Request(), node(A, standing="closed"), Reason.CLOSED),
        (Request(), node(A, standing="disk_full"), Reason.DISK_FULL),
        (Request(), node(A, standing="unknown"), Reason.STANDING_UNKNOWN),
        (Request(), node(A, standing="confused"), Reason.STANDING_UNKNOWN),
        (Request(os="linux"), node(A, os="darwin"), Reason.OTHER_OS),
        (Request(os="linux"), node(A, os=None), Reason.OTHER_OS),
        (Request(arch="arm64"), node(A), Reason.OTHER_ARCH),
        (Request(tools=("git",)), node(A), Reason.TOOL_MISSING),
        (Request(labels=(("room", "attic"),)), node(A), Reason.LABEL_DIFFERS),
        (
            Request(labels=(("room", "attic"),)),
            node(A, labels={"room": "cellar"}),
            Reason.LABEL_DIFFERS,
        ),
        (Request(cpu_millicores=1), node(A), Reason.POOL_MISSING),
        (WHISPER, node(A), Reason.POOL_MISSING),
        (WHISPER, node(A, slots("whisper-large", 2)), Reason.POOL_MISSING),
        (WHISPER, node(A, slots("whisper", 2, state="impaired")), Reason.POOL_NOT_OPEN),
        (WHISPER, node(A, slots("whisper", None)), Reason.ROOM_UNKNOWN),
        (WHISPER, node(A, slots("whisper", 1)), Reason.NOT_ENOUGH_ROOM),
        (HEAVY, node(A, ram(9 * GIB, state="draining")), Reason.POOL_NOT_OPEN),
        (HEAVY, node(A, ram(None)), Reason.ROOM_UNKNOWN),
        (HEAVY, node(A, ram(9 * GIB, state="unknown")), Reason.ROOM_UNKNOWN),
        (HEAVY, node(A, ram(4 * GIB - 1)), Reason.NOT_ENOUGH_ROOM),
        (ONE_CARD, node(A), Reason.NO_SUCH_DEVICE),
        (
            ONE_CARD,
            node(A, card("x", 9 * GIB), devices=(device("x", "amd"),)),
            Reason.NO_SUCH_DEVICE,
        ),
        (ONE_CARD, gpu_node(A, 7 * GIB), Reason.NOT_ENOUGH_ROOM),
        (ONE_CARD, node(A, devices=(device("lost"),)), Reason.ROOM_UNKNOWN),
        (
            Request(gpus=(GpuSelector(8 * GIB, memory_max=20 * GIB),)),
            gpu_node(A, 9 * GIB),
            Reason.NO_SUCH_DEVICE,
        ),
        (
            Request(gpus=(GpuSelector(8 * GIB, count=2),)),
            gpu_node(A, 9 * GIB),
            Reason.NOT_ENOUGH_DEVICES,
        ),
        (Request(disks=(DiskNeed(GIB),)), node(A), Reason.POOL_MISSING),
        (
            Request(disks=(DiskNeed(GIB, "nvme"),)),
            node(A, disk("d", 9 * GIB, "hdd")),
            Reason.OTHER_DISK_CLASS,
        ),
        (HEAVY, node(A, pressure=15.0), Reason.PRESSURE),
        (HEAVY, node(A, battery_percent=19.9), Reason.BATTERY_LOW),
        (HEAVY, node(A, temperature_celsius=85.0), Reason.TOO_HOT),
        (Request(node="elsewhere"), node(A), Reason.PINNED_ELSEWHERE),
        (
            Request(ram_bytes=5 * GIB, memory_bytes=5 * GIB),
            node(A, ram(9 * GIB)),
            Reason.NOT_TOGETHER,
        ),
        (
            Request(disks=(DiskNeed(5 * GIB), DiskNeed(5 * GIB))),
            node(A, disk("d", 9 * GIB)),
            Reason.NOT_TOGETHER,
        ),
    ],
)
def test_each_rule_alone_passes_a_node_over_for_its_own_reason(request_, machine, reason):
    assert [miss.reason for miss in misses(request_, machine)] == [reason]


@pytest.mark.parametrize(
    ("request_", "machine"),
    [
        (Request(), node(A)),
        (Request(kind=Kind.CARRIED), node(A, standing="bookings_closed")),
        (Request(os="macos", arch="aarch64"), mac(A, GIB)),
        (Request(node=A), node(A)),
        (Request(node="node-a"), node(A)),
        (Request(ram_bytes=4 * GIB - 1), node(A, pressure=99.0, battery_percent=1.0)),
        (HEAVY, node(A, pressure=14.9, battery_percent=20.0, temperature_celsius=84.9)),
        (HEAVY, node(A, pressure=None)),
        (HEAVY, mac(A, 4 * GIB)),
        (Request(disks=(DiskNeed(5 * GIB), DiskNeed(5 * GIB))), node(A, disk("d", 10 * GIB))),
        (
            Request(disks=(DiskNeed(6 * GIB), DiskNeed(5 * GIB), DiskNeed(5 * GIB))),
            node(A, disk("d", 10 * GIB), disk("e", 6 * GIB)),
        ),
        (Request(labels=(("room", "attic"),)), node(A, labels={"room": "attic", "x": "y"})),
    ],
)
def test_at_the_edge_a_rule_still_lets_pass(request_, machine):
    assert misses(request_, machine) == ()


def test_every_failing_rule_is_reported_in_the_order_of_checking():
    machine = node(A, ram(GIB), cores(100), liveness="suspect", os="darwin", pressure=50.0)
    request = Request(
        ram_bytes=9 * GIB,
        cpu_millicores=2000,
        os="linux",
        tools=("git", "go"),
        gpus=(GpuSelector(GIB),),
        node="elsewhere",
    )
    assert [miss.reason for miss in misses(request, machine)] == [
        Reason.SUSPECT,
        Reason.OTHER_OS,
        Reason.TOOL_MISSING,
        Reason.TOOL_MISSING,
        Reason.NOT_ENOUGH_ROOM,
        Reason.NOT_ENOUGH_ROOM,
        Reason.NO_SUCH_DEVICE,
        Reason.PRESSURE,
        Reason.PINNED_ELSEWHERE,
    ]


def test_a_shortage_says_need_have_and_missing_in_the_unit_of_the_pool():
    miss = misses(Request(cpu_millicores=2000), node(A, cores(500)))[0]
    assert (miss.need, miss.have, miss.missing, miss.unit) == (2000, 500, 1500, "millicores")
    assert miss.option == "--cpu"


def test_too_small_and_too_full_can_be_told_apart():
    full = misses(HEAVY, node(A, ram(GIB, total=64 * GIB)))[0]
    small = misses(HEAVY, node(A, ram(GIB, total=2 * GIB)))[0]
    assert full.total > full.need > small.total


def test_of_a_pair_of_cards_the_lesser_decides():
    pair = Request(gpus=(GpuSelector(8 * GIB, count=2),))
    assert misses(pair, gpu_node(A, 20 * GIB, 8 * GIB)) == ()
    assert misses(pair, gpu_node(A, 20 * GIB, 7 * GIB, 6 * GIB))[0].have == 7 * GIB


def test_a_label_is_never_matched_across_its_equals_sign():
    machine = node(A, labels={"a": "b=c"})
    assert misses(Request(labels=(("a", "b=c"),)), machine) == ()
    assert misses(Request(labels=(("a=b", "c"),)), machine) != ()


def test_unknown_is_not_no_unless_something_else_says_no():
    doubt = misses(HEAVY, node(A, ram(None)))
    assert verdict_of_misses(doubt) is Verdict.UNKNOWN
    both = misses(HEAVY, node(A, ram(None), liveness="dead"))
    assert verdict_of_misses(both) is Verdict.NO
