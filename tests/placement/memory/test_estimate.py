"""How much room: itemised, by engine, over cards."""

from dataclasses import replace
from typing import Any, Final

import pytest

from placement.memory.description import Undescribed, describe
from placement.memory.engines import ENGINES
from placement.memory.estimate import estimate, with_draft
from placement.memory.llamacpp import Context, cache_bytes
from placement.memory.model import Model
from placement.memory.requests import Asked, Confidence, Estimate, Impossible
from placement.memory.speed import speed
from placement.memory.splits import balanced, per_card, split
from placement.memory.textbook import at_most
from tests.placement.memory.test_description import LLAMA, MEASURED, model

GIB: Final = 1 << 30
MANY_LAYERS: Final = 48


def answer(made: Model, **asked: Any) -> Estimate:
    found = estimate(made, Asked(**asked))
    assert isinstance(found, Estimate)
    return found


def term(found: Estimate, name: str) -> int:
    return next(one.amount.likely for one in found.terms if one.name == name)


@pytest.mark.parametrize("engine", [engine.name for engine in ENGINES])
@pytest.mark.parametrize("vector", MEASURED[::5], ids=lambda vector: vector["id"])
def test_low_is_never_above_likely_nor_likely_above_high(
    vector: dict[str, Any], engine: str
) -> None:
    made = describe(vector["config"])
    assert isinstance(made, Model)
    found = estimate(made, Asked(engine=engine, context=8192, parallel=2))
    if isinstance(found, Impossible):
        return
    for one in (*(line.amount for line in found.terms), found.total, found.host):
        assert 0 <= one.low <= one.likely <= one.high
    assert all(line.source for line in found.terms)


def test_an_engine_without_windows_needs_at_least_as_much_as_one_with() -> None:
    made = model(model_type="gemma3_text", head_dim=128, sliding_window=1024)
    small, large = (
        term(answer(made, engine=engine, context=65536), "cache")
        for engine in ("llama.cpp", "unknown")
    )
    assert large > 4 * small


def test_an_engine_that_unfolds_latent_rows_needs_seventy_times_the_cache() -> None:
    vector = next(v for v in MEASURED if v["id"].endswith("DeepSeek-V3"))
    made = describe(vector["config"])
    assert isinstance(made, Model)
    # ggml-org/llama.cpp#11397: 4,997,120 bytes a token before, 70,272 after.
    old = term(answer(made, engine="llama.cpp-old", context=4096), "cache")
    assert old == 4_997_120 * 4096
    assert term(answer(made, context=4096), "cache") == 70_272 * 4096


def test_a_logged_pool_of_blocks_holds_as_many_tokens_as_it_did() -> None:
    # https://github.com/vllm-project/vllm/issues/10517: 1952 blocks of 16 in 3.8125 GiB.
    found = answer(model(), engine="vllm", quant="bf16", context=1952 * 16)
    assert term(found, "cache") == int(3.8125 * GIB)
    assert abs(term(found, "weights") / GIB - 14.957) < 0.01


def test_parallel_sequences_each_have_their_context() -> None:
    one, four = (term(answer(model(), parallel=many), "cache") for many in (1, 4))
    assert four == 4 * one
    assert one == cache_bytes(model(), Context(8192))


def test_the_input_embedding_stays_on_the_host_and_a_tied_head_is_a_copy() -> None:
    untied, tied = model(), model(tie_word_embeddings=True)
    table = term(answer(untied, quant="f16"), "token embedding")
    assert table == 4096 * 128256 * 2
    halves = [term(answer(made, quant="f16"), "weights") for made in (tied, untied)]
    assert halves[0] == halves[1]
    assert not any(line.host and line.name == "weights" for line in answer(untied).terms)


def test_a_files_own_bytes_come_before_any_rule() -> None:
    found = answer(model(), weight_bytes=5 * GIB, backend="cpu")
    weights = next(line for line in found.terms if line.name == "weights")
    assert weights.amount == (5 * GIB, 5 * GIB, 5 * GIB)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"context": 0}, "context"), ({"parallel": -1}, "parallel"), ({"quant": "q9_z"}, "q9_z"),
        ({"engine": "abacus"}, "abacus"), ({"key_type": "q8_1"}, "q8_1"),
        ({"value_type": "q8_0", "flash": False}, "flash"), ({"backend": "steam"}, "steam"),
    ],
)  # fmt: skip
def test_an_impossible_question_is_named(asked: dict[str, Any], word: str) -> None:
    found = estimate(model(), Asked(**asked))
    assert isinstance(found, Impossible)
    assert word in found.why


def test_of_an_unknown_kind_only_the_upper_bound_is_said() -> None:
    config = LLAMA | {"model_type": "hyperion_9"}
    no = describe(config)
    assert isinstance(no, Undescribed)
    assert isinstance(at_most(config, no, Asked()), Impossible)
    found = at_most(config, no, Asked(weight_bytes=16 * GIB))
    assert isinstance(found, Estimate)
    assert found.only_at_most
    assert found.confidence is Confidence.UNKNOWN
    assert found.total.high >= answer(model(), weight_bytes=16 * GIB).total.likely
    broken = at_most({**config, "hidden_size": -1}, no, Asked(weight_bytes=GIB))
    assert isinstance(broken, Impossible)


def test_a_draft_brings_its_own_weights_and_cache_but_no_second_process() -> None:
    whole = with_draft(answer(model()), answer(model(num_hidden_layers=4)))
    names = [line.name for line in whole.terms]
    assert "draft cache" in names
    assert names.count("runtime") == 1
    assert "draft runtime" not in names


def test_the_parts_of_a_split_by_layers_hold_every_layer_once_and_the_cache_of_it() -> None:
    whole = answer(model())
    for cards in (1, 2, 3, 7, 32):
        parts = split(model(), Asked(), cards, "layer")
        assert not isinstance(parts, Impossible)
        held = [layer for part in parts for layer in range(part.first, part.last + 1)]
        assert held == list(range(32))
        sums = {
            name: sum(t.amount.likely for part in parts for t in part.terms if t.name == name)
            for name in ("cache", "weights")
        }
        assert sums["cache"] == term(whole, "cache")
        assert abs(sums["weights"] - term(whole, "weights")) < 64


def test_a_split_goes_by_bytes_and_not_by_count() -> None:
    costs = [1] * 40 + [20] * 8
    ends = balanced(costs, 2, 0)
    assert ends[-1] == MANY_LAYERS
    assert max(sum(costs[: ends[0]]), sum(costs[ends[0] :])) == sum(costs) // 2


def test_cards_that_share_tensors_keep_the_latent_row_each_and_at_least_one_key_head() -> None:
    few = model().layers[0].cache
    assert per_card(few, 4).per_token * 4 == few.per_token
    assert per_card(few, 16).heads == 1
    latent = replace(few, latent=True)
    assert per_card(latent, 8).per_token == latent.per_token
    alone = split(model(), Asked(), 1, "tensor")
    shared = split(model(), Asked(), 4, "tensor")
    assert not isinstance(alone, Impossible)
    assert not isinstance(shared, Impossible)
    assert sum(part.total.likely for part in shared) > alone[0].total.likely
    assert isinstance(split(model(), Asked(), 5, "tensor"), Impossible)


def test_a_token_reads_the_experts_it_uses_and_no_others() -> None:
    sparse = model(model_type="mixtral", num_local_experts=8, num_experts_per_tok=2)
    size = 20 * GIB
    fast, slow = speed(sparse, size, 0, 1000, ""), speed(model(), size, 0, 1000, "")
    assert fast is not None
    assert slow is not None
    assert slow.low < slow.high < fast.high
    assert speed(model(), size, 0, 0, "") is None
