"""What a described machine has besides amounts: cards, models, and links that somebody timed.

cards = [
  { name = "RTX 3090", vram = "24GiB", count = 2 },
  { name = "Radeon 8060S", vendor = "amd", of_ram = "96GiB" },   # takes main memory, so much
  { name = "Arc A770", vendor = "intel", vram = "16GiB", free = "unknown" },
]
models = [{ name = "llama3.1:70b", size = "42GB", store = "ollama", loaded = "ollama" }]
throughput = [{ peer = "attic", from = "110MB", to = "95MB" }]   # bytes a second, at least
"""

import re
from typing import Final, NamedTuple

from node.core.picture.throughputs import BYTES_PER_SECOND_MAX, PEERS_MAX
from node.core.picture.topics import GpuFact, LoadedFact, Models, ServerFact, StoredFact
from placement.amounts import parse_bytes
from placement.request import VENDORS
from simulations.invented.described import Timed
from simulations.whatif.table import Table

CARDS_MAX: Final = 64
MODELS_MAX: Final = 512
UNKNOWN: Final = "unknown"
_PORTS: Final = {"ollama": 11434, "llama.cpp": 8080, "vllm": 8000, "sglang": 30000,
                 "lm-studio": 1234}  # fmt: skip
STORES: Final = ("hugging-face", "lm-studio", "ollama")


class Cards(NamedTuple):
    """All cards, and the pools of which nobody can say how much is free."""

    gpus: tuple[GpuFact, ...]
    unknown: tuple[str, ...]


def read_cards(table: Table, machine: str) -> Cards:
    """Raises BadFile."""
    found: list[GpuFact] = []
    unknown: list[str] = []
    for card in table.tables("cards"):
        card.know(("name", "vram", "of_ram", "count", "vendor", "free"))
        vendor = card.text("vendor", "nvidia").lower()
        if vendor not in VENDORS:
            raise card.wrong("vendor", f"{vendor!r} is not one of {', '.join(VENDORS)}")
        shared = "of_ram" in card.values
        if shared and "vram" in card.values:
            raise card.wrong("of_ram", "a card has memory of its own or takes main memory")
        memory = card.amount("of_ram" if shared else "vram", parse_bytes)
        if card.text("free", "") not in {"", UNKNOWN}:
            raise card.wrong("free", f'write "{UNKNOWN}", or leave it out')
        for _ in range(card.count("count", 1, CARDS_MAX)):
            uuid = f"GPU-{_slug(machine)}-{len(found)}"
            pool = "ram" if shared else f"gpu:{uuid}"
            model = card.text("name", "")
            found.append(GpuFact(uuid, vendor, model, pool, memory, None, None, shared))
            unknown += [pool] if card.values.get("free") == UNKNOWN and not shared else []
    if len(found) > CARDS_MAX:
        raise table.wrong("cards", f"{len(found)} cards: {CARDS_MAX} are the most in one machine")
    return Cards(tuple(found), tuple(unknown))


def read_models(table: Table) -> Models | None:
    """What is stored there, and what is loaded; None where nothing is said. Raises BadFile."""
    rows = table.tables("models")
    if len(rows) > MODELS_MAX:
        raise table.wrong("models", f"{len(rows)} models: {MODELS_MAX} are the most")
    stored: list[StoredFact] = []
    loaded: list[LoadedFact] = []
    for row in rows:
        row.know(("name", "size", "store", "loaded"))
        name, store = row.text("name"), row.text("store", "ollama")
        if store not in STORES:
            raise row.wrong("store", f"{store!r} is not one of {', '.join(STORES)}")
        size = row.amount("size", parse_bytes)
        kind = "safetensors" if store == "hugging-face" else "gguf"
        stored.append(StoredFact(name, store, kind, size))
        server = row.text("loaded", "")
        if server and server not in _PORTS:
            raise row.wrong("loaded", f"{server!r} is not one of {', '.join(_PORTS)}")
        if server:
            loaded.append(LoadedFact(name, server, _PORTS[server], size, None, None, None))
    servers = sorted({one.server for one in loaded})
    told = tuple(ServerFact(server, _PORTS[server], None) for server in servers)
    return Models(told, tuple(loaded), tuple(stored)) if rows else None


def read_throughput(table: Table) -> tuple[Timed, ...]:
    """Raises BadFile."""
    rows = table.tables("throughput")
    if len(rows) > PEERS_MAX:
        raise table.wrong("throughput", f"{len(rows)} links: {PEERS_MAX} are told at the most")
    for row in rows:
        row.know(("peer", "from", "to"))
    return tuple(Timed(row.text("peer"), _rate(row, "from"), _rate(row, "to")) for row in rows)


def _rate(row: Table, way: str) -> int | None:
    if way not in row.values:
        return None
    rate = row.amount(way, parse_bytes)
    if rate > BYTES_PER_SECOND_MAX:
        raise row.wrong(way, "no link carries so much: write bytes a second, as in 110MB")
    return rate


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)
