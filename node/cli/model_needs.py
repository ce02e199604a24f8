"""`--model NAME` beside a request: the room that a model needs, as the request would say it.

What is asked for is the high side of the estimate: a place that holds the likely figure alone would
be promised and then run out.
"""

from argparse import Namespace
from typing import Any, Final

from node.cli import estimating
from node.cli.exits import Unable, wrong_usage
from node.cli.render import clean, tell
from placement.memory.model import Model
from placement.memory.requests import Asked, Impossible
from placement.memory.splits import split
from placement.memory.typical import usual_quant

MIB: Final = 1 << 20
GIB: Final = 1 << 30


def needs(flags: Namespace) -> dict[str, Any]:
    """The amounts, said aloud; nothing when no model is named."""
    if flags.model is None:
        stray = [word for word in ("quant", "ctx", "parallel", "cards")
                 if getattr(flags, word) is not None]  # fmt: skip
        if stray:
            raise wrong_usage(
                f"--{stray[0]} says how a model runs, and none is named", "name one: --model"
            )
        return {}
    found = estimating.find(flags.model)
    asked = asked_of(flags, found)
    made = estimating.estimated(found, asked)
    cards = flags.cards or 1
    card = made.total.high
    if cards > 1:
        if not isinstance(found.model, Model):
            raise Unable("no_split", f"{found.name} can't be split: nothing is known of it", "")
        parts = split(found.model, asked, cards, "layer")
        if isinstance(parts, Impossible):
            raise Unable("no_split", parts.why, parts.hint)
        card = max(part.total.high for part in parts)
    beside = f" and {made.host.high / GIB:,.1f} GiB of main memory" if made.host.high else ""
    many = f" on each of {cards} cards" if cards > 1 else " on a card"
    tell(
        clean(
            f"{found.name}, {asked.engine}, {asked.parallel} × {asked.context:,} tokens: "
            f"{card / GIB:,.1f} GiB{many}{beside} "
            f"(the high side; confidence: {made.confidence.value})"
        )
    )
    said: dict[str, Any] = {"gpus": [f"{-(-card // MIB)}MiB:{cards}"]}
    if made.host.high:
        said["ram"] = f"{-(-made.host.high // MIB)}MiB"
    return said


def asked_of(flags: Namespace, found: estimating.Found) -> Asked:
    """How the model is to run, as the flags say."""
    # The first engine that the asker would rather have is the one it is worked out for.
    engine = (flags.engines or ["llama.cpp"])[0].lower()
    stored = found.bytes if flags.quant is None else None
    return Asked(
        engine=engine,
        quant=flags.quant or usual_quant(engine),
        context=estimating.tokens(flags.ctx or "8k"),
        parallel=flags.parallel or 1,
        backend="metal" if engine in ("mlx", "mlx-lm", "exo") else "cuda",
        weight_bytes=stored,
    )
