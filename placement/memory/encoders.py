"""Models that read a whole text at once (BERT and its kin), and those that write too (T5, Whisper).

An encoder keeps nothing between tokens. A decoder that looks at an encoder keeps the encoder's keys
and values for as long as the sequence lives: they do not grow with what is written.
"""

from dataclasses import replace
from typing import Any, Final

from placement.memory.attention import Attention
from placement.memory.feeds import Feed
from placement.memory.gguf import Keys
from placement.memory.model import LAYERS_MAX, Cache, Home, Layer, Model, Weight
from placement.memory.reading import TOKENS_MAX, Malformed, Reading, bounded
from placement.memory.shape import Block
from placement.memory.sizes import EXPERTS_MAX

ENCODERS: Final = (
    "bert", "roberta", "xlm-roberta", "camembert", "mpnet", "distilbert", "nomic_bert",
    "modernbert", "eurobert", "neobert", "jina_bert", "jina_embeddings_v3", "electra", "ernie",
    "deberta-v2",
    "whisper", "t5", "mt5", "umt5", "bart", "mbart", "pegasus", "marian",
)  # fmt: skip
ENCODER_ARCHS: Final = {
    "bert": "bert", "nomic-bert": "nomic_bert", "nomic-bert-moe": "nomic_bert",
    "modern-bert": "modernbert", "eurobert": "eurobert", "neo-bert": "neobert",
    "jina-bert-v2": "jina_bert", "jina-bert-v3": "jina_embeddings_v3", "t5": "t5",
    "t5encoder": "t5encoder",
}  # fmt: skip
MODERN: Final = ("modernbert", "eurobert", "neobert")
"""No biases, and a norm before each half instead of after it."""
PLACELESS: Final = ("nomic_bert", "jina_bert", "jina_embeddings_v3")
"""Their positions are angles or slopes, and no table."""
GGUF_OF: Final = {kind: arch for arch, kind in reversed(ENCODER_ARCHS.items())}
SEEING: Final = ("t5", "mt5", "umt5", "bart", "mbart", "whisper", "pegasus", "marian")


def encoder_config(keys: Keys) -> dict[str, Any]:
    """A GGUF's key-values in the words of a configuration."""
    own = keys.own
    said = {
        "num_hidden_layers": keys.layers, "hidden_size": keys.hidden,
        "num_attention_heads": keys.heads[0], "num_key_value_heads": keys.kv[0],
        "intermediate_size": keys.feeds[0], "max_position_embeddings": own.maybe("context_length"),
        "vocab_size": keys.vocabulary() or 1,
        "type_vocab_size": own.maybe("token_type_count")
        or keys.all.get("tokenizer.ggml.token_type_count", 2),
        "num_experts": own.maybe("expert_count"),
        "moe_every_n_layers": own.maybe("moe_every_n_layers"), "d_model": keys.hidden,
        "num_heads": keys.heads[0], "d_kv": keys.key, "d_ff": keys.feeds[0],
        "num_layers": keys.layers, "num_decoder_layers": own.raw("decoder_block_count"),
        "relative_attention_num_buckets": own.raw("attention.relative_buckets_count"),
        "feed_forward_proj": "gated-gelu", "n_positions": own.raw("context_length"),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def encoder(told: Reading, kind: str) -> Model:
    """The model of this kind."""
    if kind in ("t5", "mt5", "umt5", "t5encoder"):
        return _t5(told, kind)
    if kind in SEEING:
        return _seeing(told, kind)
    return _reading(told, kind)


def _reading(told: Reading, kind: str) -> Model:
    hidden = told.whole("hidden_size", "n_embd", "dim")
    heads = told.whole("num_attention_heads", "n_head", "n_heads")
    layers = told.whole("num_hidden_layers", "n_layer", "n_layers", most=LAYERS_MAX)
    kv = told.whole("num_key_value_heads", default=heads)
    if hidden % heads or heads % kv:
        raise Malformed("num_attention_heads", f"{heads} does not divide {hidden}")
    wide = told.whole("intermediate_size", "n_inner", "hidden_dim", default=4 * hidden)
    width = told.whole("head_dim", default=hidden // heads)
    modern, experts = kind in MODERN, told.maybe("num_experts", most=EXPERTS_MAX)
    # A Nomic with experts has biases, and none of the gates of those without.
    plain = not modern and (kind != "nomic_bert" or experts > 1)
    fused = kind in ("modernbert", "neobert")
    attention = Attention(heads, kv, width, width, bias=plain, out_bias=plain, fused=fused)
    gated = not plain or kind == "jina_bert"
    feed = Feed(wide, gated=gated, bias=plain and not gated, fused=fused)
    extra = (Weight("ffn_down.bias", hidden),) if kind == "jina_bert" else ()
    block = Block((attention,), feed, norm_bias=not modern, extra=extra)
    layer = replace(block.layer(hidden), cache=Cache())
    layered = [layer] * layers
    every = told.maybe("moe_every_n_layers", most=LAYERS_MAX)
    if experts > 1 and every:
        routed = Feed(experts=experts, used=2, expert_width=wide, expert_gated=False)
        sparse = replace(block, feed=routed).layer(hidden)
        for number in range(1, layers, every):
            layered[number] = replace(sparse, cache=Cache())
    if kind == "modernbert" and layers:
        # Its first layer has no norm before attention: the embeddings' norm has just run.
        layered[0] = replace(replace(block, norms=1).layer(hidden), cache=Cache())
    return Model(
        family=kind,
        hidden=hidden,
        vocabulary=told.whole("vocab_size"),
        heads=heads,
        trained_context=told.maybe("max_position_embeddings", "n_positions", most=TOKENS_MAX),
        layers=tuple(layered),
        outside=tuple(_around(told, kind, hidden)),
        tied=True,
        gguf=GGUF_OF.get(kind, "bert"),
    )


def _around(told: Reading, kind: str, hidden: int) -> list[Weight]:
    if kind == "electra":
        return _narrow(told, hidden)
    if kind == "deberta-v2":
        return _disentangled(told, hidden)
    found = [Weight("token_embd.weight", hidden, told.whole("vocab_size"))]
    if kind in ("eurobert", "neobert"):
        return [*found, Weight("output_norm.weight", hidden)]
    if kind == "modernbert":
        return [
            *found,
            Weight("token_embd_norm.weight", hidden),
            Weight("output_norm.weight", hidden),
        ]
    found.append(Weight("token_embd_norm.weight", 2 * hidden))
    types = told.maybe("type_vocab_size")
    if kind not in ("distilbert", "mpnet") and types:
        found.append(Weight("token_types.weight", hidden, types))
    if kind not in PLACELESS:
        words = told.whole("max_position_embeddings", most=TOKENS_MAX)
        found.append(Weight("position_embd.weight", hidden, words))
    if kind == "mpnet":
        found.append(Weight("attn_rel_b.weight", told.whole("num_attention_heads"), 32))
    if kind in (
        "bert",
        "roberta",
        "xlm-roberta",
        "camembert",
        "mpnet",
        "ernie",
        "jina_bert",
        "jina_embeddings_v3",
    ):
        found.append(Weight("cls.weight", hidden, hidden))
        found.append(Weight("cls.bias", hidden))
    if kind in ("bert", "nomic_bert"):
        found.append(Weight("cls.output", hidden + 1, home=Home.GGUF))
    return found


def _narrow(told: Reading, hidden: int) -> list[Weight]:
    """ELECTRA's words are narrower than its rows."""
    wide = told.whole("embedding_size", default=hidden)
    rows = told.whole("vocab_size") + told.whole("max_position_embeddings", most=TOKENS_MAX)
    found = [
        Weight("token_embd.weight", wide, rows + told.maybe("type_vocab_size")),
        Weight("token_embd_norm.weight", 2 * wide),
    ]
    if wide == hidden:
        return found
    return [*found, Weight("embd_proj.weight", wide, hidden), Weight("embd_proj.bias", hidden)]


def _disentangled(told: Reading, hidden: int) -> list[Weight]:
    """DeBERTa says how far words are apart in a table that every layer uses."""
    found = [
        Weight("token_embd.weight", hidden, told.whole("vocab_size")),
        Weight("token_embd_norm.weight", 2 * hidden),
    ]
    words = told.whole("max_position_embeddings", most=TOKENS_MAX)
    if told.yes("position_biased_input", default=True):
        found.append(Weight("position_embd.weight", hidden, words))
    if told.maybe("type_vocab_size"):
        found.append(Weight("token_types.weight", hidden, told.maybe("type_vocab_size")))
    if told.yes("relative_attention"):
        apart = told.raw("position_buckets")
        far = bounded("position_buckets", words if apart in (None, -1) else apart, 1, TOKENS_MAX)
        found.append(Weight("attn_rel_b.weight", hidden, 2 * far))
        if "layer_norm" in told.text("norm_rel_ebd"):
            found.append(Weight("attn_rel_norm.weight", 2 * hidden))
    return found


def _seeing(told: Reading, kind: str) -> Model:
    """Whisper, BART: both halves are ordinary, with biases everywhere but on Whisper's keys."""
    hidden = told.whole("d_model", "hidden_size")
    source = told.whole(
        "max_source_positions", "max_position_embeddings", default=1500, most=TOKENS_MAX
    )
    target = told.whole(
        "max_target_positions", "max_position_embeddings", default=448, most=TOKENS_MAX
    )
    return Model(
        family=kind,
        hidden=hidden,
        vocabulary=told.whole("vocab_size"),
        heads=told.whole("decoder_attention_heads"),
        trained_context=target,
        layers=_half(told, kind, "decoder", 2 * hidden * source),
        encoder=_half(told, kind, "encoder", 0),
        outside=tuple(_seeing_outside(told, kind, source, target)),
        tied=True,
    )


def _half(told: Reading, kind: str, name: str, seen: int) -> tuple[Layer, ...]:
    """The encoder, or the decoder that keeps `seen` elements of what the encoder found."""
    hidden = told.whole("d_model", "hidden_size")
    heads = told.whole(f"{name}_attention_heads")
    if hidden % heads:
        raise Malformed(f"{name}_attention_heads", f"{heads} does not divide {hidden}")
    width = hidden // heads
    feed = Feed(told.whole(f"{name}_ffn_dim", default=4 * hidden), gated=False, bias=True)
    attention = Attention(heads, heads, width, width, bias=True, out_bias=True)
    layer = Block((attention,), feed, norms=3 if seen else 2, norm_bias=True).layer(hidden)
    weights = list(layer.weights)
    if seen:
        weights += [replace(w, name=f"cross_{w.name}") for w in attention.weights(hidden)]
    if kind == "whisper":
        weights = [_less_key_bias(weight, hidden) for weight in weights]
    cache = replace(layer.cache, fixed=seen) if seen else Cache()
    many = told.whole(f"{name}_layers", most=LAYERS_MAX)
    return (replace(layer, weights=tuple(weights), cache=cache),) * many


def _less_key_bias(weight: Weight, hidden: int) -> Weight:
    """Whisper's keys have no bias: two of three remain."""
    return replace(weight, columns=2 * hidden) if weight.name.endswith("attn_qkv.bias") else weight


def _seeing_outside(told: Reading, kind: str, source: int, target: int) -> list[Weight]:
    hidden = told.whole("d_model", "hidden_size")
    found = [Weight("token_embd.weight", hidden, told.whole("vocab_size"))]
    if kind == "whisper":
        bands = told.whole("num_mel_bins", default=80)
        return [
            *found,
            Weight("position_embd.weight", hidden, target),
            Weight("encoder.position_embd.weight", hidden, source),
            Weight("encoder.conv1.weight", 3 * bands, hidden),
            Weight("encoder.conv2.weight", 3 * hidden, hidden),
            Weight("encoder.conv.bias", 2 * hidden),
            Weight("output_norms.weight", 4 * hidden),
        ]
    # BART's tables of positions begin with two that are never used.
    unused = 2 if kind in ("bart", "mbart") else 0
    found.append(Weight("position_embd.weight", hidden, source + unused, 2))
    if unused:
        found.append(Weight("embd_norms.weight", 4 * hidden))
    if kind in ("mbart", "pegasus"):
        found.append(Weight("output_norms.weight", 4 * hidden))
    return found


def _t5(told: Reading, kind: str) -> Model:
    hidden = told.whole("d_model")
    heads, width = told.whole("num_heads"), told.whole("d_kv", default=64)
    vocabulary = told.whole("vocab_size")
    gated = told.text("feed_forward_proj").startswith("gated")
    feed = Feed(told.whole("d_ff"), gated=gated)
    attention = Attention(heads, heads, width, width)
    layers = told.whole("num_layers", "n_layer", most=LAYERS_MAX)
    writing = told.whole("num_decoder_layers", default=layers, most=LAYERS_MAX)
    plain = Block((attention,), feed).layer(hidden)
    buckets = Weight(
        "attn_rel_b.weight", heads, told.whole("relative_attention_num_buckets", default=32)
    )
    cross = tuple(replace(w, name=f"cross_{w.name}") for w in attention.weights(hidden))
    source = told.whole("n_positions", default=512, most=TOKENS_MAX)
    seeing = replace(
        Block((attention,), feed, norms=3).layer(hidden),
        cache=replace(attention.cache(), fixed=2 * heads * width * source),
    )
    seeing = replace(seeing, weights=(*seeing.weights, *cross))
    every = kind == "umt5"
    reading = [replace(plain, cache=Cache())] * layers
    made = [seeing] * writing if kind != "t5encoder" else []
    for half in (reading, made):
        for number in range(len(half) if every else min(1, len(half))):
            half[number] = replace(half[number], weights=(*half[number].weights, buckets))
    outside = [
        Weight("token_embd.weight", hidden, vocabulary),
        Weight("output_norms.weight", (2 if made else 1) * hidden),
    ]  # fmt: skip
    tied = told.yes("tie_word_embeddings", default=not gated)
    if not tied and made:
        outside.append(Weight("output.weight", hidden, vocabulary))
    return Model(
        family=kind, hidden=hidden, vocabulary=vocabulary, heads=heads, trained_context=source,
        layers=tuple(made) or tuple(reading), encoder=tuple(reading) if made else (),
        outside=tuple(outside), tied=tied, gguf="t5" if made else "t5encoder",
    )  # fmt: skip
