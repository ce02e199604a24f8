"""Families whose layers are not all alike, and that say so in a way of their own.

Each class overrides what `Decoder` reads in the ordinary way. The names of the fields are those of
the published configurations; what is made of them follows the modelling files of transformers and
the `load_arch_tensors` of llama.cpp.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from placement.memory.attention import Attention, Latent
from placement.memory.decoder import Decoder
from placement.memory.families import Family
from placement.memory.feeds import Feed
from placement.memory.model import LAYERS_MAX, Home, Weight
from placement.memory.reading import Malformed, Reading, bounded
from placement.memory.recurrent import DeltaAttention, Mamba1
from placement.memory.shape import Block, Idle, Mixer
from placement.memory.sizes import FULL, WINDOW

PICTURE_TOKENS: Final = 4 * 1601
"""What Mllama sees of one picture: four tiles of 40 × 40 patches and one more each."""
PICTURE_WORDS: Final = 8
LATENT_EXPERTS: Final = "moe_latent_size"
HYBRID_LETTERS: Final = {"M": "mamba2", "E": "moe", "-": "mlp", "*": FULL}


class KimiK3(Decoder):
    """Kimi-Linear with wider gates and experts in a narrower space."""

    def kda(self) -> DeltaAttention:
        return replace(super().kda(), full_gate=True)

    def routed(self, layer: int) -> Feed:
        latent = self.told.maybe("routed_expert_hidden_size", LATENT_EXPERTS)
        return replace(super().routed(layer), latent=latent)

    def latent_attention(self, layer: int) -> Latent:
        made = super().latent_attention(layer)
        gated = self.told.yes("mla_use_output_gate", default=True)
        return replace(made, gate=made.heads * made.value if gated else 0)

    def block(self, layer: int) -> Block:
        # Each half scores the residuals of the blocks before it: a norm and a vector, twice.
        return replace(super().block(layer), norms=4)


class Jamba(Decoder):
    """Attention on one layer in eight, experts on every second."""

    def kind(self, layer: int) -> str:
        period = self.told.whole("attn_layer_period", default=8)
        offset = self.told.maybe("attn_layer_offset", most=LAYERS_MAX)
        return FULL if layer % period == offset else "mamba1"

    def is_sparse(self, layer: int) -> bool:
        period = self.told.whole("expert_layer_period", default=2)
        offset = self.told.maybe("expert_layer_offset", most=LAYERS_MAX)
        return self.experts > 1 and layer % period == offset

    def mamba1(self) -> Mamba1:
        made = super().mamba1()
        return replace(
            made, norms=True, inner=self.told.whole("mamba_expand", default=2) * self.hidden
        )


class NemotronH(Decoder):
    """A letter per layer: M a state, * attention, E experts, - a feed. Each with one norm."""

    def count(self) -> int:
        pattern = self.told.text("hybrid_override_pattern")
        if pattern:
            return bounded("hybrid_override_pattern", len(pattern), 1, LAYERS_MAX)
        return super().count()

    def read_kinds(self) -> list[str]:
        pattern = self.told.text("hybrid_override_pattern")
        if not pattern:
            return super().read_kinds()
        if any(letter not in HYBRID_LETTERS for letter in pattern):
            raise Malformed("hybrid_override_pattern", "has a letter that we don't know")
        return [HYBRID_LETTERS[letter] for letter in pattern]

    def is_sparse(self, layer: int) -> bool:
        return self.kinds[layer] == "moe"

    def feed(self, layer: int) -> Feed:
        kind = self.kinds[layer]
        if kind == "moe":
            made = self.routed(layer)
            return replace(
                made, latent=self.told.maybe(LATENT_EXPERTS), shared=self.shared_width(layer),
                correction=Home.GGUF,
            )  # fmt: skip
        if kind != "mlp":
            return Feed()
        return Feed(self.dense_width(layer), gated=False, bias=self.told.yes("mlp_bias"))

    def shared_width(self, layer: int) -> int:
        width = self.told.maybe("moe_shared_expert_intermediate_size")
        return width * self.told.whole(
            "n_shared_experts", default=1, least=0
        ) or super().shared_width(layer)


class Lfm2(Decoder):
    """Short convolutions, and attention where a list says so."""

    def dense_width(self, layer: int) -> int:
        width = super().dense_width(layer)
        if not self.told.yes("block_auto_adjust_ff_dim"):
            return width
        width = 2 * width // 3
        factor = self.told.raw("block_ffn_dim_multiplier")
        if isinstance(factor, int | float) and not isinstance(factor, bool):
            if not 0 < factor < 64:
                raise Malformed("block_ffn_dim_multiplier", "is outside 0 to 64")
            several = self.told.whole("block_multiple_of", default=256)
            width = -(-int(factor * width) // several) * several
        return width


class MiniMax(Decoder):
    """Lightning attention with full attention every so many layers."""

    def read_kinds(self) -> list[str]:
        listed = self.told.listed("attn_type_list")
        if listed is not None and len(listed) >= self.layers:
            return [FULL if one else "lightning" for one in listed[: self.layers]]
        return super().read_kinds()

    def kind(self, layer: int) -> str:
        period = self.told.whole("full_attention_interval", default=2)
        return "lightning" if (layer + 1) % period == 0 or period > 2 else FULL


class MiniMaxM3(Decoder):
    """Dense layers first; the others pick blocks of tokens with an indexer."""

    def attention(self, layer: int) -> Attention:
        made = super().attention(layer)
        chosen = self.told.below("sparse_attention_config")
        width = self.told.maybe("index_head_dim") or chosen.maybe("sparse_index_dim")
        heads = self.told.maybe("index_n_heads") or chosen.maybe("sparse_num_index_heads")
        words = self.told.listed("layer_types")
        plain = words is not None and len(words) > layer and words[layer] == "full_attention"
        if not self.sparse[layer] or not heads or plain:
            return made
        return replace(made, index_heads=heads, index_width=width)

    def dense_width(self, layer: int) -> int:
        return self.told.maybe("dense_intermediate_size") or super().dense_width(layer)

    def expert_width(self, layer: int) -> int:
        if self.told.raw("moe_intermediate_size") is not None:
            return super().expert_width(layer)
        return self.told.whole("intermediate_size")


class OlmoHybrid(Decoder):
    """Delta nets with separate projections; attention layers norm afterwards."""

    def linear_or_full(self, layer: int) -> str:
        return FULL if (layer + 1) % 4 == 0 else self.family.linear


class Deci(Decoder):
    """A search pruned each layer for itself: fewer heads, narrower feeds, or none at all."""

    def __init__(self, told: Reading, family: Family) -> None:
        self.blocks = told.listed("block_configs") or []
        super().__init__(told, family)

    def part(self, layer: int, name: str) -> Mapping[str, Any]:
        one = self.blocks[layer] if layer < len(self.blocks) else {}
        part = one.get(name) if isinstance(one, Mapping) else None
        return part if isinstance(part, Mapping) else {}

    def read_kv(self) -> list[int]:
        if not self.blocks:
            return super().read_kv()
        if len(self.blocks) < self.layers:
            raise Malformed("block_configs", f"lists {len(self.blocks)} layers of {self.layers}")
        kv = []
        for layer, heads in enumerate(self.heads):
            group = self.part(layer, "attention").get("n_heads_in_group")
            many = 0 if group is None else bounded("n_heads_in_group", group, 1, 1 << 16)
            kv.append(heads // many if many else 0)
        return kv

    def mixers(self, layer: int) -> tuple[Mixer, ...]:
        if self.kv[layer]:
            return super().mixers(layer)
        return (Idle(empty=True),)

    def feed(self, layer: int) -> Feed:
        if not self.blocks:
            return super().feed(layer)
        part = self.part(layer, "ffn")
        if part.get("no_op"):
            return Feed()
        if part.get("replace_with_linear"):
            return Feed(self.hidden // 2, gated=False)
        factor = part.get("ffn_mult")
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < 64:
            raise Malformed("ffn_mult", "is not a factor between 0 and 64")
        width = int(2 * factor * self.hidden / 3)
        return Feed(-(-width // 256) * 256)

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        linear = self.part(layer, "attention").get("replace_with_linear")
        extra = (Weight("attn_output.weight", self.hidden, self.hidden),) if linear else ()
        norms = (1 if self.kv[layer] or linear else 0) + (1 if made.feed.width else 0)
        return replace(made, norms=norms, extra=extra)


class Dbrx(Decoder):
    """Its sizes stand in two inner configurations, one for attention and one for the experts."""

    def __init__(self, told: Reading, family: Family) -> None:
        super().__init__(told.joined("ffn_config", "attn_config"), family)


class Mllama(Decoder):
    """Some layers look at the picture instead of the text, and keep it for each sequence."""

    def crossing(self, layer: int) -> bool:
        return layer in (self.told.listed("cross_attention_layers") or ())

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        if not self.crossing(layer):
            return made
        attention = replace(self.attention(layer), norm="head", seen=PICTURE_TOKENS)
        return replace(made, mixers=(attention,), norm_extra=2)

    def outside(self) -> list[Weight]:
        extra = Weight("token_embd_extra.weight", self.hidden, PICTURE_WORDS)
        return [*super().outside(), extra]


class Mimo2(Decoder):
    """Windows with twice the key heads and a sink; values narrower than keys."""

    def read_kinds(self) -> list[str]:
        listed = self.told.listed("hybrid_layer_pattern")
        if listed is not None and len(listed) >= self.layers:
            return [WINDOW if one else FULL for one in listed[: self.layers]]
        return super().read_kinds()

    def kind(self, layer: int) -> str:
        return FULL if layer == 0 or (layer + 1) % 6 == 0 else WINDOW

    def attention(self, layer: int) -> Attention:
        made = super().attention(layer)
        if self.told.listed("num_key_value_heads") is not None:
            return replace(made, sinks=self.kinds[layer] == WINDOW)
        if self.kinds[layer] != WINDOW:
            return replace(made, sinks=self.told.yes("add_full_attention_sink_bias"))
        return replace(
            made,
            kv=self.told.whole("swa_num_key_value_heads", default=2 * made.kv),
            key=self.told.whole("swa_head_dim", default=made.key),
            value=self.told.whole("swa_v_head_dim", default=made.value),
            sinks=self.told.yes("add_swa_attention_sink_bias", default=True),
        )

    def is_sparse(self, layer: int) -> bool:
        if self.told.raw("moe_layer_freq", "mlp_layer_types", "first_k_dense_replace") is None:
            return layer > 0
        return super().is_sparse(layer)


class Step35(Decoder):
    """Windows with other heads; experts on the layers that a string of numbers lists."""

    def attention(self, layer: int) -> Attention:
        if self.kinds[layer] != WINDOW or self.told.listed("num_attention_heads") is not None:
            return super().attention(layer)
        other = self.told.below("attention_other_setting")
        heads = other.maybe("num_attention_heads") or self.told.maybe("num_sliding_attention_heads")
        kv = other.maybe("num_attention_groups")
        made = super().attention(layer)
        heads = heads or made.heads
        return replace(made, heads=heads, kv=kv or made.kv, gate=heads)

    def is_sparse(self, layer: int) -> bool:
        words = self.told.text("moe_layers_enum")
        if not words:
            return super().is_sparse(layer)
        return str(layer) in [word.strip() for word in words.split(",")]
