"""How long a connection is kept that nobody asks anything over."""

import pytest
import trio

from node.shell.streams import dialler as dialler_module
from tests.node.shell.stage import stage, until


async def test_a_line_that_only_reconciled_is_given_up_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialler_module, "LINGER_SECONDS", 0.05)
    async with stage() as at:
        assert await at.ask("mesh.sync") == b"hello"
        (seat,) = at.dialler._seats.values()
        await until(lambda: seat.line is not None and seat.line.closed)
        assert await at.ask("mesh.sync") == b"hello"
        assert at.counts.accepted == 2


async def test_a_line_that_carried_a_request_of_ours_is_kept_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialler_module, "LINGER_SECONDS", 0.05)
    async with stage() as at:
        assert await at.ask("mesh.sync") == b"hello"
        assert await at.ask("echo") == b"hello"
        (seat,) = at.dialler._seats.values()
        assert await at.ask("mesh.sync") == b"hello"
        await trio.sleep(0.3)
        assert seat.line is not None
        assert not seat.line.closed
        assert at.counts.accepted == 1
