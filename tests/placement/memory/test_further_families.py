"""Families that differ from the textbook by little: parameters as their makers give them."""

import re
from pathlib import Path
from typing import Any, Final

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


PUBLISHED: Final = {
    "zai-org/chatglm3-6b": (6_243_584_000, {
        "model_type": "chatglm", "num_layers": 28, "hidden_size": 4096, "ffn_hidden_size": 13696,
        "num_attention_heads": 32, "kv_channels": 128, "multi_query_attention": True,
        "multi_query_group_num": 2, "padded_vocab_size": 65024, "add_qkv_bias": True,
        "tie_word_embeddings": False,
    }),
    "baichuan-inc/Baichuan2-13B-Base": (13_896_668_160, {
        "model_type": "baichuan", "hidden_size": 5120, "intermediate_size": 13696,
        "num_hidden_layers": 40, "num_attention_heads": 40, "vocab_size": 125696,
        "tie_word_embeddings": False,
    }),
    "internlm/internlm2-20b": (19_861_149_696, {
        "model_type": "internlm2", "hidden_size": 6144, "intermediate_size": 16384,
        "num_hidden_layers": 48, "num_attention_heads": 48, "num_key_value_heads": 8,
        "vocab_size": 92544, "bias": False, "tie_word_embeddings": False,
    }),
    "openbmb/MiniCPM-2B-sft-bf16": (2_724_880_896, {
        "model_type": "minicpm", "hidden_size": 2304, "intermediate_size": 5760,
        "num_hidden_layers": 40, "num_attention_heads": 36, "num_key_value_heads": 36,
        "vocab_size": 122753, "tie_word_embeddings": True,
    }),
    "LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct": (7_818_448_896, {
        "model_type": "exaone", "hidden_size": 4096, "intermediate_size": 14336, "num_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 102400,
        "tie_word_embeddings": False,
    }),
    "inclusionAI/Ling-mini-2.0": (16_255_643_392, {
        "model_type": "bailing_moe_v2", "hidden_size": 2048, "intermediate_size": 5120,
        "moe_intermediate_size": 512, "num_experts": 256, "num_experts_per_tok": 8,
        "num_shared_experts": 1, "num_hidden_layers": 20, "num_attention_heads": 16,
        "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 157184, "use_qk_norm": True,
        "first_k_dense_replace": 1, "tie_word_embeddings": False,
    }),
    "nomic-ai/nomic-embed-text-v1.5": (136_731_648, {
        "model_type": "nomic_bert", "n_embd": 768, "n_inner": 3072, "n_layer": 12, "n_head": 12,
        "vocab_size": 30528, "n_positions": 8192, "type_vocab_size": 2,
    }),
    "jinaai/jina-embeddings-v2-base-en": (137_368_320, {
        "model_type": "jina_bert", "hidden_size": 768, "intermediate_size": 3072,
        "num_hidden_layers": 12, "num_attention_heads": 12, "vocab_size": 30528,
        "max_position_embeddings": 8192, "type_vocab_size": 2,
    }),
    "BAAI/bge-m3": (567_754_752, {
        "model_type": "xlm-roberta", "hidden_size": 1024, "intermediate_size": 4096,
        "num_hidden_layers": 24, "num_attention_heads": 16, "vocab_size": 250002,
        "max_position_embeddings": 8194, "type_vocab_size": 1,
    }),
    "Alibaba-NLP/gte-modernbert-base": (149_014_272, {
        "model_type": "modernbert", "hidden_size": 768, "intermediate_size": 1152,
        "num_hidden_layers": 22, "num_attention_heads": 12, "vocab_size": 50368,
        "max_position_embeddings": 8192,
    }),
    "tiiuae/falcon-40b, as it was first published": (41_303_293_952, {
        "model_type": "RefinedWeb", "hidden_size": 8192, "n_layer": 60, "n_head": 128,
        "n_head_kv": 8, "vocab_size": 65024, "bias": False, "parallel_attn": True,
    }),
}  # fmt: skip
"""Kinds whose code is not in any library: parameters as https://huggingface.co gives them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_that_the_publisher_counts(name: str) -> None:
    parameters, config = PUBLISHED[name]
    model = describe(config)
    assert isinstance(model, Model), model
    assert model.parameters() == pytest.approx(parameters, rel=0.0001)


def test_an_arctic_has_a_dense_feed_beside_its_experts() -> None:
    model = describe(
        {
            "model_type": "arctic", "hidden_size": 7168, "intermediate_size": 4864,
            "num_hidden_layers": 35, "num_attention_heads": 56, "num_key_value_heads": 8,
            "num_local_experts": 128, "num_experts_per_tok": 2, "vocab_size": 32000,
            "parallel_attn_mlp_res": True, "tie_word_embeddings": False,
        }
    )  # fmt: skip
    assert isinstance(model, Model)
    assert model.parameters() == pytest.approx(479e9, rel=0.002), "its makers say 480 billion"
    assert model.active() == pytest.approx(17e9, rel=0.1), "and 17 of them at work"


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
