"""`model inspect`: parameters, quantisation, bytes by kind and context, read from headers."""

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from node.cli.asking import show
from node.cli.exits import YES, Unable, wrong_usage
from node.cli.render import UNKNOWN, Ink, amount, clean, or_unknown, pairs, table
from node.probes.models.files import PACKED, FoundModel, ModelError, read_model
from node.probes.models.stores import Stores, find
from placement.memory.headers.kinds import bytes_by_kind
from placement.memory.headers.tensors import weigh

ROWS_MAX: Final = 12
CONTEXT: Final = 8192
"""Tokens of the estimate beside it; `model estimate` asks for any other."""
SHAPE_KEYS: Final = (
    ("context", "context_length", "max_position_embeddings"),
    ("layers", "block_count", "num_hidden_layers"),
    ("experts", "expert_count", "num_local_experts"),
)
"""What people ask first: our name, GGUF's key below its architecture, a config's key."""


def run(flags: Namespace) -> int:
    """Say what it is. 1 when there is none, or its header is not believed."""
    if not flags.subject:
        hint = "a file, a folder, a config.json, ollama:NAME, or ORG/REPO in the cache"
        raise wrong_usage("`holdfast model inspect` needs a model", hint)
    place = Path(flags.subject).expanduser()
    try:
        if not place.exists():
            place = find(Stores.of(os.environ), flags.subject)
        found = read_model(place)
    except ModelError as error:
        raise Unable(error.problem, clean(error), clean(error.hint)) from error
    body = described(found)
    show(flags, body, lambda ink: lines(body, ink))
    return YES


def described(found: FoundModel) -> dict[str, Any]:
    """The JSON answer."""
    weights = None if found.tensors is None else weigh(found.tensors)
    counted = None if weights is None or PACKED in found.notes else weights.elements
    size = None if weights is None else weights.bytes
    return {
        "format": found.format,
        "files": list(found.files),
        "beside": list(found.beside),
        "architecture": _architecture(found),
        "name": _name(found),
        "file_type": found.file_type,
        "parameters": counted,
        "bytes": size,
        "bits_per_weight": round(size * 8 / counted, 3) if size and counted else None,
        "tensors": None if found.tensors is None else len(found.tensors),
        "bytes_by_type": {} if weights is None else dict(weights.by_type),
        "bytes_by_kind": {} if found.tensors is None else bytes_by_kind(found.tensors),
        **{ours: _shape(found, key, field) for ours, key, field in SHAPE_KEYS},
        "estimate": estimated(found, size),
        "notes": list(found.notes),
    }


def estimated(found: FoundModel, size: int | None) -> dict[str, Any] | None:
    """What it would need at a modest context; None where its family is not known."""
    from placement.memory.description import describe, describe_gguf
    from placement.memory.estimate import estimate
    from placement.memory.model import Model
    from placement.memory.requests import Asked, Estimate

    kv = found.gguf_kv
    model = describe(found.config or {}) if kv is None else describe_gguf(kv)
    if not isinstance(model, Model):
        return None
    engine = "vllm" if kv is None else "llama.cpp"
    made = estimate(model, Asked(engine=engine, context=CONTEXT, weight_bytes=size))
    if not isinstance(made, Estimate) or made.only_at_most:
        return None
    needs = {"low": made.total.low, "likely": made.total.likely, "high": made.total.high}
    said = {"engine": engine, "context": CONTEXT, "confidence": made.confidence.value}
    return {**said, "needs": needs}


def _architecture(found: FoundModel) -> str | None:
    if found.gguf_kv is not None:
        name = found.gguf_kv.get("general.architecture")
    else:
        name = (found.config or {}).get("model_type")
    return name if isinstance(name, str) else None


def _name(found: FoundModel) -> str | None:
    name = (found.gguf_kv or {}).get("general.name")
    if name is None and found.config is not None:
        name = found.config.get("_name_or_path")
    return name if isinstance(name, str) and name else None


def _shape(found: FoundModel, key: str, field: str) -> int | None:
    if found.gguf_kv is not None:
        value = found.gguf_kv.get(f"{_architecture(found)}.{key}")
    else:
        config: Mapping[str, Any] = found.config or {}
        inner = config.get("text_config")
        value = config.get(field, inner.get(field) if isinstance(inner, dict) else None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def lines(body: Mapping[str, Any], ink: Ink) -> list[str]:
    """For people."""
    files = body["files"]
    shown = [ink.bold(or_unknown(body["name"] or Path(files[0]).name))]
    parts = f" and {len(files) - 1} more" if len(files) > 1 else ""
    parameters = body["parameters"]
    shown += pairs(
        [
            ("format", f"{body['format']}, {clean(files[0])}{parts}"),
            ("architecture", or_unknown(body["architecture"])),
            ("parameters", UNKNOWN if parameters is None else f"{parameters:,}"),
            ("weights", _weights(body)),
            ("stored as", _stored(body)),
            ("context", _count(body["context"], "tokens")),
            ("layers", _count(body["layers"])),
            ("experts", _count(body["experts"]) if body["experts"] else "none told"),
            ("needs", _needs(body["estimate"])),
            ("beside it", clean(", ".join(body["beside"])) or "nothing"),
        ]
    )
    rows = [[clean(kind), amount(size, "bytes")] for kind, size in body["bytes_by_kind"].items()]
    if rows:
        shown += ["", *table(("WHAT FOR", "BYTES"), rows[:ROWS_MAX])]
    return shown + [f"note: {clean(note)}" for note in body["notes"]]


def _needs(made: Mapping[str, Any] | None) -> str:
    if made is None:
        return f"{UNKNOWN}: no estimate for this family, or too little is told"
    likely, high = (amount(made["needs"][side], "bytes") for side in ("likely", "high"))
    with_it = f"{made['engine']} and {made['context']:,} tokens"
    return f"{likely} with {with_it}, at most {high}; `holdfast model estimate` itemises it"


def _weights(body: Mapping[str, Any]) -> str:
    size = body["bytes"]
    if size is None:
        return UNKNOWN
    bits = body["bits_per_weight"]
    each = "" if bits is None else f", {bits} bits a weight"
    # Both units: files are listed in GB and cards are sold in GiB, and they differ by 7 %.
    return f"{amount(size, 'bytes')} ({size / 1e9:.2f} GB{each})"


def _stored(body: Mapping[str, Any]) -> str:
    said = f"{clean(body['file_type'])}: " if body["file_type"] else ""
    types = [
        f"{clean(kind)} {amount(size, 'bytes')}" for kind, size in body["bytes_by_type"].items()
    ]
    return said + (", ".join(types[:6]) or UNKNOWN)


def _count(value: int | None, unit: str = "") -> str:
    return UNKNOWN if value is None else f"{value:,} {unit}".rstrip()
