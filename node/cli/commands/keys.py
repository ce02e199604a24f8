"""`holdfast keys show [--reveal]`: which secret this node has. The secret itself only on demand."""

import sys
from argparse import Namespace
from typing import Any

from node.cli.asking import show
from node.cli.exits import YES, Unable, wrong_usage
from node.cli.folders import explained
from node.cli.render import pairs, tell
from node.cli.secrets import understood
from node.cli.settings import state_of


def run(flags: Namespace) -> int:
    """Read from the state folder; needs no agent."""
    from mesh.secret import derive

    if flags.reveal and not (sys.stdout.isatty() or flags.yes):
        raise wrong_usage(
            "the secret would go to a file or a pipe, where it may stay",
            "add --yes if that is what you mean",
        )
    state = state_of(flags)
    with explained():
        from node.shell.state import StateFolder

        text = StateFolder(state).read_secret()
    if text is None:
        raise Unable(
            "not_found",
            f"there is no mesh secret in {state} yet",
            "`holdfast up` makes one, `holdfast join` brings one",
        )
    secret = understood(text)
    keys = derive(secret)
    body: dict[str, Any] = {"mesh_id": keys.mesh_id.hex(), "key_id": keys.key_id.hex()}
    if flags.reveal:
        body["secret"] = secret.text
        tell("whoever reads this line is a member of the mesh: keep it like a house key")
    rows = [("mesh", body["mesh_id"]), ("key", body["key_id"])]
    rows += [("secret", body["secret"])] if flags.reveal else []
    show(flags, body, lambda _ink: pairs(rows))
    return YES
