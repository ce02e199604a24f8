"""`model inspect`: parameters, quantisation, bytes by kind and context, read from headers."""

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from node.cli.asking import show
from node.cli.estimating import as_stored, said
from node.cli.exits import YES, Unable, wrong_usage
from node.cli.render import UNKNOWN, Ink, amount, clean, or_unknown, pairs, table
from node.probes.models.files import PACKED, FoundModel, ModelError, read_model
from node.probes.models.stores import Stores, find
from placement.memory.description import Undescribed, describe, describe_gguf
from placement.memory.estimate import estimate
from placement.memory.headers.kinds import bytes_by_kind
from placement.memory.headers.tensors import weigh
from placement.memory.model import Model
from placement.memory.requests import Asked, Estimate

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
    kv = found.gguf_kv
    model = describe(found.config or {}) if kv is None else describe_gguf(kv)
    ruled = model if isinstance(model, Model) else None
    return {
        "format": found.format,
        "files": list(found.files),
        "beside": list(found.beside),
        "architecture": _architecture(found),
        "name": _name(found),
        "file_type": found.file_type,
        "parameters": counted,
        "parameters_by_rule": None if ruled is None else ruled.parameters(),
        "bytes": size,
        "bits_per_weight": round(size * 8 / counted, 3) if size and counted else None,
        "tensors": None if found.tensors is None else len(found.tensors),
        "bytes_by_type": {} if weights is None else dict(weights.by_type),
        "bytes_by_kind": {} if found.tensors is None else bytes_by_kind(found.tensors),
        **{ours: _shape(found, key, field) for ours, key, field in SHAPE_KEYS},
        **({"experts": ruled.experts or None} if ruled is not None else {}),
        "experts_used": ruled.experts_used if ruled is not None and ruled.experts else None,
        "estimate": estimated(found, model, size),
        "notes": list(found.notes),
    }


def estimated(
    found: FoundModel, model: Model | Undescribed, size: int | None
) -> dict[str, Any] | None:
    """What it would need at a modest context; None where its family is not known."""
    if not isinstance(model, Model):
        return None
    engine = "vllm" if found.gguf_kv is None else "llama.cpp"
    asked = Asked(engine=engine, context=CONTEXT, weight_bytes=size)
    if size is None and found.config is not None:
        asked = as_stored(asked, found.config)
    made = estimate(model, asked)
    if not isinstance(made, Estimate) or made.only_at_most:
        return None
    needs = {"low": made.total.low, "likely": made.total.likely, "high": made.total.high}
    how = {"engine": engine, "context": CONTEXT, "confidence": made.confidence.value}
    return {**how, "quant": said(asked), "needs": needs}


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
    shown += pairs(
        [
            ("format", f"{body['format']}, {clean(files[0])}{parts}"),
            ("architecture", or_unknown(body["architecture"])),
            ("parameters", _parameters(body)),
            ("weights", _weights(body)),
            ("stored as", _stored(body)),
            ("context", _count(body["context"], "tokens")),
            ("layers", _count(body["layers"])),
            ("experts", _experts(body)),
            ("needs", _needs(body["estimate"])),
            ("beside it", clean(", ".join(body["beside"])) or "nothing"),
        ]
    )
    rows = [[clean(kind), amount(size, "bytes")] for kind, size in body["bytes_by_kind"].items()]
    if rows:
        shown += ["", *table(("WHAT FOR", "BYTES"), rows[:ROWS_MAX])]
    return shown + [f"note: {clean(note)}" for note in body["notes"]]


def _parameters(body: Mapping[str, Any]) -> str:
    if body["parameters"] is not None:
        return f"{body['parameters']:,}"
    by_rule = body["parameters_by_rule"]
    return UNKNOWN if by_rule is None else f"{by_rule:,} by the rules of its family"


def _experts(body: Mapping[str, Any]) -> str:
    if not body["experts"]:
        return "none told"
    used = body["experts_used"]
    return _count(body["experts"]) + (f", {used} of them for a token" if used else "")


def _needs(made: Mapping[str, Any] | None) -> str:
    if made is None:
        return f"{UNKNOWN}: no estimate for this family, or too little is told"
    likely, high = (amount(made["needs"][side], "bytes") for side in ("likely", "high"))
    stored = "" if made["quant"] is None else f", its weights {made['quant']},"
    with_it = f"{made['engine']}{stored} and {made['context']:,} tokens"
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
