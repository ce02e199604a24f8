"""Among nodes that the objective cannot tell apart: which first.

One list, in the order in which it is asked; the first difference decides.

1. What was seen of such work before: having seen it, that it went well, took less memory, was
   faster, and more often.
2. Engines of the asked kind that already keep models in memory.
3. The engine that is preferred: installed before merely supported.
4. The better card: there at all, of a preferred engine, with more memory.
5. Less of the mesh's promises already here.
6. Unified memory, then the calmer machine, then the warmer engine.
7. A smaller share of its own memory promised; then the lower id.

Nearly all of this is known before anybody asks, so it is worked out once per picture and node
(`standing_key`), and only what the request itself names is worked out for a tie (`asked_key`).
"""

from typing import Final, NamedTuple

from placement.judging.needs import MAIN_MEMORY
from placement.request import Request
from placement.view import DeviceView, NodeView

GIB: Final = 1 << 30
UNSEEN: Final = 1 << 62
"""Where a figure is not known it counts as the worst."""

ENGINE_TOOLS: Final = {
    "llama-server": "llama.cpp",
    "lms": "lmstudio",
    "mlx_lm.server": "mlx",
    "ollama": "ollama",
    "sglang": "sglang",
    "vllm": "vllm",
}
"""A program on a node's PATH → the engine that it is."""

SUPPORTED_BY: Final = {
    "amd": ("rocm", "vulkan"),
    "apple": ("metal", "mlx"),
    "intel": ("sycl", "vulkan"),
    "nvidia": ("cuda", "vulkan"),
}
"""A card's vendor → the engines that can compute on it."""

CARD: Final = 10
CARD_OF_ENGINE: Final = 10
CARD_GIB_MAX: Final = 5


class StandingKey(NamedTuple):
    """What is known of a node before anybody asks; smaller goes first."""

    promised: int
    not_unified: bool
    strain: int
    coolness: int
    share: int
    """Of its own main memory, in basis points."""


def standing_key(node: NodeView) -> StandingKey:
    """Points 5 to 7."""
    main = [pool for pool in node.pools if pool.kind in MAIN_MEMORY]
    promised = sum(pool.promised for pool in main)
    total = sum(pool.total or 0 for pool in main)
    warmest = max((_warmth(model.warmth_percent) for model in node.loaded), default=0)
    unified = any(pool.kind == "unified" for pool in main)
    share = 10_000 * promised // total if total else 0
    return StandingKey(promised, not unified, strain_of(node), -warmest, share)


def asked_key(request: Request, node: NodeView) -> tuple[tuple[int, ...], int, int, int]:
    """Points 1 to 4."""
    engines = engines_of(request)
    loaded = sum(1 for model in node.loaded if model.engine in engines)
    rank = max((_engine_rank(engine, node) for engine in request.engines), default=0)
    return _seen_before(request, node), -loaded, -rank, -_card_rank(request, node)


def _warmth(percent: int | None) -> int:
    """Of a model in memory: just used 2, lately 1."""
    return 0 if percent is None else 2 if percent > 90 else int(percent > 50)


def engines_of(request: Request) -> frozenset[str]:
    """The engines that would run it: those asked for, and those whose program it calls."""
    called = [ENGINE_TOOLS[tool] for tool in request.tools if tool in ENGINE_TOOLS]
    return frozenset((*request.engines, *called))


def strain_of(node: NodeView) -> int:
    """How pressed a node is, in basis points; unknown counts as calm: not every kernel says."""
    return round((node.pressure or 0.0) * 100)


def _seen_before(request: Request, node: NodeView) -> tuple[int, ...]:
    seen = node.history.observed(request.scope) if node.history.observations else None
    if seen is None:
        return (1,)
    figures = (seen.peak_ram, seen.peak_vram, seen.wall_ms)
    known = tuple(UNSEEN if figure is None else figure for figure in figures)
    return (0, not seen.succeeded, *known, -seen.samples)


def _engine_rank(engine: str, node: NodeView) -> int:
    """Installed 2; a machine that could 1; installed on the unified memory it is made for, 3."""
    installed = any(ENGINE_TOOLS.get(tool, tool) == engine for tool in node.tools)
    able = any(engine in SUPPORTED_BY.get(card.vendor.lower(), ()) for card in node.devices)
    unified = engine == "mlx" and any(pool.kind == "unified" for pool in node.pools)
    return 2 + unified if installed else int(able or unified)


def _card_rank(request: Request, node: NodeView) -> int:
    return max((_points(request, card, node) for card in node.devices), default=0)


def _points(request: Request, card: DeviceView, node: NodeView) -> int:
    able = SUPPORTED_BY.get(card.vendor.lower(), ())
    wanted = sum(1 for engine in request.engines if engine in able)
    total = next((pool.total for pool in node.pools if pool.pool == card.pool), None)
    points = CARD + CARD_OF_ENGINE * wanted + min(CARD_GIB_MAX, (total or 0) // GIB)
    # An Intel card that says nothing of what it can is most often the one in the processor.
    return points // 2 if card.vendor.lower() == "intel" and card.capability is None else points
