"""Families that do one thing in a way of their own: what they do, and nothing else.

Each class overrides what `Decoder` reads in the ordinary way; `hybrids.py` holds those whose layers
are not all alike.
"""

from dataclasses import replace
from typing import Final

from placement.memory import hybrids, latents, stateful
from placement.memory.attention import Attention, Borrowed
from placement.memory.decoder import Decoder, gguf_only
from placement.memory.feeds import Feed
from placement.memory.model import LAYERS_MAX, Weight
from placement.memory.reading import Malformed
from placement.memory.shape import Block
from placement.memory.sizes import CHUNK, FULL, WINDOW


class Apertus(Decoder):
    """Its activation learns two numbers per layer."""

    def block(self, layer: int) -> Block:
        return replace(super().block(layer), norm_extra=2)


class Bitnet(Decoder):
    """A norm before each output projection."""

    def block(self, layer: int) -> Block:
        return replace(super().block(layer), norm_extra=self.hidden + self.dense_width(layer))


class Qwen(Decoder):
    """The first of its name counts both halves of its gated feed as one width."""

    def dense_width(self, layer: int) -> int:
        return super().dense_width(layer) // 2


class DiffLlama(Decoder):
    """Two attentions, one subtracted; four vectors weigh them."""

    def block(self, layer: int) -> Block:
        return replace(super().block(layer), norm_extra=4 * self.key)


class Gemma3n(Decoder):
    """Four streams (AltUp), low-rank skips (Laurel), and an embedding per layer."""

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
        return self.told.whole("hidden_size_per_layer_input", default=256, least=0)

    def outside(self) -> list[Weight]:
        found = super().outside()
        streams = self.told.whole("altup_num_inputs", default=4, most=64) - 1
        square = Weight("altup_proj.weight", self.hidden, self.hidden, streams)
        return [
            *found,
            *self.per_layer_table(),
            square,
            replace(square, name="altup_unembd_proj.weight"),
        ]

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
        own = self.own(layer).maybe("head_dim")
        width = own or self.told.maybe("global_head_dim") or made.key
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

    def inner(self) -> int:
        return self.told.maybe("hidden_size_per_layer_input")

    def outside(self) -> list[Weight]:
        return [*Decoder.outside(self), *self.per_layer_table()]


class Phimoe(Decoder):
    """The head has a bias where the configuration says so, and the last norm too."""

    def outside(self) -> list[Weight]:
        found = super().outside()
        if self.told.yes("lm_head_bias"):
            found.append(Weight("output.bias", self.vocabulary))
        return found


class Arctic(Decoder):
    """A dense feed as wide as the row beside the experts, and a norm for each."""

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        if not self.told.yes("parallel_attn_mlp_res", default=True) or not made.feed.experts:
            return made
        return replace(made, feed=replace(made.feed, width=self.hidden), norms=3)


class Falcon(Decoder):
    """Keys and values per head, per group, or one for all; the file keeps a second head."""

    def new(self) -> bool:
        """The larger ones; before the family had its name they said so by their key heads."""
        return self.told.yes("new_decoder_architecture", default=self.told.has("n_head_kv"))

    def read_kv(self) -> list[int]:
        if self.new():
            return self.told.each(
                self.layers, "num_kv_heads", "n_head_kv", "num_key_value_heads",
                default=self.heads[0],
            )  # fmt: skip
        if self.told.has("multi_query") or not self.told.raw("num_key_value_heads"):
            return [1 if self.told.yes("multi_query", default=True) else h for h in self.heads]
        return super().read_kv()

    def dense_width(self, layer: int) -> int:
        del layer
        return self.told.maybe("ffn_hidden_size", "intermediate_size") or 4 * self.hidden

    def block(self, layer: int) -> Block:
        new = self.new()
        two = new and self.told.whole("num_ln_in_parallel_attn", default=2, least=1, most=2) == 2
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
    """Chunks on three layers of four, experts on every so many, and one shared as wide as they."""

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


class HrmText(Decoder):
    """Two stacks that run again and again: weights once, keys and values for every run."""

    def block(self, layer: int) -> Block:
        stack = self.told.whole("num_layers_per_stack", most=LAYERS_MAX)
        slow = self.told.whole("L_cycles", most=LAYERS_MAX)
        if layer < stack or slow * stack <= layer < (slow + 1) * stack:
            return super().block(layer)
        return Block((Borrowed(self.attention(layer)),), norms=0)

    def outside(self) -> list[Weight]:
        return [*super().outside(), Weight("hrm_z_l_init", self.hidden)]


class CogVlm(Decoder):
    """A second set of every matrix for the words that are pictures."""

    def block(self, layer: int) -> Block:
        made = super().block(layer)
        again = [*self.attention(layer).weights(self.hidden), *made.feed.weights(self.hidden)]
        extra = tuple(replace(one, name=f"vis_{one.name}") for one in again if one.rows > 1)
        return replace(made, extra=extra)


PECULIAR: Final[dict[str, type[Decoder]]] = {
    "": Decoder, "apertus": Apertus, "bitnet": Bitnet, "diffllama": DiffLlama, "gemma3n": Gemma3n,
    "gemma4": Gemma4, "phimoe": Phimoe, "falcon": Falcon, "opt": Opt, "stablelm": StableLm,
    "llama4": Llama4, "longcat": Longcat, "kimi_k3": hybrids.KimiK3, "jamba": hybrids.Jamba,
    "nemotron_h": hybrids.NemotronH, "lfm2": hybrids.Lfm2, "minimax": hybrids.MiniMax,
    "olmo_hybrid": hybrids.OlmoHybrid, "minimax_m3": hybrids.MiniMaxM3,
    "mllama": hybrids.Mllama, "dbrx": hybrids.Dbrx, "deci": hybrids.Deci,
    "mimo2": hybrids.Mimo2, "qwen": Qwen, "step35": hybrids.Step35,
    "rwkv6": stateful.Rwkv6, "rwkv7": stateful.Rwkv7, "xlstm": stateful.Xlstm,
    "zamba": stateful.Zamba, "zamba2": stateful.Zamba2,
    "deepseek4": latents.DeepSeek4, "hy_v4": latents.HunYuan4, "dots3": latents.Dots3,
    "glm5": latents.Glm5Next, "bailing3": latents.BailingHybrid, "grove": latents.GroveMoe,
    "arctic": Arctic, "hrm": HrmText, "cogvlm": CogVlm, "plamo2": stateful.Plamo2,
}  # fmt: skip
