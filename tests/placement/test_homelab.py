"""Cards as people have them, from their readings to where a job goes."""

import dataclasses

import pytest
from msgspec.structs import replace

from mesh.facts import sign_fact
from mesh.identity import Identity
from node.core.choosing import request_of
from node.core.picture.topics import Inventory, PoolFact, PoolLive, encode
from node.core.picture.view import Sources, draw_row
from node.probes.card import CardReading, gpu_fact
from placement.decide import decide
from placement.explain import explain
from placement.view import ClusterView, NodeView
from simulations.invented.hardware import GIB, inventory, sample

HALO = CardReading(
    "amd-0000:c5:00.0", "AMD gfx1151", capability="gfx1151", memory_total=96 * GIB, unified=True,
    vendor="amd",
)  # fmt: skip
MAC = CardReading(
    "apple-m4", "Apple M4 Max", memory_total=int(0.65 * 64 * GIB), unified=True, vendor="apple"
)
OLD = CardReading("GPU-old", "NVIDIA GeForce GTX 1070", memory_total=8 * GIB, memory_free=7 * GIB)
ARC = CardReading("intel-0000:03:00.0", "Intel card", memory_total=16 * GIB, vendor="intel")
MIGS = tuple(
    CardReading(f"MIG-{n}", "NVIDIA H200 MIG 3g.71gb", memory_total=70 * GIB, memory_free=69 * GIB)
    for n in (1, 2)
)
JETSON = CardReading("tegra-1", "NVIDIA Jetson AGX Orin", unified=True)


def _node(name: str, ram: int, *cards: CardReading) -> NodeView:
    """A machine with these cards, as every peer sees it through its facts."""
    identity = Identity(name.encode().ljust(32, b"."))
    machine = inventory(name, ram, 8).inventory
    assert isinstance(machine, Inventory)
    own = [
        PoolFact(card.pool, "vram", "bytes", card.memory_total, 0, card.model, card.source)
        for card in cards
        if not card.unified
    ]
    doing = sample(ram, 8, ram_foreign=GIB).live
    free = {
        card.pool: PoolLive(card.memory_free, {}, None, "") for card in cards if not card.unified
    }
    facts = {
        "node": name.encode(),
        "inventory": encode(
            replace(machine, pools=(*machine.pools, *own), gpus=tuple(map(gpu_fact, cards)))
        ),
        "live": encode(replace(doing, pools={**doing.pools, **free})),
    }
    signed = {topic: sign_fact(identity, bytes(8), topic, 1, body) for topic, body in facts.items()}
    return draw_row(
        Sources(
            identity.id, name, "alive", signed["node"], signed["inventory"], signed["live"],
            None, None, None, None,
        )
    )  # fmt: skip


LAB = (
    _node("halo", 128 * GIB, HALO),
    _node("mac", 64 * GIB, MAC),
    _node("old", 16 * GIB, OLD),
    _node("arc", 32 * GIB, ARC),
    _node("dgx", 512 * GIB, *MIGS),
    _node("orin", 64 * GIB, JETSON),
)


def _where(**ask: object) -> tuple[str | None, list[str]]:
    opened = [_opened(node) for node in LAB]
    decision = decide(request_of(dict(ask), Identity(bytes(32)).id), ClusterView.of(*opened))
    return decision.chosen and decision.chosen.name, list(explain(decision))


def _opened(node: NodeView) -> NodeView:
    pools = tuple(dataclasses.replace(pool, state="open") for pool in node.pools)
    return dataclasses.replace(node, standing="open", pools=pools)


@pytest.mark.parametrize(
    ("card", "where"),
    [
        ("amd:64GiB", "halo"),
        ("apple:40GiB", "mac"),
        ("nvidia:6GiB:1070", "old"),
        ("nvidia:60GiB:2", "dgx"),
        ("nvidia:32GiB:Orin", "orin"),
    ],
)
def test_each_card_is_found_by_what_it_can_give(card: str, where: str) -> None:
    assert _where(gpus=[card])[0] == where


@pytest.mark.parametrize("card", ["amd:100GiB", "apple:42GiB", "nvidia:71GiB:H200", "intel:1GiB"])
def test_no_card_is_promised_more_than_it_may_take_or_tells(card: str) -> None:
    # 128 GiB of main memory, of which the card may map 96; a free part that nobody is told.
    chosen, lines = _where(gpus=[card])
    assert chosen is None, lines


def test_main_memory_beside_a_unified_card_is_what_the_card_leaves() -> None:
    assert _where(gpus=["amd:90GiB"], ram="20GiB")[0] == "halo"
    assert _where(gpus=["amd:90GiB"], ram="50GiB")[0] is None
