"""Invented connections keep trio's own contract for streams, and break as real ones do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from mesh.effects import Address
from simulations.fidelity.air import PORT, Air, Station
from simulations.fidelity.pipe import WINDOW_BYTES, Doorway, Pipe, dial, knock, pair
from simulations.fidelity.scheduling import live
from simulations.invented.network import Network, Weather


@asynccontextmanager
async def two_stations(
    weather: Weather | None = None,
) -> AsyncIterator[tuple[Air, Station, Station]]:
    air = Air(Network(weather or Weather(delay=0, jitter=0), 1), lambda _what, _where, _data: None)
    ann, bob = air.join("ann"), air.join("bob")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(air.pump)
        yield air, ann, bob
        nursery.cancel_scope.cancel()


async def test_a_pipe_keeps_trios_contract_for_streams() -> None:
    async with two_stations() as (air, ann, bob):

        async def fresh() -> tuple[Pipe, Pipe]:
            return pair(air, ann, bob)

        async def clogged() -> tuple[Pipe, Pipe]:
            left, right = pair(air, ann, bob)
            for end in (left, right):
                await end.send_all(bytes(WINDOW_BYTES))
            return left, right

        await trio.testing.check_half_closeable_stream(fresh, clogged)


def test_bytes_arrive_in_order_however_late_they_are() -> None:
    async def story() -> None:
        stormy = Weather(delay=10**7, jitter=10**9, loss=0.3)
        async with two_stations(stormy) as (air, ann, bob):
            here, there = pair(air, ann, bob)
            data = bytes(range(256)) * 1000
            async with trio.open_nursery() as nursery:
                nursery.start_soon(here.send_all, data)
                got = b""
                while len(got) < len(data):
                    got += await there.receive_some()
            assert got == data

    live("a", story)


def test_a_cut_holds_a_connection_up_and_a_mended_one_goes_on() -> None:
    async def story() -> None:
        async with two_stations() as (air, ann, bob):
            here, there = pair(air, ann, bob)
            number = air.network.cut(["ann"], ["bob"])
            await here.send_all(b"late")
            with trio.move_on_after(60) as waited:
                await there.receive_some()
            assert waited.cancelled_caught
            air.network.mend(number)
            assert await there.receive_some() == b"late"

    live("a", story)


def test_a_process_that_dies_resets_behind_its_last_byte_and_a_dark_machine_says_nothing() -> None:
    async def story() -> None:
        async with two_stations() as (air, ann, bob):
            here, there = pair(air, ann, bob)
            await there.send_all(b"last words")
            bob.hang_up()
            assert await here.receive_some() == b"last words"
            with pytest.raises(trio.BrokenResourceError):
                await here.receive_some()
            with pytest.raises(trio.ClosedResourceError):
                await there.send_all(b"from the grave")
            here, there = pair(air, ann, bob)
            bob.powered = False
            bob.hang_up()
            with trio.move_on_after(3600) as waited:
                await here.receive_some()
            assert waited.cancelled_caught
            bob.powered = True
            await here.send_all(b"who is there?")
            with pytest.raises(trio.BrokenResourceError):
                await here.receive_some()

    live("a", story)


def test_who_dials_is_let_in_refused_or_left_waiting() -> None:
    async def story() -> None:
        async with two_stations() as (air, ann, bob):
            with pytest.raises(ConnectionRefusedError):
                await dial(air, ann, Address(bob.address, PORT))
            with pytest.raises(ConnectionRefusedError):
                await knock(air, bob)
            door = Doorway(bob, "tcp")
            with pytest.raises(ConnectionRefusedError):
                await dial(air, ann, Address(bob.address, PORT + 1))
            here = await dial(air, ann, Address(bob.address, PORT))
            there = await door.accept()
            await here.send_all(b"hello")
            assert await there.receive_some() == b"hello"
            bob.powered = False
            with trio.move_on_after(60) as waited:
                await dial(air, ann, Address(bob.address, PORT))
            assert waited.cancelled_caught
            with pytest.raises(OSError, match="unreachable"):
                await dial(air, ann, Address("10.9.9.9", PORT))

    live("a", story)
