"""How fast a model answers, as a range: each token has to read all the weights that it touches.

One sequence is bound by memory, not by arithmetic; so a card's bandwidth over the bytes read is a
ceiling, and engines reach half to nearly all of it. Bandwidths are the vendors' own figures.
"""

from typing import Final, NamedTuple

from placement.memory.model import Model

REACHED: Final = (0.45, 0.85)
"""The share of the bandwidth that engines reach at one sequence."""
BANDWIDTHS: Final = {
    "rtx3060": 360, "rtx3090": 936, "rtx4060ti": 288, "rtx4070": 504, "rtx4080": 717,
    "rtx4090": 1008, "rtx5070": 672, "rtx5080": 960, "rtx5090": 1792, "l4": 300, "l40s": 864,
    "t4": 320, "v100": 900, "a10": 600, "a100-40g": 1555, "a100-80g": 2039, "h100": 3350,
    "h200": 4800, "b200": 8000, "gb10": 273, "orin-agx": 205, "mi210": 1638, "mi300x": 5300,
    "rx7900xtx": 960, "strix-halo": 256, "arc-b580": 456, "arc-a770": 560, "m1": 68, "m1-max": 400,
    "m2-ultra": 800, "m3-max": 400, "m4": 120, "m4-pro": 273, "m4-max": 546, "m3-ultra": 819,
}  # fmt: skip
"""GB/s, from the data sheets of NVIDIA, AMD, Intel and Apple."""
GB: Final = 1_000_000_000


class Speed(NamedTuple):
    """Tokens per second for one sequence, and where the range comes from."""

    low: float
    high: float
    source: str


def speed(model: Model, weights: int, cache: int, bandwidth_gb: float, source: str) -> Speed | None:
    """The range for weights and a filled cache of so many bytes on a card of this bandwidth."""
    parameters = model.text_parameters()
    if bandwidth_gb <= 0 or not parameters:
        return None
    touched = model.active() / parameters
    read = weights * touched + cache
    ceiling = bandwidth_gb * GB / read
    low, high = (round(ceiling * share, 1) for share in REACHED)
    return Speed(low, high, f"{bandwidth_gb:,.0f} GB/s ({source}) over {read / GB:,.1f} GB a token")
