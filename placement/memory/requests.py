"""What is asked of an estimate, and the shape of its answer."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from placement.memory.mixes import known
from placement.memory.types import CACHE_TYPES

CONTEXT_MAX: Final = 1 << 28
"""Tokens for one sequence."""
PARALLEL_MAX: Final = 1_024
UBATCH_MAX: Final = 1 << 16
CARDS_MAX: Final = 256
LORA_RANK_MAX: Final = 4_096
LORAS_MAX: Final = 1_024


class Confidence(StrEnum):
    """How far the answer may be relied on."""

    HIGH = "high"
    """Counted as the engine counts; only what no engine reports is a margin."""
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"
    """An upper bound and no more."""


class Interval(NamedTuple):
    """Bytes: at best, most likely, at worst."""

    low: int
    likely: int
    high: int

    def plus(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, many: int) -> "Interval":
        return Interval(self.low * many, self.likely * many, self.high * many)


NONE: Final = Interval(0, 0, 0)


def exactly(amount: int) -> Interval:
    """Known to the byte."""
    return Interval(amount, amount, amount)


def around(amount: int, under: float, over: float) -> Interval:
    """Known within so much less and so much more."""
    return Interval(int(amount * (1 - under)), amount, int(amount * (1 + over)))


class Term(NamedTuple):
    """One line of an estimate: what for, how much, on the host or on a card, and says who."""

    name: str
    amount: Interval
    source: str
    host: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `context` is what each of the `parallel` sequences may use."""

    engine: str = "llama.cpp"
    quant: str = "q4_k_m"
    expert_quant: str = ""
    """How routed experts are stored, where that is another way."""
    context: int = 8192
    parallel: int = 1
    ubatch: int = 512
    flash: bool = True
    key_type: str = "f16"
    value_type: str = "f16"
    swa_full: bool = False
    backend: str = "cuda"
    weight_bytes: int | None = None
    """The file's own, where there is one: then no rule is asked."""
    picture: bool = True
    """Whether the towers are loaded."""
    lora_rank: int = 0
    loras: int = 1
    rollback: int = 0


@dataclass(frozen=True, slots=True)
class Impossible:
    """A question that has no answer, and what to ask instead."""

    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The answer, itemised. `total` is what has to be free on the cards."""

    model: str
    engine: str
    confidence: Confidence
    terms: tuple[Term, ...]
    notes: tuple[str, ...] = ()
    only_at_most: bool = False
    """Nothing is known but the upper bound."""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> Interval:
        return _sum(term.amount for term in self.terms if not term.host)

    @property
    def host(self) -> Interval:
        return _sum(term.amount for term in self.terms if term.host)


def _sum(amounts: Any) -> Interval:
    total = NONE
    for amount in amounts:
        total = total.plus(amount)
    return total


def wrong(asked: Asked) -> Impossible | None:
    """What is out of bounds or not a word we know."""
    bounds = (
        ("context", asked.context, 1, CONTEXT_MAX), ("parallel", asked.parallel, 1, PARALLEL_MAX),
        ("ubatch", asked.ubatch, 1, UBATCH_MAX), ("LoRA rank", asked.lora_rank, 0, LORA_RANK_MAX),
        ("number of adapters", asked.loras, 1, LORAS_MAX),
    )  # fmt: skip
    for name, value, least, most in bounds:
        if not least <= value <= most:
            return Impossible(f"the {name} is {value:,}, outside {least:,} to {most:,}")
    for word in (asked.key_type, asked.value_type):
        if word not in CACHE_TYPES:
            return Impossible(f"no cache type {word!r}", ", ".join(CACHE_TYPES))
    if asked.expert_quant and asked.expert_quant not in EXPERT_SCHEMES:
        return Impossible(f"no quantisation {asked.expert_quant!r} of experts")
    if known(asked.quant) is None and asked.quant.lower() not in SCHEMES:
        names = ("q4_k_m", "q8_0", "f16", *SCHEMES)
        return Impossible(f"no quantisation {asked.quant!r}", f"for example {', '.join(names)}")
    return None


SCHEMES: Final = {
    "fp8": (8.002, "one byte and a scale per block of 128"),
    "int8": (8.02, "one byte and a scale per row"),
    "awq": (4.156, "4 bits, groups of 128"),
    "gptq": (4.17, "4 bits, groups of 128, an index per row"),
    "int4": (4.156, "4 bits, groups of 128"),
    "int4-g32": (4.5, "4 bits, groups of 32"),
    "nf4": (4.13, "4 bits, double quantised"),
    "nvfp4": (4.5, "4 bits, a scale per 16"),
    "mlx-4bit": (4.5, "4 bits, groups of 64"),
    "mlx-6bit": (6.5, "6 bits, groups of 64"),
    "mlx-8bit": (8.5, "8 bits, groups of 64"),
}
"""Safetensors schemes: bits for each weight that they quantise; the ends usually stay at 16."""
EXPERT_SCHEMES: Final = {
    **SCHEMES,
    "mxfp4": (4.25, "4 bits, a scale per 32"),
    "bf16": (16.0, "as they are"),
}
"""The same for experts, which come in one kind more."""
