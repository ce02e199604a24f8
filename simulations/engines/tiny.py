"""Write a llama of a few thousand weights as GGUF. Runs where the `gguf` package is: `.engines`.

python tiny.py FILE
"""

import sys
from importlib import import_module
from typing import Any

VOCABULARY = 320
HIDDEN, INNER, LAYERS = 128, 256, 2
HEADS, KEY_HEADS = 8, 8
CONTEXT = 8192
BYTES = 256
SPECIAL = ("<unk>", "<s>", "</s>")


def tokens() -> tuple[list[str], list[float], list[int]]:
    """A vocabulary that can spell anything: three special words, all bytes, and filler."""
    words = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(BYTES))]
    kinds = [2, 3, 3, *[6] * BYTES]  # unknown, control, byte: as `gguf.TokenType` counts
    filler = [f"▁w{number}" for number in range(VOCABULARY - len(words))]
    kinds += [1] * len(filler)
    words += filler
    return words, [-float(number) for number in range(len(words))], kinds


def shapes() -> dict[str, tuple[int, ...]]:
    """Every tensor, rows first, as numpy has it."""
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (VOCABULARY, HIDDEN), "output_norm.weight": (HIDDEN,),
        "output.weight": (VOCABULARY, HIDDEN),
    }  # fmt: skip
    keys = HIDDEN // HEADS * KEY_HEADS
    for layer in range(LAYERS):
        found |= {
            f"blk.{layer}.{name}.weight": shape
            for name, shape in (
                ("attn_norm", (HIDDEN,)), ("attn_q", (HIDDEN, HIDDEN)), ("attn_k", (keys, HIDDEN)),
                ("attn_v", (keys, HIDDEN)), ("attn_output", (HIDDEN, HIDDEN)),
                ("ffn_norm", (HIDDEN,)), ("ffn_gate", (INNER, HIDDEN)), ("ffn_up", (INNER, HIDDEN)),
                ("ffn_down", (HIDDEN, INNER)),
            )
        }  # fmt: skip
    return found


def write(path: str) -> None:
    """The file."""
    # Neither is a package of ours; both are where this runs.
    gguf, numpy = (import_module(name) for name in ("gguf", "numpy"))
    writer: Any = gguf.GGUFWriter(path, "llama")
    words, scores, kinds = tokens()
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    dice = numpy.random.default_rng(1)
    for name, shape in shapes().items():
        tensor = dice.standard_normal(shape, dtype=numpy.float32) * 0.02
        writer.add_tensor(name, tensor + (1 if name.endswith("norm.weight") else 0))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
