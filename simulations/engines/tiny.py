"""Write a model of a few hundred thousand weights as GGUF. Runs where `gguf` is: `.engines`.

    python tiny.py llama|rwkv7 FILE

One keeps every token and one keeps a state; their tensors are those that llama.cpp asks for.
"""

import sys
from importlib import import_module
from typing import Any

VOCABULARY = 320
HIDDEN, INNER, LAYERS = 128, 256, 2
HEADS = KEY_HEADS = 8
CONTEXT = 8192
HEAD, DECAY, RATE, RESIDUAL, GATE = 64, 32, 32, 16, 64
BYTES = 256
SPECIAL = ("<unk>", "<s>", "</s>")

Keys = dict[str, int | float]
Shapes = dict[str, tuple[int, ...]]


def tokens() -> tuple[list[str], list[float], list[int]]:
    """A vocabulary that can spell anything: three special words, all bytes, and filler."""
    words = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(BYTES))]
    kinds = [2, 3, 3, *[6] * BYTES]  # unknown, control, byte: as `gguf.TokenType` counts
    filler = [f"▁w{number}" for number in range(VOCABULARY - len(words))]
    kinds += [1] * len(filler)
    words += filler
    return words, [-float(number) for number in range(len(words))], kinds


def keys(arch: str) -> Keys:
    """What the file says of itself, less the front of each key."""
    both: Keys = {
        "context_length": CONTEXT, "embedding_length": HIDDEN, "block_count": LAYERS,
        "feed_forward_length": INNER, "vocab_size": VOCABULARY,
    }  # fmt: skip
    if arch == "llama":
        return both | {
            "attention.head_count": HEADS, "attention.head_count_kv": KEY_HEADS,
            "rope.dimension_count": HIDDEN // HEADS, "attention.layer_norm_rms_epsilon": 1e-5,
        }  # fmt: skip
    return both | {
        "attention.head_count": 0, "attention.layer_norm_epsilon": 1e-5, "wkv.head_size": HEAD,
        "attention.decay_lora_rank": DECAY, "attention.iclr_lora_rank": RATE,
        "attention.value_residual_mix_lora_rank": RESIDUAL, "attention.gate_lora_rank": GATE,
    }  # fmt: skip


def shapes(arch: str) -> Shapes:
    """Every tensor, rows first, as numpy has it."""
    inside = _llama if arch == "llama" else _rwkv7
    found: Shapes = {
        "token_embd.weight": (VOCABULARY, HIDDEN), "output_norm.weight": (HIDDEN,),
        "output.weight": (VOCABULARY, HIDDEN),
    }  # fmt: skip
    if arch == "rwkv7":
        ends = ("token_embd_norm.weight", "token_embd_norm.bias", "output_norm.bias")
        found |= dict.fromkeys(ends, (HIDDEN,))
    for layer in range(LAYERS):
        found |= {f"blk.{layer}.{name}": shape for name, shape in inside(layer).items()}
    return found


def _llama(_layer: int) -> Shapes:
    wide = HIDDEN // HEADS * KEY_HEADS
    return {
        "attn_norm.weight": (HIDDEN,), "attn_q.weight": (HIDDEN, HIDDEN),
        "attn_k.weight": (wide, HIDDEN), "attn_v.weight": (wide, HIDDEN),
        "attn_output.weight": (HIDDEN, HIDDEN), "ffn_norm.weight": (HIDDEN,),
        "ffn_gate.weight": (INNER, HIDDEN), "ffn_up.weight": (INNER, HIDDEN),
        "ffn_down.weight": (HIDDEN, INNER),
    }  # fmt: skip


def _rwkv7(layer: int) -> Shapes:
    found: Shapes = {
        "time_mix_lerp_fused.weight": (6, 1, 1, HIDDEN), "time_mix_g1.weight": (GATE, HIDDEN),
        "time_mix_g2.weight": (HIDDEN, GATE), "channel_mix_lerp_k.weight": (1, 1, HIDDEN),
        "channel_mix_key.weight": (INNER, HIDDEN), "channel_mix_value.weight": (HIDDEN, INNER),
    }  # fmt: skip
    for name, rank in (("w", DECAY), ("a", RATE), ("v", RESIDUAL if layer else RATE)):
        found |= {
            f"time_mix_{name}0.weight": (HIDDEN,), f"time_mix_{name}1.weight": (rank, HIDDEN),
            f"time_mix_{name}2.weight": (HIDDEN, rank),
        }  # fmt: skip
    for name in ("k_k", "k_a", "r_k"):
        found[f"time_mix_{name}.weight"] = (HIDDEN,)
    for name in ("key", "value", "receptance", "output"):
        found[f"time_mix_{name}.weight"] = (HIDDEN, HIDDEN)
    for name in ("attn_norm", "attn_norm_2", "time_mix_ln"):
        found |= {f"{name}.weight": (HIDDEN,), f"{name}.bias": (HIDDEN,)}
    return found


def write(arch: str, path: str) -> None:
    """The file."""
    # Neither is a package of ours; both are where this runs.
    gguf, numpy = (import_module(name) for name in ("gguf", "numpy"))
    writer: Any = gguf.GGUFWriter(path, arch)
    words, scores, kinds = tokens()
    writer.add_name(f"tiny {arch}")
    for key, said in keys(arch).items():
        add = writer.add_float32 if isinstance(said, float) else writer.add_uint32
        add(f"{arch}.{key}", said)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    dice = numpy.random.default_rng(1)
    for name, shape in shapes(arch).items():
        tensor = dice.standard_normal(shape, dtype=numpy.float32) * 0.02
        writer.add_tensor(name, tensor + (1 if name.endswith("norm.weight") else 0))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(*sys.argv[1:])
