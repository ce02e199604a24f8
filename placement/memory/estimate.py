"""How much room a model needs: itemised, with an interval on every line and where it comes from.

The likely figure is what the engine should report. The high one is what has to be free for us to
say that it fits; it is never below a figure that we can count.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from placement.memory.caches import cache_interval
from placement.memory.engines import BY_WORD, GIB, MIB, RUNTIMES, Engine
from placement.memory.llamacpp import Context, cache_bytes, compute_bytes, refused
from placement.memory.mixes import ALIASES, DEFAULTS, known, quantised, stored_bytes
from placement.memory.model import Model, Weight
from placement.memory.requests import (
    EXPERT_SCHEMES,
    NONE,
    SCHEMES,
    Asked,
    Confidence,
    Estimate,
    Impossible,
    Interval,
    Term,
    around,
    exactly,
    wrong,
)
from placement.memory.types import F16

RULE_UNDER, RULE_OVER = 0.02, 0.045
"""How far a file of this name may lie from the rule: uploaders raise some tensors, or join them."""
COMPUTE_OFF: Final = 0.10
COMPUTE_BYTES_OFF: Final = 150 * MIB
PICTURE_GRAPH: Final = Interval(200 * MIB, 1024 * MIB, 2048 * MIB)
"""What encoding a picture takes while it lasts (Gemma 3: 1.0 GiB beside 0.8 GiB of weights)."""
PROMPT_CACHE: Final = Interval(0, 0, 8 * GIB)
"""What llama-server keeps of old prompts on the host at most (`--cache-ram`)."""
ACTIVATIONS: Final = ((10_000_000_000, 1), (80_000_000_000, 2), (1 << 60, 3))
"""GiB that a paged engine sets aside to run, by parameters; logs say 0.2 to 2.5."""


def estimate(model: Model, asked: Asked) -> Estimate | Impossible:
    """The answer for one card, or for all of them taken together."""
    no = wrong(asked)
    if no is not None:
        return no
    engine = BY_WORD.get(asked.engine.lower())
    if engine is None:
        return Impossible(f"no engine {asked.engine!r}", ", ".join(sorted(BY_WORD)))
    if asked.backend not in RUNTIMES:
        return Impossible(f"no backend {asked.backend!r}", ", ".join(RUNTIMES))
    if engine.exact and not model.gguf:
        return Impossible(f"{engine.name} has no rules for {model.family}", "ask another engine")
    context = context_of(asked)
    if engine.exact:
        refusal = refused(model, context)
        if refusal is not None:
            return Impossible(f"{engine.name} refuses: {refusal.why}", "another cache type")
    terms = tuple(term for term in _terms(model, asked, engine) if term.amount != NONE)
    return Estimate(
        model=model.family,
        engine=engine.name,
        confidence=_confidence(model, engine),
        terms=terms,
        notes=tuple(_notes(model, asked, engine)),
    )


def context_of(asked: Asked) -> Context:
    """The question as llama.cpp would be asked: each sequence has a stream of its own."""
    return Context(
        tokens=asked.context * asked.parallel, sequences=asked.parallel, ubatch=asked.ubatch,
        flash=asked.flash, key_type=asked.key_type, value_type=asked.value_type,
        swa_full=asked.swa_full, unified=asked.parallel == 1, rollback=asked.rollback,
    )  # fmt: skip


def _terms(model: Model, asked: Asked, engine: Engine) -> Iterator[Term]:
    yield from weight_terms(model, asked, engine)
    yield cache_term(model, asked, engine)
    yield compute_term(model, asked, engine)
    if model.towers and asked.picture:
        bytes_ = sum(weight.elements for weight in model.towers) * F16.bytes
        yield Term("projector", around(bytes_, 0.02, 0.02), "its towers at half precision")
        yield Term("picture", PICTURE_GRAPH, "while a picture is encoded: logs")
    if asked.lora_rank:
        yield Term("adapters", lora_bytes(model, asked), "2 · rank · (in + out) per matrix")
    amount, source = RUNTIMES[asked.backend]
    yield Term("runtime", amount, source)
    yield Term("beside", engine.beside, engine.source)
    if engine.exact:
        yield Term("prompt cache", PROMPT_CACHE, "llama-server --cache-ram", host=True)


def weight_terms(model: Model, asked: Asked, engine: Engine) -> Iterator[Term]:
    """The weights, on the card and on the host."""
    if asked.weight_bytes is not None:
        whole, source = exactly(asked.weight_bytes), "the file's own table"
    else:
        whole, source = rule_bytes(model, asked.quant, asked.expert_quant)
    table = _host_table(model, asked) if engine.gguf and asked.backend != "cpu" else 0
    if not table:
        yield Term("weights", whole, source)
        return
    # The input embedding stays on the host; a tied head is a second copy of it on the card.
    kept = 0 if model.tied else table
    device = Interval(max(0, whole.low - kept), whole.likely - kept, whole.high - kept)
    yield Term("weights", device, source)
    yield Term("token embedding", exactly(table), "llama.cpp keeps it on the host", host=True)


def _host_table(model: Model, asked: Asked) -> int:
    mix = known(asked.quant)
    if mix is None:
        return 0
    for _, weight, kind in quantised(model, mix):
        if weight.name == "token_embd.weight":
            return stored_bytes(kind, weight)
    return 0


def rule_bytes(model: Model, quant: str, experts: str = "") -> tuple[Interval, str]:
    """The weights by the name of their quantisation, and experts by theirs."""
    if experts and experts != quant and model.experts:
        return _apart(model, quant, experts)
    mix = known(quant)
    if mix is not None:
        size = sum(stored_bytes(kind, weight) for _, weight, kind in quantised(model, mix))
        if DEFAULTS[mix] in ("f32", "f16", "bf16"):
            return around(size, 0.005, 0.005), f"{mix}: every matrix alike"
        return around(size, RULE_UNDER, RULE_OVER), f"llama-quantize's rule for {mix}"
    bits, how = SCHEMES[quant.lower()]
    inner = ends = 0
    every = quant.lower().startswith("mlx")
    for block, weight in model.weights():
        if (block >= 0 or every) and _quantisable(weight):
            inner += weight.elements
        else:
            ends += weight.elements
    size = int(inner * bits / 8) + ends * F16.bytes
    return around(size, 0.05, 0.10), f"{quant.lower()}: {how}; the rest at 16 bits"


def _apart(model: Model, quant: str, experts: str) -> tuple[Interval, str]:
    """Experts stored in one way, the rest in another, the ends at 16 bits."""
    few, how = EXPERT_SCHEMES[experts]
    rest = EXPERT_SCHEMES.get(quant.lower(), EXPERT_SCHEMES["bf16"])[0]
    bits = 0.0
    for block, weight in model.weights():
        inner = block >= 0 and _quantisable(weight)
        bits += weight.elements * (few if weight.routed else rest if inner else 16)
    return around(int(bits / 8), 0.05, 0.10), f"experts {experts} ({how}), the rest {quant}"


def _quantisable(weight: Weight) -> bool:
    return weight.rows > 1 and "ffn_gate_inp" not in weight.name and "conv" not in weight.name


def cache_term(model: Model, asked: Asked, engine: Engine) -> Term:
    """What is kept per token and per sequence."""
    if engine.exact:
        return Term("cache", exactly(cache_bytes(model, context_of(asked))), engine.source)
    return Term("cache", cache_interval(model, asked, engine), engine.source)


def compute_term(model: Model, asked: Asked, engine: Engine) -> Term:
    """What running takes beside what is kept."""
    if engine.gguf:
        likely = compute_bytes(model, context_of(asked))
        off = max(int(likely * COMPUTE_OFF), COMPUTE_BYTES_OFF)
        amount = Interval(max(0, likely - off), likely, likely + off)
        return Term("compute", amount, "fitted to llama.cpp's reserved graphs")
    parameters = model.parameters()
    gib = next(gib for most, gib in ACTIVATIONS if parameters <= most)
    amount = Interval(GIB // 4, gib * GIB, (gib + 1) * GIB)
    return Term("compute", amount, "logged activation peaks, by size")


def lora_bytes(model: Model, asked: Asked) -> Interval:
    """Adapters on every matrix of every block."""
    wide = sum(
        weight.columns + weight.rows
        for layer in model.layers
        for weight in layer.weights
        if weight.rows > 1 and weight.stack == 1
    )
    return around(asked.loras * asked.lora_rank * wide * F16.bytes, 0.7, 0.0)


def _confidence(model: Model, engine: Engine) -> Confidence:
    if engine.name == "unknown":
        return Confidence.UNKNOWN
    if engine.exact:
        return Confidence.HIGH
    states = any(layer.cache.per_sequence for layer in model.layers)
    windows = any(layer.cache.window for layer in model.layers)
    if engine.takes_share and (states or windows):
        return Confidence.LOW
    return Confidence.MEDIUM


def _notes(model: Model, asked: Asked, engine: Engine) -> Iterator[str]:
    if asked.context > model.trained_context > 0:
        yield f"trained for {model.trained_context:,} tokens, asked for {asked.context:,}"
    if engine.takes_share:
        share = f"{engine.takes_share:.0%}"
        yield f"{engine.name} takes {share} of each card whatever it needs; this is the least"
    if engine.grows:
        yield f"{engine.name} takes the cache as the text grows: too little room shows late"
    if engine.exact and not model.windowed and any(layer.cache.window for layer in model.layers):
        yield f"{engine.name} makes no use of this model's window"
    if not model.tower_known:
        yield "its vision has no rules here, and is not counted"
    spelled = asked.quant.lower().replace("-", "_")
    if spelled in ALIASES:
        yield f"{asked.quant} is read as {ALIASES[spelled]}"


def with_draft(whole: Estimate, draft: Estimate) -> Estimate:
    """A second model that guesses ahead: its weights, cache and compute beside the first's."""
    parts = tuple(
        replace_name(term, f"draft {term.name}") for term in draft.terms if term.name != "runtime"
    )
    return replace(whole, terms=(*whole.terms, *parts))


def replace_name(term: Term, name: str) -> Term:
    return term._replace(name=name)
