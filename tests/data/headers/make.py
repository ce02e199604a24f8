"""Writes the files beside this one, with the `gguf` and `safetensors` packages.

Kept instead of made anew in each test run, because `gguf` brings numpy along: 80 MB for 20 kB of
files. To renew them: a virtual environment of its own, `pip install gguf safetensors numpy`, then
`python tests/data/headers/make.py`. Written with gguf 0.19.0, safetensors 0.8.0, numpy 2.4.6.
"""

import json
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize
from safetensors.numpy import save_file

HERE = Path(__file__).parent
TYPES = ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "TQ1_0", "TQ2_0", "MXFP4")


def _keys(writer: gguf.GGUFWriter) -> None:
    writer.add_name("tiny")
    writer.add_block_count(2)
    writer.add_context_length(2048)
    writer.add_embedding_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv([2, 0])
    writer.add_rope_freq_base(10000.0)
    writer.add_causal_attention(True)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token {number}" for number in range(100)])
    writer.add_token_scores([0.5] * 100)
    writer.add_tags(["tiny", "made for a test"])


def _tensors(writer: gguf.GGUFWriter, types: tuple[str, ...]) -> dict[str, int]:
    rng = np.random.default_rng(1)
    sizes = {}
    for number, name in enumerate(types):
        data = rng.standard_normal((3, 256), dtype=np.float32)
        kind = gguf.GGMLQuantizationType[name]
        stored = quantize(data, kind)
        writer.add_tensor(f"blk.{number}.attn_q.weight", stored, raw_dtype=kind)
        sizes[f"blk.{number}.attn_q.weight"] = stored.nbytes
    return sizes


def _gguf(name: str, endian: gguf.GGUFEndian = gguf.GGUFEndian.LITTLE, split: int = 0) -> None:
    path = HERE / f"{name}.gguf"
    types = ("F32", "F16") if endian is gguf.GGUFEndian.BIG else TYPES
    writer = gguf.GGUFWriter(path, "llama", endianess=endian, split_max_tensors=split)
    _keys(writer)
    _known[name] = _tensors(writer, types)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_known: dict[str, dict[str, int]] = {}


def main() -> None:
    _gguf("little")
    _gguf("big", gguf.GGUFEndian.BIG)
    _gguf("split", split=4)
    parts = [
        {"model.embed_tokens.weight": np.zeros((10, 8), np.float16)},
        {
            "model.norm.weight": np.zeros(8, np.float32),
            "lm_head.weight": np.zeros((10, 8), np.int8),
        },
    ]
    where = {}
    for number, part in enumerate(parts, 1):
        name = f"model-{number:05}-of-{len(parts):05}.safetensors"
        save_file(part, HERE / name, metadata={"format": "pt"})
        where |= dict.fromkeys(part, name)
        _known[name] = {tensor: array.nbytes for tensor, array in part.items()}
    index = {"metadata": {"total_size": 248}, "weight_map": where}
    (HERE / "model.safetensors.index.json").write_text(json.dumps(index))
    (HERE / "sizes.json").write_text(json.dumps(_known, indent=1))


if __name__ == "__main__":
    main()
