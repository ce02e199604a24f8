"""What a request wants of pools, and what a node can supply of it.

A `Source` says where an amount may come from and leaves the amount out, so that everything about a
source can be worked out once per picture and asked again with any amount. `supply` is the one home
of which pools count: those that admit holds, or, when there are too few of them, all, so that a
closed pool that is also too small gets both reasons.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from placement.reasons import Miss, Reason, short_of
from placement.request import GpuSelector, Request
from placement.view import DeviceView, NodeView, PoolView

MAIN_MEMORY = ("ram", "unified")
"""Unified memory is main memory that cards share: one pool, charged once."""


SLOTS_SHOWN_MAX = 8
SOURCES_REMEMBERED_MAX = 64
"""In words: as many as one picture keeps columns of."""


class Source(NamedTuple):
    """Where an amount may come from. `at_once`: from so many different devices."""

    kind: str
    """ram | cpu | disk | slots | card | memory (a card's or main memory, in one piece)"""
    at_once: int = 1
    vendor: str | None = None
    model: str = ""
    total_max: int | None = None
    media: str | None = None
    name: str = ""
    """Of slots: what they are called."""


class Need(NamedTuple):
    """So much from one source. `option`: how the command asks for it."""

    source: Source
    amount: int
    option: str


class Offer(NamedTuple):
    """One pool that a source may take from; `device` is its card's uuid, or empty."""

    pool: PoolView
    device: str


class Supply(NamedTuple):
    """A source at one node.

    `offers`: pools of known room that count, smallest room first, ties by device and pool.
    `best`: of those that would be taken first, the smallest; None when too little is known.
    `closed`: too few of them admit holds.
    """

    matching: int
    closed: bool
    offers: tuple[Offer, ...]
    best: PoolView | None


NO_CARD = "no card"
ANY_CARD = Source("card")
RAM = Source("ram")
SLOTS = "slots"
UNITS = {"cpu": "millicores", SLOTS: "slots"}
"""Kinds of sources that are not counted in bytes."""


def needs_of(request: Request) -> tuple[Need, ...]:
    """The request's needs; the first is the one that decides between nodes."""
    needs = [Need(_card_source(card), card.memory_min, "--gpu") for card in request.gpus]
    if request.memory_bytes is not None:
        needs.append(Need(Source("memory"), request.memory_bytes, "--memory"))
    if request.ram_bytes is not None:
        needs.append(Need(RAM, request.ram_bytes, "--ram"))
    if request.cpu_millicores is not None:
        needs.append(Need(Source("cpu"), request.cpu_millicores, "--cpu"))
    disks = [
        Need(Source("disk", media=disk.disk_class), disk.amount, "--disk") for disk in request.disks
    ]
    slots = [Need(Source(SLOTS, name=one.name), one.count, "--slots") for one in request.slots]
    return (*needs, *disks, *slots)


def supply(source: Source, node: NodeView) -> Supply:
    """What `node` has of `source`."""
    offers = offers_of(source, node)
    wanted = min(source.at_once, len(offers))
    admitting = [offer for offer in offers if offer.pool.state in {"open", "unknown"}]
    closed = len(admitting) < wanted
    counting = offers if closed else admitting
    known = [offer for offer in counting if _is_known(offer.pool)]
    if len(known) > 1:
        known.sort(key=_by_room)
    best = known[-wanted].pool if 0 < wanted <= len(known) else None
    return Supply(len(offers), closed, tuple(known), best)


def offers_of(source: Source, node: NodeView) -> list[Offer]:
    """Every pool of `node` that the source names, whatever its state."""
    match source.kind:
        case "ram":
            return _main_memory(node)
        case "card":
            return [
                Offer(_pool_of(node, device), device.uuid)
                for device in node.devices
                if _is_asked_for(source, node, device)
            ]
        case "memory":
            cards = _one_per_pool([Offer(_pool_of(node, card), "") for card in node.devices])
            return _one_per_pool(cards + _main_memory(node))
        case "disk":
            disks = [pool for pool in node.pools if pool.kind == "disk"]
            return [Offer(pool, "") for pool in disks if source.media in {None, pool.media}]
        case "slots":
            wanted = f"{SLOTS}:{source.name}"
            named = [pool for pool in node.pools if pool.pool == wanted]
            return [Offer(pool, "") for pool in named if pool.kind == SLOTS]
        case _:
            return [Offer(pool, "") for pool in node.pools if pool.kind == source.kind]


def missing_reason(source: Source) -> Reason:
    """Why a node without any pool of this source is passed over."""
    if source.kind == "card":
        return Reason.NO_SUCH_DEVICE
    return Reason.POOL_MISSING if source.media is None else Reason.OTHER_DISK_CLASS


def need_misses(need: Need, node: NodeView, found: Supply | None = None) -> list[Miss]:
    """Why `node` alone cannot supply this need; empty when it can. `found`: what it has of it."""
    found = supply(need.source, node) if found is None else found
    subject = describe(need.source)
    if found.matching == 0:
        elsewhere = _instead(need.source, node)
        return [Miss(missing_reason(need.source), subject, elsewhere, option=need.option)]
    misses = []
    if found.closed:
        states = sorted({offer.pool.state for offer in offers_of(need.source, node)})
        misses.append(Miss(Reason.POOL_NOT_OPEN, subject, " and ".join(states)))
    if found.best is None:
        unit = UNITS.get(need.source.kind, "bytes")
        misses.append(Miss(Reason.ROOM_UNKNOWN, subject, need=need.amount, unit=unit))
    else:
        have = found.best.room or 0
        if have < need.amount:
            misses.append(_too_small(need, found.best, have))
    if found.matching < need.source.at_once:
        few = Reason.NOT_ENOUGH_DEVICES
        misses.append(
            short_of(few, subject, need.source.at_once, found.matching, "cards", option=need.option)
        )
    return misses


def can_meet(needs: tuple[Need, ...], *, shares: bool) -> bool:
    """Whether two of these can want the same pool of one node, which `shares` or does not."""
    kinds = [need.source.kind for need in needs]
    if kinds.count("card") > 1 or kinds.count("disk") > 1:
        return True
    meeting = [kind for kind in kinds if kind in {"card", "memory", "ram"}]
    if "memory" in meeting and len(meeting) > 1:
        return True
    return shares and (len(meeting) > 1 or any(need.source.at_once > 1 for need in needs))


def shares_pools(node: NodeView) -> bool:
    """Whether this node has unified memory, or cards that draw on one pool."""
    pools = [device.pool for device in node.devices]
    if len({*pools}) < len(pools):
        return True
    # By where its cards draw, too, and not by the kind alone: a peer may have told them apart.
    return any(
        pool.kind == "unified" or (pool.kind in MAIN_MEMORY and pool.pool in pools)
        for pool in node.pools
    )


@lru_cache(SOURCES_REMEMBERED_MAX)
def describe(source: Source) -> str:
    """The source in words: `nvidia card`, `nvme disk`, `ram`."""
    match source.kind:
        case "card":
            words = [source.vendor or "", source.model, "card" if source.at_once == 1 else "cards"]
            return " ".join(word for word in words if word)
        case "disk":
            return f"{source.media} disk" if source.media else "disk"
        case "slots":
            return f"slots called {source.name}"
        case _:
            return source.kind


def _is_known(pool: PoolView) -> bool:
    return pool.room is not None and pool.state != "unknown"


def _too_small(need: Need, pool: PoolView, have: int) -> Miss:
    return short_of(
        Reason.NOT_ENOUGH_ROOM,
        need.source.name or pool.label or pool.pool,
        need.amount,
        have,
        pool.unit,
        total=pool.total,
        option=need.option,
    )


def _card_source(card: GpuSelector) -> Source:
    return Source("card", card.count, card.vendor, card.model.lower(), card.memory_max)


def _is_asked_for(source: Source, node: NodeView, device: DeviceView) -> bool:
    if source.vendor is not None and device.vendor.lower() != source.vendor:
        return False
    if source.model and source.model not in device.model.lower():
        return False
    if source.total_max is None:
        return True
    total = _pool_of(node, device).total
    return total is None or total <= source.total_max


def _pool_of(node: NodeView, device: DeviceView) -> PoolView:
    """The pool as the card may use it: of main memory often only a part."""
    for pool in node.pools:
        if pool.pool == device.pool:
            return pool if device.most is None else _at_most(pool, device.most)
    # A card whose pool nobody opened: it is there, and nothing is known about its room.
    return PoolView(device.pool, "vram", "bytes", None, None, "unknown", device.model)


def _at_most(pool: PoolView, most: int) -> PoolView:
    room = None if pool.room is None else min(pool.room, most)
    return replace(pool, room=room, total=None if pool.total is None else min(pool.total, most))


def _main_memory(node: NodeView) -> list[Offer]:
    return [Offer(pool, "") for pool in node.pools if pool.kind in MAIN_MEMORY]


def _one_per_pool(offers: list[Offer]) -> list[Offer]:
    return list({offer.pool.pool: offer for offer in offers}.values())


def _by_room(offer: Offer) -> tuple[int, str, str]:
    return offer.pool.room or 0, offer.device, offer.pool.pool


def _instead(source: Source, node: NodeView) -> str:
    """What the node has where the asked-for thing is missing."""
    if source.kind == "card":
        models = sorted({device.model for device in node.devices})
        return ", ".join(models) or NO_CARD
    if source.kind == "disk":
        media = sorted({pool.media or "unknown" for pool in node.pools if pool.kind == "disk"})
        return ", ".join(media) or "no disk"
    if source.kind == SLOTS:
        names = [pool.pool.partition(":")[2] for pool in node.pools if pool.kind == SLOTS]
        return ", ".join(sorted(names)[:SLOTS_SHOWN_MAX])
    return ""
