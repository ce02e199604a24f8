"""Judging: what a server says of itself beside what our probe and our arithmetic say."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from node.probes.models.servers import Server
from placement.memory.description import describe_gguf
from placement.memory.llamacpp import Context, cache_bytes
from placement.memory.model import Model

MIB: Final = 1 << 20
CACHE_LINE: Final = re.compile(r"KV buffer size\s*=\s*([0-9.]+) MiB")
"""As llama.cpp logs each buffer of its cache, to a hundredth of a mebibyte."""


class Row(NamedTuple):
    """One thing compared. `ours` None: we say that it is not known."""

    server: str
    what: str
    theirs: object
    ours: object

    @property
    def agrees(self) -> bool:
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
        Row(name, "model", row["id"], loaded and loaded.name),
        Row(name, "bytes", row["meta"]["size"], loaded and loaded.bytes),
        Row(name, "context", props["default_generation_settings"]["n_ctx"],
            loaded and loaded.context),
        Row(name, "slots", props["total_slots"], loaded and loaded.slots),
    ]  # fmt: skip


def cache_row(server: str, log: str, kv: Mapping[str, Any], tokens: int) -> Row | None:
    """Its cache by its log, and by our arithmetic; None when it logged none."""
    said = [float(found) for found in CACHE_LINE.findall(log)]
    model = describe_gguf(kv)
    if not said or not isinstance(model, Model):
        return None
    ours = cache_bytes(model, Context(tokens=tokens)) / MIB
    return Row(server, "cache, MiB", round(sum(said), 2), round(ours, 2))
