"""Programs on PATH worth knowing about.

Presence is a search of folders, never a run: some of these start servers, and one wakes the cards.
Only where `run_for` has an entry is a program started, once per (path, time of change), to say its
version. Relative entries of PATH are skipped: we do not start what lies in the current folder.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from typing import Final

from node.core.picture.topics import ToolFact
from node.probes.sources import RunLimited

VERSION_SECONDS_MAX: Final = 2.0
END_SECONDS_MAX: Final = 1.0
VERSION_BYTES_MAX: Final = 4096
PATH_FOLDERS_MAX: Final = 64

NAMES: Final = (
    "apptainer", "bun", "bwrap", "cargo", "claude", "clang", "cmake", "codex", "cuda-gdb", "curl",
    "deno", "docker", "ffmpeg", "gcc", "git", "go", "hf", "java", "jupyter", "kubectl",
    "llama-cli", "llama-server", "lms", "make", "mlx_lm.server", "nerdctl", "ninja", "node", "npm",
    "nvcc", "nvidia-smi", "ollama", "pnpm", "podman", "python3", "rocm-smi", "rsync", "rustc",
    "singularity", "slurmd", "ssh", "systemd-run", "tmux", "torchrun", "trtllm-serve", "uv",
    "vllm", "zstd",
)  # fmt: skip

RUN_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "docker": ("--version",),
    "ffmpeg": ("-version",),
    "gcc": ("--version",),
    "git": ("--version",),
    "go": ("version",),
    "llama-server": ("--version",),
    "node": ("--version",),
    "nvcc": ("--version",),
    "ollama": ("--version",),
    "podman": ("--version",),
    "python3": ("--version",),
    "uv": ("--version",),
}
"""How to ask. Left out on purpose: vllm (seconds of imports), nvidia-smi (wakes the cards)."""

_BUILD = re.compile(r"version:?\s+(\d{1,8})\s+\(")
"""llama.cpp counts its builds, and names its compiler's version behind the number."""
_VERSION = re.compile(r"(?<![\w.])(?:go|[vV])?(\d{1,8}(?:\.\d{1,8}){1,3})(?![\d.]*\d)")

VersionCache = dict[tuple[str, int], str | None]
"""(path, time of change in ns) → version. Kept by the caller between looks."""


def parse_version(text: str) -> str | None:
    """The first thing that looks like a version, in what a program says of itself."""
    text = text[:VERSION_BYTES_MAX]
    found = _BUILD.search(text) or _VERSION.search(text)
    return found[1] if found else None


def is_file(path: str) -> bool:
    """Whether a plain file (or a link to one) lies there: a folder can be X_OK too."""
    return os.path.isfile(path)  # noqa: PTH113  hundreds of looks


def find(name: str, path: str) -> str | None:
    """Where `name` would be started from, as a shell would find it in `path`."""
    for folder in path.split(os.pathsep)[:PATH_FOLDERS_MAX]:
        candidate = f"{folder}/{name}"
        if folder.startswith("/") and os.access(candidate, os.X_OK) and is_file(candidate):
            return candidate
    return None


def read_tools(
    path: str, versions: VersionCache, run_limited: RunLimited, *, ask_versions: bool = True
) -> tuple[ToolFact, ...]:
    """Every known tool on `path`. `versions` is read and filled."""
    facts: list[ToolFact] = []
    for name in NAMES:
        place = find(name, path)
        if place is None:
            continue
        version = _version(name, place, versions, run_limited) if ask_versions else None
        facts.append(ToolFact(name, place, version))
    return tuple(facts)


def _version(name: str, place: str, versions: VersionCache, run_limited: RunLimited) -> str | None:
    if name not in RUN_FOR:
        return None
    try:
        key = (place, os.stat(place).st_mtime_ns)  # noqa: PTH116
    except OSError:
        return None
    if key not in versions:
        versions[key] = parse_version(what_it_says([place, *RUN_FOR[name]], run_limited))
    return versions[key]


def what_it_says(
    command: list[str],
    run_limited: RunLimited,
    seconds: float = VERSION_SECONDS_MAX,
    bytes_max: int = VERSION_BYTES_MAX,
) -> str:
    """The start of what `command` prints; "" when it says nothing in time or can't be started.

    Its whole process group is ended afterwards: a wrapper script may have started more.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError:
        return ""
    assert process.stdout is not None
    stream = process.stdout

    def listen() -> bytes:
        with stream:  # whoever reads it closes it, also after we stopped waiting
            return stream.read(bytes_max)

    try:
        said = run_limited(listen, seconds)
    except TimeoutError:
        said = b""
    finally:
        _end(process)
    return said.decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    # It may have ended by itself, or be another user's (setuid) and end when its pipe does.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS_MAX)
