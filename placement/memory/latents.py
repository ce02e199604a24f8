"""Families of latent attention that each add something of their own.

The sizes go by their names in the published configurations; the tensors follow the modelling files
of transformers and llama.cpp's `src/models/*.cpp` of the same names.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from placement.memory.attention import Latent
from placement.memory.compressed import CLUMPS, HEAVY, INDEXED, Compressed, joined, streams
from placement.memory.decoder import Decoder, gguf_only
from placement.memory.model import LAYERS_MAX, Weight
from placement.memory.reading import Malformed, Reading
from placement.memory.recurrent import DeltaAttention
from placement.memory.shape import Block, Mixer
from placement.memory.sizes import FULL, WINDOW

CLUMP_OF: Final = {
    "sliding_attention": 0, "compressed_sparse_attention": INDEXED,
    "heavily_compressed_attention": HEAVY,
}  # fmt: skip
STREAMS_MAX: Final = 64
DOTS_WINDOWED: Final = {
    "num_attention_heads": 64, "q_lora_rank": 1024, "kv_lora_rank": 1024, "head_dim": 256,
    "qk_nope_head_dim": 192, "v_head_dim": 128,
}  # fmt: skip
"""What the windowed layers of dots.note have where the configuration leaves it out."""


class Streaming(Decoder):
    """Several residual rows; `mixes` and `scales` say how they are mixed."""

    scales = 3

    def many(self) -> int:
        return self.told.whole("hc_mult", default=4, most=STREAMS_MAX)

    def mixes(self) -> int:
        many = self.many()
        return (2 + many) * many

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        mixed = streams(self.hidden, self.many(), mixes=self.mixes(), scales=self.scales)
        return replace(made, extra=(*made.extra, *mixed))


class DeepSeek4(Streaming):
    """Windows, rows rows, and experts that the first layers pick by the token itself."""

    def read_kinds(self) -> list[str]:
        self.clumps = self._clumps()
        return [FULL] * self.layers

    def _clumps(self) -> list[int]:
        words = self.told.listed("layer_types")
        if self.told.raw("compress_ratios") is not None:
            found = self.told.each(self.layers, "compress_ratios", most=HEAVY)
        elif words is not None and len(words) >= self.layers:
            found = [CLUMP_OF.get(str(word), -1) for word in words[: self.layers]]
        else:
            found = [HEAVY if layer < 2 or layer % 2 else INDEXED for layer in range(self.layers)]
        if any(clump not in CLUMPS for clump in found):
            raise Malformed("compress_ratios", f"has others than {', '.join(map(str, CLUMPS))}")
        return found

    def mixers(self, layer: int) -> tuple[Mixer, ...]:
        whole = self.told.whole
        heads, groups = self.heads[layer], whole("o_groups", default=8)
        if not heads or heads * self.key % groups:
            raise Malformed("o_groups", f"{groups} does not divide {heads} heads")
        return (
            Compressed(
                heads=heads, width=self.key, window=self.window, clump=self.clumps[layer],
                query_rank=whole("q_lora_rank"), out_groups=groups, out_rank=whole("o_lora_rank"),
                index_heads=whole("index_n_heads"), index_width=whole("index_head_dim"),
            ),
        )  # fmt: skip

    def is_sparse(self, layer: int) -> bool:
        del layer
        return True

    def hashes(self, layer: int) -> bool:
        words = self.told.listed("mlp_layer_types")
        if words is not None and len(words) >= self.layers:
            return bool(words[layer] == "hash_moe")
        default = self.told.maybe("num_hash_layers", most=LAYERS_MAX)
        return layer < (default if self.told.raw("num_hash_layers") is not None else 3)

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        if not self.hashes(layer):
            return made
        # Four bytes for each, whether as numbers of experts or as they are counted here.
        table = gguf_only("ffn_gate_tid2eid.weight", self.used, self.vocabulary)
        feed = replace(made.feed, correction=None)
        return replace(made, feed=feed, extra=(*made.extra, table))

    def outside(self) -> list[Weight]:
        return [*super().outside(), *joined(self.hidden, self.many())]


class HunYuan4(Streaming):
    """Latent attention with sinks and a gate, and streams that are mixed in pairs."""

    scales = 2

    def mixes(self) -> int:
        return 2 * self.many()

    def latent_attention(self, layer: int) -> Latent:
        made = super().latent_attention(layer)
        return replace(made, gate=made.heads * made.value)

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        sinks = Weight("attn_sinks.weight", self.heads[layer])
        return replace(made, extra=(*made.extra, sinks))

    def outside(self) -> list[Weight]:
        return [*super().outside(), *joined(self.hidden, self.many())]


class Glm5Next(Streaming):
    """Delta attention, and latent rows without positions whose indexer pools its keys."""

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        if self.kinds[layer] != FULL or not self.latent_attention(layer).index_here:
            return made
        width = self.told.whole("index_head_dim")
        pool = self.told.whole("index_kpool", "index_kpool_size", default=16, most=1 << 16)
        return replace(
            made,
            extra=(
                *made.extra, Weight("indexer_compressor_gate.weight", self.hidden, width),
                Weight("indexer_compressor_ape.weight", width, pool),
            ),
        )  # fmt: skip


class Dots3(Decoder):
    """Windowed latent layers with ranks and heads of their own, and a gate per head."""

    def latent_attention(self, layer: int) -> Latent:
        told = self.told
        if self.kinds[layer] == WINDOW:
            told = Reading(self._windowed(layer))
        made = self.latent_of(told, layer)
        return replace(made, gate=made.heads)

    def latent_of(self, told: Reading, layer: int) -> Latent:
        made = super().latent_attention(layer)
        if self.kinds[layer] != WINDOW:
            return made
        return replace(
            made, heads=told.whole("num_attention_heads"), rank=told.whole("kv_lora_rank"),
            rope=told.maybe("qk_rope_head_dim"), nope=told.whole("qk_nope_head_dim"),
            value=told.whole("v_head_dim"), query_rank=told.whole("q_lora_rank"), index_width=0,
            index_top=0,
        )  # fmt: skip

    def shared_width(self, layer: int) -> int:
        width = self.told.maybe(
            "shared_experts_intermediate_size", "moe_shared_expert_intermediate_size"
        )
        many = self.told.whole("n_shared_experts", default=1, least=0)
        return width * many or super().shared_width(layer)

    def _windowed(self, layer: int) -> Mapping[str, Any]:
        """The sizes of a windowed layer: listed per layer, with a prefix, or the usual ones."""
        own = self.own(layer)
        said = {
            name: own.raw(name) or self.told.raw(f"swa_{name}") or usual
            for name, usual in DOTS_WINDOWED.items()
        }
        rope = own.raw("qk_rope_head_dim") or self.told.raw("swa_qk_rope_head_dim")
        if rope is None and isinstance(said["head_dim"], int):
            nope = said["qk_nope_head_dim"]
            rope = said["head_dim"] - nope if isinstance(nope, int) else None
        return {**said, "qk_rope_head_dim": rope}

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        # A norm on the part of the key that turns with the position.
        return replace(made, norm_extra=self.latent_attention(layer).rope)


class BailingHybrid(Decoder):
    """Delta attention with gates at full width; one latent layer in each group, gated by head."""

    def kind(self, layer: int) -> str:
        group = self.told.whole("layer_group_size", default=6, most=LAYERS_MAX)
        return FULL if (layer + 1) % group == 0 else self.family.linear

    def kda(self) -> DeltaAttention:
        return replace(super().kda(), full_gate=True, full_forget=True)

    def latent_attention(self, layer: int) -> Latent:
        made = super().latent_attention(layer)
        return replace(made, gate=made.heads)


class GroveMoe(Decoder):
    """Beside each pair of experts a small one that both share."""

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        if not made.feed.experts:
            return made
        width = self.told.whole("expert_chunk_feed_forward_length", default=self.key)
        many = made.feed.experts // self.told.whole("experts_per_group", default=2)
        names = (("ffn_gate_chexps", False), ("ffn_up_chexps", False), ("ffn_down_chexps", True))
        extra = tuple(
            Weight(f"{name}.weight", *((width, self.hidden) if down else (self.hidden, width)),
                   stack=many, routed=True)
            for name, down in names
        )  # fmt: skip
        return replace(made, extra=(*made.extra, *extra))
