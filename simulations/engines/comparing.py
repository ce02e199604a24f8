"""Judging: what a server says of itself beside what our probe and our arithmetic say."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from node.probes.models.servers import Server
from placement.memory.description import describe_gguf
from placement.memory.llamacpp import Context, cache_bytes, compute_bytes
from placement.memory.model import Model

MIB: Final = 1 << 20
CACHE_LINE: Final = re.compile(r"(?:KV|RS) buffer size\s*=\s*([0-9.]+) MiB")
"""As llama.cpp logs each buffer of its cache or of its states, to a hundredth of a mebibyte."""
COMPUTE_LINE: Final = re.compile(r"sched_reserve:.*compute buffer size\s*=\s*([0-9.]+) MiB")
COMPUTE_OFF: Final = 0.10
"""Our figure is a fit and no count; so far it may be off, or by so much."""
COMPUTE_OFF_MIB: Final = 150


class Row(NamedTuple):
    """One thing compared. `ours` None: we say that it is not known."""

    server: str
    what: str
    theirs: object
    ours: object
    off: float = 0.0
    """By how much the two may differ, where they are figures."""

    @property
    def agrees(self) -> bool:
        if isinstance(self.theirs, float) and isinstance(self.ours, float):
            return abs(self.theirs - self.ours) <= self.off
        return self.theirs == self.ours


def python_server(version: str, models: Any, ours: Server | None) -> list[Row]:
    """llama-cpp-python's: it tells neither context nor slots, so nor may we."""
    name = "llama-cpp-python"
    loaded = ours.loaded[0] if ours and ours.loaded else None
    return [
        Row(name, "kind", "llama.cpp", ours and ours.kind),
        Row(name, "version", f"llama-cpp-python {version}", ours and ours.version),
        Row(name, "model", models["data"][0]["id"], loaded and loaded.name),
        Row(name, "context", None, loaded and loaded.context),
        Row(name, "slots", None, loaded and loaded.slots),
    ]


def native_server(props: Mapping[str, Any], models: Any, ours: Server | None) -> list[Row]:
    """llama-server itself, by its own /props."""
    name = "llama-server"
    loaded = ours.loaded[0] if ours and ours.loaded else None
    row = models["data"][0]
    return [
        Row(name, "kind", "llama.cpp", ours and ours.kind),
        Row(name, "version", props["build_info"], ours and ours.version),
        # It says the path that it was given; of that we tell the file's name and no more.
        Row(name, "model", row["id"].rpartition("/")[2], loaded and loaded.name),
        Row(name, "bytes", row["meta"]["size"], loaded and loaded.bytes),
        Row(name, "context", props["default_generation_settings"]["n_ctx"],
            loaded and loaded.context),
        Row(name, "slots", props["total_slots"], loaded and loaded.slots),
    ]  # fmt: skip


def memory_rows(server: str, log: str, kv: Mapping[str, Any], context: Context) -> list[Row]:
    """What it set aside by its log, and by our arithmetic; nothing where it logged nothing."""
    model = describe_gguf(kv)
    assert isinstance(model, Model), "it is a model of ours"
    rows = []
    kept = [float(found) for found in CACHE_LINE.findall(log)]
    if kept:
        ours = cache_bytes(model, context) / MIB
        rows.append(Row(server, "cache, MiB", round(sum(kept), 2), round(ours, 2)))
    reserved = [float(found) for found in COMPUTE_LINE.findall(log)]
    if reserved:
        theirs = round(sum(reserved), 2)
        off = max(COMPUTE_OFF * theirs, COMPUTE_OFF_MIB)
        ours = round(compute_bytes(model, context) / MIB, 2)
        rows.append(Row(server, "compute, MiB", theirs, ours, off))
    return rows
