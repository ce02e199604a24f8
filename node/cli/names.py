"""Whether words call a model by a name of the catalogue: asked before anything large is loaded."""

from importlib import resources
from typing import Final

CATALOGUE: Final = "catalogue.toml"


def text() -> str:
    """The catalogue as it stands."""
    return resources.files("placement.memory").joinpath(CATALOGUE).read_text(encoding="utf-8")


def perhaps_named(words: str) -> list[str]:
    """The words that stand in the catalogue in quotes, as names do; kinds of models do so too."""
    known = text()
    tokens = (word.strip(".,;()'\"`") for word in words.lower().split())
    return [one for one in tokens if one and f'"{one}"' in known]
