"""Families that do one thing in a way of their own: what they do, and nothing else.

Each class overrides what `Decoder` reads in the ordinary way. The names of the fields are those of
the published configurations; what is made of them follows the modelling files of transformers and
the `load_arch_tensors` of llama.cpp.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from placement.memory.decoder import CHUNK, FULL, WINDOW, Decoder, gguf_only
from placement.memory.model import LAYERS_MAX, Home, Weight
from placement.memory.reading import Malformed, Reading, bounded
from placement.memory.shape import Attention, Block, Feed, Idle, Lightning, Mixer

LATENT_EXPERTS: Final = "moe_latent_size"
HYBRID_LETTERS: Final = {"M": "mamba2", "E": "moe", "-": "mlp", "*": FULL}


class Apertus(Decoder):
    """Its activation learns two numbers per layer."""

    def block(self, layer: int) -> Block:
        return replace(super().block(layer), norm_extra=2)


class Bitnet(Decoder):
    """A norm before each output projection."""

    def block(self, layer: int) -> Block:
        return replace(super().block(layer), norm_extra=self.hidden + self.dense_width(layer))


class DiffLlama(Decoder):
    """Two attentions, one subtracted; four vectors weigh them."""

    def block(self, layer: int) -> Block:
        return replace(super().block(layer), norm_extra=4 * self.key)


class Gemma3n(Decoder):
    """Four streams (AltUp), low-rank skips (Laurel), and an embedding per layer."""

    def read_kv(self) -> list[int]:
        return super().read_kv()

    def attention(self, layer: int) -> Attention:
        shared = self.told.maybe("num_kv_shared_layers", most=LAYERS_MAX)
        return replace(super().attention(layer), owns=layer < self.layers - shared)

    def block(self, layer: int) -> Block:
        streams = self.told.whole("altup_num_inputs", default=4, most=64)
        rank = self.told.whole("laurel_rank", default=64)
        inner, hidden = self.inner(), self.hidden
        extra = (
            Weight("altup_correct_coef.weight", streams, streams),
            Weight("altup_predict_coef.weight", streams, streams * streams),
            Weight("altup_router.weight", hidden, streams),
            Weight("laurel_l.weight", hidden, rank),
            Weight("laurel_r.weight", rank, hidden),
            Weight("inp_gate.weight", hidden, inner),
            Weight("proj.weight", inner, hidden),
        )
        return replace(super().block(layer), norms=8, extra=extra)

    def inner(self) -> int:
        return self.told.maybe("hidden_size_per_layer_input")

    def outside(self) -> list[Weight]:
        found = super().outside()
        streams = self.told.whole("altup_num_inputs", default=4, most=64) - 1
        square = Weight("altup_proj.weight", self.hidden, self.hidden, streams)
        return [*found, *self.per_layer_table(), square, replace(square, name="altup_unembd_proj.weight")]

    def per_layer_table(self) -> list[Weight]:
        inner = self.inner()
        if not inner:
            return []
        wide = inner * self.layers
        words = self.told.whole("vocab_size_per_layer_input", default=self.vocabulary)
        return [
            Weight("per_layer_token_embd.weight", wide, words),
            Weight("per_layer_model_proj.weight", self.hidden, wide),
            Weight("per_layer_proj_norm.weight", inner),
        ]


class Gemma4(Gemma3n):
    """Global layers of another width; experts beside a dense feed; layers that share keys."""

    def read_kinds(self) -> list[str]:
        kinds = super().read_kinds()
        if self.told.listed("layer_types") is None and kinds:
            kinds[-1] = FULL
        return kinds

    def attention(self, layer: int) -> Attention:
        made = super().attention(layer)
        if self.kinds[layer] == WINDOW:
            return replace(
                made,
                key=self.told.whole("head_dim_swa", default=made.key),
                value=self.told.whole("head_dim_swa", default=made.value),
            )
        width = self.told.maybe("global_head_dim") or made.key
        alone = self.told.yes("attention_k_eq_v")
        kv = self.told.maybe("num_global_key_value_heads") if alone else 0
        return replace(made, key=width, value=width, kv=kv or made.kv, has_value=not alone)

    def feed(self, layer: int) -> Feed:
        shared = self.told.maybe("num_kv_shared_layers", most=LAYERS_MAX)
        wide = self.told.yes("use_double_wide_mlp") and layer >= self.layers - shared
        dense = Feed(self.dense_width(layer) * (2 if wide else 1))
        if not self.told.yes("enable_moe_block", default=bool(self.experts)):
            return dense
        return replace(
            dense, experts=self.experts, used=self.used, expert_width=self.expert_width(layer),
            expert_scale=True,
        )  # fmt: skip

    def block(self, layer: int) -> Block:
        inner, hidden = self.inner(), self.hidden
        feed = self.feed(layer)
        # Three norms around the experts, and a scale before their router.
        norms = 8 if feed.experts else 4
        extra: tuple[Weight, ...] = (gguf_only("layer_output_scale.weight", 1),)
        if inner:
            norms += 1
            extra += (
                Weight("inp_gate.weight", hidden, inner),
                Weight("proj.weight", inner, hidden),
            )
        return Block(self.mixers(layer), feed, norms=norms, extra=extra)

    def outside(self) -> list[Weight]:
        return [*Decoder.outside(self), *self.per_layer_table()]


class Phimoe(Decoder):
    """The head has a bias where the configuration says so, and the last norm too."""

    def outside(self) -> list[Weight]:
        found = super().outside()
        if self.told.yes("lm_head_bias"):
            found.append(Weight("output.bias", self.vocabulary))
        return found


class Falcon(Decoder):
    """Keys and values per head, per group, or one for all; the file keeps a second head."""

    def read_kv(self) -> list[int]:
        if self.told.yes("new_decoder_architecture"):
            return self.told.each(
                self.layers, "num_kv_heads", "num_key_value_heads", default=self.heads[0]
            )
        if self.told.has("multi_query") or not self.told.raw("num_key_value_heads"):
            return [1 if self.told.yes("multi_query", default=True) else h for h in self.heads]
        return super().read_kv()

    def dense_width(self, layer: int) -> int:
        del layer
        return self.told.maybe("ffn_hidden_size", "intermediate_size") or 4 * self.hidden

    def block(self, layer: int) -> Block:
        new = self.told.yes("new_decoder_architecture")
        two = new and self.told.whole("num_ln_in_parallel_attn", default=2, least=1, most=2) == 2  # noqa: PLR2004 - one or two
        alone = not self.told.yes("parallel_attn", default=True)
        return replace(super().block(layer), norms=2 if two or (alone and not new) else 1)

    def outside(self) -> list[Weight]:
        found = super().outside()
        if self.tied():
            found.append(gguf_only("output.weight", self.hidden, self.vocabulary))
        return found


class Opt(Decoder):
    """Positions begin at 2; small ones project their embeddings."""

    def positions(self) -> int:
        return super().positions() + 2

    def outside(self) -> list[Weight]:
        found = super().outside()
        narrow = self.told.maybe("word_embed_proj_dim")
        if not narrow or narrow == self.hidden:
            return found
        return [
            Weight("token_embd.weight", narrow, self.vocabulary),
            Weight("project_in.weight", narrow, self.hidden),
            Weight("project_out.weight", self.hidden, narrow),
            Weight("position_embd.weight", self.hidden, self.positions()),
        ]


class StableLm(Decoder):
    """One norm when attention and feed run side by side; norms per head when asked."""

    def attention(self, layer: int) -> Attention:
        made = super().attention(layer)
        return replace(made, norm="each") if self.told.yes("qk_layernorm") else made

    def block(self, layer: int) -> Block:
        side = self.told.yes("use_parallel_residual")
        return replace(super().block(layer), norms=1 if side else 2)


class Llama4(Decoder):
    """Chunks on three layers of four, experts on every so many, a shared one as wide as they are."""

    def read_kinds(self) -> list[str]:
        if self.told.listed("layer_types") is not None:
            return super().read_kinds()
        plain = self.told.listed("no_rope_layers")
        step = self.told.whole("no_rope_layer_interval", default=4)
        period = [bool((layer + 1) % step) for layer in range(self.layers)]
        chunked = [bool(one) for one in plain] if plain else period
        if len(chunked) < self.layers:
            raise Malformed("no_rope_layers", f"lists {len(chunked)} layers of {self.layers}")
        self.window = self.window or self.told.whole("attention_chunk_size", default=8192)
        return [CHUNK if one else FULL for one in chunked[: self.layers]]

    def is_sparse(self, layer: int) -> bool:
        if not self.experts:
            return False
        listed = self.told.listed("moe_layers")
        if listed:
            return layer in listed
        step = self.told.whole("interleave_moe_layer_step", default=1)
        return (layer + 1) % step == 0

    def dense_width(self, layer: int) -> int:
        del layer
        return self.told.whole("intermediate_size_mlp", "intermediate_size")

    def expert_width(self, layer: int) -> int:
        del layer
        return self.told.whole("moe_intermediate_size", "intermediate_size")


class Longcat(Decoder):
    """Two latent attentions and two dense feeds per layer, around one set of experts."""

    def block(self, layer: int) -> Block:
        told = self.told
        many = told.whole("n_routed_experts")
        attention = self.latent_attention(layer)
        twice = attention.weights(self.hidden) + Feed(self.dense_width(layer)).weights(self.hidden)
        experts = Feed(
            experts=many, used=told.whole("moe_topk"), idle_experts=told.maybe("zero_expert_num"),
            expert_width=self.expert_width(layer),
        )  # fmt: skip
        second = Feed(self.dense_width(layer))
        extra = (*twice, *second.weights(self.hidden))
        return Block((attention,), experts, norms=4, extra=extra)


class KimiK3(Decoder):
    """Kimi-Linear with wider gates and experts in a narrower space."""

    def kda(self) -> Any:
        return replace(super().kda(), full_gate=True)

    def routed(self, layer: int) -> Feed:
        latent = self.told.maybe("routed_expert_hidden_size", LATENT_EXPERTS)
        return replace(super().routed(layer), latent=latent)

    def latent_attention(self, layer: int) -> Any:
        made = super().latent_attention(layer)
        gated = self.told.yes("mla_use_output_gate")
        return replace(made, gate=made.heads * made.value if gated else 0)

    def block(self, layer: int) -> Block:
        # Each sub-block weighs the residuals of the blocks before it: a norm and a vector, twice.
        return replace(super().block(layer), norms=6)


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

    def mamba1(self) -> Any:
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
        return width * self.told.whole("n_shared_experts", default=1, least=0) or super().shared_width(
            layer
        )


class Lfm2(Decoder):
    """Short convolutions, and attention where a list says so."""

    def dense_width(self, layer: int) -> int:
        width = super().dense_width(layer)
        if not self.told.yes("block_auto_adjust_ff_dim"):
            return width
        width = 2 * width // 3
        factor = self.told.raw("block_ffn_dim_multiplier")
        if isinstance(factor, int | float) and not isinstance(factor, bool):
            if not 0 < factor < 64:  # noqa: PLR2004 - a factor, not a size
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
        return "lightning" if (layer + 1) % period == 0 or period > 2 else FULL  # noqa: PLR2004 - every second


class OlmoHybrid(Decoder):
    """Delta nets with separate projections; attention layers norm afterwards."""

    def linear_or_full(self, layer: int) -> str:
        return FULL if (layer + 1) % 4 == 0 else self.family.linear


class Deci(Decoder):
    """A search pruned each layer for itself: fewer heads, narrower feeds, or none at all."""

    def __init__(self, told: Reading, family: Any) -> None:
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
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < 64:  # noqa: PLR2004 - a factor
            raise Malformed("ffn_mult", "is not a factor between 0 and 64")
        width = int(2 * factor * self.hidden / 3)
        return Feed(-(-width // 256) * 256)

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        linear = self.part(layer, "attention").get("replace_with_linear")
        extra = (Weight("attn_output.weight", self.hidden, self.hidden),) if linear else ()
        norms = (1 if self.kv[layer] or linear else 0) + (1 if made.feed.width else 0)
        return replace(made, norms=norms, extra=extra)


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


class Plain(Decoder):
    """Nothing peculiar."""


PECULIAR: Final[dict[str, type[Decoder]]] = {
    "": Plain, "apertus": Apertus, "bitnet": Bitnet, "diffllama": DiffLlama, "gemma3n": Gemma3n,
    "gemma4": Gemma4, "phimoe": Phimoe, "falcon": Falcon, "opt": Opt, "stablelm": StableLm,
    "llama4": Llama4, "longcat": Longcat, "kimi_k3": KimiK3, "jamba": Jamba,
    "nemotron_h": NemotronH, "lfm2": Lfm2, "minimax": MiniMax, "olmo_hybrid": OlmoHybrid,
    "deci": Deci, "mimo2": Mimo2, "step35": Step35,
}  # fmt: skip
_ = Lightning
