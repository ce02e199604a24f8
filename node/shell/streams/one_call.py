"""One call over a stream, made by somebody who runs no agent: a joiner, or a guest with the secret.

The dialler keeps the order that makes it safe: the far end's key is compared with the pin before a
byte of ours is sent, since a token told to the wrong ear is spent.
"""

import secrets
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import trio

from mesh.effects import Address
from mesh.identity import Identity, NodeId
from mesh.keys.keyring import Keyring
from node.shell.streams.dialler import Dialler
from node.shell.streams.outcomes import Failure, StreamFailed
from node.shell.streams.tls import MeshTls, pinned_context

CALL_SECONDS_MAX: Final = 20.0
IDENTITY_BYTES: Final = 32

PERHAPS_HEARD: Final = (Failure.DEADLINE, Failure.CUT_OFF, Failure.REFUSED)
"""The question may have arrived: a one-time token may be spent."""

__all__ = ["PERHAPS_HEARD", "Failure", "StreamFailed", "call_as_guest", "call_pinned"]


def call_pinned(
    addresses: Sequence[Address], node: NodeId, service: str, body: bytes
) -> tuple[bytes, Address]:
    """As a joiner: no secret yet, so the far end must be `node`. The answer, and where it came
    from: the first of `addresses` at which `node` itself answers. Raises StreamFailed."""
    return _call(addresses, pinned_context(), node, service, body)


def call_as_guest(address: Address, keys: Keyring, service: str, body: bytes) -> bytes:
    """As a member, once, under a key that is forgotten afterwards. Raises StreamFailed."""
    guest = Identity(secrets.token_bytes(IDENTITY_BYTES))
    tls = MeshTls([one.ca_seed for one in keys.keys], guest)
    return _call([address], tls.client, None, service, body, tls.others)[0]


def _call(
    addresses: Sequence[Address], context: ssl.SSLContext, node: NodeId | None, service: str,
    body: bytes, others: Sequence[ssl.SSLContext] = (),
) -> tuple[bytes, Address]:  # fmt: skip
    dialler = partial(Dialler, context, others=others)
    answer = trio.run(partial(_ask, addresses, dialler, node, service, body))
    if isinstance(answer, StreamFailed):
        raise answer
    return answer


async def _ask(
    addresses: Sequence[Address], dialler_in: Callable[[trio.Nursery], Dialler],
    node: NodeId | None, service: str, body: bytes,
) -> tuple[bytes, Address] | StreamFailed:  # fmt: skip
    # Returned, not raised: a nursery would wrap it.
    async with trio.open_nursery() as nursery:
        dialler = dialler_in(nursery)
        try:
            answer = await dialler.call(addresses, node, service, body, CALL_SECONDS_MAX)
            return answer, dialler.where(node if node is not None else addresses[0])
        except StreamFailed as failed:
            return failed
        finally:
            nursery.cancel_scope.cancel()
