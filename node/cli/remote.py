"""`--peer`: put the question to another node over the mesh's TLS; it answers from its replica.

Needs the secret and no agent: from a machine that runs none, the question goes out under a key that
is forgotten afterwards. trio and TLS are imported here and nowhere else in the command.
"""

import json
import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.cli import client
from node.cli.exits import NO, Unable
from node.cli.folders import explained
from node.cli.render import clean
from node.cli.secrets import from_file
from node.cli.settings import state_of
from node.cli.starting import kept_keys
from node.config import read_seed

if TYPE_CHECKING:
    from mesh.effects import Address
    from mesh.keys.keyring import Keyring

SERVICE: Final = "query"
PREFIX_CHARS_MIN: Final = 4


def ask(flags: Namespace, request: client.Body) -> client.Body:
    """The peer's `ok` body. Raises Unable with its refusal, or with why it was not reached."""
    from node.shell.streams.one_call import StreamFailed, call_as_guest

    state = state_of(flags)
    keys = _keys(flags, state)
    address = _address(flags.peer, state)
    try:
        answer = call_as_guest(address, keys, SERVICE, json.dumps(request).encode())
    except StreamFailed as failure:
        raise Unable(
            "no_peer",
            f"no answer from {clean(flags.peer)!r}: {clean(failure.detail)}",
            "is it of the same mesh, is its agent running, and is the port open for TCP?",
            NO,
        ) from failure
    return client.ended(_parsed(answer))


def _parsed(answer: bytes) -> client.Body:
    try:
        body = json.loads(answer)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Unable("bad_answer", "the peer's answer cannot be read", "compare the versions")
    return body


def _keys(flags: Namespace, state: Path) -> "Keyring":
    from mesh.keys.keyring import Keyring

    named = flags.secret_file or os.environ.get("HOLDFAST_SECRET_FILE")
    if named:
        return Keyring.of(from_file(Path(named).expanduser()))
    with explained():
        from node.shell.disk.state import StateFolder

        kept = kept_keys(StateFolder(state))
    if kept is None:
        raise Unable(
            "no_secret",
            f"--peer needs the mesh's secret, and there is none in {state}",
            "name it with --secret-file or HOLDFAST_SECRET_FILE, or another --state",
            NO,
        )
    return kept


def _address(peer: str, state: Path) -> "Address":
    from mesh.effects import Address

    known = _known(peer, state)
    try:
        return Address(*read_seed(known or peer))
    except ValueError as error:
        raise Unable(
            "not_found",
            f"{clean(peer)!r} is neither a node that the agent here knows nor an address",
            "`holdfast peers` lists the nodes; an address is written HOST:PORT",
            NO,
        ) from error


def _known(peer: str, state: Path) -> str | None:
    """The address of the one node that `peer` names, if an agent runs here and knows it."""
    if not client.running(state):
        return None
    wanted = peer.strip().lower()
    rows = client.ask(state, {"type": "status"})["peers"]
    named = [row for row in rows if wanted in (row["id"], str(row["name"]).lower())]
    by_id = [row for row in rows if row["id"].startswith(wanted)]
    found = named or (by_id if len(wanted) >= PREFIX_CHARS_MIN else [])
    if len(found) > 1:
        ids = ", ".join(clean(row["id"]) for row in found)
        raise Unable("ambiguous", f"{clean(peer)!r} could be any of {ids}", "use the whole id", 2)
    if found and found[0]["address"] is None:
        sentence = f"{clean(peer)!r} is known, but not at which address"
        raise Unable("no_peer", sentence, "write its address instead: HOST:PORT", NO)
    return found[0]["address"] if found else None
