"""One process that finds by mDNS, for tests that put it into a network namespace of its own.

Told what to do on its standard input, one word per line, and answers each with one line of JSON.
Either a whole agent whose beacons never leave it, or (`bare`) the mDNS task alone.
"""

import contextlib
import io
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

from mesh.effects import Address
from mesh.identity import NodeId
from mesh.roll.membership import Liveness
from node.app import App, live
from node.config import UpOptions
from node.core.picture.reports import Found
from node.shell.datagrams import mdns
from node.shell.datagrams.interfaces import scan
from node.shell.datagrams.mdns import MDNS_PORT, Mdns
from node.shell.telling.events import EventWriter

Answer = Callable[[str], dict[str, Any]]


def main(kind: str, *words: str) -> None:
    mdns.RETRY_SECONDS = 0.2  # type: ignore[misc, assignment] # a test does not wait a minute
    mdns.TELL_AGAIN_SECONDS = 0.3  # type: ignore[misc, assignment] # nor five
    with contextlib.suppress(KeyboardInterrupt):
        trio.run(_agent if kind == "agent" else _bare, *words)
    print(json.dumps({"threads": mdns_threads()}), flush=True)


def mdns_threads() -> list[str]:
    """The threads that mDNS needs: zeroconf's loop and its browser."""
    names = sorted(each.name for each in threading.enumerate())
    return [name for name in names if "zeroconf" in name or "_run_loop" in name]


async def _obey(answer: Answer) -> None:
    async with trio.lowlevel.FdStream(os.dup(0)) as source:
        async for words in source:  # whoever asks waits for each answer, so no line comes in parts
            for word in words.decode().splitlines():
                if word == "stop":
                    return
                print(json.dumps(answer(word)), flush=True)


async def _bare(*words: str) -> None:
    node, key, port = words
    told: list[Found] = []
    finder = Mdns(NodeId(bytes.fromhex(node)), bytes.fromhex(key), int(port), told.append)
    held: list[socket.socket] = []

    def answer(line: str) -> dict[str, Any]:
        if line == "hold":
            held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            held[0].bind(("", MDNS_PORT))
        elif line == "release":
            held.pop().close()
        return {
            "found": [[found.node.hex(), *map(_plain, found.addresses)] for found in told],
            "warning": None if finder.warning is None else finder.warning.sentence,
            "announced": finder.announced,
            "ignored": {why.name: n for why, n in finder.book.ignored.items()},
            "threads": mdns_threads(),
        }

    async def follow() -> None:
        while True:
            finder.interfaces_changed(scan())
            await trio.sleep(0.05)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(finder.run)
        nursery.start_soon(follow)
        await _obey(answer)
        nursery.cancel_scope.cancel()


async def _agent(*words: str) -> None:
    folder, name, port, *flags = words
    App.broadcast = lambda self, datagram: None  # type: ignore[method-assign] # nobody hears a beacon
    state = Path(folder) / name
    options = UpOptions(
        state=state, port=int(port), name=name, offer="ram=64MiB,cores=0.05",
        mdns="no-mdns" not in flags,
    )  # fmt: skip
    environment = {
        "HOLDFAST_RUNTIME_DIR": str(Path(folder) / f"{name}-run"),
        "HOLDFAST_MACHINE_DIR": str(Path(folder) / f"{name}-machine"),
    }
    async with trio.open_nursery() as nursery:
        app: App = await nursery.start(live, options, environment, EventWriter(io.StringIO()))

        def answer(_: str) -> dict[str, Any]:
            return {
                "met": sorted(
                    member.name
                    for member in app.agent.mesh.roll.members()
                    if member.liveness is Liveness.ALIVE
                ),
                "threads": mdns_threads(),
            }

        await _obey(answer)
        app.stopping.set()


def _plain(address: Address) -> str:
    return address.text


if __name__ == "__main__":
    main(*sys.argv[1:])
