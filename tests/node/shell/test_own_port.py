"""The agent's port: had by one, waited for while it is let go of, and named when it is taken."""

import socket

import pytest
import trio

from node.shell.datagrams import beacons, udp
from node.shell.datagrams.udp import SAME_PORT_EVERY_S, Gate, PortTaken
from simulations.ports import free_port


@pytest.fixture
def beacon_port(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setattr(beacons, "BEACON_PORT", port)
    monkeypatch.setattr(udp, "BEACON_PORT", port)
    return port


async def let_go(gate: Gate) -> None:
    gate.close()
    for listener in gate.listeners:
        await listener.aclose()


async def test_a_port_that_an_agent_has_is_taken() -> None:
    first = await Gate.open(0)
    with pytest.raises(PortTaken, match=f"port {first.port} is taken"):
        await Gate.open(first.port)
    await let_go(first)


async def test_the_beacon_port_has_one_agent_although_it_is_shared(beacon_port: int) -> None:
    first = await Gate.open(beacon_port)
    with pytest.raises(PortTaken):
        await Gate.open(beacon_port)
    await let_go(first)


async def test_a_port_taken_for_datagrams_alone_is_taken_and_let_go_of() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("0.0.0.0", 0))
        port = squatter.getsockname()[1]
        with pytest.raises(PortTaken):
            await Gate.open(port)
    await let_go(await Gate.open(port))


async def test_a_port_that_is_let_go_of_within_a_second_is_waited_for() -> None:
    first = await Gate.open(0)

    async def leave() -> None:
        await trio.sleep(SAME_PORT_EVERY_S)
        await let_go(first)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        second = await Gate.open(first.port)
    assert second.port == first.port
    await let_go(second)


async def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(PortTaken, match="can't be opened"):
        await Gate.open(0, "203.0.113.9")
