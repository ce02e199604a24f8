"""`--near PATH`: where the data is and how large, as far as a look at this machine tells."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from node.cli.exits import wrong_usage
from node.cli.render import tell

LOCAL: Final = ("/", "./", "../", "~")
"""What a path of this machine begins with. `org/repo` and `ollama:NAME` are models, and
`HOST:/path` is somewhere else."""
FILES_MAX: Final = 200_000
"""Looked at, to sum up a folder: some seconds of a cold disk."""


def located(text: str, *, elsewhere: bool) -> str:
    """`text` for a request document: of a path here with its size. Raises wrong usage.

    `elsewhere`: another machine answers, to which our paths mean nothing."""
    if not (text.startswith(LOCAL) or text in {".", ".."}):
        return text
    if elsewhere:
        raise wrong_usage(
            "--near: another node is asked, and a path has to say whose it is",
            "write HOST:/path=40GB",
        )
    path = Path(text).expanduser().resolve()
    if not path.exists():
        front, equals, size = text.rpartition("=")
        if equals and size[:1].isdigit() and Path(front).expanduser().exists():
            return f"{Path(front).expanduser().resolve()}={size}"  # somebody knows better
        raise wrong_usage(f"--near: {path} is not on this machine", "elsewhere: HOST:/path=40GB")
    size_bytes = _size(path)
    if size_bytes is None:
        tell(f"note: {path} has more than {FILES_MAX:,} files: write its size, as in {path}=40GB")
        return str(path)
    return f"{path}={max(1, size_bytes)}B"


def _size(path: Path) -> int | None:
    """Bytes in all files below, each once however often it is linked; None: too many to count."""
    seen: dict[tuple[int, int], int] = {}
    for number, file in enumerate(_files(path)):
        if number >= FILES_MAX:
            return None
        try:
            found = file.stat()
        except OSError:
            continue  # gone meanwhile, or a link to nothing
        seen[found.st_dev, found.st_ino] = found.st_size
    return sum(seen.values())


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names)
