"""The way in: a `config.json` or the key-values of a GGUF, and out comes a `Model` or why not.

Nothing here trusts what it reads. A configuration of a kind we have no rules for is `Undescribed`
with `known=False`: we refuse to guess rather than say that it fits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from placement.memory.encoders import ENCODER_ARCHS, ENCODERS, encoder, encoder_config
from placement.memory.families import BY_ARCH, BY_TYPE
from placement.memory.gguf import Keys, with_caches
from placement.memory.model import ELEMENTS_MAX, Model
from placement.memory.peculiar import PECULIAR
from placement.memory.reading import Malformed, Reading
from placement.memory.towers import towers
from placement.memory.translated import config_of

INSIDE: Final = ("text_config", "llm_config", "language_config", "thinker_config", "decoder")
DEPTH_MAX: Final = 3
"""How deep one configuration may hide another."""
KIND_MAX: Final = 60
"""Characters of a model_type that we repeat."""


@dataclass(frozen=True, slots=True)
class Undescribed:
    """Why there is no model. `known`: the kind has rules, but its fields contradict them."""

    kind: str
    why: str
    known: bool = False
    field: str = ""


def describe(config: Mapping[str, Any]) -> Model | Undescribed:
    """The model that this `config.json` tells of."""
    text, kind = _text(config)
    if kind in ENCODERS:
        return _guarded(kind, lambda: encoder(Reading(text), kind))
    family = BY_TYPE.get(kind)
    if family is None:
        return Undescribed(kind[:KIND_MAX], "no rules for this kind of model")
    made = _guarded(kind, lambda: PECULIAR[family.peculiar](Reading(text), family).model())
    if isinstance(made, Undescribed):
        return made
    return _guarded(kind, lambda: _with_towers(made, config))


def describe_gguf(kv: Mapping[str, Any]) -> Model | Undescribed:
    """The model that a GGUF with these key-values holds."""
    arch = kv.get("general.architecture")
    kind = arch if isinstance(arch, str) else ""
    return _guarded(kind, lambda: _of_gguf(kv, kind))


def _of_gguf(kv: Mapping[str, Any], kind: str) -> Model | Undescribed:
    keys = Keys(kv)
    if kind in ENCODER_ARCHS:
        return with_caches(encoder(Reading(encoder_config(keys)), ENCODER_ARCHS[kind]), keys)
    family = BY_ARCH.get(kind)
    if family is None:
        return Undescribed(kind[:KIND_MAX], "no rules for this architecture")
    made = PECULIAR[family.peculiar](Reading(config_of(keys)), family).model()
    return with_caches(made, keys)


def _text(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The text model's own fields, and its kind. What it leaves out, the outer one may say."""
    kind = config.get("model_type")
    for _ in range(DEPTH_MAX):
        inner = next((config[k] for k in INSIDE if isinstance(config.get(k), Mapping)), None)
        if inner is None:
            break
        merged = dict(inner)
        if merged.get("vocab_size") is None and config.get("vocab_size") is not None:
            merged["vocab_size"] = config["vocab_size"]
        # Whether the head is tied is the whole model's affair: its own word comes first.
        if config.get("tie_word_embeddings") is not None:
            merged["tie_word_embeddings"] = config["tie_word_embeddings"]
        kind = inner.get("model_type") or TEXT_OF.get(str(kind), kind)
        config = merged
    kind = kind if isinstance(kind, str) else ""
    return config, TEXT_OF.get(kind, kind)


TEXT_OF: Final = {
    "mllama": "mllama_text_model",
    "gemma3": "gemma3_text", "gemma4": "gemma4_text", "gemma3n": "gemma3n_text",
    "gemma4_unified": "gemma4_unified_text",
    "llama4": "llama4_text", "qwen3_5": "qwen3_5_text", "qwen3_5_moe": "qwen3_5_moe_text",
    "qwen3_vl": "qwen3_vl_text", "qwen3_vl_moe": "qwen3_vl_moe_text", "qwen2_vl_text": "qwen2_vl",
    "qwen2_5_vl_text": "qwen2_5_vl", "qwen2_5_omni_text": "qwen2", "kimi_k25": "kimi_k2",
    "llava": "llama", "mistral3": "mistral", "pixtral": "mistral", "glm4v": "glm4v_text",
    "glm4v_moe": "glm4v_moe_text", "step3p5": "step3p5", "glm5_next": "glm5_next_text",
    "dots3_note": "dots3_note_text", "minimax_m3_vl": "minimax_m3_vl_text",
    "muse_glimmer": "muse_glimmer_text", "paddleocr_vl": "paddleocr_vl_text",
     "qwen2_audio_encoder": "qwen2",
}  # fmt: skip
"""The kind of the text model inside a model that is more than text."""


def _guarded(kind: str, make: Callable[[], Model | Undescribed]) -> Model | Undescribed:
    try:
        made = make()
    except Malformed as wrong:
        return Undescribed(kind[:KIND_MAX], str(wrong), known=True, field=wrong.field)
    if isinstance(made, Model) and made.parameters() > ELEMENTS_MAX:
        return Undescribed(kind[:KIND_MAX], "has more parameters than any model", known=True)
    return made


def _with_towers(model: Model, config: Mapping[str, Any]) -> Model:
    found = towers(config, model.hidden)
    if found is None:
        return replace(model, tower_known=False)
    return replace(model, towers=found)
