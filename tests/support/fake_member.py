"""A member of a mesh that is nothing but its stream port: real TLS, real frames, real tokens."""

import json
import threading
from random import Random
from typing import Any, Self

import trio

from mesh.effects import Address, Answer
from mesh.identity import Identity, NodeId
from mesh.instant import HOUR
from mesh.keys.invite import Invite
from mesh.keys.keyring import Keyring
from mesh.keys.secret import Secret, derive
from node.core.requests import decode_request
from node.core.trust.inviting import Inviting
from node.shell.streams.serving import StreamCounts, serve
from node.shell.streams.tls import MeshTls


class FakeMember:
    """Serves `join` and `query` on a loopback port from a thread. Use as a context manager."""

    def __init__(self, secret: Secret, seed: int = 1, told: Secret | None = None) -> None:
        """`told`: the secret that joiners are given, when it is not the mesh's own."""
        self.identity = Identity(Random(seed).randbytes(32))
        self.keys = derive(secret)
        self.inviting = Inviting(self.keys.mesh_id, "boot", Random(seed))
        self.now = 0
        self.guests: list[NodeId | None] = []
        self.asked: list[Any] = []
        self.answer: bytes = b'{"ok": {"nodes": []}}'
        self._told = Keyring.of(told or secret)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._live,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(10)

    def invite(self, *addresses: Address) -> str:
        """An invite to this member, by way of `addresses` (default: where it is)."""
        where = addresses or (self.address,)
        text, _persist = self.inviting.issue(self.identity.id, where, HOUR, self.now)
        return text

    def unknown_invite(self) -> str:
        """An invite with a token that this member never issued."""
        return Invite(self.keys.mesh_id, self.identity.id, bytes(16), (self.address,)).text

    async def _live(self) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.address = Address("127.0.0.1", listener.socket.getsockname()[1])
        self._token = trio.lowlevel.current_trio_token()
        context = MeshTls([self.keys.ca_seed], self.identity).server
        with trio.CancelScope() as self._scope:
            self._ready.set()
            await serve([listener], context, self._handle, StreamCounts())

    async def _handle(self, peer: NodeId | None, service: str, body: bytes) -> bytes:
        self.guests.append(peer)
        if service == "join":
            effects = self.inviting.redeem(1, body, self._told, self.now)
            return next(each.body for each in effects if isinstance(each, Answer))
        assert service == "query"
        decode_request(body)
        self.asked.append(json.loads(body))
        return self.answer
