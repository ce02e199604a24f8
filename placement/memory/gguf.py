"""From the key-values of a GGUF to a model, as llama.cpp itself reads them.

What a layer keeps is worked out twice over: here with the engine's own words (`llama_hparams`,
`load_arch_hparams` and `create_memory` of llama.cpp b9000 and after), and in `shape.py` from the
blocks. The engine's reading wins for its own files, to the byte; the blocks give the weights where
the file has no tensor table to count.
"""

from collections.abc import Mapping, Sized
from dataclasses import replace
from typing import Any, Final, NamedTuple

from placement.memory.compressed import CLUMPS, HEAVY, clumped
from placement.memory.families import BY_ARCH
from placement.memory.model import LAYERS_MAX, NO_CACHE, Cache, Layer, Model, Reach
from placement.memory.reading import TOKENS_MAX, Malformed, Reading

RECURRENT: Final = ("mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7")
MEMORYLESS: Final = (
    "bert", "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe", "neo-bert", "eurobert",
    "wavtokenizer-dec", "modern-bert", "gemma-embedding", "dream", "llada", "llada-moe", "rnd1",
)  # fmt: skip
"""They answer in one pass and keep nothing between tokens."""
BY_KV_ZERO: Final = (
    "jamba", "plamo2", "granitehybrid", "lfm2", "lfm2moe", "kimi-linear", "kimi-k3", "bailingmoe3",
    "glm5-next",
)  # fmt: skip
"""Hybrids in which a layer without key heads is the recurrent one."""
BY_INTERVAL: Final = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "minimax-01": 8}
"""Hybrids in which one layer in so many attends, unless the file lists them."""
INDEXED: Final = ("glm-dsa", "deepseek32", "dots3note", "hy_v4", "glm5-next")
POOLED_INDEX: Final = 3
"""GLM 5.3 keeps of each key of its indexer the key, the gate and the pooled one."""


class Windows(NamedTuple):
    """How an architecture lays out its windows: one full layer in `period`, first or last."""

    period: int
    full_first: bool = False
    window: int = 0
    """Where the engine knows the width better than the file."""
    needed: bool = False
    """True: with no key in the file there are windows all the same."""


WINDOWS: Final = {
    "afmoe": Windows(4), "cohere2": Windows(4), "cohere2moe": Windows(4, full_first=True),
    "exaone-moe": Windows(4, window=128, needed=True), "exaone4": Windows(4, window=4096),
    "gemma2": Windows(2, window=4096, needed=True), "gemma3": Windows(6), "gemma3n": Windows(5),
    "laguna": Windows(4, full_first=True), "llama4": Windows(4, window=8192, needed=True),
    "mellum": Windows(4), "muse-glimmer": Windows(4), "olmo2": Windows(4), "gpt-oss": Windows(2),
    "plamo3": Windows(8), "smallthinker": Windows(4, full_first=True),
}  # fmt: skip
LISTED: Final = ("gemma4", "granite_swa", "maple", "mimo2", "spark2_5", "step35", "dots3note")
"""Architectures whose files must list which layers slide."""
EXAONE4_WINDOWED_LAYERS: Final = 64
GEMMA3N_OWN_CACHE_LAYERS: Final = 20
INDEXER_LISTED_FROM_CONTEXT: Final = 1_048_576
"""GLM-5.2 and later serve this much, and only some of their layers own an indexer."""


class Keys:
    """The key-values of one file, less the architecture's prefix."""

    def __init__(self, kv: Mapping[str, Any]) -> None:
        arch = kv.get("general.architecture")
        if not isinstance(arch, str) or not arch:
            raise Malformed("general.architecture", "is missing")
        self.arch = arch
        self.all = kv
        self.own = Reading(kv, f"{arch}.")
        self.stored = self.own.whole("block_count", most=LAYERS_MAX)
        drafts = self.own.maybe("nextn_predict_layers", most=LAYERS_MAX)
        self.layers = self.stored - drafts
        if self.layers < 1:
            raise Malformed("nextn_predict_layers", "leaves no layer to the model")
        own = self.own
        self.hidden = own.whole("embedding_length")
        self.heads = own.each(self.layers, "attention.head_count", default=0)
        self.kv = self.heads
        if own.raw("attention.head_count_kv") is not None:
            self.kv = own.each(self.layers, "attention.head_count_kv")
        self.feeds = own.each(self.layers, "feed_forward_length", default=0)
        default = self.hidden // self.heads[0] if self.heads[0] else 0
        self.key = own.whole("attention.key_length", default=default, least=0)
        self.value = own.whole("attention.value_length", default=default, least=0)
        if arch == "kimi-k3":
            self.value = own.whole("attention.kv_lora_rank")

    def vocabulary(self) -> int:
        """How many words: said, or counted."""
        said = self.own.maybe("vocab_size")
        if said:
            return said
        tokens = self.all.get("tokenizer.ggml.tokens")
        if isinstance(tokens, int):
            return tokens
        return len(tokens) if isinstance(tokens, Sized) else 0


def caches(keys: Keys) -> list[Cache]:
    """What llama.cpp keeps for each layer of this file."""
    if keys.arch in MEMORYLESS:
        return [NO_CACHE] * keys.layers
    conv, state = _state(keys)
    recurrent = recurrent_layers(keys)
    windows = windows_of(keys)
    made = []
    for layer in range(keys.layers):
        if keys.arch == "deepseek4":
            made.append(_clumped(keys, layer))
        elif keys.arch == "falcon-h1":
            token = _token(keys, layer, windows[layer])
            made.append(replace(token, conv=conv, state=state))
        elif recurrent[layer]:
            made.append(Cache(conv=conv, state=state))
        elif keys.arch.startswith("nemotron_h") and keys.feeds[layer]:
            made.append(NO_CACHE)
        else:
            made.append(_token(keys, layer, windows[layer]))
    return _shared(keys, made)


def _shared(keys: Keys, made: list[Cache]) -> list[Cache]:
    """Later layers of Gemma 3n and 4 use the cache of earlier ones."""
    own = len(made)
    if keys.arch == "gemma3n":
        own = GEMMA3N_OWN_CACHE_LAYERS
    elif keys.arch == "gemma4":
        own -= keys.own.maybe("attention.shared_kv_layers", most=LAYERS_MAX)
    return [cache if layer < own else NO_CACHE for layer, cache in enumerate(made)]


def _token(keys: Keys, layer: int, window: int) -> Cache:
    own, kv = keys.own, keys.kv[layer]
    key, value = keys.key, keys.value
    if window:
        key = own.whole("attention.key_length_swa", default=key)
        value = own.whole("attention.value_length_swa", default=value)
    latent = bool(own.maybe("attention.key_length_mla"))
    reach = Reach.FULL
    if window:
        reach = Reach.CHUNK if keys.arch == "llama4" else Reach.WINDOW
    return Cache(
        reach=reach,
        key=key * kv,
        value=0 if latent else value * kv,
        window=window,
        indexer=_indexer(keys, layer),
        latent=latent,
        heads=kv,
        head_key=key,
        head_value=value,
        unfolded=keys.heads[layer]
        * (own.maybe("attention.key_length_mla") + own.maybe("attention.value_length_mla")),
    )


def _indexer(keys: Keys, layer: int) -> int:
    own = keys.own
    width = own.maybe("attention.indexer.key_length")
    if keys.arch == "minimax-m3":
        dense = own.maybe("leading_dense_block_count", most=LAYERS_MAX)
        return width + keys.value if layer >= dense else 0
    if keys.arch not in INDEXED:
        return 0
    if keys.arch == "hy_v4" and not own.maybe("attention.indexer.top_k", most=TOKENS_MAX):
        return 0  # without a number to pick it attends to everything
    if keys.arch != "deepseek32":
        kinds = own.raw("attention.indexer.types")
        if isinstance(kinds, list | tuple) and layer < len(kinds) and not kinds[layer]:
            return 0
    return POOLED_INDEX * width if keys.arch == "glm5-next" else width


def _clumped(keys: Keys, layer: int) -> Cache:
    own = keys.own
    clumps = own.each(keys.layers, "attention.compress_ratios", most=HEAVY)
    if clumps[layer] not in CLUMPS:
        raise Malformed("attention.compress_ratios", f"has others than {CLUMPS}")
    window = own.whole("attention.sliding_window", most=TOKENS_MAX)
    return clumped(keys.key, window, clumps[layer], own.whole("attention.indexer.key_length"))


def _state(keys: Keys) -> tuple[int, int]:
    """Elements of the two rows that a recurrent layer keeps per sequence."""
    own = keys.own
    head = own.maybe("wkv.head_size")
    if head:
        return own.whole("token_shift_count", default=2) * keys.hidden, keys.hidden * head
    short = own.maybe("shortconv.l_cache")
    if short:
        return keys.hidden * (short - 1), 0
    steps = max(0, own.maybe("ssm.conv_kernel") - 1)
    width = own.maybe("kda.head_dim")
    if width:
        inner = keys.heads[0] * width
        return 3 * (steps or 3) * inner, width * inner
    inner, state = own.maybe("ssm.inner_size"), own.maybe("ssm.state_size")
    groups = 0 if keys.arch in ("mamba", "jamba") else own.maybe("ssm.group_count")
    square = keys.key**2 * keys.heads[0] if keys.arch == "minimax-01" else state * inner
    return steps * (inner + 2 * groups * state), square


def recurrent_layers(keys: Keys) -> list[bool]:
    arch, own = keys.arch, keys.own
    if arch in RECURRENT:
        return [True] * keys.layers
    if arch in BY_KV_ZERO:
        return [not kv for kv in keys.kv]
    if arch.startswith("nemotron_h"):
        return [not kv and not feed for kv, feed in zip(keys.kv, keys.feeds, strict=True)]
    if arch in BY_INTERVAL:
        listed = own.listed("attention.recurrent_layers")
        if listed and len(listed) >= keys.layers:
            return [bool(one) for one in listed[: keys.layers]]
        interval = own.whole("full_attention_interval", default=BY_INTERVAL[arch])
        return [bool((layer + 1) % interval) for layer in range(keys.layers)]
    return [False] * keys.layers


def windows_of(keys: Keys) -> list[int]:
    """The window of each layer; 0: it sees everything."""
    arch, own, none = keys.arch, keys.own, [0] * keys.layers
    laid = WINDOWS.get(arch)
    if laid is None and arch not in LISTED and arch != "lfm2":
        return none
    width = own.maybe("attention.sliding_window", most=TOKENS_MAX)
    if arch == "lfm2":
        return [0 if recurrent else width for recurrent in recurrent_layers(keys)]
    if arch == "exaone4" and keys.layers != EXAONE4_WINDOWED_LAYERS:
        return none
    if laid is not None:
        said = own.raw("attention.sliding_window") is not None
        if not width and (said or not laid.needed):
            return none
        width = laid.window if arch in ("llama4", "smallthinker") else width or laid.window
    listed = own.listed("attention.sliding_window_pattern")
    if listed is not None and len(listed) >= keys.layers:
        return [width if one else 0 for one in listed[: keys.layers]]
    if laid is None:
        raise Malformed("attention.sliding_window_pattern", "is missing")
    period = own.whole("attention.sliding_window_pattern", default=laid.period, least=0)
    return [
        0 if period and layer % period == (0 if laid.full_first else period - 1) else width
        for layer in range(keys.layers)
    ]


def with_caches(model: Model, keys: Keys) -> Model:
    """The model with what the engine keeps, instead of what its blocks would say."""
    kept = caches(keys)
    if len(kept) != len(model.layers):
        raise Malformed("decoder_block_count", "is not as many as the encoder has")
    layers = tuple(
        Layer(
            layer.weights,
            replace(cache, spread=layer.cache.spread, picked=layer.cache.picked),
            layer.wide,
        )
        for layer, cache in zip(model.layers, kept, strict=True)
    )
    first = keys.kv[0]
    per_key = keys.heads[0] // first if first else 0
    return replace(model, layers=layers, windowed=True, gguf=keys.arch, per_key=per_key)


def known(arch: str) -> bool:
    """Whether we have rules for the blocks of this architecture."""
    return arch in BY_ARCH
