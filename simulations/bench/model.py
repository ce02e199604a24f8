"""How long it takes to know what a model needs.

The models are those of the catalogue: from dense ones of a few layers to mixtures of experts with
ninety. Describing reads a configuration and lists every tensor; estimating weighs each of them in a
quantisation and counts the cache of every layer.
"""

import tomllib
from functools import partial
from importlib import resources
from typing import Any, Final

from placement.memory.description import describe
from placement.memory.estimate import estimate
from placement.memory.model import Model
from placement.memory.requests import Asked
from simulations.bench.headers import MEMORY, TIME, header_rows
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import best_us

ROUNDS: Final = 10
AREA: Final = Area(
    "model",
    Declared("describe a model from its configuration, mean", "µs", "lower"),
    Declared("estimate a described model, mean", "µs", "lower"),
    Declared("describe and estimate the worst of the catalogue", "µs", "lower"),
    TIME,
    MEMORY,
)


def rows() -> list[Row]:
    """All rows of the area."""
    text = resources.files("placement.memory").joinpath("catalogue.toml").read_text("utf-8")
    configs: list[dict[str, Any]] = [row["config"] for row in tomllib.loads(text)["model"]]
    made = [model for model in map(describe, configs) if isinstance(model, Model)]
    asked = Asked(context=32768, parallel=4, engine="unknown")
    described = [best_us(partial(describe, config), ROUNDS) for config in configs]
    weighed = [best_us(partial(estimate, model, asked), ROUNDS) for model in made]
    first, second, worst, *_ = AREA.declared
    many = len(configs)
    return [
        AREA.row(first, many, sum(described) / many),
        AREA.row(second, many, sum(weighed) / many),
        AREA.row(worst, many, max(map(sum, zip(described, weighed, strict=True)))),
        *header_rows(AREA),
    ]
