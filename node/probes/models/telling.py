"""What a node tells of its models: within a fact's bounds, the loaded ones first."""

from collections.abc import Iterable
from typing import Final

from node.core.picture.topics import LoadedFact, Models, ServerFact, StoredFact
from node.probes.models.servers import NAME_CHARS_MAX, Server
from node.probes.models.stores import StoredModel

FACT_BYTES_MAX: Final = 32 * 1024
"""Half of what any fact may have; every node of the mesh keeps it."""
ROW_BYTES: Final = 120
"""Of one row, without its name: keys and figures."""


def models_fact(servers: Iterable[Server], stored: Iterable[StoredModel]) -> Models:
    """The fact. What there is no room for is counted."""
    servers = tuple(servers)
    told = tuple(ServerFact(one.kind, one.port, one.version, one.note) for one in servers)
    loaded = [
        LoadedFact(
            model.name, server.kind, server.port, model.bytes, model.bytes_on_cards,
            model.context, model.slots,
        )
        for server in servers
        for model in server.loaded
    ]  # fmt: skip
    kept = [
        StoredFact(model.name[:NAME_CHARS_MAX], model.store, model.format, model.bytes)
        for model in stored
    ]
    room = FACT_BYTES_MAX - len(told) * ROW_BYTES * 3
    loaded_fit = _fitting([row.name for row in loaded], room)
    room -= sum(_bytes_of(row.name) for row in loaded[:loaded_fit])
    kept_fit = _fitting([row.name for row in kept], room)
    left_out = len(loaded) - loaded_fit + len(kept) - kept_fit
    return Models(told, tuple(loaded[:loaded_fit]), tuple(kept[:kept_fit]), left_out)


def _fitting(names: list[str], room: int) -> int:
    """How many rows with these names fit, from the first on."""
    for count, name in enumerate(names):
        room -= _bytes_of(name)
        if room < 0:
            return count
    return len(names)


def _bytes_of(name: str) -> int:
    return ROW_BYTES + len(name.encode("utf-8", "replace"))
