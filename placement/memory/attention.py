"""Attention: tokens that look at each other, and what has to be kept so that they can.

The tensors follow llama.cpp's `src/models/*.cpp` (`load_arch_tensors`) and the modelling files of
Hugging Face transformers; both were counted against each other, family by family.
"""

from dataclasses import dataclass

from placement.memory.model import Cache, Reach, Weight


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
    index_heads: int = 0
    index_width: int = 0
    """An indexer picks blocks of tokens by keys of its own, and keeps a value beside each."""
    seen: int = 0
    """Tokens of something else that it looks at instead: as many keys as these, and no more."""

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
        if self.index_width:
            found += [
                Weight("indexer.q_proj.weight", hidden, self.index_heads * self.index_width),
                Weight("indexer.k_proj.weight", hidden, self.index_width),
                Weight("indexer.qk_norm.weight", 2 * self.index_width),
            ]
        return found

    def _norm_width(self) -> int:
        keys = self.kv if self.owns else 0
        if self.norm == "head":
            return self.key * (2 if self.owns else 1)
        return (self.heads + keys) * self.key

    def cache(self) -> Cache:
        if self.seen:
            return Cache(fixed=self.seen * self.kv * (self.key + self.value))
        if not self.owns:
            return Cache(head_key=self.key, head_value=self.value)
        return Cache(
            reach=self.reach,
            key=self.kv * self.key,
            value=self.kv * self.value,
            window=self.window,
            indexer=self.index_width + self.value if self.index_width else 0,
            heads=self.kv,
            head_key=self.key,
            head_value=self.value,
        )


@dataclass(frozen=True, slots=True)
class Borrowed:
    """An attention with the weights of another layer, and keys and values of its own."""

    like: Attention

    def weights(self, hidden: int) -> list[Weight]:
        del hidden
        return []

    def cache(self) -> Cache:
        return self.like.cache()


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
    folded: bool = True
    """False: engines keep every head's keys and values of this family, not the latent row."""
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
        if not self.folded:
            key = self.nope + self.rope
            return Cache(
                reach=self.reach, key=self.heads * key, value=self.heads * self.value,
                window=self.window, heads=self.heads, head_key=key, head_value=self.value,
            )  # fmt: skip
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
            spread=spread(self.heads, self.rank, self.rope),
            picked=self.index_top if self.index_here else 0,
        )


def spread(heads: int, rank: int, rope: int) -> int:
    """What a latent attention unfolds per token: queries and results of every head at full rank.

    Fitted to what llama.cpp reserves for DeepSeek-V3; that of GLM-5 needs the picked tokens too.
    """
    return heads * (3 * rank + 3 * rope // 2)
