"""`python -m simulations.bench.pinger OWN OTHER`: the least that a node in a mesh can do.

One trio process, one socket, one ping to the other port each second, and an ack to each of its
pings. No cipher, no membership, no ledger, no probes: what this costs, nothing in Python undercuts.
"""

import sys
from typing import Final

import trio

HOST: Final = "127.0.0.1"
PERIOD_SECONDS: Final = 1.0
PING: Final = b"ping"
ACK: Final = b"ack"
DATAGRAM_BYTES_MAX: Final = 1_200


async def ping_for_ever(own: int, other: int) -> None:
    """Ping and ack until killed."""
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as road:
        await road.bind((HOST, own))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_ack, road)
            while True:
                await road.sendto(PING, (HOST, other))
                await trio.sleep(PERIOD_SECONDS)


async def _ack(road: trio.socket.SocketType) -> None:
    while True:
        try:
            datagram, source = await road.recvfrom(DATAGRAM_BYTES_MAX)
        except ConnectionRefusedError:
            continue  # the other end is not up yet
        if datagram == PING:
            await road.sendto(ACK, source)


if __name__ == "__main__":
    trio.run(ping_for_ever, int(sys.argv[1]), int(sys.argv[2]))
