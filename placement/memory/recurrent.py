"""Mixers that keep a state of fixed size instead of every token.

What they keep does not grow with the text, but there is one for each sequence, and it is never
quantised: a state is rewritten token by token, and its errors would add up.
"""

from dataclasses import dataclass
from typing import Final

from placement.memory.model import Cache, Home, Weight

TOKEN_SHIFTS: Final = 2
"""Rows of the token before that RWKV keeps: for the mixing in time, and in channels."""
CONV_HEADS: Final = 3
"""Query, key and value each pass a short convolution of their own."""


@dataclass(frozen=True, slots=True)
class Mamba1:
    """A selective state space, one state per channel."""

    inner: int
    state: int
    conv: int
    step_rank: int
    norms: bool = False
    """Jamba norms the step and both matrices."""
    bias: bool = False

    def weights(self, hidden: int) -> list[Weight]:
        inner, state = self.inner, self.state
        found = [
            Weight("ssm_in.weight", hidden, 2 * inner),
            Weight("ssm_conv1d.weight", self.conv, inner),
            Weight("ssm_conv1d.bias", inner),
            Weight("ssm_x.weight", inner, self.step_rank + 2 * state),
            Weight("ssm_dt.weight", self.step_rank, inner),
            Weight("ssm_dt.bias", inner),
            Weight("ssm_a", state, inner),
            Weight("ssm_d", inner),
            Weight("ssm_out.weight", inner, hidden),
        ]
        if self.norms:
            found.append(Weight("ssm_dt_b_c_norm.weight", self.step_rank + 2 * state))
        if self.bias:
            found.append(Weight("ssm.bias", 2 * inner + hidden))
        return found

    def cache(self) -> Cache:
        return Cache(conv=(self.conv - 1) * self.inner, state=self.state * self.inner)


@dataclass(frozen=True, slots=True)
class PlamoState:
    """PLaMo 2's state space: in heads as Mamba-2, with the small projections of Mamba-1.

    Shapes as in llama.cpp's `src/models/plamo2.cpp`.
    """

    heads: int
    inner: int
    state: int
    conv: int
    step_rank: int

    def weights(self, hidden: int) -> list[Weight]:
        small = self.step_rank + 2 * self.state
        return [
            Weight("ssm_in.weight", hidden, 2 * self.inner),
            Weight("ssm_conv1d.weight", self.conv, self.inner),
            Weight("ssm_x.weight", self.inner, small),
            Weight("ssm_dt.weight", self.step_rank, self.heads),
            Weight("ssm_vectors", 3 * self.heads + small),
            Weight("ssm_out.weight", self.inner, hidden),
        ]

    def cache(self) -> Cache:
        return Cache(conv=(self.conv - 1) * self.inner, state=self.state * self.inner)


@dataclass(frozen=True, slots=True)
class Mamba2:
    """A state space in heads; `groups` of them share their matrices."""

    heads: int
    inner: int
    state: int
    groups: int
    conv: int
    normed: bool = True
    bias: bool = False

    def weights(self, hidden: int) -> list[Weight]:
        mixed = self.inner + 2 * self.groups * self.state
        found = [
            Weight("ssm_in.weight", hidden, self.inner + mixed + self.heads),
            Weight("ssm_conv1d.weight", self.conv, mixed),
            Weight("ssm_conv1d.bias", mixed),
            Weight("ssm_dt.bias", self.heads),
            Weight("ssm_a", self.heads),
            Weight("ssm_d", self.heads),
            Weight("ssm_out.weight", self.inner, hidden),
        ]
        if self.normed:
            found.append(Weight("ssm_norm.weight", self.inner))
        if self.bias:
            found.append(Weight("ssm.bias", self.inner + mixed + self.heads + hidden))
        return found

    def cache(self) -> Cache:
        mixed = self.inner + 2 * self.groups * self.state
        return Cache(conv=(self.conv - 1) * mixed, state=self.state * self.inner)


@dataclass(frozen=True, slots=True)
class DeltaNet:
    """A gated delta net: a matrix per value head, rewritten token by token."""

    key_heads: int
    value_heads: int
    key: int
    value: int
    conv: int
    joined: bool = False
    """Qwen3-Next keeps beta and alpha in one matrix; Qwen3.5 in two."""

    def weights(self, hidden: int) -> list[Weight]:
        values = self.value_heads * self.value
        mixed = self._mixed()
        ends = [Weight("ssm_ba.weight", hidden, 2 * self.value_heads)]
        if not self.joined:
            ends = [
                Weight(f"ssm_{name}.weight", hidden, self.value_heads) for name in ("alpha", "beta")
            ]
        return [
            Weight("attn_qkv.weight", hidden, mixed),
            Weight("attn_gate.weight", hidden, values),
            Weight("ssm_conv1d.weight", self.conv, mixed),
            Weight("ssm_dt.bias", self.value_heads),
            Weight("ssm_a", self.value_heads),
            *ends,
            Weight("ssm_norm.weight", self.value),
            Weight("ssm_out.weight", values, hidden),
        ]

    def _mixed(self) -> int:
        return 2 * self.key_heads * self.key + self.value_heads * self.value

    def cache(self) -> Cache:
        return Cache(
            conv=(self.conv - 1) * self._mixed(), state=self.value_heads * self.key * self.value
        )


@dataclass(frozen=True, slots=True)
class DeltaAttention:
    """Kimi delta attention: a delta net with a gate per channel."""

    heads: int
    width: int
    conv: int
    full_gate: bool = False
    """Kimi-K3 projects the output gate at full width."""
    full_forget: bool = False
    """Ling 3 the forget gate too."""

    def weights(self, hidden: int) -> list[Weight]:
        wide = self.heads * self.width
        found = [Weight(f"attn_{name}.weight", hidden, wide) for name in "qkv"]
        found += [Weight(f"ssm_conv1d_{name}.weight", self.conv, wide) for name in "qkv"]
        if self.full_forget:
            found.append(Weight("ssm_f_a.weight", hidden, wide))
        else:
            found.append(Weight("ssm_f_a.weight", hidden, self.width))
            found.append(Weight("ssm_f_b.weight", self.width, wide))
        found += [
            Weight("ssm_beta.weight", hidden, self.heads),
            Weight("ssm_a", self.heads),
            Weight("ssm_dt.bias", wide),
            Weight("ssm_norm.weight", self.width),
            Weight("attn_output.weight", wide, hidden),
        ]
        if self.full_gate:
            return [*found, Weight("ssm_g.weight", hidden, wide)]
        return [
            *found,
            Weight("ssm_g_a.weight", hidden, self.width),
            Weight("ssm_g_b.weight", self.width, wide),
        ]

    def cache(self) -> Cache:
        wide = self.heads * self.width
        return Cache(conv=CONV_HEADS * (self.conv - 1) * wide, state=wide * self.width)


@dataclass(frozen=True, slots=True)
class ShortConv:
    """LFM2: a gated convolution over the last few tokens."""

    conv: int
    bias: bool = False

    def weights(self, hidden: int) -> list[Weight]:
        found = [
            Weight("shortconv.in_proj.weight", hidden, 3 * hidden),
            Weight("shortconv.out_proj.weight", hidden, hidden),
            Weight("shortconv.conv.weight", self.conv, hidden),
        ]
        return [*found, Weight("shortconv.bias", 5 * hidden)] if self.bias else found

    def cache(self) -> Cache:
        # Per column of the hidden row; the block that holds it knows how many there are.
        return Cache(conv=self.conv - 1)


@dataclass(frozen=True, slots=True)
class Lightning:
    """MiniMax-Text: linear attention with a square state per head."""

    heads: int
    width: int

    def weights(self, hidden: int) -> list[Weight]:
        wide = self.heads * self.width
        return [
            Weight("attn_qkv.weight", hidden, 3 * wide),
            Weight("attn_gate.weight", hidden, wide),
            Weight("attn_output.weight", wide, hidden),
            Weight("attn_norm_2.weight", wide),
        ]

    def cache(self) -> Cache:
        return Cache(state=self.heads * self.width * self.width)


@dataclass(frozen=True, slots=True)
class Wkv6:
    """RWKV-6 (Finch): a square state per head, and the row of the token before, twice.

    Shapes as in llama.cpp's `src/models/rwkv6.cpp`.
    """

    head: int
    inner: int
    mix: int
    decay: int

    def weights(self, hidden: int) -> list[Weight]:
        square = ("key", "value", "receptance", "gate", "output")
        return [
            Weight("time_mix_w1.weight", hidden, 5 * self.mix),
            Weight("time_mix_w2.weight", self.mix, hidden, 5),
            Weight("time_mix_lerp_x.weight", hidden),
            Weight("time_mix_lerp_fused.weight", 5 * hidden),
            Weight("time_mix_first.weight", hidden),
            Weight("time_mix_decay.weight", hidden),
            Weight("time_mix_decay_w1.weight", hidden, self.decay),
            Weight("time_mix_decay_w2.weight", self.decay, hidden),
            *(Weight(f"time_mix_{name}.weight", hidden, hidden) for name in square),
            Weight("time_mix_ln.weight", 2 * hidden),
            Weight("channel_mix_lerp.weight", 2 * hidden),
            Weight("channel_mix_key.weight", hidden, self.inner),
            Weight("channel_mix_value.weight", self.inner, hidden),
            Weight("channel_mix_receptance.weight", hidden, hidden),
        ]

    def cache(self) -> Cache:
        # Per column of the hidden row; the block that holds it knows how many there are.
        return Cache(conv=TOKEN_SHIFTS, state=self.head)


@dataclass(frozen=True, slots=True)
class Wkv7:
    """RWKV-7 (Goose): as the one before, with four small projections in the place of one.

    Shapes as in llama.cpp's `src/models/rwkv7.cpp`; `first` is layer 0, which has no value of an
    earlier layer to mix in: only a GGUF keeps something in that place.
    """

    head: int
    inner: int
    decay: int
    rate: int
    residual: int
    gate: int
    first: bool = False

    def weights(self, hidden: int) -> list[Weight]:
        home = Home.GGUF if self.first else Home.BOTH
        residual = self.rate if self.first else self.residual
        mixed = 6 if self.gate else 5
        found = [
            *_low_rank("w", hidden, self.decay, Home.BOTH, bias=True),
            *_low_rank("a", hidden, self.rate, Home.BOTH, bias=True),
            *_low_rank("v", hidden, residual, home, bias=True),
            Weight("time_mix_lerp_fused.weight", mixed * hidden),
            Weight("time_mix_k_k.weight", 3 * hidden),
        ]
        if self.gate:
            found += _low_rank("g", hidden, self.gate, Home.BOTH, bias=False)
        square = ("key", "value", "receptance", "output")
        return [
            *found,
            *(Weight(f"time_mix_{name}.weight", hidden, hidden) for name in square),
            Weight("time_mix_ln.weight", 2 * hidden),
            Weight("channel_mix_lerp.weight", hidden),
            Weight("channel_mix_key.weight", hidden, self.inner),
            Weight("channel_mix_value.weight", self.inner, hidden),
        ]

    def cache(self) -> Cache:
        return Cache(conv=TOKEN_SHIFTS, state=self.head)


def _low_rank(name: str, hidden: int, rank: int, home: Home, *, bias: bool) -> list[Weight]:
    found = [
        Weight(f"time_mix_{name}1.weight", hidden, rank, home=home),
        Weight(f"time_mix_{name}2.weight", rank, hidden, home=home),
    ]
    return [*found, Weight(f"time_mix_{name}0.weight", hidden, home=home)] if bias else found


@dataclass(frozen=True, slots=True)
class MatrixLstm:
    """xLSTM's mLSTM: a matrix, a row and a number per head.

    Shapes and states as in `modeling_xlstm.py` of transformers.
    """

    heads: int
    keys: int
    values: int
    bias: bool = False

    def weights(self, hidden: int) -> list[Weight]:
        rows = {"q": self.keys, "k": self.keys, "v": self.values, "ogate": self.values}
        found = [Weight(f"{name}.weight", hidden, wide) for name, wide in rows.items()]
        found += [
            Weight("ifgate.weight", hidden, 2 * self.heads),
            Weight("ifgate.bias", 2 * self.heads),
            Weight("multihead_norm.weight", self.values * (2 if self.bias else 1)),
            Weight("out_proj.weight", self.values, hidden),
        ]
        if self.bias:
            found.append(Weight("mlstm.bias", 2 * self.keys + 2 * self.values + hidden))
        return found

    def cache(self) -> Cache:
        return Cache(state=self.keys * self.values // self.heads + self.keys + self.heads)
