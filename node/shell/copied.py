"""A state folder that was last used on another machine: a copy, or a disk that has moved?

From the folder alone nobody can tell, and to guess wrong is bad either way: two machines with one
voice, or a machine that has lost its promises. But if the first machine is *up*, this one is the
copy. So the peers that the folder remembers are asked whether they hear that node just now, by
somebody who knows the mesh's secret and shows no key. Nobody there, or nobody who hears it: then a
person must say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgspec

from mesh.effects import Address
from mesh.identity import NodeId, id_text
from mesh.keys.keyring import Keyring
from mesh.persistence import SPACE_PEER
from mesh.roll.membership import Liveness
from mesh.roll.storage import parse_peer
from node.config import UpOptions
from node.shell.disk.state import IsTheCopy, StateError, StateFolder
from node.shell.streams.one_call import call_as_guest
from node.shell.streams.outcomes import StreamFailed

PEERS_ASKED_MAX: Final = 8
SERVICE: Final = "query"
QUESTION: Final = b'{"type": "status"}'


class UsedElsewhere(StateError):
    """The folder was last used on another machine, by `node`; `peers` may know whether that one is
    up."""

    def __init__(self, sentence: str, hint: str, node: NodeId, peers: tuple[Address, ...]) -> None:
        super().__init__(sentence, hint)
        self.node = node
        self.peers = peers


class _Seen(msgspec.Struct):
    id: str
    liveness: str


class _Us(msgspec.Struct):
    name: str


class _Status(msgspec.Struct):
    node: _Us
    peers: list[_Seen]


class _Told(msgspec.Struct):
    ok: _Status


@dataclass(frozen=True, slots=True)
class Witness:
    """Who hears the first machine."""

    name: str
    address: Address


def peers_in(saved: Mapping[str, Mapping[bytes, bytes]]) -> tuple[Address, ...]:
    """Where the peers were that a journal remembers: of each the last that answered."""
    return tuple(dict.fromkeys(_last_addresses(saved)))[:PEERS_ASKED_MAX]


def _last_addresses(saved: Mapping[str, Mapping[bytes, bytes]]) -> Iterator[Address]:
    for _, row in sorted(saved.get(SPACE_PEER, {}).items()):
        peer = parse_peer(row)
        if peer is not None and peer.addresses:
            yield peer.addresses[0]


def who_hears(node: NodeId, peers: tuple[Address, ...], keys: Keyring) -> Witness | None:
    """The first of `peers` that hears `node` now. Takes a few seconds where nobody answers."""
    for address in peers:
        try:
            answer = call_as_guest(address, keys, SERVICE, QUESTION)
            status = msgspec.json.decode(answer, type=_Told).ok
        except (StreamFailed, msgspec.MsgspecError):
            continue  # a peer that is off, or of another version, is no witness
        if any(
            seen.id == id_text(node) and seen.liveness == Liveness.ALIVE.value
            for seen in status.peers
        ):
            return Witness(status.node.name, address)
    return None


class Copy(NamedTuple):
    """How to go on in a folder whose first machine is up, and what to tell."""

    options: UpOptions
    sentence: str


def as_a_copy(why: Exception, options: UpOptions) -> Copy | None:
    """Whether that is why an agent did not start, and then how it may: the machine that is up
    keeps the identity, and this one, the newcomer, gets another."""
    if isinstance(why, IsTheCopy):
        return _under_a_new_identity(options, why.seeds, why.sentence)
    if not isinstance(why, UsedElsewhere):
        return None
    text = StateFolder.open(options.state).read_secret()
    witness = None if text is None else who_hears(why.node, why.peers, Keyring.parse(text))
    if witness is None:
        return None
    sentence = (
        f"{why.sentence}, which is up: {witness.name} hears it. So this folder is a copy, and this "
        "machine gets an identity of its own; the old key is kept aside as node.copied"
    )
    return _under_a_new_identity(options, why.peers, sentence)


def _under_a_new_identity(options: UpOptions, peers: tuple[Address, ...], sentence: str) -> Copy:
    doors = tuple((peer.host, peer.port) for peer in peers)  # its journal goes aside as well
    seeds = tuple(dict.fromkeys((*options.seeds, *doors)))
    return Copy(replace(options, new_identity=True, moved=False, seeds=seeds), sentence)
