"""What a tensor is for, by its name: GGUF's names and those of Hugging Face's classes.

For people who ask where the bytes are; no arithmetic rests on it.
"""

import re
from collections.abc import Iterable
from typing import Final

from placement.memory.headers.tensors import TensorInfo

OTHER: Final = "other"

_RULES: Final = (
    ("vision and sound", r"^(v\.|a\.|mm\.)|vision|visual|audio|image|multi_modal_projector|mmproj"),
    ("norms", r"norm|\bln_|layernorm"),
    ("experts", r"_exps?\b|_shexp\b|experts?\b|\bgate_inp|block_sparse_moe"),
    ("state", r"ssm_|mamba|conv1d|linear_attn|shortconv|time_mix|\.A_log|\.dt_bias|rwkv"),
    ("attention", r"attn|attention|self_attn|\.[qkv]_proj|query_key_value|indexer"),
    ("feed-forward", r"ffn_|mlp|feed_forward|\bfc[12]\b|intermediate|dense_"),
    ("token embedding", r"token_embd|embed_tokens|wte|word_embeddings|position_embd|wpe|embedding"),
    ("output", r"^output|lm_head|embed_out"),
)
_COMPILED: Final = tuple((kind, re.compile(rule)) for kind, rule in _RULES)


def kind_of(name: str) -> str:
    """What the tensor called `name` is for; "other" when its name does not tell."""
    return next((kind for kind, rule in _COMPILED if rule.search(name)), OTHER)


def bytes_by_kind(tensors: Iterable[TensorInfo]) -> dict[str, int]:
    """Kind → bytes, the most first. A tensor of unknown size adds nothing."""
    sums: dict[str, int] = {}
    for tensor in tensors:
        kind = kind_of(tensor.name)
        sums[kind] = sums.get(kind, 0) + (tensor.bytes or 0)
    return dict(sorted(sums.items(), key=lambda row: (-row[1], row[0])))
