"""Before an agent runs: the state folder, this node's key, and the mesh's secret.

The folder is locked while we look and write, so two first starts at once cannot make two secrets.
The agent takes the lock again for itself.
"""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from node.cli import client
from node.cli.exits import NO, Unable, wrong_usage
from node.cli.folders import explained
from node.cli.secrets import from_file
from node.config import UpOptions

if TYPE_CHECKING:
    from mesh.keys.keyring import Keyring
    from mesh.keys.secret import Secret
    from node.shell.disk.state import StateFolder


class Brought(NamedTuple):
    """What somebody came with: a file or a typed line with one secret, or all that an invite
    bought (`whole`)."""

    keys: "Keyring"
    whole: bool = False


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


def check_start(options: UpOptions) -> None:
    """Raise Unable for whatever would keep an agent from starting with these options."""
    from node.shell.beforehand import check_start as look
    from node.shell.datagrams.udp import PortTaken
    from node.shell.disk.state import StateError

    try:
        look(options, os.environ)
    except (StateError, PortTaken) as error:
        hint = f"{error.hint}; the invite was not used"
        raise Unable("not_started", error.sentence, hint, NO) from error


def prepare(options: UpOptions, brought: Brought | None = None) -> Prepared:
    """Make or check key and secret. `brought`: what a join came back with."""
    if brought is None and options.secret_file is not None:
        brought = one_secret(from_file(options.secret_file))
    with explained():
        from node.shell.disk.state import StateFolder

        folder = StateFolder.open(options.state)
        with folder.locked():
            return _settled(folder, options, brought)


def one_secret(secret: "Secret") -> Brought:
    """A secret that was typed, or lies in a file."""
    from mesh.keys.keyring import Keyring

    return Brought(Keyring.of(secret))


def _settled(folder: "StateFolder", options: UpOptions, brought: Brought | None) -> Prepared:
    from mesh.identity import id_text, short_id
    from node.shell.disk.stepping_aside import step_aside

    step_aside(folder, asked=False)  # what another start began, before anybody looks at the key
    # The secret first: a refusal must not leave a key behind in a folder that was never ours.
    fresh = brought is None and folder.read_secret() is None
    keys, said = _keys(folder, brought)
    identity, first_start = folder.identity()
    mesh_id = keys.mesh_id.hex()
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


def _keys(folder: "StateFolder", brought: Brought | None) -> tuple["Keyring", str]:
    from mesh.keys.keyring import Keyring

    kept = kept_keys(folder)
    if brought is None:
        if kept is not None:
            return kept, ""
        made = Keyring.of(_fresh_secret())
        folder.write_secret(made.text)
        return made, "made a new mesh, {mesh}: its secret is in {path}, readable by this user alone"
    if kept is None:
        folder.write_secret(brought.keys.text)
        said = "kept the secret of mesh {mesh} in {path}, readable by this user alone"
        return brought.keys, said
    keys = _together(folder, kept, brought)
    if keys == kept:
        return kept, ""
    folder.write_secret(keys.text)
    return keys, f"took up key {keys.primary.key_id.hex()} of mesh {{mesh}}"


def _together(folder: "StateFolder", kept: "Keyring", brought: Brought) -> "Keyring":
    """What this folder has, and what was brought to it. Raises Unable."""
    from mesh.keys.keyring import KEYS_MAX, Keyring

    key_id = brought.keys.primary.key_id
    if brought.keys.mesh_id != kept.mesh_id:
        raise other_mesh(folder, kept)
    if brought.whole:
        gone = [keys.key_id for keys in kept.keys if brought.keys.named(keys.key_id) is None]
        return Keyring.of(*brought.keys.secrets, retired=(*kept.retired, *gone))
    if key_id in kept.retired:
        raise Unable(
            "retired_key",
            f"the secret that was named has key {key_id.hex()}, which was removed from this mesh",
            "start without it: the folder has the secret that is in use now",
        )
    if kept.named(key_id) is not None or len(kept.keys) >= KEYS_MAX:
        return kept
    return kept.install(brought.keys.secrets[0]).use(key_id)


def kept_keys(folder: "StateFolder") -> "Keyring | None":
    """The secrets that this folder already has."""
    from mesh.keys.keyring import Keyring
    from mesh.keys.secret import MistypedSecret, NotASecret

    text = folder.read_secret()
    if text is None:
        return None
    try:
        return Keyring.parse(text)
    except (MistypedSecret, NotASecret) as error:
        raise Unable(
            "bad_secret",
            f"the secret kept in {folder.secret_path} is damaged: {error}",
            "put the file back from a backup, or move it away and join again",
            NO,
        ) from error


def other_mesh(folder: "StateFolder", kept: "Keyring") -> Unable:
    """This folder belongs to a mesh already, and to another one."""
    return Unable(
        "other_mesh",
        f"{folder.path} already belongs to another mesh ({kept.mesh_id.hex()})",
        "name another folder with --state; to leave that mesh for good, move this folder away",
    )


def _fresh_secret() -> "Secret":
    from random import SystemRandom

    from mesh.keys.secret import Secret

    return Secret.generate(SystemRandom())
