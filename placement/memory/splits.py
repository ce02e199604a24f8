"""One model on several cards: what each of them holds, and what all of them hold again.

By layers, a block's weights and its cache live together; the head stands on the last card, the
input embedding on the host or the first. Balanced by bytes and never by count: a layer that sees
everything may keep twenty times what a windowed one does. By tensors, every matrix is cut, but
norms, routers and latent rows are whole on each card, and no card has less than one key head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from placement.memory.caches import state_bytes, token_bytes
from placement.memory.engines import BY_WORD, MIB, RUNTIMES, Engine
from placement.memory.estimate import compute_term, context_of, rule_bytes, weight_terms
from placement.memory.llamacpp import layer_bytes
from placement.memory.mixes import known, quantised, stored_bytes
from placement.memory.model import Cache, Layer, Model, Weight
from placement.memory.requests import CARDS_MAX, NONE, Asked, Impossible, Interval, Term, exactly
from placement.memory.types import F16, TYPES

LAYERS, TENSORS = "layer", "tensor"
HOWS: Final = (LAYERS, TENSORS)
EXCHANGE: Final = Interval(200 * MIB, 512 * MIB, 1024 * MIB)
"""What cards that work on the same token keep to exchange sums."""
WHOLE: Final = ("attn_q_a.weight", "attn_kv_a_mqa.weight", "ffn_gate_inp", "indexer", "ssm_ba")
"""Matrices that every card holds whole."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one card holds."""

    card: int
    first: int
    last: int
    """The blocks; all of them when the tensors are cut."""
    terms: tuple[Term, ...]

    @property
    def total(self) -> Interval:
        total = NONE
        for term in self.terms:
            total = total.plus(term.amount)
        return total


def split(model: Model, asked: Asked, cards: int, how: str) -> tuple[Part, ...] | Impossible:
    """The parts, one for each card."""
    engine = BY_WORD.get(asked.engine.lower())
    if engine is None or how not in HOWS:
        return Impossible("no such engine or way to split", ", ".join(HOWS))
    if not 1 <= cards <= CARDS_MAX:
        return Impossible(f"{cards} cards is outside 1 to {CARDS_MAX}")
    if how == TENSORS:
        no = uncut(model, cards)
        return no if no is not None else _cut(model, asked, engine, cards)
    if cards > len(model.layers):
        return Impossible(f"{len(model.layers)} layers do not reach over {cards} cards")
    return _staged(model, asked, engine, cards)


def uncut(model: Model, cards: int) -> Impossible | None:
    """Why the heads of this model can't be shared out over so many cards."""
    if model.heads % cards:
        return Impossible(f"{model.heads} heads do not divide by {cards}", "a divisor of the heads")
    for layer in model.layers:
        kv = layer.cache.heads
        if kv and not layer.cache.latent and kv % cards and cards % kv:
            return Impossible(f"{kv} key heads and {cards} cards do not divide each other")
    return None


def per_card(cache: Cache, cards: int) -> Cache:
    """What one card of several keeps of a layer. The latent row is on all of them."""
    if cache.latent or not cache.heads:
        return replace(cache, conv=-(-cache.conv // cards), state=-(-cache.state // cards))
    mine = -(-cache.heads // cards)
    return replace(
        cache, key=mine * cache.head_key, value=mine * cache.head_value, heads=mine,
        conv=-(-cache.conv // cards), state=-(-cache.state // cards),
    )  # fmt: skip


def _weights_by_block(model: Model, asked: Asked) -> list[int]:
    """Bytes of each block, and of what belongs to none at the end."""
    sizes = [0] * (len(model.layers) + len(model.encoder) + 1)
    mix = known(asked.quant)
    if mix is not None:
        for block, weight, kind in quantised(model, mix):
            sizes[block] += stored_bytes(kind, weight)
    else:
        for block, weight in model.weights():
            sizes[block] += weight.elements * F16.bytes
    whole = asked.weight_bytes or rule_bytes(model, asked.quant)[0].likely
    factor = whole / sum(sizes) if sum(sizes) else 0.0
    return [int(size * factor) for size in sizes]


def _kept(model: Model, layer: Layer, asked: Asked, engine: Engine, widest: int) -> int:
    if engine.exact:
        return layer_bytes(model, layer.cache, context_of(asked), widest)
    kinds = TYPES[asked.key_type], TYPES[asked.value_type]
    one = token_bytes(layer.cache, asked, engine, kinds) + state_bytes(layer.cache, engine, asked)
    return asked.parallel * one


def _staged(model: Model, asked: Asked, engine: Engine, cards: int) -> tuple[Part, ...]:
    weights = _weights_by_block(model, asked)
    widest = max((layer.cache.value for layer in model.layers), default=0)
    kept = [_kept(model, layer, asked, engine, widest) for layer in model.layers]
    costs = [weight + cache for weight, cache in zip(weights, kept, strict=False)]
    ends = balanced(costs, cards, weights[-1])
    compute = compute_term(model, asked, engine)
    parts, first = [], 0
    for card, last in enumerate(ends):
        mine = exactly(sum(weights[first:last]))
        if card == cards - 1:
            head = next(iter(weight_terms(model, asked, engine))).amount.likely
            blocks = sum(weights[: len(model.layers)])
            mine = mine.plus(exactly(max(0, head - blocks)))
        terms = (
            Term("weights", mine, f"blocks {first} to {last - 1}"),
            Term("cache", exactly(sum(kept[first:last])), engine.source),
            compute,
            Term("runtime", *RUNTIMES[asked.backend]),
            Term("beside", engine.beside, engine.source),
        )
        parts.append(Part(card, first, last - 1, terms))
        first = last
    return tuple(parts)


def balanced(costs: Sequence[int], cards: int, at_end: int) -> list[int]:
    """Where to cut so that the largest part is as small as it can be; the last bears `at_end`."""
    low, high = max((*costs, at_end)), sum(costs) + at_end
    while low < high:
        middle = (low + high) // 2
        if _needed(costs, middle, at_end) <= cards:
            high = middle
        else:
            low = middle + 1
    ends: list[int] = []
    sum_, left = 0, cards
    for at, cost in enumerate(costs):
        # Every later card must have a layer to hold.
        crowded = len(costs) - at <= left - 1
        if at and (sum_ + cost > low or crowded) and len(ends) < cards - 1:
            ends.append(at)
            sum_, left = 0, left - 1
        sum_ += cost
    return [*ends, len(costs)]


def _needed(costs: Sequence[int], most: int, at_end: int) -> int:
    cards, sum_ = 1, 0
    for cost in costs:
        if sum_ + cost > most:
            cards, sum_ = cards + 1, 0
        sum_ += cost
    return cards + (1 if sum_ + at_end > most else 0)


def _cut(model: Model, asked: Asked, engine: Engine, cards: int) -> tuple[Part, ...]:
    whole, source = rule_bytes(model, asked.quant)
    if asked.weight_bytes is not None:
        whole, source = exactly(asked.weight_bytes), "the file's own table"
    again = sum(weight.elements for _, weight in model.weights() if _on_every_card(weight))
    share = again / max(1, model.text_parameters())
    part = share + (1 - share) / cards
    mine = Interval(*(int(amount * part) for amount in whole))
    layers = tuple(replace(layer, cache=per_card(layer.cache, cards)) for layer in model.layers)
    lesser = replace(model, layers=layers)
    widest = max((layer.cache.value for layer in layers), default=0)
    kept = sum(_kept(lesser, layer, asked, engine, widest) for layer in layers)
    terms = (
        Term("weights", mine, f"{source}; {share:.1%} on every card"),
        Term("cache", exactly(kept), engine.source),
        compute_term(model, asked, engine),
        Term("exchange", EXCHANGE if cards > 1 else NONE, "all-reduce buffers"),
        Term("runtime", *RUNTIMES[asked.backend]),
        Term("beside", engine.beside, engine.source),
    )
    return tuple(Part(card, 0, len(layers) - 1, terms) for card in range(cards))


def _on_every_card(weight: Weight) -> bool:
    return weight.rows == 1 or any(word in weight.name for word in WHOLE)
