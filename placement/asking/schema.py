"""The request document as JSON Schema (2020-12), for editors and other people's programs.

Drawn from the table of readers in `documents.py`: a key without a line here is a mistake of ours,
and so is a line without a key. Amounts are text with a unit, because a bare number would have to be
guessed; what a reader refuses beyond that (contradictions, too much of a thing) no schema can say.
"""

from typing import Any, Final

from placement.asking.documents import KEYS
from placement.request import (
    DATA_CHARS_MAX,
    DISKS_MAX,
    ENGINES_MAX,
    GPU_SELECTORS_MAX,
    LABELS_MAX,
    LEANINGS_MAX,
    SLOTS_MAX,
    SLOTS_NAMED_MAX,
    TOOLS_MAX,
    WORD_CHARS_MAX,
    Kind,
    Objective,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BYTES: Final = r"^\s*[0-9]+(\.[0-9]+)?\s*([KMGTPkmgtp]?i?[Bb])\s*$"


def request_schema() -> dict[str, Any]:
    """Of one request, or of several under `job`."""
    assert {*_KEYS} == {*KEYS}, "every key of a document has its line, and no other"
    request = {
        "type": "object",
        "properties": {"name": _text("what this job is called"), **_with_words()},
        "additionalProperties": False,
    }
    return {
        "$schema": DIALECT,
        "title": "Holdfast request",
        "description": "What something needs to run. `holdfast where`, `plan --jobs`, `reserve`.",
        "oneOf": [
            request,
            {
                "type": "object",
                "properties": {"job": {"type": "array", "minItems": 1, "items": request}},
                "required": ["job"],
                "additionalProperties": False,
            },
        ],
    }


def _with_words() -> dict[str, Any]:
    return {"words": _text("what is to run, in plain words"), **_KEYS}


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, "maxLength": WORD_CHARS_MAX, **more}


def _bytes(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description, "pattern": _BYTES}


def _list(description: str, most: int) -> dict[str, Any]:
    return {
        "description": description,
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": WORD_CHARS_MAX},
        "maxItems": most,
    }


_KEYS: Final[dict[str, Any]] = {
    "ram": _bytes("main memory, as in 8GiB"),
    "memory": _bytes("in one piece, in a card's memory before main memory"),
    "cpu": {
        "description": "cores, as in 2 or 0.5; or as in 500m",
        "type": ["string", "number"],
        "maxLength": WORD_CHARS_MAX,
        "exclusiveMinimum": 0,
    },
    "gpus": _list("cards, as in nvidia:24GB..:2", GPU_SELECTORS_MAX),
    "disks": _list("as in nvme:20GiB", DISKS_MAX),
    "slots": {
        "description": 'slots by their names: ["whisper:2"], or { whisper = 2 }',
        "oneOf": [
            _list("as in whisper:2", SLOTS_NAMED_MAX),
            {
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1, "maximum": SLOTS_MAX},
                "maxProperties": SLOTS_NAMED_MAX,
            },
        ],
    },
    "os": _text("as in linux"),
    "arch": _text("as in x86_64"),
    "tools": _list("programs that must be on the PATH", TOOLS_MAX),
    "labels": {
        "description": "what the node must say of itself",
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": WORD_CHARS_MAX},
        "maxProperties": LABELS_MAX,
    },
    "workload": _text("what kind of work it is; nodes remember how such work went"),
    "engines": _list("engines that decide among equals", ENGINES_MAX),
    "model": _text("the model that it needs, as in llama3.1:8b"),
    "prefer": _list("nodes that go first, if they fit", LEANINGS_MAX),
    "avoid": _list("nodes that go last, if they fit", LEANINGS_MAX),
    "despite_failures": {"type": "boolean", "description": "also where such work crashed of late"},
    "near": {
        **_text("data to be near to, as in ollama:llama3.1:8b, org/repo, bob:/data=40GB"),
        "maxLength": DATA_CHARS_MAX,
    },
    "objective": _text("what makes one place better", enum=[one.value for one in Objective]),
    "node": _text("this node and no other, by name or id"),
    "kind": _text("how the hold would end", enum=[one.value for one in Kind]),
    "for": _text("how long, as in 2h"),
    "principal": _text("on whose behalf"),
}
