"""`holdfast keys`: the mesh's secrets. Which there are, a new one, and how it takes over.

No secret is ever an argument, and none is printed but by `--reveal`. Without an agent the steps are
taken in this state folder alone, for the mesh that is rotated by hand.
"""

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.cli import client, recovery
from node.cli.asking import answer, show
from node.cli.exits import NO, YES, Unable, wrong_usage
from node.cli.folders import explained
from node.cli.render import clean, pairs, table, tell
from node.cli.secrets import from_file
from node.cli.settings import state_of
from node.cli.starting import kept_keys

if TYPE_CHECKING:
    from mesh.keys.keyring import Keyring
    from node.shell.disk.state import StateFolder

NEW_SECRET: Final = "new-secret"  # noqa: S105 - the name of a file
NEXT: Final = {
    "install": "next: `holdfast keys use {key}`",
    "use": "next, once nobody needs the old one: `holdfast keys remove` with its name",
    "remove": "whoever was off will need an invite: `holdfast keys list` names them",
}


def run(flags: Namespace) -> int:
    """0 when it is done everywhere, 1 when somebody could not be told."""
    what: dict[str, Callable[[Namespace], int]] = {
        "show": _show, "list": _list, "generate": _generate,
        "install": _change, "use": _change, "remove": _change, "recovery": recovery.make,
    }  # fmt: skip
    if flags.key is not None and flags.what in ("show", "list", "generate", "recovery"):
        raise wrong_usage(f"`keys {flags.what}` takes no {clean(flags.key)!r}")
    return what[flags.what](flags)


# What there is -----------------------------------------------------------------------------------


def _show(flags: Namespace) -> int:
    """Read from the state folder; needs no agent."""
    _check_watched(flags)
    _, keys = _folder(flags)
    body: dict[str, Any] = {
        "mesh_id": keys.mesh_id.hex(),
        "key_id": keys.primary.key_id.hex(),
    }
    if flags.reveal:
        body["secret"] = keys.secrets[0].text
        tell("whoever reads this line is a member of the mesh: keep it like a house key")
    rows = [("mesh", body["mesh_id"]), ("key", body["key_id"])]
    rows += [("secret", body["secret"])] if flags.reveal else []
    show(flags, body, lambda _ink: pairs(rows))
    return YES


def _check_watched(flags: Namespace) -> None:
    if flags.reveal and not (sys.stdout.isatty() or flags.yes):
        raise wrong_usage(
            "the secret would go to a file or a pipe, where it may stay",
            "add --yes if that is what you mean",
        )


def _list(flags: Namespace) -> int:
    """From the agent, which knows who has what; else what this folder has."""
    if client.running(state_of(flags)):
        body = answer(flags, {"type": "keys"})
    else:
        _, keys = _folder(flags)
        rows = [_key_row(key, "installed") for key in keys.keys[1:]]
        retired = [
            {"key": key.hex(), "state": "retired", "held_by": None, "missing_at": None}
            for key in keys.retired
        ]
        body = {
            "mesh": keys.mesh_id.hex(),
            "keys": [_key_row(keys.primary, "primary"), *rows, *retired],
            "nodes": None,
            "warnings": ["no agent runs here: only what this state folder has is shown"],
        }
    show(flags, body, lambda _ink: _drawn(body))
    return YES


def _key_row(keys: Any, state: str) -> dict[str, Any]:
    return {"key": keys.key_id.hex(), "state": state, "held_by": None, "missing_at": None}


def _drawn(body: dict[str, Any]) -> list[str]:
    rows = [
        [row["key"], row["state"], _names(row["held_by"]), _names(row["missing_at"])]
        for row in body["keys"]
    ]
    lines = [f"mesh {body['mesh']}", *table(("KEY", "STATE", "HELD BY", "MISSING AT"), rows)]
    return [*lines, *(f"note: {clean(sentence)}" for sentence in body["warnings"])]


def _names(names: list[str] | None) -> str:
    return "unknown" if names is None else clean(", ".join(names)) or "nobody"


# A new one ---------------------------------------------------------------------------------------


def _generate(flags: Namespace) -> int:
    """A fresh secret for this mesh, in a file of its own; nobody uses it yet."""
    from random import SystemRandom

    from mesh.keys.secret import Secret, derive
    from node.shell.disk.state import write_atomically

    _check_watched(flags)
    folder, keys = _folder(flags)
    secret = Secret.generate(SystemRandom()).for_mesh(keys.mesh_id)
    path = Path(flags.out).expanduser() if flags.out else folder.path / NEW_SECRET
    if path.exists() and flags.out:
        raise wrong_usage(f"{path} exists already", "name another file with --out")
    with explained():
        write_atomically(path, f"{secret.text}\n".encode())
    key = derive(secret).key_id.hex()
    body: dict[str, Any] = {"key": key, "file": str(path)}
    rows = [("key", key), ("file", str(path))]
    if flags.reveal:
        body["secret"] = secret.text
        rows.append(("secret", secret.text))
    show(flags, body, lambda _ink: pairs(rows))
    tell("nobody uses it yet; next: `holdfast keys install`" + (f" {path}" if flags.out else ""))
    return YES


# Taking over -------------------------------------------------------------------------------------


def _change(flags: Namespace) -> int:
    state = state_of(flags)
    request: dict[str, Any] = {
        "type": "change_keys", "change": flags.what, "only": flags.only or [], "here": flags.here,
        "force": flags.force, "reason": flags.reason or "",
    }  # fmt: skip
    path = _file_of(flags, state) if flags.what == "install" else None
    if path is not None:
        request["secret"] = from_file(path).text
    elif flags.key is None:
        raise wrong_usage(f"`keys {flags.what}` which key?", "`holdfast keys list` names them")
    else:
        request["key"] = flags.key
    body = answer(flags, request) if client.running(state) else _by_hand(flags, request)
    show(flags, body, lambda _ink: _outcomes(body))
    if not body["complete"]:
        tell("some were not told: take the same step again when they are there; it does no harm")
        return NO
    if path == state / NEW_SECRET:
        path.unlink(missing_ok=True)  # it is on the ring now
    tell(NEXT[flags.what].format(key=body["key"]))
    return YES


def _file_of(flags: Namespace, state: Path) -> Path | None:
    """Where the secret is that is to be installed; None: it is on the ring, and named by its id."""
    path = state / NEW_SECRET if flags.key is None else Path(flags.key).expanduser()
    if path.exists():
        return path
    if flags.key is None:
        raise Unable(
            "not_found", f"there is no {path}",
            "`holdfast keys generate` makes one; or name a file, or a key of `holdfast keys list`",
        )  # fmt: skip
    return None


def _outcomes(body: dict[str, Any]) -> list[str]:
    rows = [[clean(row["name"]), clean(row["outcome"])] for row in body["nodes"]]
    return [f"{body['change']} {body['key']}", *table(("NODE", "OUTCOME"), rows)]


def _by_hand(flags: Namespace, request: dict[str, Any]) -> dict[str, Any]:
    """The step on this folder alone: no agent runs that could tell anybody."""
    from node.shell.disk.state import StateFolder

    with explained():
        folder = StateFolder.open(state_of(flags))
        with folder.locked():
            keys = _kept(folder)
            key_id = _key_named(keys, request)
            changed = _stepped(keys, key_id, request)
            if changed != keys:
                folder.write_secret(changed.text)
    outcome = "already so" if changed == keys else "done"
    tell("no agent runs here: only this state folder was changed")
    nodes = [{"id": None, "name": "this folder", "outcome": outcome}]
    return {"change": flags.what, "key": key_id.hex(), "complete": True, "nodes": nodes}


def _key_named(keys: "Keyring", request: dict[str, Any]) -> bytes:
    from mesh.keys.secret import Secret, derive

    if "secret" in request:
        return derive(Secret.parse(request["secret"])).key_id
    wanted = request["key"].strip().lower()
    known = [one.key_id for one in keys.keys] + list(keys.retired)
    found = [one for one in known if one.hex().startswith(wanted)]
    if not wanted or len(found) != 1:
        names = ", ".join(one.key_id.hex() for one in keys.keys)
        raise Unable("not_found", f"no key here is called {clean(wanted)!r}", f"there are: {names}")
    return found[0]


def _stepped(keys: "Keyring", key_id: bytes, request: dict[str, Any]) -> "Keyring":
    from mesh.keys.keyring import KEYS_MAX
    from mesh.keys.secret import Secret

    here = keys.named(key_id) is not None
    change = request["change"]
    if change == "install":
        if not here and "secret" not in request:
            raise Unable("refused", "that key was removed here", "name a file with its secret")
        if not here and len(keys.keys) >= KEYS_MAX:
            raise Unable("refused", f"there are {KEYS_MAX} keys already", "remove one first")
        return keys if here else keys.install(Secret.parse(request["secret"]))
    if change == "use":
        if not here:
            raise Unable("refused", "that key was removed here", "install it again first")
        return keys.use(key_id)
    if keys.primary.key_id == key_id:
        raise Unable("refused", "that key is in use", "`holdfast keys use` another one first")
    return keys.remove(key_id) if here else keys


# The folder --------------------------------------------------------------------------------------


def _folder(flags: Namespace) -> "tuple[StateFolder, Keyring]":
    with explained():
        from node.shell.disk.state import StateFolder

        folder = StateFolder(state_of(flags))
        return folder, _kept(folder)


def _kept(folder: "StateFolder") -> "Keyring":
    keys = kept_keys(folder)
    if keys is None:
        raise Unable(
            "not_found",
            f"there is no mesh secret in {folder.path} yet",
            "`holdfast up` makes one, `holdfast join` brings one",
        )
    return keys
