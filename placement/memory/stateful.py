"""Families that keep a state instead of tokens, or share the few layers that keep them.

RWKV: shapes from llama.cpp's `src/models/rwkv6.cpp` and `rwkv7.cpp`, and what a configuration
leaves open from its converter (`conversion/rwkv.py`). xLSTM, Zamba and Zamba2: `modeling_xlstm.py`,
`modeling_zamba.py` and `modular_zamba2.py` of Hugging Face transformers (5.x). llama.cpp loads the
first two only.
"""

from dataclasses import dataclass, replace
from typing import Final

from placement.memory.attention import Attention, Borrowed
from placement.memory.decoder import Decoder
from placement.memory.feeds import Feed
from placement.memory.model import LAYERS_MAX, Layer, Weight
from placement.memory.reading import Malformed
from placement.memory.recurrent import Mamba1, Mamba2, MatrixLstm, PlamoState, Wkv6, Wkv7
from placement.memory.shape import Block, Mixer
from placement.memory.sizes import FULL

FACTOR_MAX: Final = 64
LORA_STEP: Final = 32
"""RWKV-7 rounds the ranks of its small projections to whole ones of these."""
WIDE_FINCH: Final = 4096
"""From this width on RWKV-6 has twice the ranks."""
XLSTM_STEP: Final = 64


@dataclass(frozen=True, slots=True)
class WideBlock(Block):
    """A block whose feed is among its mixer's weights, and how wide that is."""

    wide: int = 0

    def layer(self, hidden: int) -> Layer:
        made = Block.layer(self, hidden)
        shift, state = made.cache.conv * hidden, made.cache.state * hidden
        return replace(made, cache=replace(made.cache, conv=shift, state=state), wide=self.wide)


class Rwkv(Decoder):
    """What both have in common: no heads that attend, two norms with biases, one on the words."""

    def read_heads(self) -> list[int]:
        return [0] * self.layers

    def read_kv(self) -> list[int]:
        return [0] * self.layers

    def read_key(self) -> int:
        return 0

    def read_kinds(self) -> list[str]:
        return ["rwkv"] * self.layers

    def head(self) -> int:
        return self.told.whole("head_size", "head_dim", default=64)

    def inner(self, default: int) -> int:
        return max(self.told.each(self.layers, "intermediate_size", default=default))

    def outside(self) -> list[Weight]:
        return [*super().outside(), Weight("token_embd_norm.weight", 2 * self.hidden)]


class Rwkv6(Rwkv):
    """Finch."""

    def block(self, layer: int) -> Block:
        twice = 2 if self.hidden >= WIDE_FINCH else 1
        mixer = Wkv6(
            self.head(),
            self.inner(self.hidden * 7 // 2 // 32 * 32),
            self.told.whole("time_mix_extra_dim", "lora_rank_tokenshift", default=32 * twice),
            self.told.whole("time_decay_extra_dim", "lora_rank_decay", default=64 * twice),
        )
        return WideBlock((mixer,), norm_bias=True, wide=mixer.inner)


class Rwkv7(Rwkv):
    """Goose."""

    def block(self, layer: int) -> Block:
        whole, hidden = self.told.whole, self.hidden
        ratio = _factor(self, "hidden_ratio", 4.0)
        mixer = Wkv7(
            self.head(),
            self.inner(int(hidden * ratio)),
            whole("decay_low_rank_dim", "lora_rank_decay", default=_rank(hidden, 0.5, 1.8)),
            whole("a_low_rank_dim", "lora_rank_iclr", default=_rank(hidden, 0.5, 1.8)),
            whole(
                "v_low_rank_dim", "lora_rank_value_residual_mix", default=_rank(hidden, 0.5, 1.3)
            ),
            whole("gate_low_rank_dim", "lora_rank_gate", default=_rank(hidden, 0.8, 0.6), least=0),
            first=layer == 0,
        )
        return WideBlock((mixer,), norm_bias=True, wide=mixer.inner)


def _rank(hidden: int, power: float, times: float) -> int:
    steps: float = hidden**power * times / LORA_STEP
    return max(1, round(steps)) * LORA_STEP


def _factor(told: Decoder, name: str, default: float) -> float:
    said = told.told.raw(name)
    if said is None:
        return default
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said < FACTOR_MAX:
        raise Malformed(name, f"is not a factor between 0 and {FACTOR_MAX}")
    return float(said)


class Plamo2(Decoder):
    """States, and an attention in the middle of every so many layers."""

    def read_key(self) -> int:
        return self.told.maybe("hidden_size_per_head", "head_dim") or 128

    def kind(self, layer: int) -> str:
        step = self.told.whole("mamba_step", default=2, most=LAYERS_MAX)
        if not self.told.yes("mamba_enabled", default=True):
            return FULL
        if self.layers <= step // 2:
            return FULL if layer == self.layers - 1 else self.family.linear
        return FULL if layer % step == step // 2 else self.family.linear

    def mixer(self, layer: int, kind: str) -> Mixer:
        if kind != self.family.linear:
            return super().mixer(layer, kind)
        whole = self.told.whole
        heads = whole("mamba_num_heads", "mamba_n_heads", default=64)
        inner = heads * (self.told.maybe("mamba_d_head") or self.key)
        return PlamoState(
            heads=heads, inner=inner, state=whole("mamba_d_state", default=64),
            conv=whole("mamba_d_conv", default=4), step_rank=max(64, self.hidden // 16),
        )  # fmt: skip


class Xlstm(Rwkv):
    """A matrix memory per head, and an ordinary feed."""

    def count(self) -> int:
        return self.told.whole("num_hidden_layers", "num_blocks", most=LAYERS_MAX)

    def block(self, layer: int) -> Block:
        hidden, told = self.hidden, self.told
        heads = told.whole("num_heads", default=8)
        keys = _rounded(hidden * _factor(self, "qk_dim_factor", 0.5))
        values = _rounded(hidden * _factor(self, "v_dim_factor", 1.0))
        if keys % heads or values % heads:
            raise Malformed("num_heads", f"{heads} does not divide {keys} and {values}")
        bias = told.yes("use_bias")
        feed = Feed(_rounded(hidden * _factor(self, "ffn_proj_factor", 2.667)), bias=bias)
        return Block((MatrixLstm(heads, keys, values, bias),), feed, norm_bias=bias)

    def outside(self) -> list[Weight]:
        return Decoder.outside(self)


def _rounded(wide: float) -> int:
    return int((wide + XLSTM_STEP - 1) // XLSTM_STEP) * XLSTM_STEP


class Zamba(Decoder):
    """States on every layer, and on some of them an attention whose weights are shared.

    What is shared stands in the first layers that use it, so that it is counted once.
    """

    def read_kinds(self) -> list[str]:
        listed = self.told.listed("layers_block_type")
        if listed is None:
            period = self.told.whole("attn_layer_period", default=6)
            offset = self.told.maybe("attn_layer_offset", most=LAYERS_MAX) or 4
            front = ["mamba", "mamba", "hybrid"]
            rest = ["hybrid" if at % period == offset else "mamba" for at in range(self.layers)]
            listed = [*front, *rest][: self.layers]
        listed = ["mamba" if one == "linear_attention" else one for one in listed]
        if len(listed) < self.layers or any(one not in ("mamba", "hybrid") for one in listed):
            raise Malformed("layers_block_type", "is not mamba or hybrid for every layer")
        return [str(one) for one in listed[: self.layers]]

    def read_key(self) -> int:
        said = self.told.maybe("attention_head_dim")
        return said or 2 * self.hidden // max(1, *self.heads)

    def hybrids(self) -> list[int]:
        return [layer for layer, kind in enumerate(self.kinds) if kind == "hybrid"]

    def state(self) -> Mamba1 | Mamba2:
        return self.mamba1()

    def sharing(self) -> int:
        """How many different shared blocks there are."""
        return 1

    def block(self, layer: int) -> Block:
        made: Mixer = self.state()
        if self.kinds[layer] == "mamba":
            return Block((made,), norms=1)
        attends = Attention(self.heads[layer], self.kv[layer], self.key, self.value)
        number = self.hybrids().index(layer)
        extra = [Weight("linear.weight", self.hidden, self.hidden), *self.adapters()]
        if number < self.sharing():
            extra += self.shared(attends)
        return Block((Borrowed(attends), made), norms=1, extra=tuple(extra))

    def adapters(self) -> list[Weight]:
        return []

    def shared(self, attends: Attention) -> list[Weight]:
        # Its input is the row and the embedding beside each other.
        wide = self.told.whole("attention_hidden_size", default=2 * self.hidden)
        query, keys = attends.heads * attends.key, attends.kv * attends.key
        inner = self.dense_width(0)
        return [
            Weight("attn_q.weight", wide, query), Weight("attn_k.weight", wide, keys),
            Weight("attn_v.weight", wide, keys), Weight("attn_output.weight", query, self.hidden),
            Weight("ffn_gate_up.weight", self.hidden, 2 * inner),
            Weight("ffn_down.weight", inner, self.hidden),
            Weight("shared_norm.weight", wide + self.hidden),
        ]  # fmt: skip


class Zamba2(Zamba):
    """Mamba-2, several shared blocks, and a small adapter for each use of them."""

    def state(self) -> Mamba2:
        told = self.told
        return Mamba2(
            heads=told.whole("n_mamba_heads"),
            inner=told.whole("mamba_expand", default=2) * self.hidden,
            state=told.whole("mamba_d_state"),
            groups=told.whole("mamba_ngroups", default=1),
            conv=told.whole("mamba_d_conv", default=4),
            bias=told.yes("add_bias_linear"),
        )

    def sharing(self) -> int:
        return self.told.whole("num_mem_blocks", default=1)

    def adapters(self) -> list[Weight]:
        rank, inner = self.told.whole("adapter_rank", default=128), self.dense_width(0)
        found = [
            Weight("ffn_adapter_a.weight", self.hidden, rank),
            Weight("ffn_adapter_b.weight", rank, 2 * inner),
        ]
        if self.told.yes("use_shared_attention_adapter"):
            wide = self.told.whole("attention_hidden_size", default=2 * self.hidden)
            found += [
                Weight("attn_adapter_a.weight", wide, rank, 3),
                Weight("attn_adapter_b.weight", rank, wide, 3),
            ]
        return found
