"""From the fields of a configuration to the blocks of a decoder.

The fields go by many names; each is read under all of them. What a family does in its own way is a
subclass in `peculiar.py` that overrides one of these methods, so that everything which is not there
is ordinary.
"""

from collections.abc import Sequence
from typing import Final

from placement.memory.gguf import BY_KV_ZERO
from placement.memory.families import Family, Said
from placement.memory.model import LAYERS_MAX, Home, Layer, Model, Reach, Weight
from placement.memory.reading import TOKENS_MAX, Malformed, Reading, bounded
from placement.memory.shape import (
    Attention,
    Block,
    DeltaAttention,
    DeltaNet,
    Feed,
    Idle,
    Latent,
    Lightning,
    Mamba1,
    Mamba2,
    Mixer,
    ShortConv,
)

FULL, WINDOW, CHUNK = "full", "window", "chunk"
KINDS: Final = {
    "full_attention": FULL, "attention": FULL, "full": FULL, "global": FULL, "global_attn": FULL,
    "sliding_attention": WINDOW, "sliding": WINDOW, "local": WINDOW, "local_attn": WINDOW,
    "swa": WINDOW, "window": WINDOW, "chunked_attention": CHUNK, "chunk": CHUNK,
    "indexed_attention": FULL, "conv": "conv", "mlp": "mlp", "moe": "moe", "none": "none",
}  # fmt: skip
"""What the words of `layer_types` mean. 'linear_attention' and 'mamba' depend on the family."""
LINEAR: Final = ("linear_attention", "mamba", "mamba2", "linear", "recurrent", "hybrid")
EXPERTS_MAX: Final = 65_536
EXPERTS: Final = (
    "num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts", "num_routed_experts",
)  # fmt: skip
EXPERTS_USED: Final = (
    "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "top_k_experts",
    "moe_top_k", "moe_topk", "moe_k", "num_selected_experts",
)  # fmt: skip
SHARED_COUNT: Final = (
    "n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert",
)
SHARED_WIDTH: Final = (
    "shared_expert_intermediate_size", "shared_intermediate_size", "share_expert_dim",
    "moe_shared_expert_intermediate_size",
)  # fmt: skip
DENSE: Final = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff", "encoder_ffn_dim")


class Decoder:
    """The ordinary reading. `told` is the text model's own configuration."""

    def __init__(self, told: Reading, family: Family) -> None:
        self.told = told
        self.family = family
        self.layers = self.count()
        self.hidden = told.whole("hidden_size", "n_embd", "d_model", "dim")
        self.vocabulary = told.whole("vocab_size", "padded_vocab_size")
        self.heads = self.read_heads()
        self.kv = self.read_kv()
        self.key = self.read_key()
        self.value = told.whole("v_head_dim", default=self.key) if not self.latent else self.key
        self.window = told.maybe("sliding_window", "attention_chunk_size", most=TOKENS_MAX)
        self.kinds = self.read_kinds()
        self.experts = told.maybe(*EXPERTS, most=EXPERTS_MAX)
        self.used = min(self.experts, told.maybe(*EXPERTS_USED, most=EXPERTS_MAX))
        self.sparse = [self.is_sparse(layer) for layer in range(self.layers)]

    # What there is.

    def count(self) -> int:
        listed = self.told.listed("layers_block_type")
        default = len(listed) if listed else None
        return self.told.whole(
            "num_hidden_layers", "n_layer", "n_layers", "num_layers", default=default,
            most=LAYERS_MAX,
        )  # fmt: skip

    @property
    def latent(self) -> bool:
        return bool(self.told.maybe("kv_lora_rank"))

    def said(self, how: Said) -> bool:
        """A yes or no of the family, or of the field that it names."""
        if isinstance(how, bool):
            return how
        return self.told.yes(how.removeprefix("!"), default=how.startswith("!"))

    def read_heads(self) -> list[int]:
        if not self.told.raw("num_attention_heads", "n_head", "n_heads", "num_heads"):
            return [0] * self.layers
        listed = self.told.listed("num_attention_heads_per_layer")
        if listed:
            return self.told.each(self.layers, "num_attention_heads_per_layer")
        return self.told.each(self.layers, "num_attention_heads", "n_head", "n_heads", "num_heads")

    def read_kv(self) -> list[int]:
        names = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "num_attention_groups")
        if self.told.yes("multi_query_attention"):
            return self.told.each(self.layers, "multi_query_group_num", default=1)
        if self.told.raw(*names) is None:
            inside = self.told.below("attn_config").maybe("kv_n_heads")
            one = inside or (1 if self.told.yes("multi_query") else 0)
            return [one or heads for heads in self.heads]
        kv = self.told.each(self.layers, *names)
        for few, many in zip(kv, self.heads, strict=True):
            if few and many % few:
                raise Malformed("num_key_value_heads", f"{few} does not divide {many} heads")
        return kv

    def read_key(self) -> int:
        key = self.told.maybe("head_dim", "attention_head_dim", "kv_channels")
        if key or self.latent or not any(self.heads):
            return key
        if isinstance(self.told.raw("num_attention_heads"), int) and self.family.name == "glm4moe":
            # Its heads were never meant to fill the row; the modelling code rounds down.
            return self.hidden // max(self.heads)
        if self.hidden % max(self.heads):
            raise Malformed(
                "num_attention_heads", f"{max(self.heads)} does not divide {self.hidden}"
            )
        return self.hidden // max(self.heads)

    def read_kinds(self) -> list[str]:
        listed = self.told.listed("layer_types", "layers_block_type")
        if listed is None:
            return [self.kind(layer) for layer in range(self.layers)]
        if len(listed) < self.layers:
            raise Malformed("layer_types", f"lists {len(listed)} layers of {self.layers}")
        kinds = [self.named(word) for word in listed[: self.layers]]
        return [FULL if kind in (WINDOW, CHUNK) and not self.window else kind for kind in kinds]

    def named(self, word: object) -> str:
        if word in LINEAR and self.family.linear:
            return self.family.linear
        if not isinstance(word, str) or word not in KINDS:
            raise Malformed("layer_types", f"{str(word)[:40]!r} is no kind of layer that we know")
        return KINDS[word]

    def kind(self, layer: int) -> str:
        """What layer this is, where the configuration does not list them."""
        if self.family.linear:
            return self.linear_or_full(layer)
        if not self.window or not self.told.yes("use_sliding_window", default=self.slides()):
            return FULL
        period = self.told.maybe(
            "sliding_window_pattern", "global_attn_every_n_layers", "_sliding_window_pattern"
        )
        period = period or self.family.period
        if not period:
            return WINDOW if layer >= self.first_window() else FULL
        full = layer % period == (0 if self.family.full_first else period - 1)
        return FULL if full else WINDOW

    def slides(self) -> bool:
        """Whether a window counts that nothing switches on; Qwen keeps one that it does not use."""
        return not self.family.name.startswith("qwen")

    def first_window(self) -> int:
        if self.told.has("use_sliding_window"):
            return self.told.maybe("max_window_layers", most=LAYERS_MAX)
        return 0

    def linear_or_full(self, layer: int) -> str:
        lists = self.told.below("linear_attn_config")
        listed = lists.listed("full_attn_layers")
        if listed is not None:
            # These lists begin at 1.
            return FULL if layer + 1 in listed else self.family.linear
        period = self.told.maybe("full_attention_interval") or self.family.period
        if period:
            return self.family.linear if (layer + 1) % period else FULL
        indices = self.told.listed("attn_layer_indices", "full_attn_idxs")
        if indices is not None:
            return FULL if layer in indices else self.family.linear
        return self.family.linear

    def is_sparse(self, layer: int) -> bool:
        """Whether this layer has experts."""
        told = self.told
        if not self.experts or self.experts == 1:
            return False
        listed = told.listed("mlp_layer_types")
        if listed is not None and len(listed) >= self.layers:
            return bool(listed[layer] == "sparse")
        often = told.listed("moe_layer_freq")
        if often is not None and len(often) >= self.layers:
            return bool(often[layer])
        if layer < told.maybe("first_k_dense_replace", "num_dense_layers", most=LAYERS_MAX):
            return False
        if told.raw("moe_layer_start_index") is not None:
            first = told.maybe("moe_layer_start_index", most=LAYERS_MAX)
            last = told.whole("moe_layer_end_index", default=LAYERS_MAX, least=-1)
            step = told.whole("moe_layer_interval", default=1)
            return first <= layer <= (last if last >= 0 else LAYERS_MAX) and (layer + 1) % step == 0
        if layer in (told.listed("mlp_only_layers") or ()):
            return False
        step = told.whole("moe_layer_freq", default=1) if often is None else 1
        every = told.whole("decoder_sparse_step", default=1)
        return layer % step == 0 and (layer + 1) % every == 0

    # The blocks.

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

    def mixer(self, layer: int, kind: str) -> Mixer:  # noqa: PLR0911 - one line per kind
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
            windowed=self.family.windowed,
            gguf=self.family.name if self.family.archs else "",
        )


def gguf_only(name: str, columns: int, rows: int = 1) -> Weight:
    """A tensor that the checkpoint does not have."""
    return Weight(name, columns, rows, home=Home.GGUF)
