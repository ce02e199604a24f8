"""Word from the kernel that an interface or an address came, went or changed.

Linux tells it on a netlink socket (rtnetlink(7)); what exactly it says is not read, since the next
scan shows it whole. Elsewhere, or where that socket is refused, there is only looking again. It is
looked at now and then all the same: the socket may overflow, and a look costs half a millisecond.
"""

import contextlib
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

SCAN_SECONDS: Final = 3
"""How often to look where nobody tells us."""
SCAN_TOLD_SECONDS: Final = 30
SETTLE_SECONDS: Final = 0.02
"""A cable that is plugged in is several changes; they are seen together."""
NEWS_BYTES: Final = 65_536
LINK, IPV4_ADDRESS, IPV6_ADDRESS = 0x1, 0x10, 0x100
"""Groups of linux/rtnetlink.h."""


class LinkNews:
    """Wait for the next change, or for the time to look again."""

    def __init__(self, told: socket.socket | None) -> None:
        """Use `LinkNews.open`."""
        self._told = told

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["LinkNews"]:
        """As long as it is wanted."""
        told = _listen()
        try:
            yield cls(told)
        finally:
            if told is not None:
                trio.lowlevel.notify_closing(told)
                told.close()

    async def wait(self) -> None:
        """Until it is worth looking."""
        if self._told is None:
            await trio.sleep(SCAN_SECONDS)
            return
        with trio.move_on_after(SCAN_TOLD_SECONDS):
            await trio.lowlevel.wait_readable(self._told)
            await trio.sleep(SETTLE_SECONDS)
            _drain(self._told)


def _listen() -> socket.socket | None:
    if sys.platform != "linux":
        return None
    told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        told.setblocking(False)
        told.bind((0, LINK | IPV4_ADDRESS | IPV6_ADDRESS))
    except OSError:
        told.close()
        return None
    return told


def _drain(told: socket.socket) -> None:
    # An overflow (ENOBUFS) loses words we do not read anyway: it means that there were some.
    with contextlib.suppress(OSError):
        while True:
            told.recv(NEWS_BYTES)
