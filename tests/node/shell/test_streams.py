"""Streams between real ends on loopback: who is let in, and what a caller is told."""

import contextlib
import gc
import ssl

import pytest
import trio

from mesh.effects import Address
from mesh.identity import NodeId
from node.shell.streams import dialler as dialler_module
from node.shell.streams import serving as streams
from node.shell.streams.dialler import Dialler
from node.shell.streams.outcomes import Failure, StreamFailed
from node.shell.streams.places import Cut
from node.shell.streams.tls import MeshTls, pinned_context
from tests.node.shell.stage import (
    CALLER,
    SEED,
    SERVER,
    STRANGE_SEED,
    stage,
    until,
)


async def test_a_member_asks_and_is_answered_and_known_by_its_key() -> None:
    async with stage() as at:
        assert await at.ask(body=b"x" * 900_000) == b"x" * 900_000
        assert await at.ask("who") == CALLER.id


async def test_one_connection_serves_all_calls_of_a_peer_also_side_by_side() -> None:
    async with stage() as at, trio.open_nursery() as nursery:
        answers: list[bytes] = []

        async def one(number: int) -> None:
            answers.append(await at.ask("unhurried", str(number).encode()))

        for number in range(100):  # more than may be in flight: the rest waits its turn
            nursery.start_soon(one, number)
        await until(lambda: len(answers) == 100)
        assert sorted(answers) == sorted(str(number).encode() for number in range(100))
        assert at.counts.accepted == 1
        assert not at.counts.cut


async def test_a_refusal_comes_with_its_sentence_and_the_line_lives_on() -> None:
    async with stage() as at:
        with pytest.raises(StreamFailed, match="not to be had") as caught:
            await at.ask("no")
        assert caught.value.cause is Failure.REFUSED
        assert await at.ask() == b"hello"
        assert at.counts.accepted == 1


async def test_a_slow_service_does_not_hold_up_its_neighbours() -> None:
    async with stage() as at:
        with pytest.raises(StreamFailed) as caught:
            await at.dialler.call([at.address], SERVER.id, "slow", b"", 0.05)
        assert caught.value.cause is Failure.DEADLINE
        assert await at.ask() == b"hello"


async def test_a_connection_that_is_over_leaves_nothing_for_the_collector_at_either_end() -> None:
    async with stage() as at:
        gc.collect()
        gc.disable()
        try:
            before = _tls_ends()
            assert await at.ask() == b"hello"
            assert _tls_ends() == before + 2
            with pytest.raises(StreamFailed):
                await at.dialler.call([at.address], CALLER.id, "echo", b"", 5)  # not who is there
            at.dialler.renew(MeshTls([SEED], CALLER).client)  # hangs up on whoever is idle
            await until(lambda: _tls_ends() == before)
            assert await at.ask() == b"hello"
        finally:
            gc.enable()


def _tls_ends() -> int:
    return sum(type(one) is ssl.SSLObject for one in gc.get_objects())


async def test_somebody_else_at_the_address_is_named_and_the_next_address_tried() -> None:
    async with stage() as at:
        with pytest.raises(StreamFailed) as caught:
            await at.ask(peer=CALLER)
        assert caught.value.cause is Failure.WRONG_PEER
        (dead,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        gone = Address(*dead.socket.getsockname())
        await dead.aclose()
        assert await at.dialler.call([gone, at.address], SERVER.id, "echo", b"x", 5) == b"x"
        with pytest.raises(StreamFailed) as caught:
            await at.dialler.call([gone], CALLER.id, "echo", b"x", 5)
        assert caught.value.cause is Failure.UNREACHABLE
        assert at.dialler.counts.failed[Failure.UNREACHABLE] == 1


async def test_any_member_will_do_when_no_peer_is_named() -> None:
    async with stage() as at:
        assert await at.dialler.call([at.address], None, "who", b"", 5) == CALLER.id


async def test_another_mesh_gets_in_neither_as_caller_nor_as_server() -> None:
    async with stage() as at:
        strange = MeshTls([STRANGE_SEED], CALLER)
        # It does not even take our server's certificate.
        with pytest.raises(StreamFailed) as caught:
            await Dialler(strange.client, at.nursery).call([at.address], SERVER.id, "echo", b"x", 5)
        assert caught.value.cause is Failure.HANDSHAKE
        # And when it takes anything, the server does not take *its* certificate.
        careless = strange.client
        careless.verify_mode = ssl.CERT_NONE
        with pytest.raises(StreamFailed) as caught:
            await Dialler(careless, at.nursery).call([at.address], SERVER.id, "echo", b"x", 5)
        assert caught.value.cause is Failure.NOT_LET_IN
        assert at.counts.served == 0
        await until(lambda: at.counts.cut[Cut.HANDSHAKE_FAILED] == 2)


async def test_during_a_rotation_both_secrets_open_the_door() -> None:
    both = MeshTls([STRANGE_SEED, SEED], CALLER)
    async with stage() as at:
        # The server trusts only the old secret; the caller already signs by the new one.
        with pytest.raises(StreamFailed):
            await Dialler(both.client, at.nursery).call([at.address], SERVER.id, "who", b"", 5)
        still_old = MeshTls([SEED, STRANGE_SEED], CALLER)
        answer = await Dialler(still_old.client, at.nursery).call(
            [at.address], SERVER.id, "who", b"", 5
        )
        assert answer == CALLER.id


async def test_a_joiner_pins_the_inviter_and_is_served_as_a_stranger() -> None:
    async with stage() as at:
        joiner = Dialler(pinned_context(), at.nursery)
        assert await joiner.call([at.address], SERVER.id, "who", b"", 5) == b"stranger"
        with pytest.raises(StreamFailed) as caught:
            await joiner.call([at.address], CALLER.id, "who", b"", 5)
        assert caught.value.cause is Failure.WRONG_PEER


async def test_the_dialler_dials_again_after_the_server_hung_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "IDLE_SECONDS_MAX", 0.05)
    async with stage() as at:
        assert await at.ask() == b"hello"
        (seat,) = at.dialler._seats.values()
        await until(lambda: seat.line is not None and seat.line.closed)
        assert await at.ask() == b"hello"
        assert at.counts.accepted == 2
        assert not at.counts.cut


async def test_a_server_that_dies_under_a_request_is_an_unknown_not_a_no() -> None:
    async def dies(_peer: NodeId | None, _service: str, _body: bytes) -> bytes:
        at.nursery.cancel_scope.cancel()
        await trio.sleep_forever()
        return b""

    async with trio.open_nursery() as outer:
        async with stage(dies) as at:
            dialler = Dialler(MeshTls([SEED], CALLER).client, outer)
            ended: list[StreamFailed] = []

            async def ask() -> None:
                try:
                    await dialler.call([at.address], SERVER.id, "x", b"", 5)
                except StreamFailed as failed:
                    ended.append(failed)

            outer.start_soon(ask)
            await trio.sleep_forever()
        await until(lambda: bool(ended))
        assert ended[0].cause is Failure.CUT_OFF
        outer.cancel_scope.cancel()


async def test_a_line_that_was_silent_through_a_deadline_is_dropped() -> None:
    async with stage() as at:
        await at.ask()
        with pytest.raises(StreamFailed):
            await at.dialler.call([at.address], SERVER.id, "slow", b"", 0.05)
        (seat,) = at.dialler._seats.values()
        assert seat.line is not None
        assert seat.line.closed


async def test_the_pool_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialler_module, "POOLED_LINES_MAX", 3)
    async with stage() as at:
        for number in range(6):
            host = f"127.0.0.{number + 1}"  # all of them are this machine
            address = Address(host, at.address.port)
            with contextlib.suppress(StreamFailed):  # the server listens on 127.0.0.1 alone
                await at.dialler.call([address], None, "echo", b"", 5)
        assert len(at.dialler._seats) <= 3
