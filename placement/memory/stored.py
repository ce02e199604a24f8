"""How a configuration says that its weights are stored, for those who have no file to weigh.

A checkpoint of today is seldom of one kind: experts in four bits beside attention in sixteen is the
rule for large mixtures. What is not said is at sixteen bits.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

INSIDE: Final = ("text_config", "llm_config")
SMALL_GROUP: Final = 32
FOUR_BITS: Final = 4
EIGHT_BITS: Final = 8
ALGORITHMS: Final = {"NVFP4": "nvfp4", "FP8": "fp8", "W4A16_AWQ": "awq", "INT8": "int8"}
PLAIN: Final = {"fp8": "fp8", "awq": "awq", "fbgemm_fp8": "fp8", "mxfp4": "mxfp4"}
ATTENTION_WORDS: Final = ("attn", "attention")
ALONE_MAX: Final = 1_024
"""Names of what was left alone that are looked at."""


class Stored(NamedTuple):
    """Two words of `requests.SCHEMES`, or bf16: the rest, and routed experts."""

    rest: str
    experts: str


PLAINLY: Final = Stored("bf16", "bf16")


def stored(config: Mapping[str, Any]) -> Stored:
    """What this configuration says of its own weights."""
    inner: Mapping[str, Any] = next(
        (config[k] for k in INSIDE if isinstance(config.get(k), Mapping)), {}
    )
    said = config.get("quantization_config") or inner.get("quantization_config")
    if not isinstance(said, Mapping):
        return PLAINLY
    scheme = _scheme(said)
    if scheme is None:
        return PLAINLY
    experts = _experts(config, said) or scheme
    if scheme == "mxfp4" or (experts != "fp8" and _spares_attention(said)):
        # What is listed as left alone is nearly always everything but the experts.
        return Stored("bf16", experts)
    return Stored(scheme, experts)


def _scheme(said: Mapping[str, Any]) -> str | None:
    method = str(said.get("quant_method", "")).lower()
    if method in PLAIN:
        return PLAIN[method]
    algorithm = ALGORITHMS.get(str(said.get("quant_algo", "")).upper())
    if algorithm is not None:
        return algorithm
    if method in ("gptq", "gptqmodel", "auto-round"):
        return {FOUR_BITS: "gptq", EIGHT_BITS: "int8"}.get(_whole(said.get("bits")))
    if method == "bitsandbytes":
        return "nf4" if said.get("load_in_4bit") else "int8"
    return _of_groups(said)


def _of_groups(said: Mapping[str, Any]) -> str | None:
    """compressed-tensors and modelopt list groups of layers, with the type of their weights."""
    groups = said.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    if not isinstance(weights, Mapping):
        return None
    float_ = str(weights.get("type", "")).lower() == "float"
    small = 0 < _whole(weights.get("group_size")) <= SMALL_GROUP
    four = "nvfp4" if float_ else "int4-g32" if small else "int4"
    names = {FOUR_BITS: four, EIGHT_BITS: "fp8" if float_ else "int8"}
    return names.get(_whole(weights.get("num_bits")))


def _experts(config: Mapping[str, Any], said: Mapping[str, Any]) -> str | None:
    algorithm = ALGORITHMS.get(str(said.get("moe_quant_algo", "")).upper())
    if algorithm is not None:
        return algorithm
    return "mxfp4" if str(config.get("expert_dtype", "")).lower() == "fp4" else None


def _spares_attention(said: Mapping[str, Any]) -> bool:
    alone = said.get("ignore") or said.get("modules_to_not_convert") or said.get("exclude_modules")
    if not isinstance(alone, Sequence) or isinstance(alone, str):
        return False
    return any(part in str(one) for one in alone[:ALONE_MAX] for part in ATTENTION_WORDS)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
