"""What a record is a record *of*: the commit, the very bytes of the code, and what it ran on.

Nothing here names a machine: two people with one commit and one lock write the same words.
"""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

import apsw
import msgspec

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("mesh", "ledger", "placement", "node", "simulations")
LIBRARIES: Final = ("cryptography", "msgpack", "msgspec", "trio")
_DIGEST_BYTES: Final = 16


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a record comes from."""

    commit: str
    """Empty: not run from a checkout."""
    source: str
    """Over every line of Python in the five rooms; equal for equal code, whatever the commit."""
    python: str
    sqlite: str
    libraries: dict[str, str]


def origin() -> Origin:
    """Of the code that this process would run."""
    return Origin(
        commit=_git("rev-parse", "HEAD"),
        source=source(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        sqlite=apsw.sqlite_lib_version(),
        libraries={name: version(name) for name in LIBRARIES},
    )


def source() -> str:
    """Over every line of Python in the five rooms, as they lie on the disk now."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        content = path.read_bytes()
        name = path.relative_to(ROOT).as_posix()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def uncommitted() -> list[str]:
    """Files of the rooms that differ from the commit, or are in none."""
    found = _git("status", "--porcelain", "--", *ROOMS).splitlines()
    return [line[3:] for line in found if line.endswith((".py", "/"))]


def _git(*words: str) -> str:
    """What git says of our own folder; empty where there is no git or no checkout."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(ROOT), *words],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.rstrip()
