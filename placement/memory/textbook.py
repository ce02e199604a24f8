"""What can still be said of a model without rules: not more than this.

Every head keeps its own keys and values, no layer has a window, and the weights are those of the
file. Without the sizes for even that there is no bound, and we say so rather than pick a number.
"""

from collections.abc import Mapping
from typing import Any

from placement.memory.description import Undescribed
from placement.memory.engines import BY_WORD, GIB, RUNTIMES
from placement.memory.model import LAYERS_MAX
from placement.memory.reading import Malformed, Reading
from placement.memory.requests import (
    NONE,
    Asked,
    Confidence,
    Estimate,
    Impossible,
    Interval,
    Term,
    wrong,
)
from placement.memory.types import F32

INSIDE = ("text_config", "llm_config", "language_config")


def at_most(config: Mapping[str, Any], no: Undescribed, asked: Asked) -> Estimate | Impossible:
    """An upper bound for a model of an unknown kind, from its file's weights and its sizes."""
    refusal = wrong(asked)
    if refusal is not None:
        return refusal
    if asked.backend not in RUNTIMES or asked.engine not in BY_WORD:
        return Impossible("no such engine or backend")
    if asked.weight_bytes is None:
        return Impossible(
            f"nothing is known of {no.kind or 'this kind'!r}: {no.why}",
            "with its files here there would at least be an upper bound",
        )
    inner = next((config[k] for k in INSIDE if isinstance(config.get(k), Mapping)), config)
    try:
        cache, compute = _sizes(Reading(inner), asked)
    except Malformed as wrong_field:
        return Impossible(f"no upper bound either: {wrong_field}")
    runtime, source = RUNTIMES[asked.backend]
    terms = (
        Term("weights", _bound(asked.weight_bytes), "the file's own table"),
        Term("cache", _bound(cache), "every head of every layer, for every token"),
        Term("compute", _bound(compute), "every score and every logit at once"),
        Term("runtime", _bound(runtime.high), source),
        Term("beside", _bound(3 * GIB), "the worst of the engines"),
    )
    return Estimate(
        model=no.kind or "unknown", engine=BY_WORD[asked.engine].name,
        confidence=Confidence.UNKNOWN, terms=tuple(term for term in terms if term.amount != NONE),
        notes=(f"{no.why}: this is an upper bound and no estimate",), only_at_most=True,
    )  # fmt: skip


def _bound(amount: int) -> Interval:
    return Interval(0, amount, amount)


def _sizes(told: Reading, asked: Asked) -> tuple[int, int]:
    layers = told.whole("num_hidden_layers", "n_layer", "n_layers", "num_layers", most=LAYERS_MAX)
    hidden = told.whole("hidden_size", "n_embd", "d_model")
    heads = told.maybe("num_attention_heads", "n_head", "num_heads")
    width = told.maybe("head_dim")
    wide = max(hidden, heads * width)
    vocabulary = told.whole("vocab_size", default=1)
    cache = 2 * layers * wide * F32.bytes * asked.context * asked.parallel
    scores = F32.bytes * asked.ubatch * asked.context * asked.parallel * max(1, heads)
    return cache, scores + F32.bytes * asked.ubatch * (vocabulary + 16 * hidden)
