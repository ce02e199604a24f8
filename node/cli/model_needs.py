"""`--model NAME` beside a request: the room that a model needs, as the request would say it.

What is asked for is the high side of the estimate: a place that holds the likely figure alone would
be promised and then run out.
"""

from argparse import Namespace
from typing import Any, Final

from node.cli import estimating
from node.cli.exits import Unable, wrong_usage
from node.cli.render import clean, tell
from placement.memory.engines import BY_WORD
from placement.memory.model import Model
from placement.memory.requests import Asked, Impossible
from placement.memory.splits import split
from placement.memory.typical import usual_quant, whole

ACTING: Final = ("run", "serve", "host", "chat", "deploy", "start", "load")
"""With one of these a model's name is a wish to run it, and not only to speak of it."""
METAL: Final = ("mlx", "mlx-lm", "exo")
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


def named(names: list[str], words: str) -> dict[str, Any]:
    """The room for a model that plain words call by a name of the catalogue; else nothing.

    Whoever reads the words has no catalogue, and would take the model for a usual one of its size.
    """
    name = next((one for one in names if one in estimating.catalogue()), None)
    if name is None:
        return {}
    from placement.asking.words import CONTEXT_TOKENS_DEFAULT, read_words

    reading, heard = read_words(words), words.lower().split()
    running = reading.workload == "unknown" and any(verb in heard for verb in ACTING)
    if not reading.is_inference and not running:
        return {}
    engines = (word.lower() for word in (*reading.request.engines, *reading.tools, *heard))
    engine = next((word for word in engines if word in BY_WORD), "llama.cpp")
    found = estimating.find(name)
    asked = Asked(
        engine=engine, quant=reading.quant or usual_quant(engine),
        context=reading.context_tokens or CONTEXT_TOKENS_DEFAULT,
        backend="metal" if engine in METAL else "cuda",
    )  # fmt: skip
    if not reading.quant and found.config is not None:
        asked = estimating.as_stored(asked, found.config)
    made = estimating.estimated(found, asked)
    total = sum(term.amount.high for term in whole(made))
    tell(
        clean(
            f"{name}, {made.engine}, {estimating.said(asked)}, {asked.context:,} tokens: "
            f"{total / GIB:,.1f} GiB (the high side; confidence: {made.confidence.value})"
        )
    )
    return {"memory": f"{-(-total // MIB)}MiB"}


def asked_of(flags: Namespace, found: estimating.Found) -> Asked:
    """How the model is to run, as the flags say."""
    # The first engine that the asker would rather have is the one it is worked out for.
    engine = (flags.engines or ["llama.cpp"])[0].lower()
    stored = found.bytes if flags.quant is None else None
    asked = Asked(
        engine=engine,
        quant=flags.quant or usual_quant(engine),
        context=estimating.tokens(flags.ctx or "8k"),
        parallel=flags.parallel or 1,
        backend="metal" if engine in METAL else "cuda",
        weight_bytes=stored,
    )
    if flags.quant is None and stored is None and found.config is not None:
        return estimating.as_stored(asked, found.config)
    return asked
