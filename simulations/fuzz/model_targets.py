"""What is read of models' descriptions: a config.json that somebody downloaded.

It is as foreign as a datagram. Whatever it says, the answer is a model and what it takes, or a
named reason why there is none; never a crash, and never endless work.
"""

from typing import Any, Final

import msgspec

from placement.memory.description import Undescribed, describe
from placement.memory.estimate import estimate
from placement.memory.requests import Asked
from simulations.fuzz.target import COSTLY, Shape, Target

CONFIGS: Final[tuple[dict[str, Any], ...]] = (
    {"model_type": "llama", "hidden_size": 256, "num_hidden_layers": 4, "vocab_size": 1000,
     "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 512,
     "max_position_embeddings": 4096, "tie_word_embeddings": True,
     "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"},
    {"model_type": "mixtral", "hidden_size": 256, "num_hidden_layers": 2, "vocab_size": 1000,
     "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 512,
     "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": 128},
    {"model_type": "mamba", "hidden_size": 256, "num_hidden_layers": 2, "vocab_size": 1000,
     "state_size": 16, "conv_kernel": 4, "expand": 2},
    {"model_type": "deepseek_v3", "hidden_size": 256, "num_hidden_layers": 3, "vocab_size": 1000,
     "num_attention_heads": 8, "q_lora_rank": 64, "kv_lora_rank": 64, "qk_rope_head_dim": 16,
     "qk_nope_head_dim": 16, "v_head_dim": 16, "n_routed_experts": 4, "n_shared_experts": 1,
     "num_experts_per_tok": 2, "moe_intermediate_size": 64, "intermediate_size": 512,
     "first_k_dense_replace": 1, "num_key_value_heads": 8},
)  # fmt: skip


def targets() -> list[Target]:
    """All of them."""
    configs = tuple(msgspec.json.encode(config) for config in CONFIGS)
    return [Target("config.json", configs, _config, Shape.JSON, COSTLY)]


def _config(data: bytes) -> bool:
    try:
        config = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if not isinstance(config, dict):
        return False
    model = describe(config)
    if isinstance(model, Undescribed):
        return False
    estimate(model, Asked())
    return True
