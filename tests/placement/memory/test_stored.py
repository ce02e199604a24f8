"""How a configuration says that its weights are stored."""

from typing import Any

import pytest

from placement.memory.description import describe
from placement.memory.estimate import rule_bytes
from placement.memory.model import Model
from placement.memory.stored import Stored, stored

GROUPS = {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}}
KIMI = {
    "model_type": "kimi_k2", "hidden_size": 7168, "intermediate_size": 18432,
    "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 64,
    "num_key_value_heads": 64, "first_k_dense_replace": 1, "n_routed_experts": 384,
    "num_experts_per_tok": 8, "n_shared_experts": 1, "q_lora_rank": 1536, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 163840,
    "quantization_config": {
        "quant_method": "compressed-tensors", "config_groups": GROUPS,
        "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*"],
    },
}  # fmt: skip
"""https://huggingface.co/moonshotai/Kimi-K2-Thinking: 594 GB in the repository"""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, Stored("bf16", "bf16")),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, Stored("fp8", "fp8")),
        ({"quant_method": "awq", "bits": 4}, Stored("awq", "awq")),
        ({"quant_method": "gptq", "bits": 8}, Stored("int8", "int8")),
        ({"quant_method": "mxfp4"}, Stored("bf16", "mxfp4")),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, Stored("nvfp4", "nvfp4")),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, Stored("nf4", "nf4")),
        (KIMI["quantization_config"], Stored("bf16", "int4-g32")),
        ({"quant_method": ["fp8"]}, Stored("bf16", "bf16")),
        ({"config_groups": {"group_0": {"weights": "none"}}}, Stored("bf16", "bf16")),
    ],
)
def test_what_is_said_of_the_weights_is_taken_at_its_word(said: Any, meant: Stored) -> None:
    assert stored({"quantization_config": said}) == meant


def test_experts_of_four_bits_beside_an_attention_of_sixteen_weigh_what_is_published() -> None:
    model = describe(KIMI)
    assert isinstance(model, Model)
    whole, source = rule_bytes(model, *stored(KIMI))
    assert whole.likely == pytest.approx(594e9, rel=0.01)
    assert "experts int4-g32" in source


def test_deepseek_v4_says_of_its_experts_that_they_are_in_four_bits() -> None:
    config = {"expert_dtype": "fp4", "quantization_config": {"quant_method": "fp8"}}
    assert stored(config) == Stored("fp8", "mxfp4")
