"""What llama.cpp sets aside when it opens a context: the cache to the byte, the rest nearly.

It takes the whole cache at once. The cells of a layer are the context, padded to 256; where windows
are used, the window for each sequence plus one micro-batch. Keys and values have their own types;
states are always single precision. After `llama-context.cpp`, `llama-kv-cache*.cpp` and
`llama-memory-recurrent.cpp` (b9000 and after).
"""

from dataclasses import dataclass
from typing import Final

from placement.memory.model import Cache, Model, Reach
from placement.memory.types import CACHE_TYPES, F16, F32, TYPES, Type, bytes_of, fits

PADDING: Final = 256
"""Cells come in these."""
CONTEXT_MAX: Final = 1 << 30
SEQUENCES_MAX: Final = 256
"""LLAMA_MAX_SEQ."""
UBATCH_MAX: Final = 1 << 20
FLASHLESS: Final = ("grok",)
"""Architectures for which it turns flash attention off, whatever is asked."""
DRAFTS_MAX: Final = 64
"""Copies of a state kept to take back what a draft got wrong."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a llama.cpp context is asked for."""

    tokens: int
    """All sequences together; 0: as many as the model was trained for."""
    sequences: int = 1
    ubatch: int = 512
    flash: bool = True
    key_type: str = "f16"
    value_type: str = "f16"
    swa_full: bool = False
    unified: bool = True
    rollback: int = 0
    """Further copies of each recurrent state, for speculative decoding."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the engine would not open this context."""

    why: str


@dataclass(frozen=True, slots=True)
class Cells:
    """How many rows each kind of layer gets, and how many streams of them there are."""

    full: int
    window: int
    streams: int


def padded(cells: int) -> int:
    """As many as fill whole blocks."""
    return -(-cells // PADDING) * PADDING


def refused(model: Model, context: Context) -> Refusal | None:
    """What llama.cpp says no to before it allocates anything."""
    if not 0 <= context.tokens <= CONTEXT_MAX or not 1 <= context.sequences <= SEQUENCES_MAX:
        return Refusal("the context or the number of sequences is out of bounds")
    if not 1 <= context.ubatch <= UBATCH_MAX or not 0 <= context.rollback <= DRAFTS_MAX:
        return Refusal("the micro-batch is out of bounds")
    for word in (context.key_type, context.value_type):
        if word not in CACHE_TYPES or word == "fp8":
            return Refusal(f"llama.cpp keeps no cache in {word!r}")
    if not context.tokens and not model.trained_context:
        return Refusal("no context is given, and the model says none")
    key, value = TYPES[context.key_type], TYPES[context.value_type]
    if value.block > 1 and not flashes(model, context):
        return Refusal("quantised values need flash attention")
    for layer in model.layers:
        cache = layer.cache
        if cache.reach is Reach.NOTHING:
            continue
        if cache.key and not fits(key, cache.head_key):
            return Refusal(f"a key of {cache.head_key} does not fill blocks of {key.name}")
        if cache.indexer and not fits(key, cache.indexer):
            return Refusal(f"an indexer of {cache.indexer} does not fill blocks of {key.name}")
        if cache.value and not fits(value, cache.head_value):
            return Refusal(f"a value of {cache.head_value} does not fill blocks of {value.name}")
    return None


def flashes(model: Model, context: Context) -> bool:
    """Whether flash attention runs where it is asked for."""
    return context.flash and model.gguf not in FLASHLESS


def cells_of(model: Model, context: Context, cache: Cache) -> Cells:
    """The rows of a layer that sees everything, and of one with this layer's window."""
    window = cache.window
    tokens = padded(context.tokens or model.trained_context)
    shared = context.unified and not cache.alone
    streams = 1 if shared else context.sequences
    full = tokens if context.unified else padded(tokens // context.sequences)
    if not window or context.swa_full or not model.windowed:
        return Cells(full, full, streams)
    several = context.sequences if shared else 1
    return Cells(full, padded(min(full, window * several + context.ubatch)), streams)


def cache_bytes(model: Model, context: Context) -> int:
    """Everything that is kept per token or per sequence."""
    widest = max((layer.cache.value for layer in model.layers), default=0)
    return sum(layer_bytes(model, layer.cache, context, widest) for layer in model.layers)


def layer_bytes(model: Model, cache: Cache, context: Context, widest: int) -> int:
    """What one layer keeps. `widest`: the widest row of values in the model."""
    key, value = TYPES[context.key_type], TYPES[context.value_type]
    # One copy for each sequence, and as many again as may have to be taken back.
    states = max(1, context.sequences) * (1 + context.rollback) * cache.per_sequence * F32.bytes
    if cache.reach is Reach.NOTHING:
        return states
    cells = cells_of(model, context, cache)
    rows = (cells.window if cache.window else cells.full) * cells.streams
    wide = cache.value
    if not flashes(model, context) and not cache.latent:
        # Without flash attention the values lie transposed, and all layers as wide as the widest.
        wide = widest
    kept = states + (_row(key, cache.key) + _row(value, wide)) * rows
    if cache.clump:
        row = _row(key, cache.key) + _row(key, cache.indexer)
        return kept + row * padded(-(-cells.full // cache.clump)) * cells.streams
    return kept + _row(key, cache.indexer) * cells.full * cells.streams


def _row(kind: Type, wide: int) -> int:
    return bytes_of(kind, wide) if wide else 0


def _mask_bytes(model: Model) -> int:
    """For each token of a micro-batch and each that it might look at."""
    indexed = [layer.cache for layer in model.layers if layer.cache.indexer]
    if not indexed:
        return F16.bytes
    if any(cache.latent for cache in indexed):
        return 2 * F32.bytes  # a score and an order beside the mask
    # Blocks are picked for each key head: its scores, their best, and the mask.
    return 2 * F32.bytes * max(cache.heads for cache in indexed) + F32.bytes + F16.bytes


def _attended(model: Model, cache: Cache, context: Context) -> int:
    """Rows that a token of a clumping layer looks at: the window's, and those of many."""
    cells = cells_of(model, context, cache)
    clumped = padded(-(-cells.full // cache.clump)) if cache.clump else 0
    return cells.window + clumped


def compute_bytes(model: Model, context: Context) -> int:
    """The buffer for one micro-batch.

    Not a count but a fit: the largest of what is alive at once. With flash attention that is the
    logits, or a feed with its mask; without it, the scores of every head over the whole context.
    """
    tokens = padded(context.tokens or model.trained_context)
    full = tokens if context.unified else padded(tokens // context.sequences)
    batch, hidden = min(context.ubatch, tokens), model.hidden
    wide = max((layer.wide for layer in model.layers), default=0)
    logits = F32.bytes * batch * (model.vocabulary + 2 * hidden)
    if not any(layer.cache.reach is not Reach.NOTHING for layer in model.layers):
        return max(logits, F32.bytes * batch * (4 * wide + hidden))
    unfolded = max(layer.cache.spread for layer in model.layers)
    # Every layer's choice stays until the last layer has run, which is an engine's oversight.
    unfolded += sum(layer.cache.picked for layer in model.layers)
    spread = F32.bytes * batch * unfolded
    mask = _mask_bytes(model) * batch * full
    if any(layer.cache.clump for layer in model.layers):
        full = max(_attended(model, layer.cache, context) for layer in model.layers)
        mask = 12 * batch * full
    feed = F32.bytes * batch * (4 * wide + hidden) + mask
    if flashes(model, context):
        return max(logits, feed, spread + mask if spread else 0)
    scores = F32.bytes * batch * full * (model.heads + 1) + 3 * F32.bytes * batch * hidden
    return max(logits, feed, scores + spread)
