"""Facts that no datagram holds as they are: deflated they travel as rumours, like any other."""

import zlib
from random import Random

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from mesh.facts import FACT_BODY_BYTES_MAX, sign_fact
from mesh.identity import Identity
from mesh.instant import SECOND
from mesh.letters.deflated import DEFLATED_BYTES_MAX, DEFLATED_FROM_BYTES, deflate, inflate
from mesh.letters.messages import FactNews
from mesh.letters.wire import decode, encode
from mesh.rejections import Rejection
from tests.mesh.network import Network

CARDS = msgpack.packb([{"card": number, "value": None, "status": "asleep"} for number in range(60)])
"""Two kilobytes in which every name comes up again and again."""
ANN = Identity(bytes(32))


def test_what_fits_a_datagram_is_not_deflated() -> None:
    assert deflate(CARDS[: DEFLATED_FROM_BYTES - 1]) is None
    small = deflate(CARDS)
    assert small is not None
    assert len(small) < len(CARDS) // 4


def test_what_does_not_get_small_enough_is_said_as_it_is() -> None:
    noise = Random(1).randbytes(3_000)
    assert deflate(noise) is None
    fact = sign_fact(ANN, b"mesh", "live", 1, noise)
    assert decode(encode((FactNews(fact),))) == (FactNews(fact),)


def test_nothing_is_inflated_beyond_what_a_body_may_be() -> None:
    longest = bytes(FACT_BODY_BYTES_MAX)
    assert inflate(zlib.compress(longest)) == longest
    assert inflate(zlib.compress(longest + b"x")) is None
    bomb = zlib.compress(bytes(100 * FACT_BODY_BYTES_MAX), 9)
    assert inflate(bomb) is None


def test_half_a_body_and_one_with_something_behind_it_are_no_bodies() -> None:
    small = zlib.compress(CARDS)
    assert inflate(small) == CARDS
    assert inflate(small[:-1]) is None
    assert inflate(small + b"x") is None
    assert inflate(b"") is None


@given(st.binary(max_size=DEFLATED_BYTES_MAX))
def test_rubbish_is_inflated_to_nothing_or_to_a_body(content: bytes) -> None:
    body = inflate(content)
    assert body is None or len(body) <= FACT_BODY_BYTES_MAX


def test_a_letter_whose_body_cannot_be_inflated_refuses_its_payload() -> None:
    fact = sign_fact(ANN, b"mesh", "live", 1, CARDS)
    payload = encode((FactNews(fact, "rack"),))
    assert decode(payload) == (FactNews(fact, "rack"),)
    fields = msgpack.unpackb(payload)
    fields[4] = fields[4][:-1]
    assert decode(msgpack.packb(fields)) is Rejection.MALFORMED


def test_what_a_machine_says_of_many_cards_gets_around_without_a_stream() -> None:
    network = Network()
    nodes = network.start(*(f"n{number}" for number in range(8)))
    network.run(3 * SECOND)
    calls = network.calls
    nodes[0].publish("live", CARDS)
    everywhere = network.run_until(
        lambda: all(node.mesh.board.fact(nodes[0].id, "live") for node in nodes), SECOND // 4
    )
    assert everywhere
    network.run(2 * SECOND)
    assert network.calls == calls
