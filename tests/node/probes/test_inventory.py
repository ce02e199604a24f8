from collections.abc import Sequence
from pathlib import Path

from node.core.picture.topics import decode_inventory, encode
from node.probes.card import CardReading
from node.probes.instruments import Instruments, instruments
from node.probes.inventory import read_inventory
from node.probes.memory import MIB
from node.probes.offers import Capacity, Offer
from node.probes.pools import read_capacity
from node.probes.sources import Roots
from tests.node.probes.world import machine, no_waiting

GIB = 1024 * MIB


class FakeCards:
    """Cards that read as they are told."""

    def __init__(self, *cards: CardReading) -> None:
        self.cards = cards

    def look(self, *, search: bool = False, pids: Sequence[int] = ()) -> tuple[CardReading, ...]:
        return self.cards


def box(folder: Path, *cards: CardReading) -> Instruments:
    """A machine of 16 GiB, one disk and these cards."""
    roots = machine(
        folder,
        {
            "proc/meminfo": f"MemTotal: {16 * 2**20} kB\nMemAvailable: {9 * 2**20} kB\n",
            "proc/cpuinfo": "processor : 0\nmodel name : Test\n",
            "proc/stat": "cpu  1 0 1 100 0 0 0 0\n",
            "proc/loadavg": "0.50 0.1 0.1 1/2 3\n",
            "proc/self/mountinfo": f"27 1 8:1 / {folder} rw - ext4 /dev/sda1 rw\n",
        },
    )
    return Instruments(roots, no_waiting, FakeCards(*cards), "")  # type: ignore[arg-type]  # a stand-in


CARD = CardReading("GPU-a", "RTX", memory_total=24 * GIB, memory_reserved=GIB, memory_free=20 * GIB)
OTHER = CardReading("GPU-b", "RTX", memory_total=8 * GIB, memory_free=8 * GIB)


def test_a_whole_machine_promises_its_memory_cores_cards_and_disks(tmp_path: Path) -> None:
    inventory = read_inventory(None, {"site": "attic"}, tools=box(tmp_path, CARD))
    pools = {fact.pool: fact for fact in inventory.pools}
    assert list(pools) == ["cpu", f"disk:{tmp_path}", "gpu:GPU-a", "ram"]
    assert (pools["ram"].total, pools["ram"].system_reserve) == (16 * GIB, 16 * GIB // 20)
    assert (pools["gpu:GPU-a"].total, pools["gpu:GPU-a"].system_reserve) == (24 * GIB, GIB)
    assert pools["cpu"].unit == "millicores"
    assert inventory.volumes[0].pool == f"disk:{tmp_path}"
    assert (inventory.share, inventory.labels) == (None, {"site": "attic"})


def test_a_share_promises_what_it_offers_and_nothing_else(tmp_path: Path) -> None:
    offer = Offer(2 * GIB, 500, ("GPU-b",))
    inventory = read_inventory(offer, {}, tools=box(tmp_path, CARD, OTHER))
    pools = {fact.pool: fact for fact in inventory.pools}
    assert list(pools) == ["cpu", "gpu:GPU-b", "ram"]
    assert (pools["ram"].total, pools["ram"].system_reserve) == (2 * GIB, 0)
    assert pools["cpu"].total == 500
    assert [card.uuid for card in inventory.gpus] == ["GPU-b"]
    assert [volume.pool for volume in inventory.volumes] == [""]
    assert inventory.share == "ram=2GiB,cores=0.5,gpu=GPU-b"


def test_a_share_without_cards_does_not_even_look_at_them(tmp_path: Path) -> None:
    tools = box(tmp_path)
    tools.cards.look = None  # type: ignore[method-assign,assignment]  # would raise if it were called
    assert read_inventory(Offer(GIB, 500), {}, tools=tools).gpus == ()


def test_unified_memory_is_one_pool_and_charged_once(tmp_path: Path) -> None:
    inventory = read_inventory(None, {}, tools=box(tmp_path, CardReading("GPU-u", unified=True)))
    kinds = {fact.pool: fact.kind for fact in inventory.pools}
    assert kinds["ram"] == "unified"
    assert "gpu:GPU-u" not in kinds
    assert inventory.gpus[0].pool == "ram"


def test_a_machine_that_hides_its_memory_has_a_pool_that_admits_nothing(tmp_path: Path) -> None:
    tools = box(tmp_path)
    Path(f"{tools.roots.proc}/meminfo").unlink()
    inventory = read_inventory(Offer(GIB, 100), {}, tools=tools)
    assert {fact.pool: fact.total for fact in inventory.pools}["ram"] is None
    assert inventory.memory_total.status == "unknown"
    assert read_capacity(tools).ram is None


def test_shares_are_cut_from_what_the_system_leaves(tmp_path: Path) -> None:
    tools = box(tmp_path, CARD)
    capacity = read_capacity(tools)
    assert capacity == Capacity(16 * GIB - 16 * GIB // 20, capacity.millicores, ("GPU-a",))
    assert read_capacity(tools, 0).ram == 16 * GIB


def test_the_inventory_of_this_machine_travels_and_stays_the_same() -> None:
    tools = instruments()
    inventory = read_inventory(None, {}, tools=tools)
    assert decode_inventory(encode(inventory)) == inventory
    again = read_inventory(None, {}, tools=tools)
    # A disk's total is the one figure that may move: file systems keep more or less for root.
    still = [fact for fact in inventory.pools if fact.kind != "disk"]
    assert [fact for fact in again.pools if fact.kind != "disk"] == still
    assert (again.tools, again.addresses) == (inventory.tools, inventory.addresses)


def test_nothing_is_started_when_versions_are_not_asked_for(tmp_path: Path) -> None:
    git = tmp_path / "git"
    git.write_text(f"#!/bin/sh\ntouch {tmp_path}/was_run\n")
    git.chmod(0o755)
    tools = Instruments(Roots(), no_waiting, FakeCards(), str(tmp_path))  # type: ignore[arg-type]  # a stand-in
    (fact,) = read_inventory(None, {}, tools=tools, ask_versions=False).tools
    assert (fact.name, fact.version) == ("git", None)
    assert not (tmp_path / "was_run").exists()
