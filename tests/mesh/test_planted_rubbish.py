"""Rubbish that is let in, on purpose: the tests of wire and envelope must notice."""

import msgpack
import pytest

from mesh.door import handshake
from mesh.door.sessions import Session
from mesh.letters import beacon, wire
from mesh.letters.datagram import TAG_BYTES
from mesh.letters.messages import Message
from mesh.rejections import Rejection
from tests.mesh import test_envelope, test_wire


def as_much_as_can_be_read(payload: bytes) -> tuple[Message, ...] | Rejection:
    """Letters up to the first bad one."""
    letters: list[Message] = []
    unpacker = msgpack.Unpacker()
    unpacker.feed(payload)
    for plain in unpacker:
        read = wire.decode(msgpack.packb(plain))
        if isinstance(read, Rejection):
            break
        letters += read
    return tuple(letters)


def test_a_letter_of_which_half_is_believed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_wire, "decode", as_much_as_can_be_read)
    with pytest.raises(AssertionError):
        test_wire.test_one_bad_letter_refuses_its_neighbours_too()


@pytest.mark.parametrize("room", [beacon, handshake])
def test_a_tag_that_nobody_checks_is_noticed(room: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "untagged", lambda _key, datagram: datagram[:-TAG_BYTES])
    with pytest.raises(AssertionError):
        test_envelope.test_a_tampered_datagram_is_refused_and_the_true_one_still_taken(
            test_envelope.every_bit_flipped
        )


def test_an_unauthenticated_word_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Session, "open", lambda _self, datagram: datagram[40:-16])
    with pytest.raises(AssertionError):
        test_envelope.test_a_tampered_datagram_is_refused_and_the_true_one_still_taken(
            test_envelope.every_truncation
        )
