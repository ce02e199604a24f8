"""Models that keep a state: parameters as their makers give them, states as engines keep them."""

from dataclasses import replace

import pytest

from placement.memory.description import Undescribed, describe, describe_gguf
from placement.memory.estimate import estimate
from placement.memory.mixes import quantised
from placement.memory.model import Model, Reach
from placement.memory.requests import Asked, Estimate
from placement.memory.types import F32

FINCH = {
    "model_type": "rwkv6", "hidden_size": 2048, "head_size": 64, "num_hidden_layers": 24,
    "num_attention_heads": 32, "intermediate_size": None, "vocab_size": 65536,
}  # fmt: skip
"""https://huggingface.co/RWKV/v6-Finch-1B6-HF"""
GOOSE = {
    "model_type": "rwkv7", "hidden_size": 2048, "head_dim": 64, "num_hidden_layers": 24,
    "hidden_ratio": 4.0, "intermediate_size": 8192, "decay_low_rank_dim": 96,
    "a_low_rank_dim": 96, "v_low_rank_dim": 64, "gate_low_rank_dim": 256, "vocab_size": 65536,
}  # fmt: skip
"""https://huggingface.co/fla-hub/rwkv7-1.5B-world"""
XLSTM = {
    "model_type": "xlstm", "hidden_size": 4096, "num_blocks": 32, "num_heads": 8,
    "qk_dim_factor": 0.5, "v_dim_factor": 1.0, "ffn_proj_factor": 2.667, "vocab_size": 50304,
}  # fmt: skip
"""https://huggingface.co/NX-AI/xLSTM-7b"""
HYBRID_2 = (6, 12, 18, 24, 30, 36, 42, 47, 51)
ZAMBA_2 = {
    "model_type": "zamba2", "hidden_size": 2560, "attention_hidden_size": 5120,
    "attention_head_dim": 160, "kv_channels": 80, "num_attention_heads": 32,
    "num_key_value_heads": 32, "intermediate_size": 10240, "num_hidden_layers": 54,
    "layers_block_type": ["hybrid" if at in HYBRID_2 else "mamba" for at in range(54)],
    "mamba_d_conv": 4, "mamba_d_state": 64, "mamba_expand": 2, "mamba_headdim": 64,
    "mamba_ngroups": 1, "n_mamba_heads": 80, "num_mem_blocks": 2, "adapter_rank": 128,
    "use_shared_attention_adapter": False, "vocab_size": 32000, "max_position_embeddings": 4096,
}  # fmt: skip
"""https://huggingface.co/Zyphra/Zamba2-2.7B-Instruct-v2"""
ZAMBA = {
    "model_type": "zamba", "hidden_size": 3712, "attention_hidden_size": 7424,
    "attention_head_dim": 464, "num_attention_heads": 16, "num_key_value_heads": 16,
    "intermediate_size": 14848, "num_hidden_layers": 76, "n_mamba_heads": 2, "mamba_d_state": 16,
    "mamba_d_conv": 4, "mamba_expand": 2, "mamba_dt_rank": 232, "attn_layer_period": 6,
    "attn_layer_offset": 4, "vocab_size": 32000,
}  # fmt: skip
"""https://huggingface.co/Zyphra/Zamba-7B-v1"""


def described(config: dict[str, object]) -> Model:
    made = describe(config)
    assert isinstance(made, Model), made
    return made


@pytest.mark.parametrize(
    ("config", "billions"),
    [(FINCH, 1.60), (GOOSE, 1.527), (XLSTM, 6.865), (ZAMBA_2, 2.66), (ZAMBA, 7.23)],
    ids=lambda value: value["model_type"] if isinstance(value, dict) else "",
)
def test_parameters_are_what_the_makers_give(config: dict[str, object], billions: float) -> None:
    assert described(config).parameters() / 1e9 == pytest.approx(billions, rel=0.002)


@pytest.mark.parametrize("config", [FINCH, GOOSE], ids=["rwkv6", "rwkv7"])
def test_a_state_does_not_grow_with_the_text_and_there_is_one_for_each_sequence(
    config: dict[str, object],
) -> None:
    model = described(config)
    # llama.cpp: two rows and a square per head, in single precision, whatever is asked for.
    state = 24 * (2 * 2048 + 2048 * 64) * F32.bytes
    for context in (512, 1 << 20):
        for parallel in (1, 4):
            made = estimate(model, Asked(context=context, parallel=parallel, key_type="q8_0"))
            assert isinstance(made, Estimate)
            (cache,) = (term for term in made.terms if term.name == "cache")
            assert cache.amount.likely == parallel * state


def test_what_a_configuration_leaves_open_is_as_the_converter_fills_it_in() -> None:
    bare = {key: value for key, value in GOOSE.items() if not key.endswith("rank_dim")}
    assert described(bare).parameters() == described(GOOSE).parameters() == 1_527_404_544
    wide = described({**FINCH, "hidden_size": 4096})
    mixers = {weight.name: weight for weight in wide.layers[0].weights}
    assert mixers["time_mix_w1.weight"].rows == 5 * 64
    assert mixers["time_mix_decay_w1.weight"].rows == 128
    assert mixers["channel_mix_key.weight"].rows == 14_336


def test_a_gguf_of_the_same_model_says_the_same() -> None:
    own = {
        "block_count": 24, "embedding_length": 2048, "feed_forward_length": 8192,
        "wkv.head_size": 64, "attention.head_count": 0, "attention.decay_lora_rank": 96,
        "attention.iclr_lora_rank": 96, "attention.value_residual_mix_lora_rank": 64,
        "attention.gate_lora_rank": 256, "context_length": 1 << 20, "vocab_size": 65536,
    }  # fmt: skip
    kv = {"general.architecture": "rwkv7", **{f"rwkv7.{key}": said for key, said in own.items()}}
    made = describe_gguf(kv)
    assert isinstance(made, Model), made
    goose = described(GOOSE)
    assert made.parameters() == goose.parameters()
    assert [layer.cache for layer in made.layers] == [layer.cache for layer in goose.layers]
    # Small matrices of the mixing stay in single precision, as llama-quantize leaves them.
    kinds = {weight.name: kind for _, weight, kind in quantised(made, "q4_k_m")}
    assert kinds["time_mix_w1.weight"] is F32
    assert kinds["time_mix_key.weight"].name == "q4_k"


def test_a_shared_attention_is_weighed_once_and_keeps_keys_wherever_it_is_used() -> None:
    model = described(ZAMBA_2)
    weighed = [sum(w.name == "attn_q.weight" for w in one.weights) for one in model.layers]
    assert [at for at, many in enumerate(weighed) if many] == [6, 12], "there are two of it"
    keeping = [at for at, one in enumerate(model.layers) if one.cache.reach is Reach.FULL]
    assert tuple(keeping) == HYBRID_2
    cache = model.layers[6].cache
    assert (cache.key, cache.value) == (32 * 160, 32 * 160)
    assert cache.state == 64 * 5120, "and a state beside them, as every layer"
    assert model.gguf == "", "llama.cpp has no rules for it"


def test_the_first_layers_of_zamba_are_as_its_configuration_says_without_a_list() -> None:
    model = described(ZAMBA)
    keeping = [at for at, one in enumerate(model.layers) if one.cache.reach is Reach.FULL]
    assert keeping[:3] == [2, 7, 13]
    assert len(keeping) == 13


@pytest.mark.parametrize(
    "bent",
    [
        {**XLSTM, "num_heads": 7},
        {**XLSTM, "ffn_proj_factor": -1},
        {**GOOSE, "hidden_ratio": "wide"},
        {**ZAMBA_2, "layers_block_type": ["mamba"]},
        {**ZAMBA_2, "layers_block_type": ["banana"] * 54},
        {**FINCH, "head_size": 0},
    ],
)
def test_contradictions_are_named_and_nothing_is_estimated(bent: dict[str, object]) -> None:
    made = describe(bent)
    assert isinstance(made, Undescribed)
    assert made.known
    assert made.field


def test_a_state_is_kept_again_for_what_may_have_to_be_taken_back() -> None:
    goose = described(GOOSE)
    plain, twice = (estimate(goose, replace(Asked(), rollback=back)) for back in (0, 1))
    assert isinstance(plain, Estimate)
    assert isinstance(twice, Estimate)
    of = [next(t.amount.likely for t in made.terms if t.name == "cache") for made in (plain, twice)]
    assert of[1] == 2 * of[0]
