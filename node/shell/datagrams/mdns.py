"""mDNS: one more way to be found, for where beacons are filtered and mDNS is let through.

We announce ourselves and browse for others of our mesh. What is found is told to the desk as a
hint (see `mdns_records` for how little it is believed) and told again every few minutes while its
record lives: a node that would not answer then may answer now. A record that goes says nothing
about its node: this is for finding, never for knowing who is alive.

zeroconf keeps an event loop and a browser, each in a thread of its own. What they hear is noted in
a small book under a lock, and trio is only woken; so a flood of records costs memory for
`NODES_MAX` of them and wakes the desk at a bounded pace. Announcing takes a second and a half, in
the background. Interfaces that come or go mean a new start: one `Zeroconf` for one set of links.

All of it is optional. Whatever goes wrong is one warning that names what still works.
"""

import contextlib
import errno
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import trio

from mesh.effects import Address
from mesh.identity import NodeId
from node.core.picture.reports import Found
from node.shell.datagrams.beacons import NetworkWarning, Trouble, error_name
from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.mdns_records import (
    SERVICE_TYPE,
    Ignored,
    Standpoint,
    judge,
    links_for_mdns,
    node_named,
    said_addresses,
    service_name,
    service_properties,
)
from node.shell.datagrams.sockets import system_address

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf

MDNS_PORT: Final = 5353
MDNS_GROUP: Final = "224.0.0.251"
MDNS_GROUP_6: Final = "ff02::fb"
NODES_MAX: Final = 128
"""Records kept at a time. One that answers is enough, the others are heard of through it."""
TELL_SPACING_SECONDS: Final = 0.25
TELL_AGAIN_SECONDS: Final = 300
RETRY_SECONDS: Final = 60
"""After a failure: whoever kept the port may have gone."""
CLOSE_SECONDS_MAX: Final = 3
"""Good-byes take a quarter of a second; a stop waits no longer than this for them."""
STILL_WORKS: Final = "beacons and --seed still work"


class MdnsUnusable(Exception):
    """mDNS can't be used just now. `warning` says why, and what still works."""

    def __init__(self, sentence: str, hint: str = STILL_WORKS) -> None:
        super().__init__(sentence)
        self.warning = NetworkWarning(Trouble.MDNS_UNUSABLE, "", sentence, hint)


class Mdns:
    """The task that finds by mDNS. Tell it of every scan, and `run` it in the nursery."""

    def __init__(
        self, node: NodeId, key_id: bytes, port: int, tell: Callable[[Found], None]
    ) -> None:
        self._us = Standpoint(node, key_id, port, ())
        self._tell = tell
        self._moved = trio.Event()
        self._news = trio.Event()
        self.book = Book()
        self.announced = False
        """Whether our record is on the air just now."""
        self.warning: NetworkWarning | None = None
        """What keeps mDNS from working, if anything does."""

    @property
    def links(self) -> tuple[Interface, ...]:
        """The interfaces it is for. None: nothing to do."""
        return self._us.links

    def interfaces_changed(self, seen: tuple[Interface, ...]) -> None:
        """A new scan. Starts over if it matters here."""
        links = links_for_mdns(seen)
        if links != self._us.links:
            self._us = replace(self._us, links=links)
            self._moved.set()

    async def run(self) -> None:
        """Announce and browse until cancelled."""
        while True:
            self._moved = trio.Event()
            if self._us.links:
                await self._on_these_links(self._moved)
            else:
                self.warning = None
                await self._moved.wait()

    async def _on_these_links(self, moved: trio.Event) -> None:
        token = trio.lowlevel.current_trio_token()

        def heard() -> None:  # in zeroconf's thread
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(self._news.set, idempotent=True)

        self.book.begin(self._us, heard)
        try:
            responder = await trio.to_thread.run_sync(Responder, self._us, self.book)
        except MdnsUnusable as unusable:
            self.warning = unusable.warning
            with trio.move_on_after(RETRY_SECONDS):
                await moved.wait()
            return
        self.warning = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._announce, responder)
                nursery.start_soon(self._pass_on)
                await moved.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.announced = False
            with trio.move_on_after(CLOSE_SECONDS_MAX, shield=True):
                await trio.to_thread.run_sync(responder.close, abandon_on_cancel=True)

    async def _announce(self, responder: "Responder") -> None:
        while not self.announced:
            try:
                await responder.announce()
                self.announced, self.warning = True, None
            except MdnsUnusable as unusable:
                self.warning = unusable.warning
                await trio.sleep(RETRY_SECONDS)

    async def _pass_on(self) -> None:
        while True:
            self._news = trio.Event()
            for found in self.book.fresh():
                self._tell(found)
            await trio.sleep(TELL_SPACING_SECONDS)
            with trio.move_on_after(TELL_AGAIN_SECONDS) as quiet:
                await self._news.wait()
            if quiet.cancelled_caught:
                self.book.freshen()


class Book:
    """Whose records are on the air, and which of them are news. Used from two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._us = Standpoint(NodeId(b""), b"", 0, ())
        self._heard: Callable[[], None] = lambda: None
        self._known: dict[NodeId, Found] = {}
        self._fresh: dict[NodeId, Found] = {}
        self._ignored: Counter[Ignored] = Counter()

    def begin(self, us: Standpoint, heard: Callable[[], None]) -> None:
        """On other links nothing is known. `heard` is called when there is news."""
        with self._lock:
            self._us, self._heard = us, heard
            self._known.clear()
            self._fresh.clear()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def ignored(self) -> dict[Ignored, int]:
        """Records of no use to us, by cause, since the start."""
        with self._lock:
            return dict(self._ignored)

    def note(
        self,
        name: str,
        port: int | None,
        packed_addresses: list[bytes],
        properties: dict[bytes, bytes | None],
    ) -> None:
        """A whole record is on the air."""
        with self._lock:
            judged = judge(name, port, packed_addresses, properties, self._us)
            if isinstance(judged, Found) and judged.node not in self._known:
                judged = judged if len(self._known) < NODES_MAX else Ignored.TOO_MANY
            if judged is Ignored.OURSELVES:
                return  # It comes back to us like anyone's: nothing to count.
            if isinstance(judged, Ignored):
                self._ignored[judged] += 1
                return
            if self._known.get(judged.node) == judged:
                return  # Said again. mDNS repeats itself; we don't.
            self._known[judged.node] = self._fresh[judged.node] = judged
        self._heard()

    def strike(self, name: str) -> None:
        """A record has gone. That says nothing about its node."""
        node = node_named(name)
        if node is not None:
            with self._lock:
                self._known.pop(node, None)
                self._fresh.pop(node, None)

    def fresh(self) -> tuple[Found, ...]:
        """What is news since we last asked."""
        with self._lock:
            news, self._fresh = self._fresh, {}
        return tuple(news.values())

    def freshen(self) -> None:
        """Everything known is news again."""
        with self._lock:
            self._fresh = dict(self._known)


class Responder:
    """One `Zeroconf` on one set of links. Every method but `announce` blocks: use a worker thread.

    Raises MdnsUnusable where it can't be.
    """

    def __init__(self, us: Standpoint, book: Book) -> None:
        speaking = speaking_links(us.links)
        try:
            from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, Zeroconf
        except ImportError as error:
            sentence = f"the package zeroconf cannot be used here ({error}), so there is no mDNS"
            raise MdnsUnusable(sentence) from error

        self._book = book
        both = any(link.version == 6 for link in speaking)
        self._service = ServiceInfo(
            SERVICE_TYPE, service_name(us.node), port=us.port,
            properties=service_properties(us.key_id), parsed_addresses=said_addresses(us.links),
        )  # fmt: skip
        try:
            self._zeroconf: Zeroconf = Zeroconf(
                [link.address for link in speaking],
                ip_version=IPVersion.All if both else IPVersion.V4Only,
            )
        except OSError as error:
            raise _unusable(error) from error
        except RuntimeError as error:  # an interface went while it looked
            raise MdnsUnusable(f"mDNS can't be used on this network ({error})") from error
        self._browser = ServiceBrowser(self._zeroconf, SERVICE_TYPE, handlers=[self._heard])

    async def announce(self) -> None:
        """Say that we are here; returns when it is said. From trio."""
        import asyncio  # zeroconf's loop; loaded with it

        from zeroconf import Error, NonUniqueNameException

        assert self._zeroconf.loop is not None, "it runs from its construction to its close"
        said = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def done(_: object) -> None:  # in zeroconf's thread
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(said.set)

        saying = asyncio.run_coroutine_threadsafe(self._say(), self._zeroconf.loop)
        saying.add_done_callback(done)
        try:
            await said.wait()
        finally:
            saying.cancel()  # does nothing to what is done
        try:
            saying.result()
        except NonUniqueNameException as error:
            raise MdnsUnusable(
                "another machine announces our own id by mDNS, so we do not",
                f"{STILL_WORKS}; if this state folder is a copy, start it with --new-identity",
            ) from error
        except (Error, OSError) as error:
            sentence = f"our mDNS announcement failed ({type(error).__name__})"
            raise MdnsUnusable(sentence) from error

    def close(self) -> None:
        """Say good-bye and let go of every socket and thread."""
        from zeroconf import EventLoopBlocked

        self._browser.cancel()
        for _ in range(2):
            # A starved machine may not get the good-byes out: the second call only lets go.
            with contextlib.suppress(EventLoopBlocked, TimeoutError):
                self._zeroconf.close()

    async def _say(self) -> None:
        saying = await self._zeroconf.async_register_service(self._service)
        await saying

    def _heard(
        self, zeroconf: "Zeroconf", service_type: str, name: str, state_change: "ServiceStateChange"
    ) -> None:
        # Called in the browser's thread, with these keywords.
        from zeroconf import IPVersion, ServiceInfo, ServiceStateChange

        if state_change is ServiceStateChange.Removed:
            self._book.strike(name)
            return
        if node_named(name) is None:
            self._book.note(name, None, [], {})
            return
        record = ServiceInfo(service_type, name)
        # What is missing yet comes as an update; asking for it would let strangers make us wait.
        if record.load_from_cache(zeroconf):
            addresses = record.addresses_by_version(IPVersion.All)
            self._book.note(name, record.port, addresses, record.properties)


def speaking_links(links: tuple[Interface, ...]) -> list[Interface]:
    """One entry per interface and IP version that mDNS can be spoken on, found by trying.

    zeroconf would find out too; but it leaves sockets behind when it fails. Raises MdnsUnusable.
    """
    try:
        usable, problem = _tried(links)
    except OSError as error:
        # It hears both versions on one socket, which somebody who keeps one of them denies it.
        rest = tuple(link for link in links if link.version == 4)
        if len(rest) in (0, len(links)):
            raise _unusable(error) from error
        return speaking_links(rest)
    if not usable:
        raise _unusable(problem)
    return usable


def _tried(links: tuple[Interface, ...]) -> tuple[list[Interface], OSError]:
    usable: dict[tuple[int, int], Interface] = {}
    problem = OSError(errno.ENODEV, "no link")
    both = any(link.version == 6 for link in links)
    with _shared_socket("", socket.AF_INET6 if both else socket.AF_INET) as listening:
        # Link-local IPv6 first: it is what mDNS is spoken from.
        for link in sorted(links, key=lambda link: not link.is_for_us_alone):
            if (link.index, link.version) in usable:
                continue  # its second address: a group is joined once per interface
            try:
                _join(listening, link)
                family = socket.AF_INET6 if link.version == 6 else socket.AF_INET
                _shared_socket(link.address, family).close()
                usable[link.index, link.version] = link
            except OSError as error:
                problem = error
    return [*usable.values()], problem


def _join(listening: socket.socket, link: Interface) -> None:
    if link.version == 6:
        group = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, MDNS_GROUP_6), link.index)
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        return
    group = struct.pack("=4s4s", socket.inet_aton(MDNS_GROUP), socket.inet_aton(link.address))
    listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)


def _shared_socket(host: str, family: socket.AddressFamily) -> socket.socket:
    shared = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            shared.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        where = system_address(Address(host, MDNS_PORT)) if host else None
        shared.bind((host, MDNS_PORT) if where is None else where[1])
    except OSError:
        shared.close()
        raise
    return shared


def _unusable(error: OSError) -> MdnsUnusable:
    if error.errno == errno.EADDRINUSE:
        return MdnsUnusable(
            f"another program keeps UDP port {MDNS_PORT} to itself, so there is no mDNS",
            f"{STILL_WORKS}; find it with `ss -ulpn sport = :{MDNS_PORT}`",
        )
    return MdnsUnusable(f"mDNS can't be used on this network ({error_name(error)})")
