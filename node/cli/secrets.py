"""The mesh's secret as a person brings it: typed unechoed, from a file, or already here.

It is never an argument (process lists leak) and never printed, except by `keys show --reveal`.
"""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.cli.exits import NO, Unable, wrong_usage

if TYPE_CHECKING:
    from mesh.keys.secret import Secret

SECRET_FILE_BYTES_MAX: Final = 4096


def understood(text: str) -> "Secret":
    """A secret's text, or a passphrase to be stretched. Raises Unable; never quotes the text."""
    from mesh.keys.passphrase import WeakPassphrase
    from mesh.keys.secret import MistypedSecret, NotASecret, Secret

    stripped = text.strip()
    if not stripped:
        raise wrong_usage("the secret is empty", "type it, or name a file with --secret-file")
    try:
        if stripped.lower().startswith("hf1-"):
            return Secret.parse(stripped)
        return Secret.from_passphrase(stripped)
    except (MistypedSecret, NotASecret) as error:
        hint = "copy it again, whole: `holdfast keys show --reveal` on a member prints it"
        raise Unable("bad_secret", str(error), hint, NO) from error
    except WeakPassphrase as error:
        raise Unable("weak_passphrase", str(error), "", NO) from error


def from_file(path: Path) -> "Secret":
    """The secret in this file."""
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise wrong_usage(
            f"the secret file {path} cannot be read: {error.strerror}",
            "name the right one with --secret-file or HOLDFAST_SECRET_FILE",
        ) from error
    if len(content) > SECRET_FILE_BYTES_MAX:
        raise wrong_usage(f"{path} is over {SECRET_FILE_BYTES_MAX} bytes: that is no secret file")
    try:
        return understood(content.decode())
    except UnicodeDecodeError as error:
        raise wrong_usage(f"{path} is not text: that is no secret file") from error


def typed() -> "Secret":
    """Asked for on the terminal, unechoed."""
    if not sys.stdin.isatty():
        raise wrong_usage(
            "there is no terminal to type the secret on",
            "give an invite, or name a file with --secret-file or HOLDFAST_SECRET_FILE",
        )
    try:
        return understood(getpass.getpass("secret or passphrase of the mesh (not shown): "))
    except EOFError as error:
        raise wrong_usage("no secret was typed") from error
