"""The key-values of a GGUF in the words of a `config.json`, so that one set of rules reads both.

A GGUF says less than a configuration about biases and ties, because its tensor table says it
better. Where there is no table, the family's habit stands in.
"""

from typing import Any, Final

from placement.memory.gguf import Keys, recurrent_layers, windows_of

PLAIN: Final = {
    "q_lora_rank": "attention.q_lora_rank",
    "kv_lora_rank": "attention.kv_lora_rank",
    "index_n_heads": "attention.indexer.head_count",
    "index_head_dim": "attention.indexer.key_length",
    "index_topk": "attention.indexer.top_k",
    "num_experts": "expert_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "moe_shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "first_k_dense_replace": "leading_dense_block_count",
    "interleave_moe_layer_step": "interleave_moe_layer_step",
    "num_kv_shared_layers": "attention.shared_kv_layers",
    "hidden_size_per_layer_input": "embedding_length_per_layer_input",
    "conv_L_cache": "shortconv.l_cache",
    "compress_ratios": "attention.compress_ratios",
    "o_groups": "attention.output_group_count",
    "o_lora_rank": "attention.output_lora_rank",
    "num_layers_per_stack": "hrm.layers_per_stack",
    "L_cycles": "hrm.l_cycles",
    "hc_mult": "hyper_connection.count",
    "num_hash_layers": "hash_layer_count",
    "index_kpool": "attention.indexer.kpool",
    "expert_chunk_feed_forward_length": "expert_chunk_feed_forward_length",
    "experts_per_group": "experts_per_group",
    "moe_latent_size": "moe_latent_size",
    "routed_expert_hidden_size": "expert_latent_length",
    "max_position_embeddings": "context_length",
    "head_size": "wkv.head_size",
    "time_mix_extra_dim": "time_mix_extra_dim",
    "time_decay_extra_dim": "time_decay_extra_dim",
    "decay_low_rank_dim": "attention.decay_lora_rank",
    "a_low_rank_dim": "attention.iclr_lora_rank",
    "v_low_rank_dim": "attention.value_residual_mix_lora_rank",
    "gate_low_rank_dim": "attention.gate_lora_rank",
}


def config_of(keys: Keys) -> dict[str, Any]:
    """As a configuration would say it."""
    own = keys.own
    said: dict[str, Any] = {
        "num_hidden_layers": keys.layers, "hidden_size": keys.hidden,
        "vocab_size": keys.vocabulary() or 1, "num_attention_heads": keys.heads,
        "num_key_value_heads": keys.kv, "head_dim": keys.key or None,
        "layer_types": _kinds(keys), "intermediate_size": keys.feeds,
        "intermediate_size_mlp": max(keys.feeds), "ffn_hidden_size": max(keys.feeds),
        "sliding_window": max(windows_of(keys)) or None,
    }  # fmt: skip
    for name, key in PLAIN.items():
        if own.raw(key) is not None:
            said[name] = own.raw(key)
    if not any(keys.heads):
        said["num_attention_heads"] = said["num_key_value_heads"] = None
    said["num_experts_per_tok"] = max(own.each(keys.layers, "expert_used_count", default=0))
    types = own.listed("attention.indexer.types")
    if types is not None:
        said["indexer_types"] = ["full" if one else "shared" for one in types]
    width = own.maybe("attention.value_length")
    if width and width != keys.key:
        said["v_head_dim"] = width
    if keys.arch == "gemma4":
        _gemma4(keys, said)
    _latent(keys, said)
    _states(keys, said)
    _experts(keys, said)
    if keys.arch == "kimi-k3":
        said["mla_use_output_gate"] = True
    return {name: value for name, value in said.items() if value is not None}


def _kinds(keys: Keys) -> list[str]:
    windows, recurrent = windows_of(keys), recurrent_layers(keys)
    kinds = []
    for layer in range(keys.layers):
        if keys.arch == "falcon-h1":
            kinds.append("hybrid")
        elif recurrent[layer]:
            kinds.append("conv" if keys.arch.startswith("lfm2") else "linear_attention")
        elif keys.arch.startswith("nemotron_h") and keys.feeds[layer]:
            kinds.append("moe" if keys.arch.endswith("_moe") else "mlp")
        elif windows[layer]:
            kinds.append("chunk" if keys.arch == "llama4" else "sliding_attention")
        elif keys.arch == "minimax-m3":
            kinds.append("indexed_attention")
        else:
            kinds.append("full_attention")
    return kinds


def _gemma4(keys: Keys, said: dict[str, Any]) -> None:
    said["head_dim_swa"] = keys.own.maybe("attention.key_length_swa") or None


def _latent(keys: Keys, said: dict[str, Any]) -> None:
    own = keys.own
    key = own.maybe("attention.key_length_mla")
    whole = keys.arch in ("minicpm3", "plm")
    if whole:
        key = own.whole("attention.key_length")
    if not key:
        # Without these widths the file keeps whole keys and values, and is read as ordinary.
        said["kv_lora_rank"] = None
        return
    # 0: its keys do not turn with the position at all.
    rope = own.whole("rope.dimension_count", least=0)
    said["qk_rope_head_dim"] = rope
    said["qk_nope_head_dim"] = max(1, key - rope)
    value = "attention.value_length" if whole else "attention.value_length_mla"
    said["v_head_dim"] = own.whole(value)
    said["num_key_value_heads"] = None
    said["head_dim"] = None


def _states(keys: Keys, said: dict[str, Any]) -> None:
    own = keys.own
    state = own.maybe("ssm.state_size")
    steps = own.maybe("ssm.conv_kernel")
    if own.maybe("kda.head_dim"):
        said["linear_num_heads"] = keys.heads[0]
        said["linear_head_dim"] = own.maybe("kda.head_dim")
        said["linear_conv_kernel_dim"] = steps
    if not state:
        return
    inner, rank = own.whole("ssm.inner_size"), own.whole("ssm.time_step_rank")
    if keys.arch in ("qwen3next", "qwen35", "qwen35moe"):
        said |= {
            "linear_num_key_heads": own.whole("ssm.group_count"), "linear_num_value_heads": rank,
            "linear_key_head_dim": state, "linear_value_head_dim": max(1, inner // rank),
            "linear_conv_kernel_dim": steps,
        }  # fmt: skip
        return
    said |= {
        "mamba_d_state": state, "state_size": state, "mamba_d_conv": steps, "conv_kernel": steps,
        "mamba_n_groups": own.maybe("ssm.group_count") or 1, "mamba_n_heads": rank,
        "mamba_d_head": max(1, inner // rank), "time_step_rank": rank,
        "mamba_expand": max(1, inner // keys.hidden),
    }  # fmt: skip
    if keys.arch == "mamba":
        said["intermediate_size"] = inner
        del said["mamba_d_state"]


def _experts(keys: Keys, said: dict[str, Any]) -> None:
    own = keys.own
    count = own.maybe("expert_shared_count")
    if count:
        said["n_shared_experts"] = count
    if keys.arch.startswith("nemotron_h"):
        said["n_shared_experts"] = 1
    if keys.arch in ("lfm2moe", "mimo2"):
        dense = own.maybe("leading_dense_block_count")
        said["mlp_layer_types"] = [
            "dense" if layer < dense else "sparse" for layer in range(keys.layers)
        ]
