from hypothesis import given
from hypothesis import strategies as st

from mesh.effects import Address
from mesh.facts import sign_fact
from mesh.identity import Epoch, Identity
from mesh.kept.chains import Chains
from mesh.persistence import SPACE_PEER
from mesh.roll.storage import Remembered, load_blocks, parse_peer, peer_write, writes_for
from tests.mesh.test_chains import ANNA, block, era, line

RECORD = sign_fact(ANNA, b"mesh-id!", "node", 5, b"body")
REMEMBERED = Remembered(ANNA.public, Epoch(3, b"n" * 16), (Address("10.0.0.1", 4653),), RECORD)


def test_a_peers_row_comes_back_as_it_was_written() -> None:
    row = peer_write(ANNA.id, REMEMBERED)
    assert (row.space, row.key) == (SPACE_PEER, ANNA.id)
    assert row.value is not None
    assert parse_peer(row.value) == REMEMBERED


@given(st.binary(max_size=120))
def test_a_row_of_arbitrary_bytes_is_a_peer_or_none(value: bytes) -> None:
    parse_peer(value)


def test_the_rows_that_offers_wrote_are_the_log_again_after_cuts_and_returns() -> None:
    first = line(era(1), 5)
    second = line(era(2), 1, first[:2])
    third = block(era(3), 5, first[4])
    fourth = block(era(4), 1, first[0])
    disk: dict[str, dict[bytes, bytes]] = {}
    chains = Chains(16)
    for one in (*first, *second, third, fourth):
        for write in writes_for(ANNA.id, chains.offer(one)):
            rows = disk.setdefault(write.space, {})
            if write.value is None:
                del rows[write.key]
            else:
                rows[write.key] = write.value
        logs, unread = load_blocks(disk)
        again = Chains(16)
        assert unread == again.restore(ANNA.id, logs[ANNA.id].chain, logs[ANNA.id].attic) == 0
        assert again.chain(ANNA.id) == chains.chain(ANNA.id)
        assert again.attic(ANNA.id) == chains.attic(ANNA.id)


def test_rows_that_cannot_be_read_are_counted_and_left_out() -> None:
    good = writes_for(ANNA.id, Chains(16).offer(line(era(1), 1)[0]))[0]
    assert good.value is not None
    other = Identity(b"b" * 32).id + good.key[16:]
    logs, unread = load_blocks({"block": {good.key: good.value, other: good.value, b"x": b"junk"}})
    assert unread == 2
    assert list(logs) == [ANNA.id]
