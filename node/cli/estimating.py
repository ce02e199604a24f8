"""`model estimate`: how much room a model would need, by name, file or configuration."""

import difflib
import os
import re
import tomllib
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from node.cli import names
from node.cli.asking import show
from node.cli.drawing_estimate import lines
from node.cli.exits import YES, Unable, wrong_usage
from placement.memory.description import Undescribed, describe, describe_gguf
from placement.memory.engines import BY_WORD
from placement.memory.estimate import estimate, with_draft
from placement.memory.model import Model
from placement.memory.requests import Asked, Estimate, Impossible, Interval
from placement.memory.speed import BANDWIDTHS, speed
from placement.memory.splits import split
from placement.memory.stored import stored
from placement.memory.textbook import at_most
from placement.memory.typical import usual_quant

NEAR_MAX: Final = 4
TOKENS: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,3}))?\s*([km]?)", re.IGNORECASE)
THOUSANDS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20}
BANDWIDTH_GB_MAX: Final = 1_000_000


class Found(NamedTuple):
    """What the name or the file led to."""

    name: str
    source: str
    model: Model | Undescribed
    bytes: int | None = None
    """The file's own weights."""
    config: Mapping[str, Any] | None = None


def run(flags: Namespace) -> int:
    """Say how much. 1 when it can't be said, or the engine would refuse."""
    if not flags.subject:
        raise wrong_usage(
            "`holdfast model estimate` needs a model", "for example llama3.1:70b, or a file"
        )
    asked = question(flags)
    found = find(flags.subject)
    body = answered(found, asked, flags)
    show(flags, body, lambda ink: lines(body, ink))
    return YES


def question(flags: Namespace) -> Asked:
    """The flags as a question."""
    engine = flags.engine.lower()
    metal = engine in BY_WORD and BY_WORD[engine].name == "mlx"
    return Asked(
        engine=engine, quant=flags.quant or usual_quant(engine),
        context=tokens(flags.ctx), parallel=flags.parallel,
        ubatch=flags.ubatch, flash=not flags.no_flash, key_type=flags.cache_type,
        value_type=flags.cache_type, swa_full=flags.swa_full,
        backend=flags.backend or ("metal" if metal else "cuda"), lora_rank=flags.lora_rank,
    )  # fmt: skip


def tokens(words: str) -> int:
    """`32k` is 32,768: contexts have always been counted so."""
    match = TOKENS.fullmatch(words.strip())
    if match is None:
        raise wrong_usage(f"{words!r} is no number of tokens", "for example 8192, 32k or 1m")
    whole, part, unit = match.groups()
    return int(float(f"{whole}.{part or 0}") * THOUSANDS[unit.lower()])


def find(subject: str) -> Found:
    """By the name in the catalogue, or by what lies at that place on this machine."""
    known = catalogue()
    row = known.get(subject.lower())
    if row is not None:
        return Found(subject.lower(), row["source"], describe(row["config"]), None, row["config"])
    from node.probes.models.files import ModelError, read_model
    from node.probes.models.stores import Stores
    from node.probes.models.stores import find as stored

    place = Path(subject).expanduser()
    try:
        if not place.exists():
            place = stored(Stores.of(os.environ), subject)
        read = read_model(place)
    except ModelError as error:
        if error.problem != "not_found":
            raise Unable("bad_model", str(error), error.hint) from error
        near = difflib.get_close_matches(subject.lower(), list(known), NEAR_MAX, 0.5)
        raise Unable(
            "no_such_model", f"no model {subject!r} is known here, and no file is there",
            f"did you mean {', '.join(near)}?" if near else "a file, a folder, or a name like "
            "llama3.1:70b",
        ) from error  # fmt: skip
    from placement.memory.headers.tensors import weigh

    size = None if read.tensors is None else weigh(read.tensors).bytes
    if read.gguf_kv is not None:
        return Found(subject, str(read.files[0]), describe_gguf(read.gguf_kv), size)
    config = read.config or {}
    return Found(subject, str(read.files[0]), describe(config), size, config)


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Every name and its row."""
    return {name: row for row in tomllib.loads(names.text())["model"] for name in row["names"]}


def answered(found: Found, asked: Asked, flags: Namespace) -> dict[str, Any]:
    """The JSON answer."""
    if flags.quant is None and found.bytes is not None:
        asked = replace(asked, weight_bytes=found.bytes)
    elif flags.quant is None and found.config is not None:
        asked = as_stored(asked, found.config)
    made, model = estimated(found, asked), found.model
    if flags.draft and isinstance(model, Model):
        made = _drafted(made, asked, flags.draft)
    body: dict[str, Any] = {
        "model": found.name,
        "source": found.source,
        "architecture": made.model,
        "asked": {
            "engine": made.engine, "quant": said(asked),
            "context": asked.context, "parallel": asked.parallel, "cache_type": asked.key_type,
            "flash": asked.flash, "backend": asked.backend,
        },
        "confidence": made.confidence.value,
        "upper_bound_only": made.only_at_most,
        "needs": interval(made.total, made.only_at_most),
        "host": interval(made.host, made.only_at_most),
        "terms": [
            {"name": term.name, **interval(term.amount, made.only_at_most), "host": term.host,
             "source": term.source}
            for term in made.terms
        ],
        "notes": list(made.notes),
        "parameters": None, "active_parameters": None, "cards": None, "speed": None,
    }  # fmt: skip
    if isinstance(model, Model):
        body["parameters"] = model.parameters() if model.tower_known else model.text_parameters()
        body["active_parameters"] = model.active()
        body["cards"] = _cards(model, asked, flags)
        body["speed"] = _speed(model, made, flags)
    return body


def as_stored(asked: Asked, config: Mapping[str, Any]) -> Asked:
    """As its makers stored it, for an engine that loads what they publish."""
    profile = BY_WORD.get(asked.engine)
    if profile is None or profile.gguf or profile.name == "mlx":
        return asked
    said = stored(config)
    return replace(asked, quant=said.rest, expert_quant=said.experts)


def said(asked: Asked) -> str | None:
    """In which way the weights are stored; None: as their file weighs."""
    if asked.weight_bytes is not None:
        return None
    if asked.expert_quant in ("", asked.quant):
        return asked.quant
    return f"{asked.quant}, experts {asked.expert_quant}"


def interval(amount: Interval, only_high: bool = False) -> dict[str, int | None]:
    """As the JSON has it; a bound alone has no other side."""
    if only_high:
        return {"low": None, "likely": None, "high": amount.high}
    return {"low": amount.low, "likely": amount.likely, "high": amount.high}


def estimated(found: Found, asked: Asked) -> Estimate:
    """The estimate, or why there is none."""
    if isinstance(found.model, Undescribed):
        if found.model.known:
            raise Unable(
                "bad_configuration", f"the description of {found.name} can't be: {found.model.why}",
                "nothing is estimated from a contradiction",
            )  # fmt: skip
        made = at_most(found.config or {}, found.model, asked)
    else:
        made = estimate(found.model, asked)
    if isinstance(made, Impossible):
        raise Unable("no_estimate", made.why, made.hint)
    return made


def _drafted(whole: Estimate, asked: Asked, name: str) -> Estimate:
    draft = find(name)
    own = estimate(draft.model, replace(asked, weight_bytes=draft.bytes)) if isinstance(
        draft.model, Model
    ) else Impossible(f"nothing is known of the draft {name!r}")  # fmt: skip
    if isinstance(own, Impossible):
        raise Unable("no_estimate", own.why, own.hint)
    return with_draft(whole, own)


def _cards(model: Model, asked: Asked, flags: Namespace) -> list[dict[str, Any]] | None:
    if flags.cards == 1:
        return None
    parts = split(model, asked, flags.cards, flags.split)
    if isinstance(parts, Impossible):
        raise Unable("no_split", parts.why, parts.hint)
    return [
        {"card": part.card, "first_layer": part.first, "last_layer": part.last,
         "needs": interval(part.total),
         "terms": [{"name": term.name, **interval(term.amount)} for term in part.terms]}
        for part in parts
    ]  # fmt: skip


def _speed(model: Model, made: Estimate, flags: Namespace) -> dict[str, Any] | None:
    if flags.card is None:
        return None
    word = flags.card.lower().replace(" ", "").replace("_", "-")
    bandwidth, source = BANDWIDTHS.get(word), "data sheet"
    if bandwidth is None:
        if not word.isdigit() or not 0 < int(word) <= BANDWIDTH_GB_MAX:
            near = difflib.get_close_matches(word, list(BANDWIDTHS), NEAR_MAX, 0.4)
            hint = f"did you mean {', '.join(near)}?" if near else "GB/s as a number works too"
            raise wrong_usage(f"no card {flags.card!r} is known", hint)
        bandwidth, source = int(word), "as given"
    sizes = {term.name: term.amount.likely for term in made.terms}
    one = sizes.get("cache", 0) // max(1, flags.parallel)
    found = speed(model, sizes.get("weights", 0), one, bandwidth, source)
    return None if found is None else found._asdict()
