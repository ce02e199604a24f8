"""What the mesh reads: headers, handshakes, letters, parcels, records, rows, and texts people type.

Of what carries a tag there are two targets: as a stranger can send it, who cannot make a tag, and
as a member can, who makes a good one over whatever it likes.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Final

from mesh.door.handshake import (
    Ephemeral,
    Hello,
    read_hello,
    read_stale,
    read_welcome,
    welcome_core,
    write_hello,
    write_stale,
    write_welcome,
)
from mesh.door.passport import Papers, read_passport
from mesh.effects import Address
from mesh.exchange.parcels import (
    Item,
    items_for,
    parcel_bytes,
    parse_parcel,
    parse_question,
    question_bytes,
)
from mesh.facts import Fact, sign_fact
from mesh.identity import Epoch, Identity, NodeId, id_text, parse_id
from mesh.kept.digest import BEGINNING, digest_of
from mesh.keys.checked_text import read_checked, write_checked
from mesh.keys.invite import INVITE_PREFIX, Invite, MistypedInvite, NotAnInvite, parse_invite
from mesh.keys.keyring import Keyring
from mesh.keys.passphrase import estimated_bits
from mesh.keys.secret import SECRET_PREFIX, MeshKeys, MistypedSecret, NotASecret, Secret, derive
from mesh.letters.beacon import Beacon, read_beacon, write_beacon
from mesh.letters.datagram import TAG_BYTES, Header, Kind, read_header, tagged, write_header
from mesh.letters.messages import (
    Accuse,
    Ack,
    BlockNews,
    FactNews,
    Further,
    Kept,
    Ping,
    ProbeFor,
    ProbeResult,
    Stored,
    Unknown,
)
from mesh.letters.outcast import Notice, read_outcast, sign_word, write_outcast
from mesh.letters.wire import (
    block_bytes,
    decode,
    encode,
    fact_bytes,
    parse_block,
    parse_fact,
)
from mesh.logs import NO_BLOCK, Block, Era, seal_block
from mesh.rejections import Rejection
from mesh.roll.record import Endpoint, NodeRecord, parse_record, record_body
from mesh.roll.storage import Remembered, load_blocks, parse_peer, peer_write
from simulations.fuzz.stage import KEY, the_stage
from simulations.fuzz.target import COSTLY, Shape, Target

SECRET: Final = Secret(Random("fuzz secret").randbytes(32))
KEYS: Final = derive(SECRET)
EPOCH: Final = Epoch(3, bytes(range(16)))
ERA: Final = Era(3, bytes(range(16)))
FACT: Final = sign_fact(KEY, KEYS.mesh_id, "live", 3 << 32 | 7, b"\x81\xa1x\x01")
BLOCK: Final = seal_block(KEY, ERA, 0, NO_BLOCK, [b"one", b"two", b"three"])
RECORD: Final = NodeRecord(
    "fuzz", (Endpoint("10.0.0.7", 4653, "ethernet"), Endpoint("fe80::7", 4653, "wifi")), "attic",
    "0.1.0", EPOCH.nonce,
)  # fmt: skip
LONG_FACT: Final = sign_fact(KEY, KEYS.mesh_id, "live", 3 << 32 | 8, b"\x00" * 1_500)
"""As a letter it is deflated."""
RECORD_FACT: Final = sign_fact(KEY, KEYS.mesh_id, "node", 3 << 32 | 1, record_body(RECORD))

SHOWN: Final = sign_fact(
    KEY, KEYS.mesh_id, "node", 3 << 32 | 2, record_body(replace(RECORD, share=bytes(range(32))))
)
"""A record that is a passport."""

LETTERS: Final = (
    Ping(7, 2**40, b"vitals"), Ack(7, 2**40), ProbeFor(9, KEY.id), ProbeResult(9, KEY.id, True),
    Accuse(KEY.id, 3, "rack"), FactNews(FACT), FactNews(RECORD_FACT), BlockNews(BLOCK, True),
    FactNews(LONG_FACT, "rack"),
    Stored(KEY.id, BLOCK.position), Kept(5, 1, BLOCK.hash, True), Kept(5, 0, b"", False),
)  # fmt: skip


def targets() -> list[Target]:
    """All of them."""
    return [*_headers(), *_tagged(), *_letters(), *_parcels(), *_rows(), *_texts()]


# The outside of datagrams ------------------------------------------------------------------------


def _headers() -> list[Target]:
    return [Target("header", the_stage().datagrams_to("ann"), _header)]


def _header(data: bytes) -> bool:
    header = read_header(data)
    if isinstance(header, Rejection):
        return False
    again = write_header(header.kind, header.key_id, header.sender)
    assert data.startswith(again), "a header reads as what it does not say"
    return True


def _share(name: str, first: int = 0, bearer: Identity = KEY) -> Ephemeral:
    dice = Random(name)
    papers = Papers(bearer, EPOCH, KEYS.mesh_id, dice)
    return Ephemeral(*papers.at(0), dice.randbytes(16), first)


def _welcome(bearer: Identity, said: Hello) -> bytes:
    share = _share("c", bearer=bearer)
    core = welcome_core(KEYS, bearer, EPOCH, share, said)
    return write_welcome(KEYS, core, b"a proof, perhaps", share.passport)


Reader = Callable[[MeshKeys, Header, bytes], object]


def _tagged() -> list[Target]:
    other = Identity(Random("other").randbytes(32))
    hello = write_hello(KEYS, KEY, EPOCH, _share("a"), other.id)
    anyone = write_hello(KEYS, KEY, EPOCH, _share("b", 1 << 40), None)
    said = read_hello(KEYS, _seen(hello), hello)
    assert isinstance(said, Hello), "an example is not taken"
    welcome = _welcome(other, said)
    stale = write_stale(KEYS, other.id, KEY.id, bytes(16), fact_bytes(RECORD_FACT))
    signed = sign_word(other, KEYS.mesh_id, KEY.id, b"a word")
    outcast = write_outcast(KEYS, Notice(KEY.id, bytes(16), other.public, signed, b"a word"))
    beacons = tuple(
        write_beacon(KEYS, Beacon(KEY.id, epoch, port, seq))
        for epoch, port, seq in ((1, 4653, 0), (2**30, 65535, 2**32 - 1), (0, 1, 77))
    )
    made: list[Target] = []
    for kind, key, examples, reader in (
        (Kind.BEACON, KEYS.beacon_mac, beacons, read_beacon),
        (Kind.HELLO, KEYS.handshake, (hello, anyone), read_hello),
        (Kind.WELCOME, KEYS.handshake, (welcome,), read_welcome),
        (Kind.STALE, KEYS.handshake, (stale,), _read_stale),
        (Kind.OUTCAST, KEYS.handshake, (outcast,), read_outcast),
    ):
        name = kind.name.lower()
        made.append(Target(f"{name}, by a stranger", examples, partial(_read, reader)))
        bare = tuple(example[:-TAG_BYTES] for example in examples)
        feed = partial(_read_tagged, kind, key, reader)
        made.append(Target(f"{name}, by a member", bare, feed))
    return made


def _read_stale(keys: MeshKeys, _header: Header, datagram: bytes) -> object:
    return read_stale(keys, datagram)


def _seen(datagram: bytes) -> Header:
    header = read_header(datagram)
    assert isinstance(header, Header), "an example is not taken"
    return header


def _read(reader: Reader, data: bytes) -> bool:
    header = read_header(data)
    if isinstance(header, Rejection):
        return False
    return not isinstance(reader(KEYS, header, data), Rejection)


def _read_tagged(kind: Kind, key: bytes, reader: Reader, bare: bytes) -> bool:
    # The header stays a header of this kind; what a member bends is what stands behind it.
    head = write_header(kind, KEYS.key_id, NodeId(bare[8:24].ljust(16, b"\0")))
    return _read(reader, tagged(key, head + bare[24:]))


# The inside of them ------------------------------------------------------------------------------


def _letters() -> list[Target]:
    each = tuple(encode((letter,)) for letter in LETTERS)
    pages = (encode(LETTERS[:4]), encode((LETTERS[5], LETTERS[6])), encode(LETTERS[7:]))
    return [
        Target("letters", (*each, *pages), _decode, Shape.MSGPACK),
        Target("fact", (fact_bytes(FACT), fact_bytes(RECORD_FACT)), _fact, Shape.MSGPACK),
        Target("passport", (_share("d").passport, fact_bytes(SHOWN)), _passport, Shape.MSGPACK),
        Target("block", (block_bytes(BLOCK),), _block, Shape.MSGPACK),
        Target("record", (record_body(RECORD), RECORD_FACT.body), _record, Shape.MSGPACK),
    ]


def _decode(payload: bytes) -> bool:
    letters = decode(payload)
    if isinstance(letters, Rejection):
        return False
    known = [letter for letter in letters if not isinstance(letter, Unknown | Further)]
    assert decode(encode(known)) == tuple(known), "letters read back differently"
    return True


def _passport(data: bytes) -> bool:
    passport = read_passport(data)
    if passport is None:
        return False
    assert read_passport(fact_bytes(passport.fact)) == passport, "a passport reads differently"
    return True


def _fact(data: bytes) -> bool:
    fact = parse_fact(data)
    if not isinstance(fact, Fact):
        return False
    assert parse_fact(fact_bytes(fact)) == fact, "a fact reads back differently"
    return True


def _block(data: bytes) -> bool:
    block = parse_block(data)
    if not isinstance(block, Block):
        return False
    assert parse_block(block_bytes(block)) == block, "a block reads back differently"
    return True


def _record(data: bytes) -> bool:
    record = parse_record(data)
    if record is None:
        return False
    assert parse_record(record_body(record)) is not None, "a record cannot be written again"
    return True


def _parcels() -> list[Target]:
    mesh = the_stage().eve.alive.mesh
    digest = digest_of(mesh.board, mesh.chains)
    ann = the_stage().ann.identity.id
    nothing = parse_question(question_bytes(type(digest)({}, {}), None))
    assert nothing is not None, "an example is not taken"
    items = list(items_for(nothing[0], ann, mesh.board, mesh.chains, only_named=False))
    twin = seal_block(KEY, ERA, 0, NO_BLOCK, [b"another"])
    fork = Item("fork", (block_bytes(BLOCK), block_bytes(twin)))
    own = Item("own", (block_bytes(BLOCK),))
    parcels = (
        parcel_bytes(items[:6], None, more=True, lacks=digest),
        parcel_bytes([fork, own], (0, 3, ERA.nonce, BLOCK.hash), more=False, lacks=None),
    )
    questions = (question_bytes(digest, BEGINNING), question_bytes(digest, None))
    return [
        Target("sync question", questions, _question, Shape.MSGPACK, COSTLY),
        Target("parcel", parcels, _parcel, Shape.MSGPACK, COSTLY),
    ]


def _question(data: bytes) -> bool:
    read = parse_question(data)
    if read is None:
        return False
    assert parse_question(question_bytes(*read)) == read, "a question reads back differently"
    return True


def _parcel(data: bytes) -> bool:
    return parse_parcel(data) is not None


# The disk, and texts -----------------------------------------------------------------------------


def _rows() -> list[Target]:
    known = Remembered(KEY.public, EPOCH, (Address("10.0.0.7", 4653),), RECORD_FACT)
    peer = peer_write(KEY.id, known).value
    assert peer is not None, "a row of a peer is written"
    row = block_bytes(BLOCK)
    return [
        Target("peer row", (peer,), lambda data: parse_peer(data) is not None, Shape.MSGPACK),
        Target("block row", (row,), _block_row, Shape.MSGPACK, COSTLY),
    ]


def _block_row(data: bytes) -> bool:
    kept, unread = load_blocks({"block": {KEY.id + bytes(8): data}})
    return bool(kept) and not unread


def _texts() -> list[Target]:
    door = (Address("10.0.0.7", 4653), Address("2001:db8::7", 4653))
    invite = Invite(KEYS.mesh_id, KEY.id, bytes(range(16)), door).text.encode()
    plain = "correct horse battery staple 1234 aaaa été".encode()
    packed = tuple(
        write_checked(prefix, content).encode()
        for prefix, content in ((INVITE_PREFIX, b"\x94"), (SECRET_PREFIX, bytes(31)))
    )
    return [
        Target("secret text", (SECRET.text.encode(), packed[1]), _secret, Shape.TEXT),
        Target("invite text", (invite, packed[0]), _invite, Shape.TEXT),
        Target("invite, well spelled", (_invite_content(),), _invite_inside, Shape.MSGPACK),
        Target(
            "keyring", (Keyring.of(SECRET, retired=[bytes(4)]).text.encode(),), _keyring, Shape.TEXT
        ),
        Target("node id text", (id_text(KEY.id).encode(),), _node_id, Shape.TEXT),
        Target("passphrase", (plain,), _passphrase, Shape.TEXT),
    ]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _secret(data: bytes) -> bool:
    try:
        secret = Secret.parse(_text(data))
    except (MistypedSecret, NotASecret):
        return False
    assert Secret.parse(secret.text) == secret, "a secret reads back differently"
    return True


def _keyring(data: bytes) -> bool:
    try:
        ring = Keyring.parse(_text(data))
    except (MistypedSecret, NotASecret):
        return False
    assert Keyring.parse(ring.text) == ring, "a keyring reads back differently"
    return True


def _invite(data: bytes) -> bool:
    try:
        invite = parse_invite(_text(data))
    except (MistypedInvite, NotAnInvite):
        return False
    assert parse_invite(invite.text) == invite, "an invite reads back differently"
    return True


def _invite_content() -> bytes:
    door = (Address("10.0.0.7", 4653), Address("2001:db8::7", 4653))
    return read_checked(INVITE_PREFIX, Invite(KEYS.mesh_id, KEY.id, bytes(16), door).text)


def _invite_inside(content: bytes) -> bool:
    return _invite(write_checked(INVITE_PREFIX, content).encode())


def _node_id(data: bytes) -> bool:
    try:
        node = parse_id(_text(data))
    except ValueError:
        return False
    assert parse_id(id_text(node)) == node, "an id reads back differently"
    return True


def _passphrase(data: bytes) -> bool:
    return estimated_bits(_text(data)[:1024]) >= 0
