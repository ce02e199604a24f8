"""A model from its own words, and why not."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.memory.description import Undescribed, describe, describe_gguf
from placement.memory.llamacpp import Context, Refusal, cache_bytes, compute_bytes, refused
from placement.memory.mixes import weight_bytes
from placement.memory.model import ELEMENTS_MAX, Model

MEASURED: Final = json.loads(
    (Path(__file__).parents[2] / "data" / "models" / "measured.json").read_text(encoding="utf-8")
)["vectors"]
COUNTED: Final = json.loads(
    (Path(__file__).parents[2] / "data" / "models" / "counted.json").read_text(encoding="utf-8")
)["models"]
ALLOCATED: Final = json.loads(
    (Path(__file__).parents[2] / "data" / "models" / "allocated.json").read_text(encoding="utf-8")
)["models"]
LLAMA: Final = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 131072,
}  # fmt: skip


def model(**fields: Any) -> Model:
    made = describe(LLAMA | fields)
    assert isinstance(made, Model)
    return made


@pytest.mark.parametrize("counted", COUNTED, ids=range(len(COUNTED)))
def test_parameters_of_a_family_are_those_its_own_code_makes(counted: dict[str, Any]) -> None:
    made = describe(counted["config"])
    assert isinstance(made, Model)
    assert abs(made.parameters() / counted["parameters"] - 1) < 0.0005


@pytest.mark.parametrize(
    "allocated",
    ALLOCATED,
    ids=[f"{n}-{one['gguf_kv']['general.architecture']}" for n, one in enumerate(ALLOCATED)],
)
def test_a_context_takes_what_the_engine_takes_for_it(allocated: dict[str, Any]) -> None:
    made = describe_gguf(allocated["gguf_kv"])
    assert isinstance(made, Model), made
    for point in allocated["points"]:
        context = Context(
            tokens=point["n_ctx"], sequences=point["n_seq_max"], ubatch=point["n_ubatch"],
            flash=point["flash_attn"], key_type=point["type_kv"], value_type=point["type_kv"],
            swa_full=point["swa_full"], unified=point["kv_unified"],
        )  # fmt: skip
        no = refused(made, context)
        assert (no is not None) == point.get("refused", False), point
        if no is None:
            assert cache_bytes(made, context) == point["context_bytes"], point
        if "compute_bytes_cpu_backend" in point:
            want = point["compute_bytes_cpu_backend"]
            assert abs(compute_bytes(made, context) - want) <= max(want // 10, 150 << 20), point


def test_a_layer_that_folds_tokens_keeps_a_window_and_little_more() -> None:
    flash = next(one for one in COUNTED if one["config"]["model_type"] == "deepseek_v4")["config"]
    made = describe(flash)
    assert isinstance(made, Model)
    short, long = (cache_bytes(made, Context(tokens)) for tokens in (131_072, 1_048_576))
    # Of each four tokens one row, of each hundred and twenty-eight another.
    layers = {
        clump: sum(layer.cache.clump == clump for layer in made.layers) for clump in (0, 4, 128)
    }
    assert layers == {0: 2, 4: 21, 128: 20}
    grown = (1_048_576 - 131_072) * 2 * (21 * (512 + 128) // 4 + 20 * 512 // 128)
    assert long - short == grown


def test_an_odd_fold_is_named() -> None:
    flash = next(one for one in COUNTED if one["config"]["model_type"] == "deepseek_v4")["config"]
    made = describe(flash | {"compress_ratios": [5] * 64})
    assert isinstance(made, Undescribed)
    assert "compress_ratios" in made.why


def test_a_kind_without_rules_is_unknown_and_not_guessed() -> None:
    made = describe(LLAMA | {"model_type": "hyperion_9"})
    assert isinstance(made, Undescribed)
    assert not made.known
    made = describe_gguf({"general.architecture": "hyperion9", "hyperion9.block_count": 4,
                          "hyperion9.embedding_length": 64})  # fmt: skip
    assert isinstance(made, Undescribed)
    assert not made.known


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"hidden_size": -4096}, "hidden_size"),
        ({"hidden_size": 10**400}, "hidden_size"),
        ({"hidden_size": "4096"}, "hidden_size"),
        ({"hidden_size": float("nan")}, "hidden_size"),
        ({"hidden_size": None}, "hidden_size"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"num_attention_heads": 33, "num_key_value_heads": 33}, "num_attention_heads"),
        ({"num_key_value_heads": 5, "head_dim": 128}, "num_key_value_heads"),
        ({"vocab_size": 0}, "vocab_size"),
        ({"layer_types": ["full_attention"]}, "layer_types"),
        ({"layer_types": ["telepathy"] * 32}, "layer_types"),
    ],
)
def test_a_field_that_cannot_be_is_named(fields: dict[str, Any], named: str) -> None:
    made = describe(LLAMA | fields)
    assert isinstance(made, Undescribed)
    assert made.known
    assert named in made.why


def test_a_model_larger_than_any_is_refused_rather_than_multiplied() -> None:
    wide = {"hidden_size": 1 << 24, "intermediate_size": 1 << 24, "head_dim": 1 << 19}
    made = describe(LLAMA | wide)
    assert isinstance(made, Undescribed) or made.parameters() <= ELEMENTS_MAX


def test_the_whole_models_word_on_ties_comes_before_its_texts() -> None:
    inner = LLAMA | {"tie_word_embeddings": True}
    outer = {"model_type": "llava", "text_config": inner, "tie_word_embeddings": False}
    made = describe(outer)
    assert isinstance(made, Model)
    assert not made.tied


def test_eyes_without_rules_make_the_total_unknown_but_not_the_text() -> None:
    made = describe({"model_type": "llava", "text_config": LLAMA,
                     "vision_config": {"model_type": "compound_eye"}})  # fmt: skip
    assert isinstance(made, Model)
    assert not made.tower_known
    assert made.text_parameters() == model().text_parameters()


def test_one_expert_of_eight_makes_a_model_fast_but_not_small() -> None:
    dense = model()
    sparse = describe(LLAMA | {"model_type": "mixtral", "num_local_experts": 8,
                               "num_experts_per_tok": 1})  # fmt: skip
    assert isinstance(sparse, Model)
    assert sparse.parameters() > 5 * dense.parameters()
    assert abs(sparse.active() - dense.parameters()) < dense.parameters() // 1000


def test_a_window_keeps_no_more_than_a_model_that_sees_everything() -> None:
    full = model(model_type="gemma3_text", head_dim=128)
    slid = model(model_type="gemma3_text", head_dim=128, sliding_window=1024)
    context = Context(32768)
    assert cache_bytes(slid, context) < cache_bytes(full, context) // 3
    assert cache_bytes(slid, Context(32768, swa_full=True)) == cache_bytes(full, context)


@pytest.mark.parametrize("vector", MEASURED, ids=lambda vector: vector["id"])
def test_more_of_anything_never_needs_less(vector: dict[str, Any]) -> None:
    made = describe(vector["config"])
    assert isinstance(made, Model)
    contexts = [
        Context(tokens, sequences) for tokens in (2048, 8192, 40000) for sequences in (1, 4)
    ]
    kept = [cache_bytes(made, context) for context in contexts]
    assert kept[0::2] == sorted(kept[0::2])
    assert all(many >= one for one, many in zip(kept[0::2], kept[1::2], strict=True))
    halved = Context(8192, key_type="q8_0", value_type="q8_0")
    if refused(made, halved) is None:
        assert cache_bytes(made, halved) <= cache_bytes(made, Context(8192))
    assert compute_bytes(made, Context(8192, ubatch=2048)) >= compute_bytes(made, Context(8192))
    assert made.active() <= made.text_parameters() <= made.parameters()
    sizes = [weight_bytes(made, mix) for mix in ("q2_k", "q4_k_m", "q6_k", "q8_0", "f16", "f32")]
    assert sizes == sorted(sizes)


def test_an_indexer_that_fills_no_blocks_is_refused_by_name() -> None:
    keys = next(one["gguf_kv"] for one in ALLOCATED
                if one["gguf_kv"]["general.architecture"] == "hy_v4")  # fmt: skip
    made = describe_gguf(keys | {"hy_v4.attention.indexer.key_length": 7})
    assert isinstance(made, Model)
    no = refused(made, Context(4096, key_type="q8_0"))
    assert isinstance(no, Refusal)
    assert "indexer of 7" in no.why


def test_a_head_that_fills_no_blocks_is_refused_by_name() -> None:
    made = model(model_type="phi", num_key_value_heads=None, hidden_size=2560)
    no = refused(made, Context(4096, key_type="q8_0"))
    assert isinstance(no, Refusal)
    assert "80" in no.why


_NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.none(), st.booleans(), st.text(max_size=5),
    st.lists(st.integers(-5, 2**40), max_size=40), st.dictionaries(st.text(max_size=3), st.none()),
    st.just([None] * 64), st.integers(0, 9),
)  # fmt: skip
TOLD: Final = [
    (describe, one["config"]) for one in (*MEASURED, *COUNTED)
] + [
    (describe_gguf, one["gguf_kv"]) for one in (*MEASURED, *ALLOCATED) if one.get("gguf_kv")
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_rubbish_in_any_field_is_named_or_bounded(data: st.DataObject) -> None:
    for given_to, vector in data.draw(st.lists(st.sampled_from(TOLD), min_size=2, max_size=2)):
        told = dict(vector)
        nested = told.get("text_config")
        target = dict(nested) if isinstance(nested, dict) else told
        for key in data.draw(st.lists(st.sampled_from(sorted(target) or ["x"]), max_size=3)):
            target[key] = data.draw(_NUMBERS)
        if isinstance(nested, dict):
            told["text_config"] = target
        made = given_to(told)
        assert isinstance(made, Model | Undescribed)
        if isinstance(made, Model):
            assert 0 < made.parameters() <= ELEMENTS_MAX
            for kind in ("f16", "q8_0"):
                context = Context(4096, 2, key_type=kind, value_type=kind, unified=False)
                if refused(made, context) is None:
                    assert cache_bytes(made, context) >= 0
                    assert compute_bytes(made, context) > 0
