"""The eyes and ears of a model: what turns pictures and sound into tokens, and what joins them on.

A tower is named by the kind of its own configuration, what joins it to the text by the kind of the
whole model. A picture that we have no rules for makes the total unknown, never the text.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from placement.memory.model import LAYERS_MAX, Weight
from placement.memory.reading import Malformed, Reading

COLOURS: Final = 3


def towers(config: Mapping[str, Any], hidden: int) -> tuple[Weight, ...] | None:
    """Every tensor outside of the text; None when there is a tower without rules."""
    config = _inside(config)
    whole = config.get("model_type")
    whole = whole if isinstance(whole, str) else ""
    found: list[Weight] = []
    for part, tables in (("vision_config", SEEING), ("audio_config", HEARING)):
        given = config.get(part)
        if given is None and part == "vision_config" and whole in WITH_DEFAULT_EYES:
            return None
        if not isinstance(given, Mapping):
            continue
        kind = given.get("model_type")
        kind = kind if isinstance(kind, str) and kind in tables else whole
        if kind not in tables:
            return None
        found += tables[kind](Reading(given), Reading(config), hidden)
    return tuple(found)


def _inside(config: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = config.get("thinker_config")
    return inner if isinstance(inner, Mapping) else config


WITH_DEFAULT_EYES: Final = ("llama4", "gemma3", "gemma3n", "mllama", "qwen2_vl", "qwen2_5_vl")
"""Kinds that see even when the configuration leaves out how: the library would fill it in."""


def _matrix(
    name: str, columns: int, rows: int, *, bias: bool = True, many: int = 1
) -> list[Weight]:
    found = [Weight(f"{name}.weight", columns, rows, many)]
    return [*found, Weight(f"{name}.bias", rows * many)] if bias else found


def _blocks(  # noqa: PLR0913 - a block has so many ways to differ
    layers: int, hidden: int, inner: int, *, gated: bool = False, bias: bool = True,
    feed_bias: bool = True, qkv_bias: bool = True, norm_bias: bool = True, norms: int = 2,
    extra: int = 0, kv: int = 0, key_bias: bool = True,
) -> list[Weight]:  # fmt: skip
    """The blocks of a transformer that sees all at once. `kv`: rows of keys, and of values."""
    keys = kv or hidden
    vectors = norms * hidden * (2 if norm_bias else 1) + extra
    if qkv_bias:
        vectors += hidden + keys + (keys if key_bias else 0)
    if bias:
        vectors += hidden
    if feed_bias:
        vectors += inner * (2 if gated else 1) + hidden
    return [
        Weight("v.blk.attn_qkv.weight", hidden, hidden + 2 * keys, layers),
        Weight("v.blk.attn_out.weight", hidden, hidden, layers),
        Weight("v.blk.ffn_up.weight", hidden, inner * (2 if gated else 1), layers),
        Weight("v.blk.ffn_down.weight", inner, hidden, layers),
        Weight("v.blk.vectors.weight", vectors * layers),
    ]


def _side(vision: Reading, name: str, default: int | None = None) -> int:
    """A size that may be given as one number or as [height, width]."""
    listed = vision.listed(name)
    if listed:
        return Reading({name: listed[0]}).whole(name)
    return vision.whole(name, default=default)


def _layers(vision: Reading, *names: str) -> int:
    return vision.whole(*names, "num_hidden_layers", most=LAYERS_MAX)


def _patches(vision: Reading, image: int, patch: int) -> int:
    return vision.maybe("num_patches") or (image // patch) ** 2


def _siglip(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = _side(vision, "patch_size"), _side(vision, "image_size", 224)
    found = _matrix("v.patch_embd", COLOURS * patch * patch, wide)
    found.append(Weight("v.position_embd.weight", wide, _patches(vision, image, patch)))
    found += _blocks(_layers(vision), wide, inner)
    found.append(Weight("v.post_ln.weight", 2 * wide))
    kind = whole.text("model_type")
    if vision.yes("vision_use_head", default=kind not in ("idefics3", "smolvlm", "aria", "gemma3")):
        found += [*_blocks(1, wide, inner, norms=1), Weight("v.head.probe", wide)]
    return found + _joined(vision, whole, wide, hidden)


def _clip(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = _side(vision, "patch_size"), _side(vision, "image_size")
    found = _matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False)
    found += [
        Weight("v.position_embd.weight", wide, _patches(vision, image, patch) + 1),
        Weight("v.class_embd", wide), Weight("v.norms.weight", 4 * wide),
    ]  # fmt: skip
    found += _blocks(_layers(vision), wide, inner)
    return found + _joined(vision, whole, wide, hidden)


def _joined(vision: Reading, whole: Reading, wide: int, hidden: int) -> list[Weight]:
    """What turns the tower's rows into the text's, by the kind of the whole."""
    kind = whole.text("model_type")
    if kind in ("gemma3", "shieldgemma2"):
        return [Weight("mm.input_projection.weight", wide, hidden), Weight("mm.norm.weight", wide)]
    if kind == "paligemma":
        return _matrix("mm.0", wide, hidden)
    if kind in ("idefics3", "smolvlm"):
        scale = whole.whole("scale_factor", default=2, most=64)
        return _matrix("mm.0", wide * scale * scale, hidden, bias=False)
    if kind in ("llava", "llava_next", "llava_onevision", "llava_next_video", "vipllava"):
        newline = [] if kind in ("llava", "vipllava") else [Weight("mm.newline", hidden)]
        bias = whole.yes("multimodal_projector_bias", default=True)
        return [
            *_matrix("mm.1", wide, hidden, bias=bias), *_matrix("mm.2", hidden, hidden, bias=bias),
            *newline,
        ]  # fmt: skip
    if kind == "lfm2_vl":
        by = whole.whole("downsample_factor", default=2, most=64) ** 2
        middle = whole.whole("projector_hidden_size", default=hidden)
        norm = whole.yes("projector_use_layernorm", default=True)
        found = [*_matrix("mm.1", wide * by, middle), *_matrix("mm.2", middle, hidden)]
        return [*found, Weight("mm.norm.weight", 2 * wide * by)] if norm else found
    if kind in ("cohere2_vision", "aya_vision"):
        by = whole.whole("downsample_factor", default=2, most=64) ** 2
        middle = whole.whole("alignment_intermediate_size", default=36864)
        return [*_matrix("mm.1", wide * by, middle), *_matrix("mm.2", middle // 2, hidden)]
    raise Malformed("model_type", "no rules for what joins its vision to the text")


def _pixtral(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch = _side(vision, "patch_size")
    found = _matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False)
    found.append(Weight("v.pre_ln.weight", wide))
    found += _blocks(
        _layers(vision), wide, inner, gated=True, bias=False, feed_bias=False, qkv_bias=False,
        norm_bias=False,
    )  # fmt: skip
    bias = whole.yes("multimodal_projector_bias")
    if whole.text("model_type") == "mistral3":
        by = whole.whole("spatial_merge_size", default=2, most=64) ** 2
        found += [Weight("mm.norm.weight", wide), Weight("mm.merger.weight", wide * by, wide)]
    return [
        *found, *_matrix("mm.1", wide, hidden, bias=bias),
        *_matrix("mm.2", hidden, hidden, bias=bias),
    ]  # fmt: skip


def _merge(vision: Reading) -> int:
    return vision.whole("spatial_merge_size", default=2, most=64) ** 2


def _qwen_patch(vision: Reading, wide: int, bias: bool) -> list[Weight]:
    patch, times = _side(vision, "patch_size"), vision.whole("temporal_patch_size", default=2)
    return _matrix("v.patch_embd", COLOURS * times * patch * patch, wide, bias=bias)


def _qwen2(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide = vision.whole("embed_dim")
    out = vision.whole("hidden_size", default=hidden)
    ratio = vision.whole("mlp_ratio", default=4, most=64)
    by = _merge(vision) * wide
    return [
        *_qwen_patch(vision, wide, bias=False),
        *_blocks(_layers(vision, "depth"), wide, ratio * wide),
        Weight("v.merger.norm.weight", 2 * wide), *_matrix("mm.0", by, by),
        *_matrix("mm.2", by, out),
    ]  # fmt: skip


def _qwen25(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    out = vision.whole("out_hidden_size", default=hidden)
    by = _merge(vision) * wide
    kv, heads = vision.maybe("num_key_value_heads"), vision.whole("num_heads", default=16)
    return [
        *_qwen_patch(vision, wide, bias=False),
        *_blocks(_layers(vision, "depth"), wide, inner, gated=True, norm_bias=False,
                 kv=wide // heads * kv),
        Weight("v.merger.norm.weight", wide), *_matrix("mm.0", by, by), *_matrix("mm.2", by, out),
    ]  # fmt: skip


def _qwen3(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    out = vision.whole("out_hidden_size", default=hidden)
    by = _merge(vision) * wide
    deep = len(vision.listed("deepstack_visual_indexes") or ())
    joined = [*_matrix("mm.0", by, by), *_matrix("mm.2", by, out)]
    stack = [Weight(w.name, w.columns, w.rows, deep) for w in joined] if deep else []
    return [
        *_qwen_patch(vision, wide, bias=True),
        Weight("v.position_embd.weight", wide, vision.whole("num_position_embeddings")),
        *_blocks(_layers(vision, "depth"), wide, inner),
        Weight("v.merger.norms.weight", 2 * wide + 2 * by * deep), *joined, *stack,
    ]  # fmt: skip


def _gemma4(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    heads, width = vision.whole("num_attention_heads"), vision.whole("head_dim")
    kv = vision.whole("num_key_value_heads", default=heads)
    patch, many = _side(vision, "patch_size"), _layers(vision)
    return [
        *_matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False),
        Weight("v.position_embd.weight", wide, vision.whole("position_embedding_size"), 2),
        Weight("v.blk.attn_q.weight", wide, heads * width, many),
        Weight("v.blk.attn_kv.weight", wide, 2 * kv * width, many),
        Weight("v.blk.attn_out.weight", heads * width, wide, many),
        Weight("v.blk.ffn_up.weight", wide, 2 * inner, many),
        Weight("v.blk.ffn_down.weight", inner, wide, many),
        Weight("v.blk.norms.weight", (4 * wide + 2 * width) * many),
        Weight("mm.0.weight", wide, hidden),
    ]


def _llama4(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = _side(vision, "patch_size"), _side(vision, "image_size")
    shuffled = vision.whole("projector_input_dim")
    out, end = vision.whole("projector_output_dim"), vision.whole("vision_output_dim")
    ratio = vision.raw("pixel_shuffle_ratio")
    by = round(1 / ratio**2) if isinstance(ratio, float) and 0.01 < ratio <= 1 else 4
    return [
        *_matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False),
        Weight("v.class_embd", wide),
        Weight("v.position_embd.weight", wide, _patches(vision, image, patch) + 1),
        *_blocks(_layers(vision), wide, inner), Weight("v.norms.weight", 4 * wide),
        Weight("mm.adapter.1.weight", wide * by, shuffled),
        Weight("mm.adapter.2.weight", shuffled, out), Weight("mm.0.weight", end, hidden),
    ]  # fmt: skip


def _intern(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = _side(vision, "patch_size"), _side(vision, "image_size")
    biased, normed = vision.yes("attention_bias"), vision.yes("use_qk_norm")
    ratio = whole.raw("downsample_ratio")
    by = round(1 / ratio**2) if isinstance(ratio, float) and 0.01 < ratio <= 1 else 4
    rms = vision.text("norm_type") == "rms_norm"
    return [
        *_matrix("v.patch_embd", COLOURS * patch * patch, wide), Weight("v.class_embd", wide),
        Weight("v.position_embd.weight", wide, _patches(vision, image, patch) + 1),
        *_blocks(_layers(vision), wide, inner, qkv_bias=biased, norm_bias=not rms,
                 extra=2 * wide + (2 * wide if normed else 0)),
        Weight("mm.norm.weight", 2 * wide * by), *_matrix("mm.1", wide * by, hidden),
        *_matrix("mm.2", hidden, hidden),
    ]  # fmt: skip


def _glm4v(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    out = vision.whole("out_hidden_size", default=hidden)
    patch, image = _side(vision, "patch_size"), _side(vision, "image_size")
    biased = vision.yes("attention_bias")
    return [
        *_qwen_patch(vision, wide, bias=True),
        Weight("v.position_embd.weight", wide, _patches(vision, image, patch)),
        *_blocks(_layers(vision, "depth"), wide, out, gated=True, bias=biased, qkv_bias=biased,
                 feed_bias=False, norm_bias=False),
        Weight("v.norms.weight", 2 * wide), *_matrix("mm.down", wide * _merge(vision), out),
        *_matrix("mm.0", out, out, bias=False), Weight("mm.norm.weight", 2 * out),
        Weight("mm.up.weight", out, 2 * inner), Weight("mm.ffn_down.weight", inner, out),
    ]  # fmt: skip


def _moon(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide = vision.whole("hidden_size", "vt_hidden_size")
    inner = vision.whole("intermediate_size", "vt_intermediate_size")
    patch = _side(vision, "patch_size")
    grid = vision.whole("pos_emb_height", "init_pos_emb_height", default=64) * vision.whole(
        "pos_emb_width", "init_pos_emb_width", default=64
    )
    kernel = vision.listed("merge_kernel_size") or [2, 2]
    by = Reading({"merge_kernel_size": kernel[0]}).whole("merge_kernel_size", most=64) ** 2
    return [
        *_matrix("v.patch_embd", COLOURS * patch * patch, wide),
        Weight("v.position_embd.weight", wide, grid),
        *_blocks(_layers(vision, "vt_num_hidden_layers"), wide, inner),
        Weight("v.norms.weight", 4 * wide), *_matrix("mm.1", wide * by, wide * by),
        *_matrix("mm.2", wide * by, hidden),
    ]  # fmt: skip


def _mllama(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = _side(vision, "patch_size"), _side(vision, "image_size")
    tiles = vision.whole("max_num_tiles", default=4, most=64)
    shapes = len(vision.listed("supported_aspect_ratios") or ()) + 1
    many, beyond = _layers(vision), vision.whole("num_global_layers", most=LAYERS_MAX)
    places = _patches(vision, image, patch) + 1
    plain: dict[str, bool] = {"bias": False, "qkv_bias": False}
    return [
        *_matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False),
        Weight("v.class_embd", wide), Weight("v.position_embd.weight", wide, places),
        Weight("v.tile_position_embd.weight", wide * places * tiles, shapes),
        Weight("v.tile_embd.weight", wide * tiles, 2 * shapes),
        *_blocks(many, wide, inner, **plain),
        *_blocks(beyond, wide, inner, extra=2, **plain),
        Weight("v.norms.weight", 4 * wide + 3),
        *_matrix("mm.0", vision.whole("vision_output_dim"), hidden),
    ]  # fmt: skip


def _whisper(audio: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide = audio.whole("d_model", "hidden_size")
    inner = audio.whole("encoder_ffn_dim", "intermediate_size")
    layers = audio.whole("encoder_layers", "num_hidden_layers", most=LAYERS_MAX)
    bands = audio.whole("num_mel_bins", default=128)
    kind = whole.text("model_type")
    found = [
        *_matrix("a.conv1", 3 * bands, wide), *_matrix("a.conv2", 3 * wide, wide),
        *_blocks(layers, wide, inner, key_bias=False), Weight("a.norm.weight", 2 * wide),
    ]  # fmt: skip
    if not kind.startswith("qwen2_5_omni"):
        places = audio.whole("max_source_positions", default=1500)
        found.append(Weight("a.position_embd.weight", wide, places))
    if kind == "voxtral":
        return [*found, *_matrix("mm.a.1", inner, hidden, bias=False),
                *_matrix("mm.a.2", hidden, hidden, bias=False)]  # fmt: skip
    if kind.startswith("qwen2_5_omni"):
        found.append(Weight("a.ends.weight", hidden, 2))
    return [*found, *_matrix("mm.a.0", wide, hidden)]


Tower = Callable[[Reading, Reading, int], list[Weight]]
SEEING: Final[Mapping[str, Tower]] = {
    "siglip_vision_model": _siglip, "siglip2_vision_model": _siglip, "idefics3_vision": _siglip,
    "gemma3": _siglip, "idefics3": _siglip, "smolvlm": _siglip, "paligemma": _siglip,
    "smolvlm_vision": _siglip, "clip_vision_model": _clip, "pixtral": _pixtral,
    "qwen2_vl": _qwen2, "qwen2_vl_vision": _qwen2, "qwen2_5_vl": _qwen25,
    "qwen2_5_vl_vision": _qwen25, "qwen2_5_omni_vision_encoder": _qwen25, "exaone4_5": _qwen25,
    "exaone4_5_vision": _qwen25, "qwen3_vl": _qwen3, "qwen3_vl_vision": _qwen3,
    "qwen3_vl_moe": _qwen3, "qwen3_vl_moe_vision": _qwen3, "qwen3_5": _qwen3,
    "qwen3_5_vision": _qwen3, "qwen3_5_moe": _qwen3, "qwen3_5_moe_vision": _qwen3,
    "gemma4_vision": _gemma4, "llama4_vision_model": _llama4, "internvl_vision": _intern,
    "glm4v": _glm4v, "glm4v_vision": _glm4v, "glm4v_moe": _glm4v, "glm4v_moe_vision": _glm4v,
    "kimi_k25": _moon, "kimi_k25_vision": _moon, "mllama_vision_model": _mllama,
}  # fmt: skip
HEARING: Final[Mapping[str, Tower]] = {
    "qwen2_audio_encoder": _whisper, "voxtral_encoder": _whisper,
    "qwen2_5_omni_audio_encoder": _whisper,
}  # fmt: skip
