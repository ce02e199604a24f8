"""The eyes and ears of a model: what turns pictures and sound into tokens, and what joins them on.

A tower is named by the kind of its own configuration, what joins it to the text by the kind of the
whole model. A picture that we have no rules for makes the total unknown, never the text.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from placement.memory.model import LAYERS_MAX, Weight
from placement.memory.reading import Malformed, Reading, bounded
from placement.memory.tower_parts import blocks, layers_of, matrix, merge, patches, side

COLOURS: Final = 3
MEL_BANDS: Final = 128


class _Unjoined(Exception):
    """We know the eyes, and not what joins them to the text."""


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
        kind = kind if isinstance(kind, str) and kind in tables and whole not in OWN else whole
        if kind not in tables:
            return None
        try:
            found += tables[kind](Reading(given), Reading(config), hidden)
        except _Unjoined:
            return None
    return tuple(found)


OWN: Final = ("minimax_m3_vl", "paddleocr_vl")
"""Kinds whose eyes are their own, whatever name the configuration gives them."""


def _inside(config: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = config.get("thinker_config")
    return inner if isinstance(inner, Mapping) else config


WITH_DEFAULT_EYES: Final = ("llama4", "gemma3", "gemma3n", "mllama", "qwen2_vl", "qwen2_5_vl",
                            "step3p7", "phi3_v", "phi4_multimodal",
                            "phi4mm")  # fmt: skip
"""Kinds that see even when the configuration leaves out how: the library would fill it in."""


def _siglip(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = side(vision, "patch_size"), side(vision, "image_size", 224)
    found = matrix("v.patch_embd", COLOURS * patch * patch, wide)
    found.append(Weight("v.position_embd.weight", wide, patches(vision, image, patch)))
    found += blocks(layers_of(vision), wide, inner)
    found.append(Weight("v.post_ln.weight", 2 * wide))
    kind = whole.text("model_type")
    if vision.yes("vision_use_head", default=kind not in ("idefics3", "smolvlm", "aria", "gemma3")):
        found += [*blocks(1, wide, inner, norms=1), Weight("v.head.probe", wide)]
    return found + _joined(vision, whole, wide, hidden)


def _clip(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = side(vision, "patch_size"), side(vision, "image_size")
    found = matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False)
    found += [
        Weight("v.position_embd.weight", wide, patches(vision, image, patch) + 1),
        Weight("v.class_embd", wide), Weight("v.norms.weight", 4 * wide),
    ]  # fmt: skip
    found += blocks(layers_of(vision), wide, inner)
    return found + _joined(vision, whole, wide, hidden)


def _joined(vision: Reading, whole: Reading, wide: int, hidden: int) -> list[Weight]:
    """What turns the tower's rows into the text's, by the kind of the whole."""
    kind = whole.text("model_type")
    if kind in ("gemma3", "shieldgemma2"):
        return [Weight("mm.input_projection.weight", wide, hidden), Weight("mm.norm.weight", wide)]
    if kind == "paligemma":
        return matrix("mm.0", wide, hidden)
    if kind in ("idefics3", "smolvlm"):
        scale = whole.whole("scale_factor", default=2, most=64)
        return matrix("mm.0", wide * scale * scale, hidden, bias=False)
    if kind in ("llava", "llava_next", "llava_onevision", "llava_next_video", "vipllava"):
        newline = [] if kind in ("llava", "vipllava") else [Weight("mm.newline", hidden)]
        bias = whole.yes("multimodal_projector_bias", default=True)
        return [
            *matrix("mm.1", wide, hidden, bias=bias), *matrix("mm.2", hidden, hidden, bias=bias),
            *newline,
        ]  # fmt: skip
    if kind == "lfm2_vl":
        by = whole.whole("downsample_factor", default=2, most=64) ** 2
        middle = whole.whole("projector_hidden_size", default=hidden)
        norm = whole.yes("projector_use_layernorm", default=True)
        found = [*matrix("mm.1", wide * by, middle), *matrix("mm.2", middle, hidden)]
        return [*found, Weight("mm.norm.weight", 2 * wide * by)] if norm else found
    if kind in ("cohere2_vision", "aya_vision"):
        by = whole.whole("downsample_factor", default=2, most=64) ** 2
        middle = whole.whole("alignment_intermediate_size", default=36864)
        return [*matrix("mm.1", wide * by, middle), *matrix("mm.2", middle // 2, hidden)]
    raise _Unjoined


def _pixtral(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch = side(vision, "patch_size")
    found = matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False)
    found.append(Weight("v.pre_ln.weight", wide))
    found += blocks(
        layers_of(vision), wide, inner, gated=True, bias=False, feed_bias=False, qkv_bias=False,
        norm_bias=False,
    )  # fmt: skip
    bias = whole.yes("multimodal_projector_bias")
    if whole.text("model_type") in ("mistral3", "lighton_ocr"):
        by = whole.whole("spatial_merge_size", default=2, most=64) ** 2
        found += [Weight("mm.norm.weight", wide), Weight("mm.merger.weight", wide * by, wide)]
    return [
        *found, *matrix("mm.1", wide, hidden, bias=bias),
        *matrix("mm.2", hidden, hidden, bias=bias),
    ]  # fmt: skip


def _qwen_patch(vision: Reading, wide: int, bias: bool) -> list[Weight]:
    patch, times = side(vision, "patch_size"), vision.whole("temporal_patch_size", default=2)
    return matrix("v.patch_embd", COLOURS * times * patch * patch, wide, bias=bias)


def _qwen2(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide = vision.whole("embed_dim")
    out = vision.whole("hidden_size", default=hidden)
    ratio = vision.whole("mlp_ratio", default=4, most=64)
    by = merge(vision) * wide
    return [
        *_qwen_patch(vision, wide, bias=False),
        *blocks(layers_of(vision, "depth"), wide, ratio * wide),
        Weight("v.merger.norm.weight", 2 * wide), *matrix("mm.0", by, by),
        *matrix("mm.2", by, out),
    ]  # fmt: skip


def _qwen25(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    out = vision.whole("out_hidden_size", default=hidden)
    by = merge(vision) * wide
    kv, heads = vision.maybe("num_key_value_heads"), vision.whole("num_heads", default=16)
    return [
        *_qwen_patch(vision, wide, bias=False),
        *blocks(layers_of(vision, "depth"), wide, inner, gated=True, norm_bias=False,
                 kv=wide // heads * kv),
        Weight("v.merger.norm.weight", wide), *matrix("mm.0", by, by), *matrix("mm.2", by, out),
    ]  # fmt: skip


def _qwen3(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    out = vision.whole("out_hidden_size", default=hidden)
    by = merge(vision) * wide
    deep = len(vision.listed("deepstack_visual_indexes") or ())
    joined = [*matrix("mm.0", by, by), *matrix("mm.2", by, out)]
    stack = [Weight(w.name, w.columns, w.rows, deep) for w in joined] if deep else []
    return [
        *_qwen_patch(vision, wide, bias=True),
        Weight("v.position_embd.weight", wide, vision.whole("num_position_embeddings")),
        *blocks(layers_of(vision, "depth"), wide, inner),
        Weight("v.merger.norms.weight", 2 * wide + 2 * by * deep), *joined, *stack,
    ]  # fmt: skip


def _gemma4(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    heads, width = vision.whole("num_attention_heads"), vision.whole("head_dim")
    kv = vision.whole("num_key_value_heads", default=heads)
    patch, many = side(vision, "patch_size"), layers_of(vision)
    return [
        *matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False),
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
    patch, image = side(vision, "patch_size"), side(vision, "image_size")
    shuffled = vision.whole("projector_input_dim")
    out, end = vision.whole("projector_output_dim"), vision.whole("vision_output_dim")
    ratio = vision.raw("pixel_shuffle_ratio")
    by = round(1 / ratio**2) if isinstance(ratio, float) and 0.01 < ratio <= 1 else 4
    return [
        *matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False),
        Weight("v.class_embd", wide),
        Weight("v.position_embd.weight", wide, patches(vision, image, patch) + 1),
        *blocks(layers_of(vision), wide, inner), Weight("v.norms.weight", 4 * wide),
        Weight("mm.adapter.1.weight", wide * by, shuffled),
        Weight("mm.adapter.2.weight", shuffled, out), Weight("mm.0.weight", end, hidden),
    ]  # fmt: skip


def _intern(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = side(vision, "patch_size"), side(vision, "image_size")
    biased, normed = vision.yes("attention_bias"), vision.yes("use_qk_norm")
    ratio = whole.raw("downsample_ratio")
    by = round(1 / ratio**2) if isinstance(ratio, float) and 0.01 < ratio <= 1 else 4
    rms = vision.text("norm_type") == "rms_norm"
    return [
        *matrix("v.patch_embd", COLOURS * patch * patch, wide), Weight("v.class_embd", wide),
        Weight("v.position_embd.weight", wide, patches(vision, image, patch) + 1),
        *blocks(layers_of(vision), wide, inner, qkv_bias=biased, norm_bias=not rms,
                 extra=2 * wide + (2 * wide if normed else 0)),
        Weight("mm.norm.weight", 2 * wide * by), *matrix("mm.1", wide * by, hidden),
        *matrix("mm.2", hidden, hidden),
    ]  # fmt: skip


def _glm4v(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    out = vision.whole("out_hidden_size", default=hidden)
    patch, image = side(vision, "patch_size"), side(vision, "image_size")
    biased = vision.yes("attention_bias")
    return [
        *_qwen_patch(vision, wide, bias=True),
        Weight("v.position_embd.weight", wide, patches(vision, image, patch)),
        *blocks(layers_of(vision, "depth"), wide, out, gated=True, bias=biased, qkv_bias=biased,
                 feed_bias=False, norm_bias=False),
        Weight("v.norms.weight", 2 * wide), *matrix("mm.down", wide * merge(vision), out),
        *matrix("mm.0", out, out, bias=False), Weight("mm.norm.weight", 2 * out),
        Weight("mm.up.weight", out, 2 * inner), Weight("mm.ffn_down.weight", inner, out),
    ]  # fmt: skip


def _moon(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide = vision.whole("hidden_size", "vt_hidden_size")
    inner = vision.whole("intermediate_size", "vt_intermediate_size")
    patch = side(vision, "patch_size")
    grid = vision.whole("pos_emb_height", "init_pos_emb_height", default=64) * vision.whole(
        "pos_emb_width", "init_pos_emb_width", default=64
    )
    kernel = vision.listed("merge_kernel_size") or [2, 2]
    by = Reading({"merge_kernel_size": kernel[0]}).whole("merge_kernel_size", most=64) ** 2
    return [
        *matrix("v.patch_embd", COLOURS * patch * patch, wide),
        Weight("v.position_embd.weight", wide, grid),
        *blocks(layers_of(vision, "vt_num_hidden_layers"), wide, inner),
        Weight("v.norms.weight", 4 * wide), *matrix("mm.1", wide * by, wide * by),
        *matrix("mm.2", wide * by, hidden),
    ]  # fmt: skip


def _minimax(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch = side(vision, "patch_size")
    merging = vision.below("img_token_compression_config")
    times, by = merging.whole("temporal_patch_size", default=2, most=64), merge(merging)
    middle = whole.whole("projector_hidden_size", default=hidden)
    return [
        *matrix("v.patch_embd", COLOURS * times * patch * patch, wide, bias=False),
        Weight("v.norms.weight", 2 * wide), *blocks(layers_of(vision), wide, inner),
        *matrix("mm.1", wide, middle), *matrix("mm.2", middle, hidden),
        *matrix("mm.merge.1", hidden * by, hidden), *matrix("mm.merge.2", hidden, hidden),
    ]  # fmt: skip


def _paddle(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = side(vision, "patch_size"), side(vision, "image_size", 384)
    by = wide * merge(vision)
    return [
        *matrix("v.patch_embd", COLOURS * patch * patch, wide),
        Weight("v.position_embd.weight", wide, patches(vision, image, patch)),
        *blocks(layers_of(vision), wide, inner), Weight("v.norms.weight", 4 * wide),
        *matrix("mm.1", by, by), *matrix("mm.2", by, hidden),
    ]  # fmt: skip


def _mllama(vision: Reading, whole: Reading, hidden: int) -> list[Weight]:
    del whole
    wide, inner = vision.whole("hidden_size"), vision.whole("intermediate_size")
    patch, image = side(vision, "patch_size"), side(vision, "image_size")
    tiles = vision.whole("max_num_tiles", default=4, most=64)
    shapes = len(vision.listed("supported_aspect_ratios") or ()) + 1
    many, beyond = layers_of(vision), vision.whole("num_global_layers", most=LAYERS_MAX)
    places = patches(vision, image, patch) + 1
    plain: dict[str, bool] = {"bias": False, "qkv_bias": False}
    return [
        *matrix("v.patch_embd", COLOURS * patch * patch, wide, bias=False),
        Weight("v.class_embd", wide), Weight("v.position_embd.weight", wide, places),
        Weight("v.tile_position_embd.weight", wide * places * tiles, shapes),
        Weight("v.tile_embd.weight", wide * tiles, 2 * shapes),
        *blocks(many, wide, inner, **plain),
        *blocks(beyond, wide, inner, extra=2, **plain),
        Weight("v.norms.weight", 4 * wide + 3),
        *matrix("mm.0", vision.whole("vision_output_dim"), hidden),
    ]  # fmt: skip


def _whisper(audio: Reading, whole: Reading, hidden: int) -> list[Weight]:
    wide = audio.whole("d_model", "hidden_size")
    inner = audio.whole("encoder_ffn_dim", "intermediate_size")
    layers = audio.whole("encoder_layers", "num_hidden_layers", most=LAYERS_MAX)
    bands = audio.whole("num_mel_bins", default=128)
    kind = whole.text("model_type")
    found = [
        *matrix("a.conv1", 3 * bands, wide), *matrix("a.conv2", 3 * wide, wide),
        *blocks(layers, wide, inner, key_bias=False), Weight("a.norm.weight", 2 * wide),
    ]  # fmt: skip
    if not kind.startswith("qwen2_5_omni"):
        places = audio.whole("max_source_positions", default=1500)
        found.append(Weight("a.position_embd.weight", wide, places))
    if kind == "voxtral":
        return [*found, *matrix("mm.a.1", inner, hidden, bias=False),
                *matrix("mm.a.2", hidden, hidden, bias=False)]  # fmt: skip
    if kind.startswith("qwen2_5_omni"):
        found.append(Weight("a.ends.weight", hidden, 2))
    return [*found, *matrix("mm.a.0", wide, hidden)]


def _gemma4_ears(audio: Reading, whole: Reading, hidden: int) -> list[Weight]:
    """A conformer: two feeds, attention and a convolution in each layer."""
    del whole
    wide, many = audio.whole("hidden_size", default=1024), _blocks_of(audio)
    channels = audio.listed("subsampling_conv_channels") or [128, 32]
    if len(channels) < 2:
        raise Malformed("subsampling_conv_channels", "lists fewer than two")
    first, second = (bounded("subsampling_conv_channels", one, 1, 1 << 16) for one in channels[:2])
    out = audio.whole("output_proj_dims", default=1536)
    heads = audio.whole("num_attention_heads", default=8)
    conv = audio.whole("conv_kernel_size", default=5)
    return [
        Weight("a.conv.weight", 9 * first + 9 * first * second + first + second),
        # A quarter of 128 bands for each channel that is left.
        Weight("a.input.weight", second * MEL_BANDS // 4, wide),
        Weight("a.blk.ffn.weight", wide, 4 * 4 * wide, many),
        Weight("a.blk.attn.weight", wide, 5 * wide, many),
        Weight("a.blk.conv.weight", wide, 3 * wide, many),
        Weight("a.blk.conv_dw.weight", conv, wide, many),
        Weight("a.blk.vectors.weight", (9 * wide + wide // heads) * many),
        *matrix("a.output", wide, out), Weight("mm.a.0.weight", out, hidden),
    ]  # fmt: skip


def _blocks_of(audio: Reading) -> int:
    return audio.whole("num_hidden_layers", default=12, most=LAYERS_MAX)


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
    "minimax_m3_vl": _minimax, "paddleocr_vl": _paddle,
    "kimi_k25": _moon, "kimi_k25_vision": _moon, "mllama_vision_model": _mllama,
}  # fmt: skip
HEARING: Final[Mapping[str, Tower]] = {
    "qwen2_audio_encoder": _whisper, "voxtral_encoder": _whisper,
    "qwen2_5_omni_audio_encoder": _whisper, "gemma4_audio": _gemma4_ears,
}  # fmt: skip
