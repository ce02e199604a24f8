"""Mixers that keep a state of fixed size instead of every token.

What they keep does not grow with the text, but there is one for each sequence, and it is never
quantised: a state is rewritten token by token, and its errors would add up.
"""

from dataclasses import dataclass
from typing import Final

from placement.memory.model import Cache, Weight

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

    def weights(self, hidden: int) -> list[Weight]:
        wide = self.heads * self.width
        found = [Weight(f"attn_{name}.weight", hidden, wide) for name in "qkv"]
        found += [Weight(f"ssm_conv1d_{name}.weight", self.conv, wide) for name in "qkv"]
        found += [
            Weight("ssm_f_a.weight", hidden, self.width),
            Weight("ssm_f_b.weight", self.width, wide),
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
