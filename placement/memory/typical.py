"""A model of which nothing is known but its size: what models of that size usually need.

"A 7b model" is no model. But most of one size look alike: dense decoders with eight key-value
heads, as the Llama 3 and Qwen 2.5 families have. So one of these stands for it, estimated as any
other, with its weights stretched to the size that was named. Models without grouped heads need up
to four times the cache, and those with latent rows or windows a fraction of it: the confidence is
low, and whoever knows the model's name gets a better answer by it.
"""

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from placement.memory.description import describe
from placement.memory.engines import BY_WORD
from placement.memory.estimate import estimate
from placement.memory.model import Model
from placement.memory.requests import Asked, Confidence, Estimate, Impossible, Interval, Term

REMEMBERED_MAX: Final = 64
VOCABULARY: Final = 128_256
"""Llama 3's; of the usual ones between 32,000 and 262,144 in the middle."""
STRETCHED: Final = ("weights", "token embedding")


class Shape(NamedTuple):
    """Up to so many parameters, models look like this one."""

    most: Decimal
    layers: int
    hidden: int
    inner: int
    heads: int
    like: str


LADDER: Final = (
    Shape(Decimal("2e9"), 16, 2048, 8192, 32, "Llama 3.2 1B"),
    Shape(Decimal("5e9"), 28, 3072, 8192, 24, "Llama 3.2 3B"),
    Shape(Decimal("1e10"), 32, 4096, 14336, 32, "Llama 3.1 8B"),
    Shape(Decimal("2e10"), 48, 5120, 13824, 40, "Qwen 2.5 14B"),
    Shape(Decimal("4e10"), 64, 5120, 27648, 40, "Qwen 2.5 32B"),
    Shape(Decimal("1.5e11"), 80, 8192, 28672, 64, "Llama 3.1 70B"),
    Shape(Decimal("5e12"), 126, 16384, 53248, 128, "Llama 3.1 405B"),
)
"""Their published config.json; eight key-value heads each."""


def usual_quant(engine: str) -> str:
    """What most people run with this engine."""
    profile = BY_WORD.get(engine)
    if profile is None or profile.gguf:
        return "q4_k_m"
    return "mlx-4bit" if profile.name == "mlx" else "bf16"


def like(parameters: Decimal) -> Shape:
    """What a model of this size is taken for."""
    return next(shape for shape in LADDER if parameters <= shape.most)


def estimate_by_size(parameters: Decimal, asked: Asked) -> Estimate | Impossible:
    """As `estimate`, for a dense model of so many parameters."""
    shape = like(parameters)
    model = _model(shape)
    made = _estimated(shape, asked)
    if isinstance(made, Impossible):
        return made
    share = parameters / model.text_parameters()
    terms = tuple(
        term._replace(amount=_stretched(term.amount, share)) if term.name in STRETCHED else term
        for term in made.terms
    )
    note = f"nothing is known but the size: taken for one like {shape.like}"
    return replace(made, terms=terms, confidence=Confidence.LOW, notes=(*made.notes, note))


@lru_cache(REMEMBERED_MAX)
def _model(shape: Shape) -> Model:
    made = describe(
        {
            "model_type": "llama", "num_hidden_layers": shape.layers, "hidden_size": shape.hidden,
            "intermediate_size": shape.inner, "num_attention_heads": shape.heads,
            "num_key_value_heads": 8, "vocab_size": VOCABULARY, "tie_word_embeddings": False,
        }
    )  # fmt: skip
    assert isinstance(made, Model), "the ladder is ours"
    return made


@lru_cache(REMEMBERED_MAX)
def _estimated(shape: Shape, asked: Asked) -> Estimate | Impossible:
    return estimate(_model(shape), asked)


def _stretched(amount: Interval, share: Decimal) -> Interval:
    low, likely, high = (int(one * share) for one in amount)
    return Interval(low, likely, high)


def whole(made: Estimate) -> tuple[Term, ...]:
    """All that must be free somewhere: on cards, or in the main memory that stands in for one.
    What an engine may keep beside on the host is its own affair."""
    return tuple(term for term in made.terms if not term.host or term.name in STRETCHED)
