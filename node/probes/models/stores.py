"""Where models are kept, and under which names: Hugging Face's cache, Ollama's, LM Studio's.

Sources: huggingface_hub "Manage your cache" (models--ORG--REPO/refs, snapshots), Ollama's manifests
(an OCI image manifest per HOST/NAMESPACE/MODEL/TAG, blobs by digest), LM Studio's folder
PUBLISHER/REPO/*.gguf. A store is looked through with limits on how many names and how deep.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from node.probes.models.files import ModelError, read_whole

MODELS_MAX: Final = 512
"""Of one store."""
FOLDERS_MAX: Final = 8192
"""Folders and files that one look through a store touches."""
MANIFEST_BYTES_MAX: Final = 256 * 1024
OLLAMA_HOST: Final = "registry.ollama.ai"
OLLAMA_MODEL: Final = "application/vnd.ollama.image.model"
OLLAMA_BESIDE: Final = (
    "application/vnd.ollama.image.projector",
    "application/vnd.ollama.image.adapter",
)
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model in a store. `bytes`: of its weights on disk."""

    name: str
    store: str
    """hugging-face | ollama | lm-studio"""
    format: str
    bytes: int
    path: str


class _Layer(msgspec.Struct, rename="camel"):
    media_type: str
    digest: str
    size: int = 0


class _Manifest(msgspec.Struct):
    layers: list[_Layer]


@dataclass(frozen=True, slots=True)
class Stores:
    """The folders of one user's stores."""

    hugging_face: Path
    ollama: tuple[Path, ...]
    lm_studio: tuple[Path, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Stores":
        """As each program finds its own."""
        home = Path(environment.get("HOME") or "/nonexistent")
        hub = environment.get("HF_HUB_CACHE") or ""
        if not hub:
            cache = environment.get("XDG_CACHE_HOME") or str(home / ".cache")
            hub = f"{environment.get('HF_HOME') or f'{cache}/huggingface'}/hub"
        named = environment.get("OLLAMA_MODELS")
        # Its Linux service runs as a user of its own, whose home this is.
        ollama = (home / ".ollama/models", Path("/usr/share/ollama/.ollama/models"))
        lm_studio = (home / ".lmstudio/models", home / ".cache/lm-studio/models")
        return cls(Path(hub), (Path(named),) if named else ollama, lm_studio)

    def all(self) -> tuple[StoredModel, ...]:
        """Every model found, by store and name. What cannot be read is left out."""
        found = [*hugging_face(self.hugging_face)]
        for folder in self.ollama:
            found += ollama(folder)
        for folder in self.lm_studio:
            found += lm_studio(folder)
        return tuple(sorted(found, key=lambda model: (model.store, model.name)))


# Hugging Face ------------------------------------------------------------------------------------


def hugging_face_folder(cache: Path, repository: str) -> Path:
    """The newest snapshot of `ORG/REPO` in the cache. Raises ModelError."""
    parts = repository.split("/")
    if len(parts) != 2 or not all(_PART.fullmatch(part) for part in parts):
        raise ModelError("not_found", f"{repository!r} is no ORG/REPO")
    base = cache / f"models--{parts[0]}--{parts[1]}"
    snapshots = sorted(_listed(base / "snapshots"))
    if not snapshots:
        raise ModelError(
            "not_found",
            f"{repository} is not in {cache}",
            f"`hf download {repository}` fetches it; its config.json alone is enough to estimate",
        )
    try:
        main = read_whole(base / "refs/main", 256).decode("ascii", "replace").strip()
    except ModelError:
        main = ""
    return base / "snapshots" / (main if main in snapshots else snapshots[-1])


def hugging_face(cache: Path) -> Iterator[StoredModel]:
    """Every model in the cache."""
    for name in _listed(cache):
        words = name.split("--")
        if words[0] != "models" or len(words) < 2:
            continue
        repository = "/".join(words[1:])
        try:
            folder = hugging_face_folder(cache, repository)
        except ModelError:
            continue
        sizes = {
            entry: _size(folder / entry)
            for entry in _listed(folder)
            if entry.endswith((".gguf", ".safetensors"))
        }
        if sizes:
            kind = "gguf" if any(entry.endswith(".gguf") for entry in sizes) else "safetensors"
            total = sum(sizes.values())
            yield StoredModel(repository, "hugging-face", kind, total, str(folder))


# Ollama ------------------------------------------------------------------------------------------


def ollama_files(folder: Path, name: str) -> tuple[Path, tuple[Path, ...]]:
    """The weights of `[HOST/][NAMESPACE/]MODEL[:TAG]`, and what lies beside them. Raises
    ModelError."""
    words, _, tag = name.partition(":")
    parts = [*words.split("/"), tag or "latest"]
    if len(parts) == 2:
        parts.insert(0, "library")
    if len(parts) == 3:
        parts.insert(0, OLLAMA_HOST)
    if len(parts) != 4 or not all(_PART.fullmatch(part) for part in parts):
        raise ModelError("not_found", f"{name!r} is no name of Ollama's")
    manifest = folder.joinpath("manifests", *parts)
    layers = _layers(manifest)
    weights = [_blob(folder, layer) for layer in layers if layer.media_type == OLLAMA_MODEL]
    if not weights:
        raise ModelError("malformed", f"{manifest} names no weights")
    beside = [_blob(folder, layer) for layer in layers if layer.media_type in OLLAMA_BESIDE]
    return weights[0], tuple(beside)


def ollama(folder: Path) -> Iterator[StoredModel]:
    """Every model that has a manifest."""
    count = 0
    for manifest in _below(folder / "manifests", depth=4):
        parts = manifest.relative_to(folder / "manifests").parts
        if len(parts) != 4 or not all(_PART.fullmatch(part) for part in parts):
            continue
        try:
            layers = _layers(manifest)
            weights = [_blob(folder, row) for row in layers if row.media_type == OLLAMA_MODEL]
        except ModelError:
            continue
        if not weights:
            continue
        count += 1
        if count > MODELS_MAX:
            return
        shown = parts[2:] if parts[:2] == (OLLAMA_HOST, "library") else parts
        name = f"{'/'.join(shown[:-1])}:{shown[-1]}"
        yield StoredModel(name, "ollama", "gguf", _size(weights[0]), str(weights[0]))


def _layers(manifest: Path) -> list[_Layer]:
    text = read_whole(manifest, MANIFEST_BYTES_MAX)
    try:
        return msgspec.json.decode(text, type=_Manifest).layers
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError("malformed", f"{manifest} cannot be read: {error}") from error


def _blob(folder: Path, layer: _Layer) -> Path:
    found = _DIGEST.fullmatch(layer.digest)
    if found is None:
        raise ModelError("malformed", f"{layer.digest[:80]!r} is no digest")
    return folder / "blobs" / f"sha256-{found[1]}"


# LM Studio ---------------------------------------------------------------------------------------


def lm_studio(folder: Path) -> Iterator[StoredModel]:
    """Every GGUF file at PUBLISHER/REPO/FILE; parts of one model counted together."""
    sums: dict[Path, int] = {}
    for file in _below(folder, depth=3):
        if file.suffix == ".gguf" and "mmproj" not in file.name.lower():
            front = re.sub(r"-\d{5}-of-\d{5}$", "-00001-of", file.stem)
            key = file.with_name(front)
            sums[key] = sums.get(key, 0) + _size(file)
    for place, total in sorted(sums.items())[:MODELS_MAX]:
        name = str(place.relative_to(folder)).removesuffix("-00001-of")
        yield StoredModel(name, "lm-studio", "gguf", total, str(place.parent))


# Folders -----------------------------------------------------------------------------------------


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())[:FOLDERS_MAX]
    except OSError:
        return []


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Every file exactly `depth` folders down. Links to folders are not followed: a loop."""
    waiting = [(folder, depth)]
    touched = 0
    while waiting:
        place, left = waiting.pop()
        for name in _listed(place):
            touched += 1
            if touched > FOLDERS_MAX:
                return
            below = place / name
            if left == 1 and below.is_file():
                yield below
            elif left > 1 and below.is_dir() and not below.is_symlink():
                waiting.append((below, left - 1))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def find(stores: Stores, name: str) -> Path:
    """The place of `ollama:NAME` or `ORG/REPO`. Raises ModelError with what to try instead."""
    if name.startswith("ollama:"):
        wanted = name.removeprefix("ollama:")
        missing: Any = None
        for folder in stores.ollama:
            try:
                return ollama_files(folder, wanted)[0]
            except ModelError as error:
                missing = missing or error
        raise ModelError(
            "not_found", f"Ollama has no {wanted!r} here: {missing}", f"`ollama pull {wanted}`"
        )
    if name.startswith(("/", "./", "../", "~")):
        raise ModelError("not_found", f"{name}: no such file or folder")
    return hugging_face_folder(stores.hugging_face, name)
