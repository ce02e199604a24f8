"""A request as a document: the keys of a TOML or JSON table, each with its unit written out.

ram = "8GiB"            gpus = ["nvidia:24GB..:2"]     disks = ["nvme:20GiB"]
memory = "6GiB"         cpu = "2 cores"                 for = "2h"
os = "linux"            tools = ["git"]                 labels = { room = "attic" }
slots = { whisper = 2 } (or ["whisper:2"])
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from placement.amounts import AmountError, parse_bytes, parse_cores, parse_duration
from placement.asking.selectors import parse_disk, parse_gpu_selector, parse_slots, slots_count
from placement.judging.near import parse_near
from placement.request import Kind, Objective, Request, RequestError, SlotsNeed


def request_from_document(document: Mapping[str, object], asker: str | None = None) -> Request:
    """Raises RequestError naming the key at fault."""
    fields: dict[str, Any] = {"asker": asker}
    for key, value in document.items():
        reader = _READERS.get(key)
        if reader is None:
            raise RequestError(_unknown_key(key))
        field, read = reader
        try:
            fields[field] = read(value)
        except (AmountError, RequestError) as error:
            raise RequestError(f"{key}: {error}") from error
    if (near := fields.get("near")) is not None:
        fields.setdefault("objective", Objective.NEAR)
        if not near.node and near.data.startswith("/"):
            if asker is None:
                raise RequestError("near: a path needs its machine: write HOST:/path=40GB")
            fields["near"] = msgspec.structs.replace(near, node=asker)
    return Request(**fields)


def _unknown_key(key: object) -> str:
    import difflib  # an agent reads a thousand documents for each that is misspelt

    near = difflib.get_close_matches(str(key)[:40], sorted(_READERS), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(_READERS))}"
    return f"{str(key)[:40]!r} is no key of a request: {hint}"


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RequestError("expected text in quotes")
    if not isinstance(value, str):
        # Through the same door as text, so that a bare 8 gets the sentence about units.
        return str(value)
    return value


def _cores(text: str) -> int:
    # The key says what is counted, so a bare number is no guess: not so with bytes.
    bare = text.strip().replace(".", "", 1).isdigit() and text.isascii()
    return parse_cores(f"{text} cores" if bare else text)


def _list(value: object) -> list[str]:
    items = value if isinstance(value, list | tuple) else [value]
    return [_text(item) for item in items]


def _labels(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise RequestError('expected a table, such as { room = "attic" }')
    return tuple((_text(name), _text(wanted)) for name, wanted in value.items())


def _slots(value: object) -> tuple[SlotsNeed, ...]:
    if isinstance(value, Mapping):  # as the owner's own configuration has it
        named = value.items()
        return tuple(SlotsNeed(_text(name), slots_count(_text(count))) for name, count in named)
    return tuple(parse_slots(item) for item in _list(value))


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise RequestError("expected true or false")
    return value


def _choice(kind: type[Objective] | type[Kind]) -> Callable[[object], Objective | Kind]:
    def read(value: object) -> Objective | Kind:
        names = [member.value for member in kind]
        if _text(value) not in names:
            raise RequestError(f"{_text(value)!r} is not one of {', '.join(names)}")
        return kind(_text(value))

    return read


_READERS: Final[dict[str, tuple[str, Callable[[object], Any]]]] = {
    "ram": ("ram_bytes", lambda value: parse_bytes(_text(value))),
    "memory": ("memory_bytes", lambda value: parse_bytes(_text(value))),
    "cpu": ("cpu_millicores", lambda value: _cores(_text(value))),
    "gpus": ("gpus", lambda value: tuple(parse_gpu_selector(item) for item in _list(value))),
    "disks": ("disks", lambda value: tuple(parse_disk(item) for item in _list(value))),
    "slots": ("slots", _slots),
    "os": ("os", _text),
    "arch": ("arch", _text),
    "tools": ("tools", lambda value: tuple(_list(value))),
    "labels": ("labels", _labels),
    "workload": ("workload", _text),
    "engines": ("engines", lambda value: tuple(_list(value))),
    "model": ("model", _text),
    "prefer": ("prefer", lambda value: tuple(_list(value))),
    "avoid": ("avoid", lambda value: tuple(_list(value))),
    "despite_failures": ("despite_failures", _yes_or_no),
    "near": ("near", lambda value: parse_near(_text(value))),
    "objective": ("objective", _choice(Objective)),
    "node": ("node", _text),
    "kind": ("kind", _choice(Kind)),
    "for": ("duration", lambda value: parse_duration(_text(value))),
    "principal": ("principal", _text),
}

KEYS: Final = tuple(_READERS)
"""Everything that a document may say."""
