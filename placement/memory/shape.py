"""The blocks a language model is built from, and the tensors each of them holds.

A `Mixer` lets tokens see each other and may keep something per token or per sequence; a `Feed` works
on each token alone and keeps nothing. Both are told in plain numbers: whether these came from a
`config.json` or from a GGUF no longer matters here.

The tensors follow llama.cpp's `src/models/*.cpp` (`load_arch_tensors`) and the modelling files of
Hugging Face transformers; both were counted against each other, family by family.
"""

from dataclasses import dataclass
from typing import Final

from placement.memory.model import NO_CACHE, Cache, Home, Layer, Reach, Weight

CONV_HEADS: Final = 3
"""Query, key and value each pass a short convolution of their own."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Ordinary attention: MHA, GQA and MQA differ in `kv` alone."""

    heads: int
    kv: int
    key: int
    value: int
    reach: Reach = Reach.FULL
    window: int = 0
    owns: bool = True
    """False: it reads another layer's keys and values, and has no projection for them."""
    has_value: bool = True
    """False: the keys serve as values; both are cached all the same."""
    bias: bool = False
    out_bias: bool = False
    norm: str = ""
    """'head': one norm over a head's width; 'full': over all heads; 'each': a norm per head."""
    norm_bias: bool = False
    twice: bool = False
    """The query projection carries an output gate of the same width."""
    gate: int = 0
    """Rows of a gate projection of its own."""
    sinks: bool = False
    fused: bool = False
    cross: bool = False

    def weights(self, hidden: int) -> list[Weight]:
        query = self.heads * self.key * (2 if self.twice else 1)
        key, value = self.kv * self.key, self.kv * self.value
        if not self.owns:
            key = value = 0
        if not self.has_value:
            value = 0
        rows = {"attn_q": query, "attn_k": key, "attn_v": value}
        if self.fused:
            rows = {"attn_qkv": query + key + value}
        found = [Weight(f"{name}.weight", hidden, wide) for name, wide in rows.items() if wide]
        found.append(Weight("attn_output.weight", self.heads * self.value, hidden))
        if self.gate:
            found.append(Weight("attn_gate.weight", hidden, self.gate))
        if self.bias:
            found.append(Weight("attn_qkv.bias", query + key + value))
        if self.out_bias:
            found.append(Weight("attn_output.bias", hidden))
        if self.sinks:
            found.append(Weight("attn_sinks.weight", self.heads))
        if self.norm:
            wide = self._norm_width()
            found.append(Weight("attn_qk_norm.weight", wide * (2 if self.norm_bias else 1)))
        return found

    def _norm_width(self) -> int:
        keys = self.kv if self.owns else 0
        if self.norm == "head":
            return self.key * (2 if self.owns else 1)
        return (self.heads + keys) * self.key

    def cache(self) -> Cache:
        if not self.owns:
            return Cache(head_key=self.key, head_value=self.value)
        return Cache(
            reach=self.reach,
            key=self.kv * self.key,
            value=self.kv * self.value,
            window=self.window,
            heads=self.kv,
            head_key=self.key,
            head_value=self.value,
        )


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention: one compressed row per token serves every head."""

    heads: int
    rank: int
    rope: int
    nope: int
    value: int
    query_rank: int = 0
    index_heads: int = 0
    index_width: int = 0
    """A sparse indexer keeps one more row of this width."""
    index_top: int = 0
    index_here: bool = True
    """False: this layer uses the choice of another's indexer."""
    bias: bool = False
    gate: int = 0
    reach: Reach = Reach.FULL
    window: int = 0

    def weights(self, hidden: int) -> list[Weight]:
        wide = self.heads * (self.nope + self.rope)
        if self.query_rank:
            found = [
                Weight("attn_q_a.weight", hidden, self.query_rank),
                Weight("attn_q_b.weight", self.query_rank, wide),
                Weight("attn_q_a_norm.weight", self.query_rank),
            ]
        else:
            found = [Weight("attn_q.weight", hidden, wide)]
        found += [
            Weight("attn_kv_a_mqa.weight", hidden, self.rank + self.rope),
            Weight("attn_kv_a_norm.weight", self.rank),
            Weight("attn_k_b.weight", self.nope, self.rank, self.heads),
            Weight("attn_v_b.weight", self.rank, self.value, self.heads),
            Weight("attn_output.weight", self.heads * self.value, hidden),
        ]
        if self.gate:
            found.append(Weight("attn_gate.weight", hidden, self.gate))
        if self.bias:
            found.append(Weight("attn_a.bias", self.query_rank + self.rank + self.rope + hidden))
        if self.index_width and self.index_here:
            found += [
                Weight("indexer.attn_q_b.weight", self.query_rank or hidden, self._index()),
                Weight("indexer.attn_k.weight", hidden, self.index_width),
                Weight("indexer.proj.weight", hidden, self.index_heads),
                Weight("indexer.k_norm", 2 * self.index_width),
            ]
        return found

    def _index(self) -> int:
        return self.index_heads * self.index_width

    def cache(self) -> Cache:
        return Cache(
            reach=self.reach,
            key=self.rank + self.rope,
            window=self.window,
            indexer=self.index_width if self.index_here else 0,
            latent=True,
            heads=1,
            head_key=self.rank + self.rope,
            head_value=self.rank,
            unfolded=self.heads * (self.nope + self.rope + self.value),
            spread=spread(self.heads, self.rank, self.rope, self.index_width, self.index_top),
        )


def spread(heads: int, rank: int, rope: int, index_width: int, index_top: int) -> int:
    """What a latent attention unfolds per token: queries and results of every head at full rank.

    Fitted to what llama.cpp reserves for DeepSeek-V3 and, with an indexer's choice, for GLM-5.
    """
    return max(heads * (3 * rank + 3 * rope // 2), index_top * (index_width + 4))


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


@dataclass(frozen=True, slots=True)
class Idle:
    """No mixing here. `empty`: llama.cpp still lists the layer in its cache (Nemotron-NAS)."""

    empty: bool = False

    def weights(self, hidden: int) -> list[Weight]:
        del hidden
        return []

    def cache(self) -> Cache:
        return Cache(reach=Reach.FULL) if self.empty else NO_CACHE


Mixer = (
    Attention | Latent | Mamba1 | Mamba2 | DeltaNet | DeltaAttention | ShortConv | Lightning | Idle
)


@dataclass(frozen=True, slots=True)
class Feed:
    """The part that works on one token: dense, of experts, or both side by side."""

    width: int = 0
    gated: bool = True
    bias: bool = False
    fused: bool = False
    """Gate and up in one matrix, called `ffn_up`."""
    experts: int = 0
    used: int = 0
    expert_width: int = 0
    expert_gated: bool = True
    expert_bias: bool = False
    expert_scale: bool = False
    shared: int = 0
    shared_gate: bool = False
    router_bias: bool = False
    correction: Home | None = None
    """A bias that balances the experts, and where it is counted."""
    latent: int = 0
    """The experts work in a narrower space of this width."""
    idle_experts: int = 0
    """Experts that do nothing: they have a row in the router and no matrices."""

    def weights(self, hidden: int) -> list[Weight]:
        found: list[Weight] = []
        if self.width:
            found += self._dense(hidden)
        if self.experts:
            found += self._routed(hidden)
        return found

    def _dense(self, hidden: int) -> list[Weight]:
        up = 2 * self.width if self.fused and self.gated else self.width
        found = [
            Weight("ffn_up.weight", hidden, up),
            Weight("ffn_down.weight", self.width, hidden),
        ]
        if self.gated and not self.fused:
            found.append(Weight("ffn_gate.weight", hidden, self.width))
        if self.bias:
            found.append(Weight("ffn.bias", self.width * (2 if self.gated else 1) + hidden))
        return found

    def _routed(self, hidden: int) -> list[Weight]:
        inside, wide, many = self.latent or hidden, self.expert_width, self.experts
        names = ("ffn_gate_exps", "ffn_up_exps") if self.expert_gated else ("ffn_up_exps",)
        found = [Weight("ffn_gate_inp.weight", hidden, many + self.idle_experts)]
        found += [Weight(f"{name}.weight", inside, wide, many, routed=True) for name in names]
        found.append(Weight("ffn_down_exps.weight", wide, inside, many, routed=True))
        if self.latent:
            found.append(Weight("ffn_latent_down.weight", hidden, inside))
            found.append(Weight("ffn_latent_up.weight", inside, hidden))
        if self.router_bias:
            found.append(Weight("ffn_gate_inp.bias", many))
        if self.correction is not None:
            found.append(Weight("exp_probs_b.bias", many, home=self.correction))
        if self.expert_bias:
            found.append(Weight("ffn_exps.bias", len(names) * wide + inside, many, routed=True))
        if self.expert_scale:
            found.append(Weight("ffn_down_exps.scale", many))
        return found + self._shared(hidden)

    def _shared(self, hidden: int) -> list[Weight]:
        if not self.shared:
            return []
        names = ("ffn_gate_shexp", "ffn_up_shexp") if self.expert_gated else ("ffn_up_shexp",)
        found = [Weight(f"{name}.weight", hidden, self.shared) for name in names]
        found.append(Weight("ffn_down_shexp.weight", self.shared, hidden))
        if self.shared_gate:
            found.append(Weight("ffn_gate_inp_shexp.weight", hidden))
        return found

    def widest(self) -> int:
        """The widest row that one token has inside."""
        # Without a gate there is one row less alive at a time.
        dense = self.width if self.gated else 3 * self.width // 4
        return max(dense, self.used * self.expert_width, self.shared)


NO_FEED: Final = Feed()


@dataclass(frozen=True, slots=True)
class Block:
    """One layer: its mixers (nearly always one), its feed, and its norms."""

    mixers: tuple[Mixer, ...]
    feed: Feed = NO_FEED
    norms: int = 2
    norm_bias: bool = False
    norm_extra: int = 0
    """Further single numbers: scales, norms of another width."""
    extra: tuple[Weight, ...] = ()

    def layer(self, hidden: int) -> Layer:
        found: list[Weight] = []
        for mixer in self.mixers:
            found += mixer.weights(hidden)
        found += self.feed.weights(hidden)
        vectors = self.norms * hidden * (2 if self.norm_bias else 1) + self.norm_extra
        if vectors:
            found.append(Weight("norm.weight", vectors))
        return Layer((*found, *self.extra), self._cache(hidden), self.feed.widest())

    def _cache(self, hidden: int) -> Cache:
        if len(self.mixers) == 1:
            mixer = self.mixers[0]
            if isinstance(mixer, ShortConv):
                return Cache(conv=(mixer.conv - 1) * hidden)
            return mixer.cache()
        told, kept = (mixer.cache() for mixer in self.mixers)
        if told.per_sequence:
            told, kept = kept, told
        return Cache(
            reach=told.reach, key=told.key, value=told.value, window=told.window,
            heads=told.heads, head_key=told.head_key, head_value=told.head_value,
            conv=kept.conv, state=kept.state,
        )  # fmt: skip
