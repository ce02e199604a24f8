"""Two nodes need one secret in common, and one that was removed opens no stream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from mesh.effects import Address
from node.shell.streams.dialler import Dialler
from node.shell.streams.outcomes import StreamFailed
from node.shell.streams.serving import Server, StreamCounts
from node.shell.streams.tls import MeshTls
from tests.node.shell.stage import CALLER, SEED, SERVER, STRANGE_SEED, echo, until


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ([STRANGE_SEED, SEED], [SEED]),
        ([SEED], [STRANGE_SEED, SEED]),
        ([STRANGE_SEED, SEED], [SEED, STRANGE_SEED]),
        ([b"3" * 32, SEED], [b"4" * 32, SEED]),
    ],
)
async def test_one_secret_in_common_is_enough_whatever_each_speaks_under(
    here: list[bytes], there: list[bytes]
) -> None:
    caller = MeshTls(here, CALLER)
    async with serving(MeshTls(there, SERVER)) as (server, address, nursery):
        dialler = Dialler(caller.client, nursery, others=caller.others)
        assert await dialler.call([address], SERVER.id, "who", b"", 5) == CALLER.id
        assert server.counts.served == 1


async def test_a_secret_that_was_removed_lets_nobody_in_and_nobody_stay() -> None:
    both, new = MeshTls([SEED, STRANGE_SEED], SERVER), MeshTls([STRANGE_SEED], SERVER)
    old = MeshTls([SEED], CALLER)
    async with serving(both) as (server, address, nursery):
        dialler = Dialler(old.client, nursery)
        assert await dialler.call([address], SERVER.id, "who", b"", 5) == CALLER.id
        server.renew(new.server)
        await until(lambda: not server._open)  # it was idle
        with pytest.raises(StreamFailed):
            await dialler.call([address], SERVER.id, "who", b"", 5)
        assert server.counts.served == 1


async def test_what_was_asked_before_a_secret_was_removed_is_still_answered() -> None:
    both, new = MeshTls([SEED, STRANGE_SEED], SERVER), MeshTls([STRANGE_SEED], SERVER)
    async with serving(both) as (server, address, nursery):
        dialler = Dialler(MeshTls([SEED], CALLER).client, nursery)

        async def remove() -> None:
            await until(lambda: any(one._in_flight for one in server._open))
            server.renew(new.server)

        nursery.start_soon(remove)
        assert await dialler.call([address], SERVER.id, "unhurried", b"late", 5) == b"late"
        await until(lambda: not server._open)


@asynccontextmanager
async def serving(tls: MeshTls) -> AsyncIterator[tuple[Server, Address, trio.Nursery]]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(tls.server, echo, StreamCounts())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        yield server, Address(*listener.socket.getsockname()), nursery
        nursery.cancel_scope.cancel()
