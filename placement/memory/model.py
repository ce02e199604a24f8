"""What a model is to a planner: layers, each with its weights and with what it keeps per token.

No formula of a whole model survives the models of today: one layer keeps every token, the next a
window of them, a third one row of state per sequence, a fourth nothing. So a `Model` is a list of
layers, and everything that is asked of it is a sum over that list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LAYERS_MAX: Final = 1_024
"""More than any engine loads (llama.cpp stops at 512)."""
WIDTH_MAX: Final = 1 << 24
"""The longest row we believe, in elements."""
ELEMENTS_MAX: Final = 1 << 50
"""A model of a quadrillion parameters is a misprint."""


class Reach(StrEnum):
    """How far back the cache of a layer remembers."""

    FULL = "full"
    WINDOW = "sliding window"
    CHUNK = "chunk"
    NOTHING = "nothing"


class Home(StrEnum):
    """Where a tensor is counted: some are stored by one format only."""

    BOTH = "both"
    CHECKPOINT = "checkpoint"
    GGUF = "gguf"


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor: `stack` matrices of `rows` rows of `columns` elements each.

    Named as GGUF names it, less the block number, because the quantisation rules go by name.
    """

    name: str
    columns: int
    rows: int = 1
    stack: int = 1
    home: Home = Home.BOTH
    routed: bool = False

    @property
    def elements(self) -> int:
        return self.columns * self.rows * self.stack


@dataclass(frozen=True, slots=True)
class Cache:
    """What one layer keeps: `key` + `value` elements per token, `conv` + `state` per sequence.

    A latent (MLA) layer has one row and no V: `value` is 0 and `latent` is set. `indexer` is a
    third row per token (sparse attention). `head_key` and `head_value` are the widths of one head.
    """

    reach: Reach = Reach.NOTHING
    key: int = 0
    value: int = 0
    window: int = 0
    indexer: int = 0
    latent: bool = False
    heads: int = 0
    head_key: int = 0
    head_value: int = 0
    unfolded: int = 0
    """Elements per token for an engine that cannot keep the latent row alone."""
    spread: int = 0
    """Elements that one token is unfolded to in a micro-batch, beyond the row itself."""
    picked: int = 0
    """Tokens that an indexer picks here: the list is alive until the micro-batch is through."""
    conv: int = 0
    state: int = 0
    clump: int = 0
    """So many tokens leave one further row together, as wide as a key, and their indexer's."""
    alone: bool = False
    """Every sequence has cells of its own, also where the engine could share them."""
    fixed: int = 0
    """Elements per sequence that do not grow: the encoder's keys and values."""

    @property
    def per_token(self) -> int:
        return self.key + self.value + self.indexer

    @property
    def per_sequence(self) -> int:
        return self.conv + self.state


NO_CACHE: Final = Cache()


@dataclass(frozen=True, slots=True)
class Layer:
    """One block."""

    weights: tuple[Weight, ...]
    cache: Cache = NO_CACHE
    wide: int = 0
    """The widest inner row that a token has in this block; sizes the compute buffer."""

    @property
    def elements(self) -> int:
        return sum(weight.elements for weight in self.weights)


@dataclass(frozen=True, slots=True)
class Model:
    """A whole model, as far as memory goes."""

    family: str
    """The name its rules go by; llama.cpp's name for the architecture where it has one."""
    hidden: int
    vocabulary: int
    heads: int
    """Query heads (the most of any layer)."""
    trained_context: int
    layers: tuple[Layer, ...]
    outside: tuple[Weight, ...]
    """Embeddings, the last norm, the head."""
    encoder: tuple[Layer, ...] = ()
    towers: tuple[Weight, ...] = ()
    """Vision and audio, with their projectors."""
    tower_known: bool = True
    tied: bool = False
    experts: int = 0
    experts_used: int = 0
    per_key: int = 0
    """Query heads per key head in the first layer; 0: it has none. Quantisation goes by it."""
    windowed: bool = True
    """Whether llama.cpp makes use of the window for this family."""
    gguf: str = ""
    """llama.cpp's name, or empty: it cannot load this one."""

    def weights(self) -> Iterator[tuple[int, Weight]]:
        """Every tensor of the text model with its block; -1 for what belongs to none."""
        for weight in self.outside:
            yield -1, weight
        for block, layer in enumerate((*self.layers, *self.encoder)):
            for weight in layer.weights:
                yield block, weight

    def parameters(self) -> int:
        """As the checkpoint counts them: tied matrices once, towers too."""
        return self.text_parameters() + _sum(self.towers)

    def text_parameters(self) -> int:
        """The language model alone."""
        return sum(w.elements for _, w in self.weights() if w.home is not Home.GGUF)

    def stored(self) -> Iterator[tuple[int, Weight]]:
        """What a GGUF file of the text model holds."""
        return ((block, w) for block, w in self.weights() if w.home is not Home.CHECKPOINT)

    def routed(self) -> int:
        """Parameters in experts of which only some are used per token."""
        return sum(w.elements for _, w in self.weights() if w.routed)

    def active(self) -> int:
        """Parameters that one token touches; says how fast, never how large."""
        routed = self.routed()
        used = routed * self.experts_used // self.experts if self.experts else routed
        return self.text_parameters() - routed + used


def _sum(weights: tuple[Weight, ...]) -> int:
    return sum(weight.elements for weight in weights)
