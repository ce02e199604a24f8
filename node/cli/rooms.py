"""Whether the four rooms we import are our own.

They are top-level packages with common names. In a shared environment, or started from an unlucky
folder, `import mesh` may find somebody else's mesh; better to stop at once and name the paths than
to fail in the middle of a reservation.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from node.cli.exits import WRONG_USAGE, Unable

ROOMS: Final = ("mesh", "ledger", "placement", "node")


def check_rooms() -> None:
    """Raise Unable when the rooms do not stand in one folder."""
    check_folders({room: _folder_of(room) for room in ROOMS})


def check_folders(folders: Mapping[str, str]) -> None:
    """The rule itself: one parent folder for all."""
    if len(set(folders.values())) <= 1:
        return
    places = ", ".join(f"{room} in {folder}" for room, folder in folders.items())
    raise Unable(
        "mixed_rooms",
        f"parts of Holdfast come from different folders: {places}",
        "install Holdfast in an environment of its own (`uv tool install` or `pipx`), "
        "and start it from a folder that holds none of these names",
        WRONG_USAGE,
    )


def _folder_of(room: str) -> str:
    try:
        paths = list(import_module(room).__path__)
    except (ImportError, AttributeError):
        return "nowhere"
    return str(Path(paths[0]).parent) if paths else "nowhere"
