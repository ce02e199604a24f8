"""The cache of any engine that is not counted to the byte: paged, growing, or not known.

Blocks of tokens are taken whole. A hybrid's layers must share one size of page in a paged engine;
what that pads is inside the interval, not in the likely figure.
"""

from typing import Final

from placement.memory.engines import Engine
from placement.memory.model import Cache, Model, Reach
from placement.memory.requests import Asked, Interval
from placement.memory.types import F16, F32, TYPES, Type

IN_FLIGHT: Final = 8_192
"""Tokens that a paged engine may hold beyond a window while it reads a prompt."""
SHARED_PAGES: Final = 0.25
"""What a hybrid may pad at worst where all its layers share one size of page."""
STATES_SHARED: Final = 1.0
"""And its states, which fill a page however small they are."""


def row_bytes(kind: Type, elements: int) -> int:
    """A row of so many elements, in blocks that may end early."""
    return -(-elements * kind.bytes // kind.block)


def cache_interval(model: Model, asked: Asked, engine: Engine) -> Interval:
    """What all sequences keep together."""
    kinds = TYPES[asked.key_type], TYPES[asked.value_type]
    tokens = states = 0
    for layer in model.layers:
        tokens += asked.parallel * token_bytes(layer.cache, asked, engine, kinds)
        states += asked.parallel * state_bytes(layer.cache, engine, asked)
    likely = tokens + states
    reaches = {layer.cache.reach for layer in model.layers if layer.cache.per_token}
    mixed = len(reaches) > 1 or (states and tokens)
    if not mixed:
        return Interval(likely, likely, likely)
    padded = engine.takes_share > 0
    most = likely + int(tokens * SHARED_PAGES) + int(states * STATES_SHARED) if padded else likely
    return Interval(likely, likely, most)


def token_bytes(cache: Cache, asked: Asked, engine: Engine, kinds: tuple[Type, Type]) -> int:
    """What one sequence keeps in one layer, token by token."""
    if cache.reach is Reach.NOTHING:
        return 0
    kept = asked.context
    if engine.windows and cache.window:
        flight = min(IN_FLIGHT, asked.context) if engine.takes_share else 0
        kept = min(kept, cache.window + flight)
    blocks = -(-kept // engine.block) + (1 if cache.window and engine.takes_share else 0)
    key, value = cache.key, cache.value
    if cache.latent and not engine.latent:
        key, value = cache.unfolded, 0
    beside = 0 if cache.clump else cache.indexer
    per_token = row_bytes(kinds[0], key + beside) + row_bytes(kinds[1], value)
    rows = 0
    if cache.clump:
        rows = -(-asked.context // cache.clump) * row_bytes(kinds[0], key + cache.indexer)
    return blocks * engine.block * per_token + rows


def state_bytes(cache: Cache, engine: Engine, asked: Asked) -> int:
    """What one sequence keeps in one layer that does not grow."""
    conv = F32 if engine.gguf else F16
    kept = cache.conv * conv.bytes + cache.state * F32.bytes
    return (1 + asked.rollback) * kept + cache.fixed * F16.bytes
