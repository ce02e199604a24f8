"""The vectors in `tests/data/wire`, read by `docs/reference/wire.md` alone.

Nothing of ours is used to read them: this is the second implementation that the page promises to
make possible, as small as it can be. Only the last test asks our own code, whether it still writes
these very bytes; when it does not, the page wants another look before the vectors are made anew
(`python -m tests.mesh.vectors`).
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import unicodedata
import zlib
from pathlib import Path
from typing import Any, Final

import msgpack
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FOLDER: Final = Path(__file__).parents[1] / "data" / "wire"


def load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def b(text: str) -> bytes:
    return bytes.fromhex(text)


KEYS: Final = load("keys")
NODES: Final = KEYS["nodes"]


# The page, in code -------------------------------------------------------------------------------


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def number(content: bytes) -> int:
    return int.from_bytes(content, "big")


def grow(source: bytes, info: bytes, length: int, salt: bytes | None = None) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(source)


def signed(key: bytes, tag: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, bytes([len(tag)]) + tag + message)
    except InvalidSignature:
        return False
    return True


def node_id(key: bytes) -> bytes:
    return sha(key)[:16]


def header(datagram: bytes) -> tuple[int, bytes, bytes]:
    """(kind, key id, sender)."""
    assert len(datagram) <= 1200
    assert datagram[:3] == b"HF\x01"
    return datagram[3], datagram[4:8], datagram[8:24]


def untagged(key: bytes, datagram: bytes) -> bytes:
    tag = hmac.digest(key, datagram[:-16], "sha256")[:16]
    assert tag == datagram[-16:], "a tag does not match"
    return datagram[:-16]


def check_fact(packed: bytes | list[Any], mesh_id: bytes) -> dict[str, Any]:
    plain = msgpack.unpackb(packed) if isinstance(packed, bytes) else packed
    key, topic, version, body, signature = plain
    message = msgpack.packb([mesh_id, topic, version, body])
    assert signed(key, b"hf1.fact", message, signature), "a fact is not signed"
    author = node_id(key)
    stamp = number(sha(b"hf1.stamp", msgpack.packb([author, topic, version, body]))[:8])
    return {"author": author, "topic": topic, "epoch": version >> 32, "body": body, "stamp": stamp}


def merkle(leaves: list[bytes]) -> bytes:
    level = [sha(b"\x00", leaf) for leaf in leaves]
    while len(level) > 1:
        pairs = [sha(b"\x01", level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def check_block(packed: bytes | list[Any]) -> tuple[bytes, bytes]:
    """(header, hash)."""
    plain = msgpack.unpackb(packed) if isinstance(packed, bytes) else packed
    key, counter, nonce, height, previous, root, signature, entries = plain
    assert merkle(entries) == root
    head = msgpack.packb([key, counter, nonce, height, previous, root, len(entries)])
    assert signed(key, b"hf1.block", head, signature), "a block is not signed"
    return head, sha(b"hf1.head", head)


def checked(prefix: str, text: str) -> bytes:
    letters = text.lower().replace("-", "").removeprefix(prefix)

    def spelled(part: str) -> bytes:
        return base64.b32decode(part.upper() + "=" * (-len(part) % 8))

    content = spelled(letters[:-7])
    assert spelled(letters[-7:]) == zlib.crc32(content).to_bytes(4, "big")
    return content


# Keys and texts ----------------------------------------------------------------------------------


def test_the_keys_of_a_mesh_grow_from_its_secret() -> None:
    secret = b(KEYS["secret"])
    for name, info, length in (
        ("mesh_id", b"mesh id", 8),
        ("key_id", b"key id", 4),
        ("beacon_key", b"beacon mac", 32),
        ("handshake_key", b"handshake", 32),
        ("ca_key", b"certificate authority", 32),
    ):
        assert grow(secret, b"holdfast v1 " + info, length) == b(KEYS[name]), name


def test_a_secret_taken_over_keeps_its_key_id_and_takes_the_meshs_name() -> None:
    over = KEYS["taken_over"]
    assert checked("hf1", over["text"]) == b(KEYS["secret"]) + b(over["mesh_id"])
    assert over["key_id"] == KEYS["key_id"]
    assert over["mesh_id"] != KEYS["mesh_id"]


def test_a_passphrase_becomes_a_secret() -> None:
    tidy = " ".join(unicodedata.normalize("NFKC", KEYS["passphrase"]).split()).encode()
    salt = b"holdfast v1 passphrase"
    grown = hashlib.scrypt(tidy, salt=salt, n=2**15, r=8, p=1, maxmem=64 << 20, dklen=32)
    assert grown == b(KEYS["secret_of_passphrase"])


@pytest.mark.parametrize("name", ["ann", "bob"])
def test_a_node_is_the_hash_of_its_key(name: str) -> None:
    node = NODES[name]
    private = Ed25519PrivateKey.from_private_bytes(b(node["private"]))
    key = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert key == b(node["key"])
    assert node_id(key) == b(node["id"])
    assert base64.b32encode(node_id(key)).decode().rstrip("=").lower() == node["text"]


def test_the_certificates_of_a_mesh() -> None:
    ca = x509.load_der_x509_certificate(b(KEYS["ca_certificate"]))
    leaf = x509.load_der_x509_certificate(b(KEYS["leaf_certificate_of_ann"]))
    private = Ed25519PrivateKey.from_private_bytes(b(KEYS["ca_key"]))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert ca.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) == public  # type: ignore[union-attr, call-arg] # an Ed25519 key
    assert ca.subject.rfc4514_string() == f"CN=holdfast mesh {sha(public)[:8].hex()}"
    assert ca.serial_number == 1
    leaf.verify_directly_issued_by(ca)
    key = leaf.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)  # type: ignore[union-attr, call-arg] # as above
    assert key == b(NODES["ann"]["key"])
    assert leaf.subject.rfc4514_string() == f"CN={NODES['ann']['text']}"
    for one in (ca, leaf):
        assert (one.not_valid_before_utc.year, one.not_valid_after_utc.year) == (1970, 9999)


def test_secrets_and_invites_as_text() -> None:
    texts = load("texts")
    assert checked("hf1", texts["secret"]["text"]) == b(texts["secret"]["content"])
    invite = texts["invite"]
    mesh_id, inviter, token, doors = msgpack.unpackb(checked("hfi1", invite["text"]))
    assert (mesh_id, inviter, token) == tuple(b(invite[n]) for n in ("mesh_id", "inviter", "token"))
    read = [[str(ipaddress.ip_address(packed)), port] for packed, port in doors]
    assert read == invite["doors"]


# Datagrams ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", load("beacons"))
def test_beacons(vector: dict[str, Any]) -> None:
    datagram = b(vector["datagram"])
    assert header(datagram) == (1, b(KEYS["key_id"]), b(NODES["ann"]["id"]))
    said = msgpack.unpackb(untagged(b(KEYS["beacon_key"]), datagram)[24:])
    assert said["mesh"] == b(KEYS["mesh_id"])
    assert {name: said[name] for name in ("epoch", "port", "seq")} == {
        name: vector[name] for name in ("epoch", "port", "seq")
    }
    assert said.get("start", b"") == b(vector["start"])


def passport_says(packed: bytes, node: str, epoch: tuple[int, bytes], share: bytes) -> None:
    fact = check_fact(packed, b(KEYS["mesh_id"]))
    assert fact["author"] == b(NODES[node]["id"])
    assert fact["epoch"] == epoch[0]
    if fact["topic"] == "passport":
        assert fact["body"] == epoch[1] + share
    else:
        record = msgpack.unpackb(fact["body"])
        assert (record["e"], record["s"]) == (epoch[1], share)


def test_a_handshake_from_the_hello_to_the_keys() -> None:
    vector = load("handshake")
    hello, welcome = b(vector["hello"]), b(vector["welcome"])
    assert len(hello) == 1200
    assert header(hello) == (2, b(KEYS["key_id"]), b(NODES["ann"]["id"]))
    assert header(welcome) == (3, b(KEYS["key_id"]), b(NODES["bob"]["id"]))
    said = untagged(b(KEYS["handshake_key"]), hello)
    assert said[24:56] == b(NODES["ann"]["key"])
    assert said[128:144] == b(NODES["bob"]["id"])
    assert number(said[144:152]) == 5 << 40
    length = number(said[152:154])
    assert not any(said[154 + length :])
    passport_says(said[154 : 154 + length], "ann", (number(said[56:64]), said[64:80]), said[80:112])
    answered = untagged(b(KEYS["handshake_key"]), welcome)
    assert answered[24:40] == b(NODES["ann"]["id"])
    assert answered[40:56] == said[112:128], "it answers another hello"
    assert answered[56:88] == b(NODES["bob"]["key"])
    assert number(answered[160:168]) == 9 << 40
    epoch = number(answered[88:96]), answered[96:112]
    passport_says(answered[184:], "bob", epoch, answered[112:144])
    transcript = sha(b"hf1.transcript", said[:152], answered[:168])
    assert transcript == b(vector["transcript"])
    ours = X25519PrivateKey.from_private_bytes(b(vector["share_of_ann_private"]))
    theirs = X25519PrivateKey.from_private_bytes(b(vector["share_of_bob_private"]))
    both = ours.exchange(X25519PublicKey.from_public_bytes(answered[112:144]))
    assert both == theirs.exchange(X25519PublicKey.from_public_bytes(said[80:112]))
    source = both + b(KEYS["handshake_key"])
    grown = grow(source, b"holdfast v1 session", 88, salt=transcript)
    assert grown[:32] == b(vector["key_to_responder"])
    assert grown[32:64] == b(vector["key_to_initiator"])
    assert grown[64:72] == b(vector["session_tag"])
    assert grown[72:] == b(vector["proof"]) == answered[168:184]


def test_what_is_sealed_in_a_session() -> None:
    vector = load("handshake")
    counters = {"ann": 5 << 40, "bob": 9 << 40}
    for number_sealed, sealed in enumerate(vector["sealed"]):
        datagram, name = b(sealed["datagram"]), sealed["from"]
        assert header(datagram)[0] == (4 if number_sealed == 0 else 5)
        assert header(datagram)[2] == b(NODES[name]["id"])
        assert datagram[24:32] == b(vector["session_tag"])
        assert number(datagram[32:40]) == counters[name]
        counters[name] += 1
        key = b(vector["key_to_responder" if name == "ann" else "key_to_initiator"])
        nonce = number(datagram[32:40]).to_bytes(12, "big")
        payload = AESGCM(key).decrypt(nonce, datagram[40:], datagram[:40])
        assert payload == b(sealed["payload"])
        bent = datagram[:8] + b(NODES["bob" if name == "ann" else "ann"]["id"]) + datagram[24:40]
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(nonce, datagram[40:], bent)


# What travels in them ----------------------------------------------------------------------------

KINDS: Final = {
    "PING": 1, "ACK": 2, "PROBE_FOR": 3, "PROBE_RESULT": 4, "ACCUSE": 5, "FACT": 6, "BLOCK": 7,
    "STORED": 8, "KEPT": 9, "DEFLATED_FACT": 10,
}  # fmt: skip
FIELDS: Final[dict[int, list[type]]] = {
    1: [int, int, bytes, int], 2: [int, int, bytes, int], 3: [int, bytes], 4: [int, bytes, bool],
    5: [bytes, int, str, bytes], 6: [bytes, str, int, bytes, bytes, str],
    7: [bool, bytes, int, bytes, int, bytes, bytes, bytes, list, str],
    8: [bytes, int, bytes, int, bytes], 9: [int, int, bytes, bool],
    10: [bytes, str, int, bytes, bytes, str],
}  # fmt: skip
MAY_BE_MISSING: Final = {1: 1, 2: 1, 5: 1, 6: 1, 7: 1, 10: 1}


@pytest.mark.parametrize("vector", load("letters"))
def test_letters(vector: dict[str, Any]) -> None:
    kind, *fields = msgpack.unpackb(b(vector["payload"]))
    assert kind == KINDS[vector["letter"]]
    expected = FIELDS[kind]
    assert len(expected) - MAY_BE_MISSING.get(kind, 0) <= len(fields) <= len(expected)
    assert [type(field) for field in fields] == expected[: len(fields)]
    if kind in (6, 10):
        body = zlib.decompress(fields[3]) if kind == 10 else fields[3]
        check_fact([*fields[:3], body, fields[4]], b(KEYS["mesh_id"]))
    if kind == 7:
        check_block(fields[1:9])


@pytest.mark.parametrize("vector", load("facts"), ids=lambda vector: vector["topic"])
def test_facts(vector: dict[str, Any]) -> None:
    fact = check_fact(b(vector["fact"]), b(KEYS["mesh_id"]))
    assert fact["author"] == b(vector["author"])
    assert (fact["topic"], fact["epoch"]) == (vector["topic"], vector["epoch"])
    assert fact["body"] == b(vector["body"])
    assert str(fact["stamp"]) == vector["stamp"]


def test_the_record_says_who_and_where() -> None:
    record = msgpack.unpackb(b(next(f["body"] for f in load("facts") if f["topic"] == "node")))
    assert {key: type(value) for key, value in record.items()} == {
        "n": str, "a": list, "r": str, "v": str, "e": bytes, "l": bool, "s": bytes,
    }  # fmt: skip
    assert record["a"] == [["10.0.0.7", 4653, "ethernet"], ["2001:db8::7", 4653, "wifi"]]


def test_a_log_is_linked_and_signed_and_so_is_its_mark() -> None:
    vector = load("logs")
    previous = bytes(32)
    for height, block in enumerate(vector["blocks"]):
        plain = msgpack.unpackb(b(block["block"]))
        head, digest = check_block(plain)
        assert (head, digest) == (b(block["header"]), b(block["hash"]))
        assert (plain[3], plain[4]) == (height, previous)
        previous = digest
    author = b(vector["author"])
    assert vector["mark"] == str(number(sha(b"hf1.heads", author, previous)[:8]))
    twin = msgpack.unpackb(b(vector["twin"]))
    check_block(twin)
    assert twin[:4] == msgpack.unpackb(b(vector["blocks"][1]["block"]))[:4], "no fork"
    assert vector["mark_of_the_fork"] == str(number(sha(b"hf1.frozen", author)[:8]))


def test_a_receipt_proves_its_entry_with_nothing_else_at_hand() -> None:
    vector = load("logs")
    for index, packed in enumerate(vector["receipts"]):
        key, head, signature, entry, path = msgpack.unpackb(b(packed))
        assert signed(key, b"hf1.block", head, signature)
        digest = sha(b"\x00", entry)
        for sibling, on_the_left in path:
            digest = sha(b"\x01", *((sibling, digest) if on_the_left else (digest, sibling)))
        assert digest == msgpack.unpackb(head)[5]
        assert entry == msgpack.unpackb(b(vector["blocks"][1]["block"]))[7][index]


def test_questions_and_parcels() -> None:
    vector = load("comparing")
    digest, cursor = msgpack.unpackb(b(vector["question"]))
    assert cursor == [-1, 0, b"", b""]
    facts, logs, marks = digest
    ((author, topic, version, stamp),) = facts
    told = next(fact for fact in load("facts") if fact["topic"] == topic)
    assert (author, str(stamp)) == (b(told["author"]), told["stamp"])
    assert version >> 32 == told["epoch"]
    ((author, eras, length, head, forked),) = logs
    assert (length, head, forked) == (2, b(load("logs")["blocks"][1]["hash"]), False)
    assert [type(part) for part in eras[0]] == [int, bytes, int]
    assert marks == {b(NODES["bob"]["id"]): 2**64 - 1}
    assert msgpack.unpackb(b(vector["spared"]))[1] is None
    items, cursor, more, lacks = msgpack.unpackb(b(vector["parcel"]))
    assert [(kind, len(content)) for kind, content in items] == [
        ("fact", 1), ("block", 1), ("fork", 2), ("own", 1),
    ]  # fmt: skip
    check_fact(items[0][1][0], b(KEYS["mesh_id"]))
    for content in (items[1][1][0], *items[2][1], items[3][1][0]):
        check_block(content)
    assert [type(part) for part in cursor] == [int, int, bytes, bytes]
    assert (more, lacks) == (True, digest)
    assert msgpack.unpackb(b(vector["nothing"])) == [[], None, False, None]


@pytest.mark.parametrize("vector", load("frames"))
def test_frames(vector: dict[str, Any]) -> None:
    frame = b(vector["frame"])
    assert number(frame[:4]) == len(frame) - 4
    named = [vector["id"], vector["kind"], vector["service"], b(vector["body"])]
    assert msgpack.unpackb(frame[4:]) == named


# And our own code --------------------------------------------------------------------------------


def test_the_vectors_are_what_this_code_writes() -> None:
    from tests.mesh.vectors import vectors

    written = vectors()
    assert sorted(written) == sorted(path.name for path in FOLDER.iterdir())
    for name, content in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == content, (
            f"{name} is out of date: read docs/reference/wire.md again, then "
            "`python -m tests.mesh.vectors`"
        )
