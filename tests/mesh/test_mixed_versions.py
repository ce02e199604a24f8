"""A mesh in the middle of an upgrade: one machine speaks a version that the others do not know."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgpack
import pytest

from mesh.door.sessions import PAYLOAD_BYTES_MAX
from mesh.effects import MeshEffect
from mesh.exchange import reconcile
from mesh.exchange.novelties import PEERS_MAX, Novelties, Novelty
from mesh.exchange.parcels import Item, parcel_bytes, parse_parcel
from mesh.instant import SECOND
from mesh.letters.datagram import PROTOCOL_VERSION, write_header
from mesh.letters.messages import Further, Ping, Unknown
from mesh.letters.wire import decode, encode
from mesh.rejections import Rejection
from tests.mesh.network import Network, Node

NEW_KIND = 77


def further(payload: bytes) -> bytes:
    """What a later version says: two more fields to each letter, and a letter of a new kind."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(payload)
    letters = [[*letter, "mood", [1, {"of": b"the day"}]] for letter in unpacker]
    said = b"".join(msgpack.packb(letter) for letter in (*letters, [NEW_KIND, {"x": 1}, b"y"]))
    return said if len(said) <= PAYLOAD_BYTES_MAX else payload


def speaks_the_future(node: Node) -> None:
    """From here on `node` is ahead of its time."""
    gate = node.mesh._post.gate
    seal: Callable[..., bytes | None] = gate.seal

    def sealed(to: Any, payload: bytes, now: int) -> bytes | None:
        return seal(to, further(payload), now)

    gate.seal = sealed  # type: ignore[method-assign] # that is the future


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> tuple[Network, Node, Node]:
    """Anna is ahead, bert is not."""

    def parcel(items: list[Item], *rest: Any, **named: Any) -> bytes:
        return parcel_bytes([Item("weather", (b"rain", b"wind")), *items], *rest, **named)

    monkeypatch.setattr(reconcile, "parcel_bytes", parcel)
    network = Network()
    anna, bert = network.node("anna"), network.node("bert")
    anna.start()
    speaks_the_future(anna)
    anna.publish("weather", b"on a topic that nobody knows yet")
    anna.append(b"a grant")
    network.run(SECOND)
    bert.start()
    return network, anna, bert


def equal(*nodes: Node) -> bool:
    return len({node.mesh.root for node in nodes}) == 1


def test_two_versions_become_one_mesh(upgrade: tuple[Network, Node, Node]) -> None:
    network, anna, bert = upgrade
    bert.publish("live", b"from before")
    assert network.run_until(lambda: equal(anna, bert), 10 * SECOND)
    network.run(10 * SECOND)
    assert bert.mesh.board.fact(anna.id, "weather") is not None
    assert anna.mesh.board.fact(bert.id, "live") is not None
    assert bert.mesh.chains.length(anna.id) == 1
    assert bert.mesh.rejections[Rejection.MALFORMED] == 0


def test_what_was_passed_over_is_counted_by_who_said_it(
    upgrade: tuple[Network, Node, Node],
) -> None:
    network, anna, bert = upgrade
    network.run(10 * SECOND)
    passed_over = bert.mesh.novelties.of(anna.id)
    assert passed_over[Novelty.LETTER] > 5
    assert passed_over[Novelty.FIELD] > 10
    assert bert.mesh.novelties.peers() == (anna.id,)
    assert bert.mesh.rejections["letter: of a kind we do not know"] > 5


def test_things_of_new_kinds_in_a_parcel_are_passed_over(
    upgrade: tuple[Network, Node, Node],
) -> None:
    network, anna, bert = upgrade
    for number in range(14):  # larger than a datagram: they come in parcels
        anna.publish(f"topic {number}", Random(number).randbytes(1500))
    assert network.run_until(lambda: equal(anna, bert), 30 * SECOND)
    assert bert.mesh.novelties.of(anna.id)[Novelty.ITEM] >= 1


def test_a_datagram_of_a_new_kind_or_version_is_counted_and_changes_nothing(
    upgrade: tuple[Network, Node, Node],
) -> None:
    network, anna, bert = upgrade
    network.run(2 * SECOND)
    before = bert.picture()
    head = bytearray(write_header(1, bytes(4), anna.id))  # type: ignore[arg-type] # a number is
    head[3] = 99
    assert told(bert, network, bytes(head) + bytes(60)) == []
    head[2] = PROTOCOL_VERSION + 1
    assert told(bert, network, bytes(head) + bytes(60)) == []
    assert bert.mesh.rejections[Rejection.UNKNOWN_KIND] == 1
    assert bert.mesh.rejections[Rejection.UNKNOWN_VERSION] == 1
    assert bert.picture() == before


def told(node: Node, network: Network, datagram: bytes) -> list[MeshEffect]:
    return node.mesh.receive(datagram, network.nodes["anna"].address, network.now)


def test_letters_are_read_as_far_as_they_are_known() -> None:
    ping = Ping(7, 8, b"v")
    assert decode(further(encode((ping,)))) == (ping, Further(1, 2), Unknown(NEW_KIND))
    with pytest.raises(ValueError, match="never sent"):
        encode((Further(1, 2),))


def test_a_fork_with_one_bad_half_is_no_parcel() -> None:
    good = msgpack.packb([[["fork", [b"", b""]]], None, False, None])
    assert parse_parcel(good) is None


def test_novelties_of_invented_peers_push_out_the_oldest() -> None:
    novelties = Novelties()
    for number in range(PEERS_MAX + 5):
        novelties.met(number.to_bytes(16, "big"), Novelty.LETTER)  # type: ignore[arg-type] # an id
    assert len(novelties.peers()) == PEERS_MAX
    assert novelties.of((0).to_bytes(16, "big")) == {}  # type: ignore[arg-type] # an id
