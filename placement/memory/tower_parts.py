"""What the eyes and ears of models are built of."""

from placement.memory.model import LAYERS_MAX, Weight
from placement.memory.reading import Reading


def matrix(name: str, columns: int, rows: int, *, bias: bool = True, many: int = 1) -> list[Weight]:
    found = [Weight(f"{name}.weight", columns, rows, many)]
    return [*found, Weight(f"{name}.bias", rows * many)] if bias else found


def blocks(  # noqa: PLR0913 - a block has so many ways to differ
    layers: int, hidden: int, inner: int, *, gated: bool = False, bias: bool = True,
    feed_bias: bool = True, qkv_bias: bool = True, norm_bias: bool = True, norms: int = 2,
    extra: int = 0, kv: int = 0, key_bias: bool = True,
) -> list[Weight]:  # fmt: skip
    """The blocks of a transformer that sees all at once. `kv`: rows of keys, and of values."""
    keys = kv or hidden
    vectors = norms * hidden * (2 if norm_bias else 1) + extra
    if qkv_bias:
        vectors += hidden + keys + (keys if key_bias else 0)
    if bias:
        vectors += hidden
    if feed_bias:
        vectors += inner * (2 if gated else 1) + hidden
    return [
        Weight("v.blk.attn_qkv.weight", hidden, hidden + 2 * keys, layers),
        Weight("v.blk.attn_out.weight", hidden, hidden, layers),
        Weight("v.blk.ffn_up.weight", hidden, inner * (2 if gated else 1), layers),
        Weight("v.blk.ffn_down.weight", inner, hidden, layers),
        Weight("v.blk.vectors.weight", vectors * layers),
    ]


def side(vision: Reading, name: str, default: int | None = None) -> int:
    """A size that may be given as one number or as [height, width]."""
    listed = vision.listed(name)
    if listed:
        return Reading({name: listed[0]}).whole(name)
    return vision.whole(name, default=default)


def layers_of(vision: Reading, *names: str) -> int:
    return vision.whole(*names, "num_hidden_layers", most=LAYERS_MAX)


def patches(vision: Reading, image: int, patch: int) -> int:
    return vision.maybe("num_patches") or (image // patch) ** 2


def merge(vision: Reading) -> int:
    return vision.whole("spatial_merge_size", default=2, most=64) ** 2
