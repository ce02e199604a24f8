"""Streams between members: mutual TLS 1.3 from a mesh CA that everyone can derive.

The CA's key comes from the mesh secret, so its certificate is the same bytes on every node and
belongs to nobody. It signs each node's **leaf**, and the leaf's key *is* the node's Ed25519 key:
who is at the far end is the hash of that key, and names in certificates mean nothing. The chain
proves membership only; any member could mint a leaf in any name, but not with another's key.

Certificates are valid from 1970 to 9999 and numbered by their keys: no clock decides anything.

A dialler without a certificate is let in by the server, and `peer_of` then says None: that is a
joiner, and whoever serves it must offer nothing but the joining. The joiner, who has no secret and
so no CA, pins the inviter's key instead (`pinned_context`, then compare `peer_of`).

Python's ssl reads keys from files only. We give it one that lies in memory (memfd); where there is
no such thing, a temporary file whose key is encrypted under a password that never leaves us.
"""

import contextlib
import os
import secrets
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import trio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mesh.identity import Identity, NodeId, id_of, id_text
from node.shell.streams import certificates

CA_SERIAL: Final = 1
PASSWORD_BYTES: Final = 32


class DialContext(ssl.SSLContext):
    """The dialling end, with our leaf under one secret. `label` tells the far end which one."""

    label: str = ""


class MeshTls:
    """Our two ends of every stream. `ca_seeds`: the secrets in force, the one we sign by first.

    While a mesh changes its secret, two nodes may have but one of two in common, and neither knows
    which. So a dialler says which it comes with (the CA's label, as the name of the server that it
    wants), the server shows its own leaf under that one if it has it, and where that fails the
    dialler comes again with the next secret: `others`.
    """

    def __init__(self, ca_seeds: Sequence[bytes], identity: Identity) -> None:
        trusted = b"".join(ca_certificate(seed) for seed in ca_seeds)
        servers: dict[str, ssl.SSLContext] = {}
        clients: list[DialContext] = []
        for seed in ca_seeds:
            key = Ed25519PrivateKey.from_private_bytes(seed)
            leaf = leaf_certificate(key, identity)
            server, client = _server_end(), _client_end()
            client.label = _label(key.public_key())
            for context in (server, client):
                _harden(context)
                context.load_verify_locations(cadata=trusted)
                _load_key(context, leaf, identity.private_key)
            servers[client.label] = server
            clients.append(client)
        self.server = servers[clients[0].label]
        self.client, *self.others = clients
        self.server.set_servername_callback(_by_label(servers))  # type: ignore[arg-type] # typeshed wants a socket too


def _server_end() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0  # each stream proves its key afresh; nothing is resumed
    return context


def _client_end() -> DialContext:
    context = DialContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # before CERT_REQUIRED alone can stand
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _by_label(
    servers: Mapping[str, ssl.SSLContext],
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    def choose(far_end: ssl.SSLObject, wanted: str | None, _: ssl.SSLContext) -> None:
        if wanted is not None and wanted in servers:
            far_end.context = servers[wanted]

    return choose


def pinned_context() -> ssl.SSLContext:
    """For a joiner's dial: nobody is trusted, and the caller compares `peer_of` with its pin."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # The far end still proves that it holds the key it shows (the handshake is signed with it);
    # and the hash of that key is in the invite. A CA could add nothing.
    context.verify_mode = ssl.CERT_NONE
    _harden(context)
    return context


def peer_of(stream: "trio.SSLStream[trio.abc.Stream]") -> NodeId | None:
    """Whose key the far end proved, after the handshake; None when it showed no node's key."""
    shown = stream.getpeercert(binary_form=True)
    if not shown:
        return None
    return _id_in(shown)


def let_go(stream: "trio.SSLStream[trio.abc.Stream]") -> None:
    """Free what a closed stream holds. Nobody may be at it any more, nor come back to it.

    It refers to itself, by the handshake that it keeps for later; so it would stay until the
    collector finds it, who looks rarely here (`collector.py`) and counts Python's objects alone:
    twenty of them, behind which lie 50 KB of OpenSSL's.
    """
    vars(stream).clear()


def ca_certificate(ca_seed: bytes) -> bytes:
    """The mesh CA of one secret: the same bytes wherever it is derived."""
    key = Ed25519PrivateKey.from_private_bytes(ca_seed)
    return certificates.ca_certificate(key, _ca_name(key.public_key()), CA_SERIAL)


def leaf_certificate(ca_key: Ed25519PrivateKey, identity: Identity) -> bytes:
    """The certificate of one node under the mesh CA. The name in it is for people."""
    issuer = _ca_name(ca_key.public_key())
    return certificates.leaf_certificate(ca_key, issuer, id_text(identity.id), identity)


def _ca_name(public: Ed25519PublicKey) -> str:
    # Two secrets may be in force at once: their CAs must not answer to one name.
    return f"holdfast mesh {_label(public)[1:]}"


def _label(public: Ed25519PublicKey) -> str:
    """A mesh CA as a word that may stand in a host's place: its key's hash, behind a letter."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public.public_bytes_raw())
    return f"h{digest.finalize()[:8].hex()}"


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    # The default from Python 3.13 on; the same verdict on every version is worth a line.
    context.verify_flags |= ssl.VERIFY_X509_STRICT


def _load_key(context: ssl.SSLContext, leaf: bytes, key: Ed25519PrivateKey) -> None:
    chain = ssl.DER_cert_to_PEM_cert(leaf).encode()
    if hasattr(os, "memfd_create"):
        with _memory_file(chain + certificates.key_pem(key)) as path:
            context.load_cert_chain(path)
    else:
        password = secrets.token_bytes(PASSWORD_BYTES).hex()
        with _temporary_file(chain + _encrypted(key, password)) as path:
            context.load_cert_chain(path, password=password)


def _encrypted(key: Ed25519PrivateKey, password: str) -> bytes:
    # Nearly nobody needs it, and it brings all that a key may look like: a megabyte.
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )


@contextlib.contextmanager
def _memory_file(data: bytes) -> Iterator[str]:
    handle = os.memfd_create("holdfast-leaf", os.MFD_CLOEXEC)
    try:
        os.write(handle, data)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


@contextlib.contextmanager
def _temporary_file(data: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(prefix="holdfast-leaf-") as file:  # 0600 by its own making
        file.write(data)
        file.flush()
        yield file.name


def _id_in(certificate: bytes) -> NodeId | None:
    # On a pinned dial the far end may show anything at all.
    public = certificates.key_in(certificate)
    return None if public is None else id_of(public)
