"""The test vectors of `docs/reference/wire.md`: `python -m tests.mesh.vectors` writes them anew.

Everything is drawn from fixed seeds, so the same code writes the same bytes. That the bytes mean
what the page says is not for this file to show: `test_wire_vectors.py` reads them by other means.
"""

import json
from pathlib import Path
from random import Random
from typing import Any, Final

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.door.handshake import (
    Ephemeral,
    Hello,
    agree,
    read_hello,
    transcript_of,
    welcome_core,
    write_hello,
    write_stale,
    write_welcome,
)
from mesh.door.sessions import Session
from mesh.effects import Address
from mesh.exchange.parcels import Item, parcel_bytes, question_bytes
from mesh.facts import sign_fact, version_of
from mesh.identity import Epoch, Identity, id_text
from mesh.kept.chains import Chains
from mesh.kept.digest import BEGINNING, Digest, Summary
from mesh.keys.invite import Invite
from mesh.keys.secret import Secret, derive
from mesh.letters.beacon import Beacon, write_beacon
from mesh.letters.datagram import Header, Kind, read_header
from mesh.letters.messages import (
    Accuse,
    Ack,
    BlockNews,
    FactNews,
    Kept,
    Ping,
    ProbeFor,
    ProbeResult,
    Stored,
)
from mesh.letters.outcast import Notice, sign_word, write_outcast
from mesh.letters.wire import block_bytes, encode, fact_bytes
from mesh.logs import NO_BLOCK, Era, header_bytes, receipt_for, seal_block
from mesh.roll.record import Endpoint, NodeRecord, record_body
from node.shell.streams.frames import Frame
from node.shell.streams.frames import Kind as FrameKind
from node.shell.streams.frames import encode as frame_bytes
from node.shell.streams.tls import ca_certificate, leaf_certificate

FOLDER: Final = Path(__file__).parents[1] / "data" / "wire"


def _draw(name: str, length: int = 32) -> bytes:
    return Random(f"wire vectors: {name}").randbytes(length)


SECRET: Final = Secret(_draw("secret"))
KEYS: Final = derive(SECRET)
ANN, BOB = Identity(_draw("ann")), Identity(_draw("bob"))
ANN_EPOCH, BOB_EPOCH = Epoch(3, _draw("ann's epoch", 16)), Epoch(7, _draw("bob's epoch", 16))
ANN_SHARE, BOB_SHARE = ANN.share(_draw("ann's share")), BOB.share(_draw("bob's share"))
ERA: Final = Era(3, ANN_EPOCH.nonce)


def _record(name: str, epoch: Epoch, share: bytes) -> bytes:
    doors = (Endpoint("10.0.0.7", 4653, "ethernet"), Endpoint("2001:db8::7", 4653, "wifi"))
    return record_body(NodeRecord(name, doors, "attic", "0.1.0", epoch.nonce, False, share))


ANN_RECORD: Final = sign_fact(
    ANN, KEYS.mesh_id, "node", version_of(ANN_EPOCH, 1), _record("ann", ANN_EPOCH, ANN_SHARE.public)
)
BOB_PASSPORT: Final = sign_fact(
    BOB, KEYS.mesh_id, "passport", version_of(BOB_EPOCH, 0), BOB_EPOCH.nonce + BOB_SHARE.public
)
FACT: Final = sign_fact(
    ANN, KEYS.mesh_id, "live", version_of(ANN_EPOCH, 2), msgpack.packb({"pools": {}})
)
LONG_FACT: Final = sign_fact(
    ANN, KEYS.mesh_id, "live", version_of(ANN_EPOCH, 3), msgpack.packb(["four cards, alike"] * 90)
)
FIRST: Final = seal_block(ANN, ERA, 0, NO_BLOCK, [b"one"])
SECOND: Final = seal_block(ANN, ERA, 1, FIRST.hash, [b"two", b"three", b"four", b"five", b"six"])
TWIN: Final = seal_block(ANN, ERA, 1, FIRST.hash, [b"another"])


def keys() -> dict[str, Any]:
    taken_over = SECRET.for_mesh(b"elsewher")
    phrase = "correct  horse battery staple seven mouldy lamps"
    ca = Ed25519PrivateKey.from_private_bytes(KEYS.ca_seed)
    return {
        "secret": SECRET.raw, "mesh_id": KEYS.mesh_id, "key_id": KEYS.key_id,
        "beacon_key": KEYS.beacon_mac, "handshake_key": KEYS.handshake, "ca_key": KEYS.ca_seed,
        "ca_certificate": ca_certificate(KEYS.ca_seed),
        "leaf_certificate_of_ann": leaf_certificate(ca, ANN),
        "taken_over": {
            "mesh_id": derive(taken_over).mesh_id, "key_id": derive(taken_over).key_id,
            "text": taken_over.text,
        },
        "passphrase": phrase, "secret_of_passphrase": Secret.from_passphrase(phrase).raw,
        "nodes": {
            name: {"private": _draw(name), "key": one.public, "id": one.id, "text": id_text(one.id)}
            for name, one in (("ann", ANN), ("bob", BOB))
        },
    }  # fmt: skip


def beacons() -> list[dict[str, Any]]:
    made = []
    for epoch, port, seq in ((3, 4653, 0), (2**31 - 1, 65535, 2**32 - 1), (1, 1, 300)):
        start = ANN_EPOCH.nonce[:8] if epoch == 3 else b""
        datagram = write_beacon(KEYS, Beacon(ANN.id, epoch, port, seq, start))
        made.append(
            {"datagram": datagram, "epoch": epoch, "port": port, "seq": seq, "start": start}
        )
    return made


def handshake() -> dict[str, Any]:
    ours = Ephemeral(ANN_SHARE, fact_bytes(ANN_RECORD), _draw("ann's nonce", 16), 5 << 40)
    theirs = Ephemeral(BOB_SHARE, fact_bytes(BOB_PASSPORT), _draw("bob's nonce", 16), 9 << 40)
    hello = write_hello(KEYS, ANN, ANN_EPOCH, ours, BOB.id)
    header = read_header(hello)
    assert isinstance(header, Header)
    said = read_hello(KEYS, header, hello)
    assert isinstance(said, Hello)
    core = welcome_core(KEYS, BOB, BOB_EPOCH, theirs, said)
    transcript = transcript_of(said.core, core)
    agreed = agree(KEYS, BOB.id, theirs, said, transcript)
    assert agreed is not None
    welcome = write_welcome(KEYS, core, agreed.proof, theirs.passport)
    return {
        "hello": hello, "welcome": welcome, "transcript": transcript,
        "share_of_ann_private": _draw("ann's share"), "share_of_bob_private": _draw("bob's share"),
        "key_to_responder": agreed.key_in, "key_to_initiator": agreed.key_out,
        "session_tag": agreed.tag, "proof": agreed.proof,
        "sealed": _sealed(agreed),
        "stale": write_stale(KEYS, BOB.id, ANN.id, ours.nonce, fact_bytes(ANN_RECORD)),
        "outcast": write_outcast(KEYS, _notice(ours.nonce)),
    }  # fmt: skip


def _notice(echo: bytes) -> Notice:
    word = msgpack.packb([ANN.id, BOB.id, "stolen"])
    return Notice(ANN.id, echo, BOB.public, sign_word(BOB, KEYS.mesh_id, ANN.id, word), word)


def _sealed(agreed: Any) -> list[dict[str, Any]]:
    from dataclasses import replace

    initiators = replace(
        agreed, us=ANN.id, peer=BOB.id, epoch=BOB_EPOCH, initiated=True, key_out=agreed.key_in,
        key_in=agreed.key_out, first_out=agreed.first_in, first_in=agreed.first_out,
    )  # fmt: skip
    ann, bob = Session(initiators, 0), Session(agreed, 0)
    kept = encode((Kept(0, 0, b"", True),))
    return [
        {"from": "ann", "payload": kept, "datagram": ann.seal(Kind.CONFIRM, kept)},
        {"from": "bob", "payload": b"", "datagram": bob.seal(Kind.SEALED, b"")},
        *(
            {"from": name, "payload": word, "datagram": session.seal(Kind.SEALED, word)}
            for name, session, word in (
                ("ann", ann, encode((Ping(1, 2**40, b"vitals"),))),
                ("bob", bob, encode((Ack(1, 2**64 - 1),))),
            )
        ),
    ]


def letters() -> list[dict[str, Any]]:
    named: list[tuple[str, Any]] = [
        ("PING", Ping(7, 2**40, b"vitals")), ("ACK", Ack(2**32 - 1, 2**64 - 1)),
        ("PROBE_FOR", ProbeFor(9, BOB.id)), ("PROBE_RESULT", ProbeResult(9, BOB.id, False)),
        ("ACCUSE", Accuse(BOB.id, 7, "attic")), ("FACT", FactNews(FACT)),
        ("FACT", FactNews(FACT, "attic")), ("BLOCK", BlockNews(FIRST, False, "attic")),
        ("BLOCK", BlockNews(FIRST, True)), ("STORED", Stored(ANN.id, FIRST.position)),
        ("KEPT", Kept(5, 2, SECOND.hash, True)), ("KEPT", Kept(5, 0, b"", False)),
        ("DEFLATED_FACT", FactNews(LONG_FACT)),
    ]  # fmt: skip
    return [{"letter": name, "payload": encode((letter,))} for name, letter in named]


def facts() -> list[dict[str, Any]]:
    return [
        {
            "fact": fact_bytes(fact), "author": fact.author, "topic": fact.topic,
            "epoch": fact.epoch_counter, "body": fact.body, "stamp": str(fact.stamp),
        }
        for fact in (ANN_RECORD, BOB_PASSPORT, FACT)
    ]  # fmt: skip


def logs() -> dict[str, Any]:
    chains = Chains(16)
    for block in (FIRST, SECOND):
        chains.offer(block)
    mark = chains.root
    chains.prove_fork(SECOND, TWIN)
    return {
        "author": ANN.id,
        "blocks": [
            {"block": block_bytes(block), "header": header_bytes(block), "hash": block.hash}
            for block in (FIRST, SECOND)
        ],
        "mark": str(mark), "twin": block_bytes(TWIN), "mark_of_the_fork": str(chains.root),
        "receipts": [_receipt(index) for index in range(len(SECOND.entries))],
    }  # fmt: skip


def _receipt(index: int) -> bytes:
    from ledger.proving.blocks import encode_receipt

    return encode_receipt(receipt_for(SECOND, index))


def comparing() -> dict[str, Any]:
    summary = Summary(((ERA, 0),), 2, SECOND.hash)
    digest = Digest(
        {(ANN.id, "live"): (FACT.version, FACT.stamp)}, {ANN.id: summary}, {BOB.id: 2**64 - 1}
    )
    items = [
        Item("fact", (fact_bytes(FACT),)), Item("block", (block_bytes(FIRST),)),
        Item("fork", (block_bytes(SECOND), block_bytes(TWIN))), Item("own", (block_bytes(FIRST),)),
    ]  # fmt: skip
    cursor = (1, ERA.counter, ERA.nonce, SECOND.hash)
    return {
        "question": question_bytes(digest, BEGINNING),
        "spared": question_bytes(digest, None),
        "parcel": parcel_bytes(items, cursor, more=True, lacks=digest),
        "nothing": parcel_bytes([], None, more=False, lacks=None),
    }


def frames() -> list[dict[str, Any]]:
    said = (
        Frame(0, FrameKind.HELLO, "", b""), Frame(1, FrameKind.REQUEST, "mesh.sync", b"\x00" * 40),
        Frame(2**32 - 1, FrameKind.ANSWER, "", b"\x01"), Frame(7, FrameKind.REFUSED, "", b"no"),
    )  # fmt: skip
    return [
        {
            "frame": frame_bytes(frame), "id": frame.id, "kind": int(frame.kind),
            "service": frame.service, "body": frame.body,
        }
        for frame in said
    ]  # fmt: skip


def texts() -> dict[str, Any]:
    doors = (Address("10.0.0.7", 4653), Address("2001:db8::7", 65535))
    token = _draw("token", 16)
    return {
        "secret": {"text": SECRET.text, "content": SECRET.raw},
        "invite": {
            "text": Invite(KEYS.mesh_id, ANN.id, token, doors).text, "mesh_id": KEYS.mesh_id,
            "inviter": ANN.id, "token": token,
            "doors": [[address.host, address.port] for address in doors],
        },
    }  # fmt: skip


def vectors() -> dict[str, str]:
    """File name → content."""
    made = {
        "keys": keys(), "beacons": beacons(), "handshake": handshake(), "letters": letters(),
        "facts": facts(), "logs": logs(), "comparing": comparing(), "frames": frames(),
        "texts": texts(),
    }  # fmt: skip
    return {
        f"{name}.json": json.dumps(_plain(value), indent=1) + "\n" for name, value in made.items()
    }


def _plain(value: Any) -> Any:
    """Bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in vectors().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
