"""An entry of a log as a plain JSON body, in the words of every other answer.

Nodes by their ids as text, durations in milliseconds, amounts with their unit. What an entry has
only for machines (the digest of a request) is left out; `ledger verify` looks at it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ledger.entries import decode_entry
from mesh.identity import NodeId, id_text
from mesh.instant import MILLISECOND
from node.core.answers import leg, plain

NODES: Final = ("holder", "by", "owner", "to", "giver", "node")
"""Fields that name a node, where they are bytes: `by` is a word of what opened the bookings too."""
TIMES: Final = {"term": "term_ms", "start": "starts_at_ms"}
"""Nanoseconds in the log."""


def entry_body(raw: bytes) -> dict[str, Any]:
    """One entry: its kind and all that it says."""
    entry = decode_entry(raw)
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "digest"}
    if "kind" in fields:
        fields["grant"] = fields.pop("kind")  # of the hold; `kind` is the entry's own
    return {"kind": entry.__struct_config__.tag, **_told(fields)}


def mentioned(entries: Iterable[dict[str, Any]]) -> Iterator[str]:
    """What may be the id of a node in these bodies, as text."""
    for entry in entries:
        yield from (entry[name] for name in NODES if isinstance(entry.get(name), str))
        yield from (member["owner"] for member in entry.get("members", ()))


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in fields.items():
        if name in TIMES:
            told[TIMES[name]] = value // MILLISECOND
        elif name in NODES and type(value) is bytes:
            told[name] = id_text(NodeId(value))
        elif name == "legs":
            told[name] = [leg(each) for each in value]
        elif name == "members":
            told[name] = [_told(member._asdict()) for member in value]
        else:
            told[name] = plain(value)
    return told
