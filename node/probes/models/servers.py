"""Model servers on this machine, over the REST that each documents; loopback and nothing else.

A server is looked for at the ports that the programs take by default, and only where the kernel
says that somebody listens. What answers as no known program is not asked again until somebody else
listens there: it is a person's own web server, and our question a line in its log.

Sources: Ollama docs/api.md (/api/version, /api/ps), llama.cpp tools/server/README.md (/props,
/v1/models with `meta`), vLLM and SGLang's OpenAI-compatible servers (/v1/models with
`max_model_len`, /version, /get_server_info), LM Studio's REST API v0 (/api/v0/models). The server
of llama-cpp-python (`llama_cpp/server/app.py` 0.3.36) names itself in /openapi.json alone, and
tells neither its context nor its slots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from node.probes.models.rest import Clock, NoAnswer, ask
from node.probes.sources import Roots, read_text

PORTS: Final = (11434, 8080, 8000, 30000, 1234)
"""Ollama, llama.cpp, vLLM, SGLang, LM Studio; whoever answers there is known by its answer."""
LOADED_MAX: Final = 64
NAME_CHARS_MAX: Final = 200
FIGURE_MAX: Final = 1 << 53
PATHS: Final = ("/", "./", "../", "~")
"""What a path begins with. `org/repo` is a name."""
OWNERS: Final = {"library": "ollama", "llamacpp": "llama.cpp", "vllm": "vllm", "sglang": "sglang"}
"""`owned_by` in /v1/models → who says so. Ollama names a namespace there, mostly "library"."""
PYTHON_OWNER: Final = "me"
"""llama-cpp-python's. Others may say so too, so its title is asked for as well."""
PYTHON_TITLE: Final = "llama.cpp Python API"
LISTENING: Final = "0A"
"""The state of a listening socket in /proc/net/tcp."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that a server has ready. None: the server does not say."""

    name: str
    bytes: int | None = None
    bytes_on_cards: int | None = None
    context: int | None = None
    slots: int | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """One model server."""

    kind: str
    """ollama | llama.cpp | vllm | sglang | lm-studio"""
    port: int
    version: str | None = None
    loaded: tuple[LoadedModel, ...] = ()
    note: str = ""


def parse_listening(text: str) -> dict[int, str]:
    """/proc/net/tcp or tcp6: port → inode of its listening socket."""
    found: dict[int, str] = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 10 or words[3] != LISTENING:
            continue
        port = words[1].rpartition(":")[2]
        if len(port) == 4 and all(digit in "0123456789ABCDEFabcdef" for digit in port):
            found[int(port, 16)] = words[9]
    return found


def listening(roots: Roots) -> dict[int, str]:
    """Port → inode, over IPv4 and IPv6: a server on `::` mostly answers on 127.0.0.1 too."""
    found: dict[int, str] = {}
    for name in ("tcp6", "tcp"):
        found |= parse_listening(read_text(f"{roots.proc}/net/{name}") or "")
    return found


@dataclass(slots=True)
class Servers:
    """Who serves models here, and who turned out not to."""

    roots: Roots
    clock: Clock
    ports: Sequence[int] = PORTS
    _strangers: dict[int, str] = field(default_factory=dict)

    def look(self) -> tuple[Server, ...]:
        """Every server that answers, by port. Blocks for as long as the slowest may take."""
        sockets = listening(self.roots)
        found: list[Server] = []
        for port in sorted(self.ports):
            inode = sockets.get(port)
            if inode is None or self._strangers.get(port) == inode:
                continue
            server = question(port, self.clock)
            if server is None:
                self._strangers[port] = inode
            else:
                found.append(server)
        return tuple(found)


def question(port: int, clock: Clock) -> Server | None:
    """Who answers at `port`, and what it has loaded; None: nobody that we know."""
    try:
        kind, listed = recognised(ask(port, "/v1/models", clock), port)
    except NoAnswer:
        return None
    if kind is None:
        return None
    server = Server(kind, port, loaded=listed)
    if kind == PYTHON_TITLE:
        return _llama_cpp_python(server, clock)
    try:
        return _COMPLETED[kind](server, clock)
    except NoAnswer as silence:
        return replace(server, note=str(silence))


def recognised(models: Any, port: int) -> tuple[str | None, tuple[LoadedModel, ...]]:
    """Whose list of models this is, and what in it is loaded."""
    rows = rows_of(models, "data")
    if rows is None:
        return None, ()
    owners = {str(row.get("owned_by")) for row in rows}
    kind = next((kind for owner, kind in sorted(OWNERS.items()) if owner in owners), None)
    if owners == {PYTHON_OWNER} and all("permissions" in row for row in rows):
        return PYTHON_TITLE, tuple(_listed(row) for row in rows[:LOADED_MAX])
    if kind is None and port in (11434, 1234):
        kind = "ollama" if port == 11434 else "lm-studio"
    return kind, tuple(_listed(row) for row in rows[:LOADED_MAX])


def _listed(row: Mapping[str, Any]) -> LoadedModel:
    meta = row.get("meta")
    told: Mapping[str, Any] = meta if isinstance(meta, dict) else {}
    return LoadedModel(
        name_of(row.get("id")),
        bytes=figure_of(told.get("size")),
        context=figure_of(row.get("max_model_len")),
    )


def _ollama(server: Server, clock: Clock) -> Server:
    version = ask(server.port, "/api/version", clock)
    running = rows_of(ask(server.port, "/api/ps", clock), "models")
    if running is None:
        raise NoAnswer("its list of loaded models cannot be read")
    loaded = tuple(
        LoadedModel(
            name_of(row.get("name")),
            figure_of(row.get("size")),
            figure_of(row.get("size_vram")),
            figure_of(row.get("context_length")),
        )
        for row in running[:LOADED_MAX]
    )
    return replace(server, version=_version(version), loaded=loaded)


def _llama_cpp(server: Server, clock: Clock) -> Server:
    props = ask(server.port, "/props", clock)
    if not isinstance(props, dict):
        raise NoAnswer("its properties cannot be read")
    settings = props.get("default_generation_settings")
    per_slot = figure_of(settings.get("n_ctx")) if isinstance(settings, dict) else None
    slots = figure_of(props.get("total_slots"))
    loaded = tuple(replace(model, context=per_slot, slots=slots) for model in server.loaded)
    build = props.get("build_info")
    version = name_of(build) if isinstance(build, str) else None
    return replace(server, version=version, loaded=loaded)


def _llama_cpp_python(server: Server, clock: Clock) -> Server | None:
    """It, if its own description says so; else this is a stranger."""
    try:
        described = ask(server.port, "/openapi.json", clock)
    except NoAnswer:
        return None
    info = described.get("info") if isinstance(described, dict) else None
    if not isinstance(info, dict) or PYTHON_TITLE not in str(info.get("title")):
        return None
    version = _version(info)
    named = None if version is None else f"llama-cpp-python {version}"
    return replace(server, kind="llama.cpp", version=named)


def _vllm(server: Server, clock: Clock) -> Server:
    return replace(server, version=_version(ask(server.port, "/version", clock)))


def _sglang(server: Server, clock: Clock) -> Server:
    return replace(server, version=_version(ask(server.port, "/get_server_info", clock)))


def _lm_studio(server: Server, clock: Clock) -> Server:
    rows = rows_of(ask(server.port, "/api/v0/models", clock), "data")
    if rows is None:
        raise NoAnswer("its list of models cannot be read")
    loaded = tuple(
        LoadedModel(name_of(row.get("id")), context=figure_of(row.get("loaded_context_length")))
        for row in rows[:LOADED_MAX]
        if row.get("state") == "loaded"
    )
    return replace(server, loaded=loaded)


_COMPLETED: Final = {
    "ollama": _ollama,
    "llama.cpp": _llama_cpp,
    "vllm": _vllm,
    "sglang": _sglang,
    "lm-studio": _lm_studio,
}


def rows_of(answer: Any, key: str) -> list[Mapping[str, Any]] | None:
    """The objects listed under `key`; None when the answer is no such list."""
    rows = answer.get(key) if isinstance(answer, dict) else None
    if rows is None and isinstance(answer, dict) and key in answer:
        return []  # Go writes an empty list as null
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return rows


def name_of(value: Any) -> str:
    """A name as it may be shown and published; "unnamed" for anything else.

    Where a server calls a model by its file, only the file's own name goes out: the folders above
    it are nobody's business."""
    if not isinstance(value, str) or not value:
        return "unnamed"
    name: str = value
    if name.startswith(PATHS) or name.endswith(".gguf"):
        name = name.replace("\\", "/").rstrip("/").rpartition("/")[2] or "unnamed"
    return name[:NAME_CHARS_MAX]


def figure_of(value: Any) -> int | None:
    """A count or a size; None for whatever is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= FIGURE_MAX:
        return None
    return value


def _version(answer: Any) -> str | None:
    version = answer.get("version") if isinstance(answer, dict) else None
    return name_of(version) if isinstance(version, str) and version else None
