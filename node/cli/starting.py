"""Before an agent runs: the state folder, this node's key, and the mesh's secret.

The folder is locked while we look and write, so two first starts at once cannot make two secrets.
The agent takes the lock again for itself.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from node.cli import client
from node.cli.exits import NO, Unable, wrong_usage
from node.cli.folders import explained
from node.cli.secrets import from_file
from node.config import UpOptions

if TYPE_CHECKING:
    from mesh.secret import Secret
    from node.shell.state import StateFolder


class Prepared(NamedTuple):
    """What the agent starts with, and what was done to get there."""

    options: UpOptions
    body: dict[str, Any]
    steps: list[str]
    new_mesh: bool
    """Whether the secret was made just now: nobody else is in that mesh yet."""


def check_alone(options: UpOptions) -> None:
    """Raise Unable when an agent already answers on this state folder."""
    if client.running(options.state):
        raise Unable(
            "already_running",
            f"an agent already runs on this state folder ({options.state})",
            "`holdfast status` asks it; a second one needs a folder of its own (--state)",
        )


def check_offer(options: UpOptions) -> None:
    """Raise Unable (wrong usage) when the offer cannot be read."""
    if options.offer is None:
        return
    from node.probes.offers import ShareRefused, parse_offer

    try:
        parse_offer(options.offer)
    except ShareRefused as error:
        raise wrong_usage(f"--offer: {error}") from error


def prepare(options: UpOptions, brought: "Secret | None" = None) -> Prepared:
    """Make or check key and secret. `brought`: the secret that a join came back with."""
    if brought is None and options.secret_file is not None:
        brought = from_file(options.secret_file)
    with explained():
        from node.shell.state import StateFolder

        folder = StateFolder.open(options.state)
        with folder.locked():
            return _settled(folder, options, brought)


def _settled(folder: "StateFolder", options: UpOptions, brought: "Secret | None") -> Prepared:
    from mesh.identity import id_text, short_id
    from mesh.secret import derive

    # The secret first: a refusal must not leave a key behind in a folder that was never ours.
    fresh = brought is None and folder.read_secret() is None
    secret, said = _secret(folder, brought)
    identity, first_start = folder.identity()
    mesh_id = derive(secret).mesh_id.hex()
    if options.name is not None:
        folder.write_name(options.name)
    steps = [f"made this node's key: it is {short_id(identity.id)} from now on"]
    steps = (steps if first_start else []) + [said.format(mesh=mesh_id, path=folder.secret_path)]
    body = {
        "node": id_text(identity.id),
        "mesh": mesh_id,
        "state_folder": str(folder.path),
        "first_start": first_start,
    }
    # From here on the folder is where the secret is; the agent need not read the file again.
    ready = replace(options, name=options.name or folder.read_name(), secret_file=None)
    return Prepared(ready, body, [step for step in steps if step], fresh)


def _secret(folder: "StateFolder", brought: "Secret | None") -> tuple["Secret", str]:
    kept = kept_secret(folder)
    if kept is not None:
        if brought is not None and brought != kept:
            raise other_mesh(folder, kept)
        return kept, ""
    if brought is not None:
        folder.write_secret(brought.text)
        return brought, "kept the secret of mesh {mesh} in {path}, readable by this user alone"
    made = _fresh_secret()
    folder.write_secret(made.text)
    return made, "made a new mesh, {mesh}: its secret is in {path}, readable by this user alone"


def kept_secret(folder: "StateFolder") -> "Secret | None":
    """The secret that this folder already has."""
    from mesh.secret import MistypedSecret, NotASecret, Secret

    text = folder.read_secret()
    if text is None:
        return None
    try:
        return Secret.parse(text)
    except (MistypedSecret, NotASecret) as error:
        raise Unable(
            "bad_secret",
            f"the secret kept in {folder.secret_path} is damaged: {error}",
            "put the file back from a backup, or move it away and join again",
            NO,
        ) from error


def other_mesh(folder: "StateFolder", kept: "Secret") -> Unable:
    """This folder belongs to a mesh already, and to another one."""
    from mesh.secret import derive

    return Unable(
        "other_mesh",
        f"{folder.path} already belongs to another mesh ({derive(kept).mesh_id.hex()})",
        "name another folder with --state; to leave that mesh for good, move this folder away",
    )


def _fresh_secret() -> "Secret":
    from random import SystemRandom

    from mesh.secret import Secret

    return Secret.generate(SystemRandom())
