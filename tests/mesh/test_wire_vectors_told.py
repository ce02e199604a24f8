"""The vectors of what is said instead of a welcome, read by `docs/reference/wire.md` alone."""

import msgpack

from tests.mesh.test_wire_vectors import (
    KEYS,
    NODES,
    b,
    check_fact,
    header,
    load,
    node_id,
    signed,
    untagged,
)


def test_a_run_that_is_over_is_shown_its_own_later_record() -> None:
    vector = load("handshake")
    datagram = b(vector["stale"])
    assert header(datagram)[0] == 6
    said = untagged(b(KEYS["handshake_key"]), datagram)
    assert said[24:40] == b(NODES["ann"]["id"])
    assert said[40:56] == b(vector["hello"])[112:128]
    assert check_fact(said[56:], b(KEYS["mesh_id"]))["author"] == b(NODES["ann"]["id"])


def test_whoever_is_kept_out_is_told_so_under_the_signature_of_whoever_keeps_it_out() -> None:
    vector = load("handshake")
    datagram = b(vector["outcast"])
    assert header(datagram) == (7, b(KEYS["key_id"]), b(NODES["bob"]["id"]))
    said = untagged(b(KEYS["handshake_key"]), datagram)
    assert said[24:40] == b(NODES["ann"]["id"])
    assert said[40:56] == b(vector["hello"])[112:128]
    assert node_id(said[56:88]) == b(NODES["bob"]["id"])
    message = b(KEYS["mesh_id"]) + said[24:40] + said[152:]
    assert signed(said[56:88], b"hf1.outcast", message, said[88:152])
    node, by, reason = msgpack.unpackb(said[152:])
    assert (node, by, reason) == (b(NODES["ann"]["id"]), b(NODES["bob"]["id"]), "stolen")
