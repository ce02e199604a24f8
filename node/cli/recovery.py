"""The recovery key: made here, kept by a person, and never shown.

It can do one thing: name the successor of a node whose disk is lost. The agent learns its public
half alone, which goes on record for every peer to keep.
"""

from argparse import Namespace
from pathlib import Path
from typing import Final

from node.cli.asking import answer, show
from node.cli.exits import YES, Unable, wrong_usage
from node.cli.folders import explained
from node.cli.render import pairs, tell

FILE_BYTES_MAX: Final = 4096


def make(flags: Namespace) -> int:
    """A fresh one in a file that is not on this disk, if its owner is wise; its public half is
    told."""
    from secrets import token_bytes

    from mesh.identity import Identity
    from node.core.usage.succession import RECOVERY_BYTES, recovery_text
    from node.shell.disk.state import write_atomically

    if flags.out is None:
        hint = "`holdfast keys recovery --out /media/stick/oak.key`: on another disk than this one"
        raise wrong_usage("where to?", hint)
    path = Path(flags.out).expanduser()
    if path.exists():
        raise wrong_usage(f"{path} exists already", "name another file with --out")
    seed = token_bytes(RECOVERY_BYTES)
    with explained():
        write_atomically(path, f"{recovery_text(seed)}\n".encode())
    try:
        body = answer(flags, {"type": "set_recovery", "public": Identity(seed).public.hex()})
    except Unable:
        path.unlink(missing_ok=True)  # of no use: nobody knows its public half
        raise
    body = {**body, "file": str(path)}
    show(flags, body, lambda _ink: pairs([("recovery key", str(path)), ("public", body["public"])]))
    tell("keep it away from this machine; an earlier one is void from now on")
    return YES


def key_in(path: Path) -> str:
    """The text in the file of `--recovery-key`."""
    try:
        with path.expanduser().open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        hint = "`keys recovery --out FILE` wrote it"
        raise wrong_usage(f"--recovery-key: {path} cannot be read", hint) from error
    if not text or len(text) > FILE_BYTES_MAX:
        raise wrong_usage(f"--recovery-key: {path} holds no recovery key")
    return text
