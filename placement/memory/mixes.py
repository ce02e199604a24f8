"""What a name like Q4_K_M does to each tensor.

A quantisation is not a number of bits: `llama-quantize` gives the head more of them, the values of
attention more than the queries, the first and last blocks more than the middle, and a row that does
not fill whole blocks falls back to a coarser grid. These are the choices of `llama_tensor_get_type`
in llama.cpp's `src/llama-quant.cpp` (b9000 and after) without an importance matrix, one function
per kind of tensor. Uploaders may choose otherwise: a file's own table, where there is one, wins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from placement.memory.model import Model, Weight
from placement.memory.types import F16, F32, TYPES, Type, bytes_of, fits

DEFAULTS: Final = {
    "f32": "f32", "f16": "f16", "bf16": "bf16", "q8_0": "q8_0", "q4_0": "q4_0", "q4_1": "q4_1",
    "q5_0": "q5_0", "q5_1": "q5_1", "q2_k": "q2_k", "q2_k_s": "q2_k", "q3_k_s": "q3_k",
    "q3_k_m": "q3_k", "q3_k_l": "q3_k", "q4_k_s": "q4_k", "q4_k_m": "q4_k", "q5_k_s": "q5_k",
    "q5_k_m": "q5_k", "q6_k": "q6_k", "iq1_s": "iq1_s", "iq1_m": "iq1_m", "iq2_xxs": "iq2_xxs",
    "iq2_xs": "iq2_xs", "iq2_s": "iq2_xs", "iq2_m": "iq2_s", "iq3_xxs": "iq3_xxs",
    "iq3_xs": "iq3_s", "iq3_s": "iq3_s", "iq3_m": "iq3_s", "iq4_xs": "iq4_xs", "iq4_nl": "iq4_nl",
    "tq1_0": "tq1_0", "tq2_0": "tq2_0", "mxfp4_moe": "mxfp4",
}  # fmt: skip
"""Each mix and the type that most of its tensors get."""
ALIASES: Final = {"q3_k": "q3_k_m", "q4_k": "q4_k_m", "q5_k": "q5_k_m", "mxfp4": "mxfp4_moe",
                  "fp16": "f16", "fp32": "f32"}  # fmt: skip
FALLBACK: Final = {
    "iq1_s": "iq4_nl", "iq1_m": "iq4_nl", "iq2_xxs": "iq4_nl", "iq2_xs": "iq4_nl",
    "iq2_s": "iq4_nl", "iq3_xxs": "iq4_nl", "iq3_s": "iq4_nl", "iq4_xs": "iq4_nl",
    "q2_k": "q4_0", "q3_k": "q4_0", "tq1_0": "q4_0", "tq2_0": "q4_0", "q4_k": "q5_0",
    "q5_k": "q5_1", "q6_k": "q8_0",
}  # fmt: skip
"""What a row gets that does not fill blocks of 256."""
SMALLEST: Final = ("iq2_xxs", "iq2_xs", "iq1_s", "iq2_s", "iq2_m", "iq1_m")
KEPT: Final = (
    "_norm.weight", "ffn_gate_inp.weight", "altup", "laurel", "per_layer_model_proj", "ssm_conv1d",
    "shortconv.conv.weight", "attn_rel_b.weight", "indexer.k_proj.weight", "indexer.q_proj.weight",
    "position_embd", "token_types", "time_mix_first", "time_mix_w1", "time_mix_w2", "time_mix_v1",
    "time_mix_v2", "time_mix_a1", "time_mix_a2", "time_mix_g1", "time_mix_g2",
    "time_mix_decay_w1", "time_mix_decay_w2", "tid2eid",
)  # fmt: skip
"""Tensors that are never quantised."""
KEPT_AS_F16: Final = ("altup_proj", "altup_unembd", "laurel_l", "laurel_r", "per_layer_model_proj",
                      "altup_router", "position_embd")  # fmt: skip
"""Those of them that the converter leaves at half precision; the others are single."""
OUTPUTS: Final = {
    "q2_k": "q3_k", "iq3_xxs": "iq3_s", "q3_k_m": "q4_k", "q3_k_l": "q5_k", "iq3_m": "q4_k",
}  # fmt: skip
"""What the output of attention gets instead of the usual."""
MANY_PER_KEY: Final = 4
"""Query heads per key head from which the values are few, and worth more bits."""
MIXTRAL: Final = 8
"""Experts of the one model that some of these choices were made for."""
SEVENTY: Final = {"llama": 80, "deci": 80, "qwen2": 80, "olmo": 80, "jais2": 68}
"""Layers by which llama.cpp knows a model of 70B, whose values are few and get more bits."""


@dataclass(slots=True)
class _Count:
    """How far the walk over the tensors has come; several choices go by it."""

    values: int = 0
    downs: int = 0
    ups: int = 0
    gates: int = 0


@dataclass(frozen=True, slots=True)
class _About:
    """What the choices ask of the whole model."""

    mix: str
    falcon: bool
    seventy: bool
    experts: int
    per_key: int
    layers: int
    values: int
    tied: bool


def known(name: str) -> str | None:
    """The name of the mix as we spell it, or None."""
    spelled = name.lower().replace("-", "_")
    spelled = ALIASES.get(spelled, spelled)
    return spelled if spelled in DEFAULTS else None


def quantised(model: Model, mix: str) -> Iterator[tuple[int, Weight, Type]]:
    """Every tensor that a file of this mix holds, its block, and the type it gets."""
    stored = sorted(model.stored(), key=lambda one: (one[0], one[1].name))
    about = _about(model, mix, [weight for _, weight in stored])
    count = _Count()
    for block, weight in stored:
        yield block, weight, _type(about, count, block, weight)


def weight_bytes(model: Model, mix: str) -> int:
    """The tensors of a file of this mix, less its header."""
    return sum(stored_bytes(kind, weight) for _, weight, kind in quantised(model, mix))


def stored_bytes(kind: Type, weight: Weight) -> int:
    """What this tensor takes in that type."""
    return bytes_of(kind, weight.columns, weight.rows * weight.stack)


def _about(model: Model, mix: str, stored: list[Weight]) -> _About:
    return _About(
        mix=mix,
        falcon=model.gguf == "falcon",
        seventy=len(model.layers) == SEVENTY.get(model.gguf) and model.per_key > 1,
        experts=model.experts,
        per_key=model.per_key,
        layers=len(model.layers),
        values=sum(_is_value(weight.name) for weight in stored),
        tied=not any(weight.name == "output.weight" for weight in stored),
    )


def _is_value(name: str) -> bool:
    return name in ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight")


def _type(about: _About, count: _Count, block: int, weight: Weight) -> Type:
    default = TYPES[DEFAULTS[about.mix]]
    if not _quantisable(weight):
        half = any(word in weight.name for word in KEPT_AS_F16)
        return F16 if half and about.mix != "f32" else F32
    if default.block == 1:
        return default
    chosen = TYPES[_chosen(about, count, block, weight, default.name)]
    if fits(chosen, weight.columns):
        return chosen
    back = TYPES[FALLBACK.get(chosen.name, chosen.name)]
    return back if fits(back, weight.columns) else F16


def _quantisable(weight: Weight) -> bool:
    name = weight.name
    if weight.rows == 1 and weight.stack == 1:
        return False
    return name.endswith("weight") and not any(word in name for word in KEPT)


def _chosen(about: _About, count: _Count, block: int, weight: Weight, default: str) -> str:
    name, mix = weight.name, about.mix
    embedding = name in ("token_embd.weight", "per_layer_token_embd.weight")
    if name == "output.weight" or (about.tied and embedding):
        return _head(about, weight, default)
    if mix == "mxfp4_moe":
        return "mxfp4" if weight.stack > 1 else "q8_0"
    if embedding:
        return _embedding(mix, default)
    if mix in SMALLEST:
        return _smallest(about, count, name, default)
    if _is_value(name):
        return _value(about, count, default)
    if name in ("attn_k.weight", "attn_q.weight"):
        if about.experts == MIXTRAL and name == "attn_k.weight":
            return "q8_0"
        return {"iq3_xs": "iq3_xxs", "iq3_xxs": "iq2_s"}.get(mix, default)
    if name.startswith("ffn_down"):
        layer = block if about.experts > 1 else count.downs
        count.downs += 1
        return _down(about, layer, default)
    if name == "attn_output.weight":
        return _output(about, default)
    if name.startswith(("ffn_gate", "ffn_up")):
        return _gate_or_up(about, count, block, name, default)
    return default


def _head(about: _About, weight: Weight, default: str) -> str:
    if about.mix == "mxfp4_moe" or about.falcon or not fits(TYPES[default], weight.columns):
        return "q8_0"
    if about.mix in (*SMALLEST, "iq3_xxs"):
        return "q5_k"
    return default if default == "q8_0" else "q6_k"


def _embedding(mix: str, default: str) -> str:
    if mix in ("iq2_xxs", "iq2_xs", "iq1_s", "iq1_m"):
        return "q2_k"
    if mix in ("iq2_s", "iq2_m", "iq3_xxs"):
        return "iq3_s"
    return "q4_k" if mix in ("tq1_0", "tq2_0") else default


def _smallest(about: _About, count: _Count, name: str, default: str) -> str:
    better = "iq3_s" if about.mix in ("iq2_s", "iq2_m") else "q2_k"
    if _is_value(name):
        count.values += 1
        few = about.per_key >= MANY_PER_KEY or about.experts >= MANY_PER_KEY
        return "q4_k" if few else better
    if about.experts == MIXTRAL and name == "attn_k.weight":
        return "q4_k"
    if name.startswith("ffn_down"):
        count.downs += 1
        return better if count.downs - 1 < about.layers // 8 else default
    if name == "attn_output.weight":
        if about.experts == MIXTRAL:
            return "q5_k"
        if about.mix in ("iq1_s", "iq1_m"):
            return "iq2_xxs"
        return "iq3_s" if about.mix in ("iq2_s", "iq2_m") else default
    return default


def _value(about: _About, count: _Count, default: str) -> str:
    at = count.values
    count.values += 1
    chosen = _value_type(about, at, default)
    if about.seventy and chosen in ("q3_k", "q4_k"):
        chosen = "q5_k"
    return "q8_0" if about.experts == MIXTRAL else chosen


def _value_type(about: _About, at: int, default: str) -> str:
    mix, few = about.mix, about.per_key >= MANY_PER_KEY
    if mix in ("q4_k_m", "q5_k_m"):
        return "q6_k" if _more_bits(at, about.values) else default
    always = {
        "q2_k": "q4_k" if few else "q3_k",
        "iq3_xxs": "q4_k" if few else "iq3_s",
        "iq3_m": "q4_k",
        "q3_k_m": "q5_k" if at < 2 else "q4_k",
        "q3_k_l": "q5_k",
        "q4_k_s": "q5_k" if at < 4 else default,
    }
    if mix in always:
        return always[mix]
    if few and mix in ("iq3_xs", "iq3_s", "q2_k_s"):
        return "q4_k"
    return "q5_k" if few and mix in ("iq4_nl", "iq4_xs") else default


def _more_bits(at: int, many: int) -> bool:
    return at < many // 8 or at >= 7 * many // 8 or (at - many // 8) % 3 == 2


def _down(about: _About, at: int, default: str) -> str:
    mix, many, falcon = about.mix, about.layers, about.falcon
    early = at < many // 8
    if mix == "q2_k":
        return "q3_k"
    if mix == "iq3_xxs":
        return "q4_k" if early else "q3_k"
    if mix == "q3_k_m":
        if at < many // 16:
            return "q5_k"
        return "q4_k" if not falcon or _more_bits(at, many) else "q3_k"
    if mix == "q3_k_l":
        return "q4_k" if falcon else "q5_k"
    if mix == "q4_k_m" and falcon:
        return "q6_k" if at < many // 16 else "q5_k" if _more_bits(at, many) else "q4_k"
    if mix in ("q4_k_m", "q5_k_m"):
        return "q6_k" if _more_bits(at, many) else default
    if mix == "iq3_m":
        mixtral = about.experts == MIXTRAL and _more_bits(at, many)
        return "q4_k" if early or mixtral else default
    if early and (mix in ("iq4_nl", "iq4_xs") or (mix == "q4_k_s" and not falcon)):
        return "q5_k"
    return "q4_k" if early and mix == "q2_k_s" else default


def _output(about: _About, default: str) -> str:
    mix = about.mix
    if about.falcon:
        return "q4_k" if mix == "q3_k_l" else default
    if about.experts == MIXTRAL:
        finer = ("q2_k", "iq3_xs", "iq3_xxs", "q3_k_s", "q3_k_m", "iq4_nl", "q4_k_s", "q4_k_m",
                 "iq3_s", "iq3_m", "iq4_xs")  # fmt: skip
        return "q5_k" if mix in finer else default
    chosen = {
        "q2_k": "q3_k",
        "iq3_xxs": "iq3_s",
        "q3_k_m": "q4_k",
        "q3_k_l": "q5_k",
        "iq3_m": "q4_k",
    }
    return chosen.get(mix, default)


def _gate_or_up(about: _About, count: _Count, block: int, name: str, default: str) -> str:
    gate = name.startswith("ffn_gate")
    at = count.gates if gate else count.ups
    if gate:
        count.gates += 1
    else:
        count.ups += 1
    layer = block if about.experts > 1 else at
    middle = about.layers // 8 <= layer < 7 * about.layers // 8
    return "iq3_xxs" if about.mix == "iq3_xs" and middle else default
