"""A peer with several addresses: the first at which it answers, no waiting for the dead ones."""

import pytest
import trio

from mesh.effects import Address
from node.shell.streams import dialler
from node.shell.streams.dialler import ADDRESSES_TRIED_MAX, Dialler, dial_tcp
from node.shell.streams.outcomes import Failure, StreamFailed
from node.shell.streams.tls import MeshTls
from tests.node.shell.stage import CALLER, SEED, SERVER, Stage, stage


def silent(number: int) -> Address:
    return Address(f"203.0.113.{number}", 4653)


def racing(at: Stage, opened: list[Address]) -> Dialler:
    """A dialler to which every address but the server's is a hole in the ground."""

    async def dial(address: Address) -> trio.abc.Stream:
        opened.append(address)
        if address != at.address:
            await trio.sleep_forever()
        return await dial_tcp(address)

    return Dialler(MeshTls([SEED], CALLER).client, at.nursery, dial)


async def test_addresses_that_swallow_everything_cost_a_head_start_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialler, "HEAD_START_SECONDS", 0.01)
    async with stage() as at:
        opened: list[Address] = []
        calling = racing(at, opened)
        addresses = [silent(1), silent(2), at.address, silent(3)]
        began = trio.current_time()
        assert await calling.call(addresses, SERVER.id, "echo", b"hello", 5) == b"hello"
        assert trio.current_time() - began < dialler.DIAL_SECONDS_MAX / 2
        assert opened[:3] == addresses[:3]
        assert calling.where(SERVER.id) == at.address
        assert await calling.call(addresses, SERVER.id, "echo", b"again", 5) == b"again"
        assert opened.count(at.address) == 1  # the line is kept


async def test_an_address_that_is_refused_at_once_gives_way_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialler, "HEAD_START_SECONDS", 60)
    async with stage() as at:
        with trio.fail_after(2):
            nobody = Address("127.0.0.1", 9)
            await at.dialler.call([nobody, at.address], SERVER.id, "echo", b"", 5)


async def test_every_address_that_failed_is_told_and_only_so_many_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialler, "HEAD_START_SECONDS", 0.001)
    monkeypatch.setattr(dialler, "DIAL_SECONDS_MAX", 0.05)
    async with stage() as at:
        opened: list[Address] = []
        calling = racing(at, opened)
        addresses = [silent(number) for number in range(1, 2 * ADDRESSES_TRIED_MAX)]
        with pytest.raises(StreamFailed) as failed:
            await calling.call(addresses, SERVER.id, "echo", b"", 5)
        assert failed.value.cause is Failure.UNREACHABLE
        assert opened == addresses[:ADDRESSES_TRIED_MAX]
        assert all(address.text in failed.value.detail for address in opened)


async def test_of_callers_that_give_up_and_addresses_that_lose_at_most_one_line_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialler, "HEAD_START_SECONDS", 0.001)
    async with stage() as at:
        for step in range(20):
            opened: list[trio.SocketStream] = []

            async def dial(
                _address: Address, opened: list[trio.SocketStream] = opened
            ) -> trio.abc.Stream:
                stream = await trio.open_tcp_stream(*at.address)
                opened.append(stream)
                return stream

            calling = Dialler(MeshTls([SEED], CALLER).client, at.nursery, dial)
            with trio.move_on_after(step / 2000):
                await calling.call([silent(1), silent(2)], SERVER.id, "slow", b"", 5)
            assert sum(stream.socket.fileno() >= 0 for stream in opened) <= 1
            for stream in opened:  # one member may keep a few lines, not twenty
                await trio.aclose_forcefully(stream)
