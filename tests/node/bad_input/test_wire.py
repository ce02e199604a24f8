"""What strangers send to a living agent: refused, counted by cause, and nothing changes."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import pytest

from mesh.identity import Identity
from mesh.keys.secret import Secret, derive
from mesh.letters.datagram import DATAGRAM_BYTES_MAX
from mesh.rejections import Rejection
from node.shell.streams.frames import FRAME_BYTES_MAX, Frame, Kind, encode
from node.shell.streams.serving import Cut
from node.shell.streams.tls import MeshTls
from simulations.demo.nodes import Node, until
from tests.node.bad_input.people import command, hold, holds, house, kept, running

NEWS_SECONDS_MAX = 10.0
"""What the shell counts reaches `status` with its next news, a few seconds later."""


@pytest.fixture(scope="module")
def bob() -> Iterator[Node]:
    """An agent of a mesh of its own, with one booking, whose secret the test knows."""
    with house() as made, running(made.node("bob"), "--first") as node:
        hold(node)
        yield node


def counted(node: Node) -> dict[str, int]:
    """As `doctor --json` shows it; `status --json` must say the same."""
    doctor = json.loads(command(node, "doctor", "--json").out)["rejections"]
    status = json.loads(command(node, "status", "--json").out)["rejections"]
    assert doctor.keys() <= status.keys()
    told: dict[str, int] = doctor
    return told


def unchanged(node: Node, act: Callable[[], None], cause: str, at_least: int = 1) -> None:
    """`act`, then: this cause went up, and nothing else about the node changed."""
    before, lasting = counted(node), _lasting(node)
    act()
    wanted = before.get(cause, 0) + at_least
    until(
        f"{cause!r} is counted",
        lambda: node.granted(type="doctor")["rejections"].get(cause, 0) >= wanted,
        NEWS_SECONDS_MAX,
    )
    assert counted(node)[cause] >= wanted
    assert _lasting(node) == lasting


def _lasting(node: Node) -> object:
    files = {name: data for name, data in kept(node.state).items() if name != "journal.sqlite3"}
    status = node.granted(type="status")
    peers = [
        (peer["id"], peer["trust"], peer["liveness"], peer["epoch"], peer["facts"], peer["log"])
        for peer in status["peers"]
    ]
    return files, holds(node), status["log"], peers, status["node"]["epoch"]


def send(node: Node, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in datagrams:
            stranger.sendto(datagram, ("127.0.0.1", node.place.port))


def test_noise_is_not_ours(bob: Node) -> None:
    unchanged(bob, lambda: send(bob, b"GET / HTTP/1.1\r\n" * 8), Rejection.BAD_MAGIC.value)


def test_an_empty_or_tiny_datagram_is_too_short(bob: Node) -> None:
    unchanged(bob, lambda: send(bob, b"", b"x", b"hf"), Rejection.TOO_SHORT.value)


def test_an_oversized_datagram_is_counted_and_dropped(bob: Node) -> None:
    long = b"h" * (DATAGRAM_BYTES_MAX + 1)
    unchanged(bob, lambda: send(bob, long, long * 10), "datagram too long", 2)


@contextmanager
def tap(node: Node) -> Iterator[tuple[int, list[bytes]]]:
    """A relay in front of `node`: the port to be sent to, and all that was said either way."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
        relay.bind(("127.0.0.1", 0))
        relay.settimeout(0.05)
        over = threading.Event()
        task = threading.Thread(target=_relay, args=(relay, node.place.port, heard, over))
        task.start()
        try:
            yield relay.getsockname()[1], heard
        finally:
            over.set()
            task.join()


def _relay(relay: socket.socket, port: int, heard: list[bytes], over: threading.Event) -> None:
    caller = ("127.0.0.1", port)
    while not over.is_set():
        try:
            datagram, source = relay.recvfrom(65536)
        except TimeoutError:
            continue
        heard.append(datagram)
        if source[1] == port:
            relay.sendto(datagram, caller)
        else:
            caller = source
            relay.sendto(datagram, ("127.0.0.1", port))


def _flip(datagram: bytes) -> bytes:
    at = len(datagram) // 2
    return datagram[:at] + bytes([datagram[at] ^ 1]) + datagram[at + 1 :]


def test_what_was_recorded_is_refused_when_flipped_cut_or_played_back(bob: Node) -> None:
    with house() as made, tap(bob) as (port, heard):
        cyd = made.node("cyd")
        secret = ("--secret-file", str(bob.state / "secret"))
        with running(cyd, "--first", *secret, "--seed", f"127.0.0.1:{port}"):
            until("bob has spoken through the tap", lambda: len(heard) >= 2, 10)
            until("bob knows cyd", lambda: bob.granted(type="status")["peers"], 10)
            assert command(cyd, "leave").status == 0
        until("cyd has left", lambda: "'left'" in str(_lasting(bob)), 10)
    recorded = list(heard)
    hello = max(recorded, key=len)  # the longest, so that an answer can't amplify it
    unchanged(bob, lambda: send(bob, _flip(hello)), Rejection.BAD_TAG.value)
    flipped = [_flip(datagram) for datagram in recorded]
    cut = [datagram[:-5] for datagram in recorded]
    for bad in (flipped, cut, recorded * 2):
        before, lasting = sum(counted(bob).values()), _lasting(bob)
        send(bob, *bad)
        wanted = before + len(bad) // 2  # a genuine hello, told again, may be answered again
        until("most are counted", lambda: sum(counted(bob).values()) >= wanted, 10)  # noqa: B023
        assert _lasting(bob) == lasting


# Streams -----------------------------------------------------------------------------------------


def member(bob: Node) -> ssl.SSLSocket:
    """A connection of somebody who has the secret, and so may do worse than a stranger."""
    keys = derive(Secret.parse((bob.state / "secret").read_text().strip()))
    context = MeshTls([keys.ca_seed], Identity(Random(7).randbytes(32))).client
    raw = socket.create_connection(("127.0.0.1", bob.place.port), 10)
    return context.wrap_socket(raw)


def test_plain_text_where_tls_belongs_is_cut(bob: Node) -> None:
    def act() -> None:
        with socket.create_connection(("127.0.0.1", bob.place.port), 10) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            stranger.settimeout(10)
            while stranger.recv(4096):
                pass

    unchanged(bob, act, f"stream: {Cut.HANDSHAKE_FAILED.value}")


def test_a_peer_that_lies_about_a_length_is_cut(bob: Node) -> None:
    def act() -> None:
        with member(bob) as peer:
            peer.sendall((FRAME_BYTES_MAX + 1).to_bytes(4) + b"x")
            _until_closed(peer)

    unchanged(bob, act, f"stream: {Cut.BAD_FRAME.value}")


def test_a_frame_that_is_not_what_it_says_is_cut(bob: Node) -> None:
    def act() -> None:
        for body in (b"\xc1" * 9, b"\x94\xa1x\x01\xa1x\xc4\x00", b"\x80"):
            with member(bob) as peer:
                peer.sendall(len(body).to_bytes(4) + body)
                _until_closed(peer)

    unchanged(bob, act, f"stream: {Cut.BAD_FRAME.value}", 3)


def test_a_peer_that_stops_in_the_middle_of_a_frame_is_counted(bob: Node) -> None:
    def act() -> None:
        with member(bob) as peer:
            whole = encode(Frame(1, Kind.REQUEST, "query", b'{"type":"status"}'))
            peer.sendall(whole[: len(whole) // 2])
        # closed: the other half never comes

    unchanged(bob, act, "stream: broken off by the far end")


def test_a_request_that_means_nothing_is_answered_and_changes_nothing(
    bob: Node,
) -> None:
    before = _lasting(bob)
    with member(bob) as peer:
        for service in ("query", "ledger", "join", "no such service", ""):
            peer.sendall(encode(Frame(1, Kind.REQUEST, service, bytes(Random(3).randbytes(200)))))
            peer.settimeout(10)
            assert peer.recv(4096)
    assert _lasting(bob) == before


def _until_closed(peer: ssl.SSLSocket) -> None:
    peer.settimeout(10)
    while peer.recv(4096):
        pass


# The local door ----------------------------------------------------------------------------------


def test_garbage_on_the_local_socket_is_refused_and_the_next_request_served(bob: Node) -> None:
    before = _lasting(bob)
    noise = Random(5)
    for line in (
        b"\n", b"hello\n", b"[]\n", b"null\n", b'{"type":7}\n', b'{"type":"no such"}\n',
        b'{"type":"release"}\n', b'{"type":"status","more":1}\n', b"[" * 50_000 + b"\n",
        noise.randbytes(3000).replace(b"\n", b"") + b"\n", b"\xff\xfe\n", b'{"type":"sta',
        b"x" * (1 << 20) + b"xx",
    ):  # fmt: skip
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(10)
            door.connect(str(bob.state / "agent.sock"))
            door.sendall(line)
            door.shutdown(socket.SHUT_WR)
            said = b""
            try:
                while piece := door.recv(4096):
                    said += piece
            except ConnectionResetError:
                pass  # it had heard enough
        assert b'"ok"' not in said
    assert _lasting(bob) == before
