"""From the sizes of a model to its blocks, and from the blocks to the model.

What a family does in its own way is a subclass in `peculiar.py` or `hybrids.py` that overrides one
of these methods, so that everything which is not there is ordinary.
"""

from collections.abc import Sequence
from typing import Final

from placement.memory.attention import Attention, Latent
from placement.memory.feeds import Feed
from placement.memory.gguf import BY_KV_ZERO, EXAONE4_WINDOWED_LAYERS
from placement.memory.model import Home, Layer, Model, Reach, Weight
from placement.memory.reading import TOKENS_MAX, Malformed, bounded
from placement.memory.recurrent import (
    DeltaAttention,
    DeltaNet,
    Lightning,
    Mamba1,
    Mamba2,
    ShortConv,
)
from placement.memory.shape import Block, Idle, Mixer
from placement.memory.sizes import CHUNK, EXPERTS_MAX, FULL, WINDOW, Sizes

SHARED_COUNT: Final = (
    "n_shared_experts",
    "num_shared_experts",
    "moe_num_shared_experts",
    "num_shared_expert",
)
SHARED_WIDTH: Final = (
    "shared_expert_intermediate_size", "shared_intermediate_size", "share_expert_dim",
    "moe_shared_expert_intermediate_size",
)  # fmt: skip
DENSE: Final = (
    "intermediate_size",
    "ffn_dim",
    "n_inner",
    "ffn_hidden_size",
    "d_ff",
    "encoder_ffn_dim",
)


class Decoder(Sizes):
    """The ordinary building."""

    def block(self, layer: int) -> Block:
        return Block(
            self.mixers(layer),
            self.feed(layer),
            norms=self.family.norms,
            norm_bias=self.family.norm_bias,
        )

    def mixers(self, layer: int) -> tuple[Mixer, ...]:
        kind = self.kinds[layer]
        if kind == "both":
            return self.attention(layer), self.mamba2()
        return (self.mixer(layer, kind),)

    def mixer(self, layer: int, kind: str) -> Mixer:
        if kind == "mamba1":
            return self.mamba1()
        if kind == "mamba2":
            return self.mamba2()
        if kind == "delta":
            return self.delta()
        if kind == "kda":
            return self.kda()
        if kind == "conv":
            return ShortConv(
                self.told.whole("conv_L_cache", "conv_l_cache"), self.told.yes("conv_bias")
            )
        if kind == "lightning":
            return Lightning(self.heads[layer], self.key)
        if kind in ("none", "mlp", "moe"):
            return Idle()
        return self.latent_attention(layer) if self.latent else self.attention(layer)

    def attention(self, layer: int) -> Attention:
        family, heads = self.family, self.heads[layer]
        if not heads:
            raise Malformed("num_attention_heads", "is missing")
        reach, window = self.reach(layer)
        gate = {"head": heads, "full": heads * self.value, "": 0}[family.gate]
        return Attention(
            heads, self.kv[layer], self.key, self.value, reach, window,
            bias=self.said(family.bias), out_bias=self.said(family.out_bias),
            norm=family.qk_norm if self.said(family.qk_norm_if) else "",
            norm_bias=family.qk_norm_bias, twice=self.said(family.q_twice), gate=gate,
            sinks=family.sinks, fused=family.fused,
        )  # fmt: skip

    def reach(self, layer: int) -> tuple[Reach, int]:
        kind = self.kinds[layer]
        if kind == WINDOW:
            return Reach.WINDOW, self.window
        if kind == CHUNK:
            return Reach.CHUNK, self.window
        return Reach.FULL, 0

    def latent_attention(self, layer: int) -> Latent:
        told = self.told
        reach, window = self.reach(layer)
        kinds = told.listed("indexer_types")
        return Latent(
            heads=self.heads[layer],
            rank=told.whole("kv_lora_rank"),
            rope=told.whole("qk_rope_head_dim", least=0),
            nope=told.whole("qk_nope_head_dim"),
            value=told.whole("v_head_dim"),
            query_rank=told.maybe("q_lora_rank"),
            index_heads=told.maybe("index_n_heads"),
            index_width=told.maybe("index_head_dim"),
            index_top=told.maybe("index_topk"),
            index_here=not kinds or layer >= len(kinds) or kinds[layer] == "full",
            bias=told.yes("attention_bias"),
            folded=self.family.folded,
            reach=reach,
            window=window,
        )

    def mamba1(self) -> Mamba1:
        told = self.told
        plain = told.has("state_size") and not told.has("mamba_d_state")
        inner = told.maybe("intermediate_size") if plain else 0
        inner = inner or told.whole("expand", "mamba_expand", default=2) * self.hidden
        rank = told.raw("time_step_rank", "mamba_dt_rank")
        if not isinstance(rank, int):
            rank = -(-self.hidden // 16)
        return Mamba1(
            inner=inner,
            state=told.whole("state_size", "mamba_d_state", default=16),
            conv=told.whole("conv_kernel", "mamba_d_conv", default=4),
            step_rank=bounded("time_step_rank", rank, 1, self.hidden * 16),
            bias=told.yes("use_bias", "mamba_proj_bias"),
        )

    def mamba2(self) -> Mamba2:
        told = self.told
        heads = told.whole("mamba_n_heads", "mamba_num_heads", "num_heads")
        width = told.raw("mamba_d_head", "mamba_head_dim", "head_dim")
        inner = told.maybe("mamba_d_ssm") or told.whole("expand", "mamba_expand", default=2) * (
            self.hidden
        )
        if isinstance(width, int) and not isinstance(width, bool):
            inner = heads * bounded("mamba_d_head", width, 1, 1 << 16)
        return Mamba2(
            heads=heads,
            inner=inner,
            state=told.whole("mamba_d_state", "ssm_state_size", "state_size"),
            groups=told.whole("mamba_n_groups", "n_groups", default=1),
            conv=told.whole("mamba_d_conv", "conv_kernel", default=4),
            normed=told.yes("mamba_rms_norm", default=True),
            bias=told.yes("mamba_proj_bias", "use_bias"),
        )

    def delta(self) -> DeltaNet:
        told = self.told
        return DeltaNet(
            key_heads=told.whole("linear_num_key_heads"),
            value_heads=told.whole("linear_num_value_heads"),
            key=told.whole("linear_key_head_dim"),
            value=told.whole("linear_value_head_dim"),
            conv=told.whole("linear_conv_kernel_dim", default=4),
            joined=self.family.name == "qwen3next",
        )

    def kda(self) -> DeltaAttention:
        lists = self.told.below("linear_attn_config")
        return DeltaAttention(
            heads=lists.maybe("num_heads") or self.told.whole("linear_num_heads"),
            width=lists.maybe("head_dim") or self.told.whole("linear_head_dim"),
            conv=lists.maybe("short_conv_kernel_size")
            or self.told.whole("linear_conv_kernel_dim", default=4),
        )

    # The feeds.

    def feed(self, layer: int) -> Feed:
        if self.kinds[layer] in ("mamba1", "mamba2") and not self.feeds_states():
            return Feed()
        if self.sparse[layer]:
            return self.routed(layer)
        width = self.dense_width(layer)
        family = self.family
        return Feed(
            width, gated=family.gated, bias=self.said(family.feed_bias), fused=family.fused_feed
        )

    def feeds_states(self) -> bool:
        """Whether a layer with a state has a feed too: hybrids do, plain Mamba has none."""
        return any(self.heads) and not self.family.name.startswith("mamba")

    def dense_width(self, layer: int) -> int:
        default = None if self.family.gated else 4 * self.hidden
        return self.told.each(self.layers, *DENSE, default=default)[layer]

    def expert_width(self, layer: int) -> int:
        names = ("moe_intermediate_size", "expert_ffn_hidden_size", "moe_ffn_hidden_size")
        if self.told.raw(*names) is not None:
            return self.told.each(self.layers, *names)[layer]
        return self.dense_width(layer)

    def routed(self, layer: int) -> Feed:
        family = self.family
        return Feed(
            gated=family.gated, experts=self.experts, used=self.used,
            expert_width=self.expert_width(layer), expert_gated=family.gated,
            expert_bias=family.expert_bias, shared=self.shared_width(layer),
            shared_gate=family.shared_gate, router_bias=family.router_bias,
            correction=family.correction,
        )  # fmt: skip

    def shared_width(self, layer: int) -> int:
        how = self.family.shared
        if how == "one":
            return self.expert_width(layer)
        if how == "width":
            return self.told.maybe(*SHARED_WIDTH)
        if how == "count":
            count = self.told.raw(*SHARED_COUNT)
            if isinstance(count, Sequence) and not isinstance(count, str) and count:
                count = count[min(layer, len(count) - 1)]
            many = 0 if count is None else bounded(SHARED_COUNT[0], count, 0, EXPERTS_MAX)
            return many * self.expert_width(layer)
        return 0

    # What stands outside of the blocks.

    def tied(self) -> bool:
        return self.told.yes("tie_word_embeddings", default=self.family.tied)

    def outside(self) -> list[Weight]:
        family, hidden = self.family, self.hidden
        bias = 2 if family.norm_bias else 1
        found = [Weight("token_embd.weight", hidden, self.vocabulary)]
        if not self.tied():
            found.append(Weight("output.weight", hidden, self.vocabulary))
        if family.last_norm:
            found.append(Weight("output_norm.weight", hidden * bias))
        if family.head_bias:
            found.append(Weight("output.bias", self.vocabulary))
        if family.first_norm:
            found.append(Weight("token_embd_norm.weight", hidden * bias))
        if family.positions:
            found.append(Weight("position_embd.weight", hidden, self.positions()))
        return found

    def positions(self) -> int:
        return self.told.whole("n_positions", "max_position_embeddings", most=TOKENS_MAX)

    def context(self) -> int:
        return self.told.maybe(
            "max_position_embeddings", "n_positions", "model_max_length", "max_seq_len",
            "seq_length", "max_sequence_length", most=TOKENS_MAX,
        )  # fmt: skip

    def windowed(self) -> bool:
        """Whether llama.cpp saves what a window saves."""
        # It knows the windows of this family by the number of layers.
        short = self.family.name == "exaone4" and self.layers != EXAONE4_WINDOWED_LAYERS
        return self.family.windowed and not short

    def per_key(self) -> int:
        """As a GGUF of this model says it: a hybrid that lists its layers says 0 for the first."""
        if self.latent:
            return 0 if self.kinds[0] != FULL else self.heads[0]
        listing = self.family.name in BY_KV_ZERO or self.family.name.startswith("nemotron_h")
        if not self.kv[0] or (listing and self.kinds[0] not in (FULL, WINDOW)):
            return 0
        return self.heads[0] // self.kv[0]

    def model(self) -> Model:
        """The whole of it. Equal blocks become one and the same layer, so that this stays cheap."""
        made: dict[Block, Layer] = {}
        layers: list[Layer] = []
        for number in range(self.layers):
            block = self.block(number)
            if block not in made:
                made[block] = block.layer(self.hidden)
            layers.append(made[block])
        return Model(
            family=self.family.name,
            hidden=self.hidden,
            vocabulary=self.vocabulary,
            heads=max(self.heads),
            trained_context=self.context(),
            layers=tuple(layers),
            outside=tuple(self.outside()),
            tied=self.tied(),
            experts=self.experts,
            experts_used=self.used,
            per_key=self.per_key(),
            windowed=self.windowed(),
            gguf=self.family.name if self.family.archs else "",
        )


def gguf_only(name: str, columns: int, rows: int = 1) -> Weight:
    """A tensor that the checkpoint does not have."""
    return Weight(name, columns, rows, home=Home.GGUF)
