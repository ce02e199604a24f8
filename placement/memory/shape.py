"""One layer of a model as plain numbers: mixers, a feed, and norms.

A mixer lets tokens see each other and may keep something per token or per sequence; a feed works on
each token alone and keeps nothing. Whether the numbers came from a `config.json` or from a GGUF no
longer matters here.
"""

from dataclasses import dataclass

from placement.memory.attention import Attention, Borrowed, Latent
from placement.memory.compressed import Compressed
from placement.memory.feeds import NO_FEED, Feed
from placement.memory.model import NO_CACHE, Cache, Layer, Reach, Weight
from placement.memory.recurrent import (
    DeltaAttention,
    DeltaNet,
    Lightning,
    Mamba1,
    Mamba2,
    MatrixLstm,
    PlamoState,
    ShortConv,
    Wkv6,
    Wkv7,
)


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
    Attention
    | Borrowed
    | Latent
    | Compressed
    | Mamba1
    | Mamba2
    | PlamoState
    | DeltaNet
    | DeltaAttention
    | ShortConv
    | Lightning
    | Wkv6
    | Wkv7
    | MatrixLstm
    | Idle
)


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
