"""Families that differ from the textbook by little: parameters as their makers give them."""

import re
from pathlib import Path
from typing import Any

import pytest

from placement.memory.description import Undescribed, describe, describe_gguf
from placement.memory.encoders import ENCODER_ARCHS
from placement.memory.families import BY_ARCH, FAMILIES
from placement.memory.model import Model

QWEN = {
    "model_type": "qwen", "hidden_size": 4096, "intermediate_size": 22016, "kv_channels": 128,
    "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 151936,
    "tie_word_embeddings": False,
}  # fmt: skip
"""https://huggingface.co/Qwen/Qwen-7B: 7,721,324,544"""
DEEPSEEK = {
    "model_type": "deepseek", "hidden_size": 2048, "intermediate_size": 10944,
    "moe_intermediate_size": 1408, "n_routed_experts": 64, "n_shared_experts": 2,
    "num_experts_per_tok": 6, "first_k_dense_replace": 1, "moe_layer_freq": 1,
    "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16,
    "vocab_size": 102400, "tie_word_embeddings": False,
}  # fmt: skip
"""https://huggingface.co/deepseek-ai/deepseek-moe-16b-base: 16,375,728,128"""
DREAM = {
    "model_type": "Dream", "hidden_size": 3584, "intermediate_size": 18944,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
    "vocab_size": 152064, "tie_word_embeddings": False,
}  # fmt: skip
"""https://huggingface.co/Dream-org/Dream-v0-Instruct-7B: 7,615,616,512"""


@pytest.mark.parametrize(
    ("config", "parameters"),
    [(QWEN, 7_721_324_544), (DEEPSEEK, 16_375_728_128), (DREAM, 7_615_616_512)],
)
def test_parameters_are_those_of_the_checkpoint_to_the_one(
    config: dict[str, Any], parameters: int
) -> None:
    model = describe(config)
    assert isinstance(model, Model), model
    assert model.parameters() == parameters


def test_the_first_deepseek_reads_fewer_parameters_than_it_has_for_a_token() -> None:
    model = describe(DEEPSEEK)
    assert isinstance(model, Model)
    assert model.active() == pytest.approx(2.83e9, rel=0.01), "its makers say 2.8 billion"


@pytest.mark.parametrize("arch", [one.archs[0] for one in FAMILIES if not one.types])
def test_what_only_a_gguf_tells_is_described_from_its_keys(arch: str) -> None:
    own = {
        "block_count": 4, "embedding_length": 512, "feed_forward_length": 1024,
        "attention.head_count": 8, "attention.head_count_kv": 4, "context_length": 4096,
        "vocab_size": 1000, "expert_count": 8, "expert_used_count": 2,
        "expert_feed_forward_length": 256, "expert_shared_count": 1,
        "attention.sliding_window_pattern": [False] * 4,
    }  # fmt: skip
    made = describe_gguf(
        {"general.architecture": arch, **{f"{arch}.{key}": said for key, said in own.items()}}
    )
    assert isinstance(made, Model), made
    assert made.gguf == arch
    per_token = {layer.cache.per_token for layer in made.layers}
    assert per_token <= {0, 2 * 4 * 64}, "keys and values of four heads, or it keeps none"


def test_the_page_of_architectures_names_those_that_have_rules_and_no_others() -> None:
    page = Path("docs/reference/architectures.md").read_text(encoding="utf-8")
    known, bound = page.split("## Known")[1].split("## An upper bound only")
    assert set(re.findall(r"`([\w.-]+)`", known)) == {*BY_ARCH, *ENCODER_ARCHS}
    listed = re.findall(r"^\| `([\w.-]+)` \|", bound, re.MULTILINE)
    assert listed
    for arch in listed:
        made = describe_gguf({"general.architecture": arch, f"{arch}.block_count": 4,
                              f"{arch}.embedding_length": 64})  # fmt: skip
        assert isinstance(made, Undescribed)
        assert not made.known
