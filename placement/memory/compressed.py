"""Attention that clumps many tokens into one row, as DeepSeek-V4 has it.

A layer sees a short window token by token and everything before it in rows of four tokens (with an
indexer that picks among them) or of a hundred and twenty-eight. One head serves as key and value
for all of them. Until a row is full, its beginnings stand in a state per sequence.

Beside it the streams of a model that keeps several residual rows and mixes them before and after
each half of a block (hyper-connections). Shapes as in llama.cpp's `src/models/deepseek4.cpp` and
`llama-kv-cache-dsv4.cpp`, and in `modeling_deepseek_v4.py` of transformers.
"""

from dataclasses import dataclass, replace
from typing import Final

from placement.memory.model import Cache, Reach, Weight

INDEXED: Final = 4
"""Rows of so many tokens overlap the row before, and an indexer picks among them."""
HEAVY: Final = 128
CLUMPS: Final = (0, INDEXED, HEAVY)


@dataclass(frozen=True, slots=True)
class Compressed:
    """One layer's attention; `clump` tokens share a row, 0: there is the window alone."""

    heads: int
    width: int
    window: int
    clump: int
    query_rank: int
    out_groups: int
    out_rank: int
    index_heads: int
    index_width: int

    def weights(self, hidden: int) -> list[Weight]:
        wide, groups = self.heads * self.width, self.out_groups
        found = [
            Weight("attn_sinks.weight", self.heads),
            Weight("attn_q_a.weight", hidden, self.query_rank),
            Weight("attn_q_a_norm.weight", self.query_rank),
            Weight("attn_q_b.weight", self.query_rank, wide),
            Weight("attn_kv.weight", hidden, self.width),
            Weight("attn_kv_a_norm.weight", self.width),
            Weight("attn_output_a.weight", wide // groups, self.out_rank, groups),
            Weight("attn_output_b.weight", groups * self.out_rank, hidden),
        ]
        if self.clump:
            found += self._clump("attn_compressor", hidden, self.width)
        if self.clump == INDEXED:
            found += [
                Weight("indexer.proj.weight", hidden, self.index_heads),
                Weight("indexer.attn_q_b.weight", self.query_rank, self._index()),
                *self._clump("indexer_compressor", hidden, self.index_width),
            ]
        return found

    def _index(self) -> int:
        return self.index_heads * self.index_width

    def _clump(self, name: str, hidden: int, width: int) -> list[Weight]:
        wide = width * (2 if self.clump == INDEXED else 1)
        return [
            Weight(f"{name}_kv.weight", hidden, wide),
            Weight(f"{name}_gate.weight", hidden, wide),
            Weight(f"{name}_ape.weight", wide, self.clump),
            Weight(f"{name}_norm.weight", width),
        ]

    def cache(self) -> Cache:
        kept = clumped(self.width, self.window, self.clump, self.index_width)
        # Fitted to what llama.cpp reserves for DeepSeek-V4-Flash from 8k to 1m tokens.
        return replace(kept, spread=2 * self.heads * self.width)


def clumped(width: int, window: int, clump: int, index_width: int) -> Cache:
    """The window's rows, the rows of many, and the state in which the next of them begin."""
    indexer = index_width if clump == INDEXED else 0
    # Overlapping rows are twice as wide and need two rows' tokens; each has a value and a score.
    overlap = 4 if clump == INDEXED else 1
    return Cache(
        reach=Reach.WINDOW, key=width, window=window, latent=True, heads=1, head_key=width,
        head_value=width, clump=clump, indexer=indexer, alone=True, unfolded=2 * width,
        state=2 * overlap * clump * (width + indexer),
    )  # fmt: skip


def streams(hidden: int, many: int, *, mixes: int, scales: int) -> tuple[Weight, ...]:
    """What mixes `many` residual rows around both halves of a block."""
    return tuple(
        weight
        for half in ("attn", "ffn")
        for weight in (
            Weight(f"hc_{half}_fn.weight", many * hidden, mixes),
            Weight(f"hc_{half}_base.weight", mixes),
            Weight(f"hc_{half}_scale.weight", scales),
        )
    )


def joined(hidden: int, many: int) -> list[Weight]:
    """What makes one row of them before the head."""
    return [
        Weight("output_hc_fn.weight", many * hidden, many),
        Weight("output_hc_base.weight", many),
        Weight("output_hc_scale.weight", 1),
    ]
