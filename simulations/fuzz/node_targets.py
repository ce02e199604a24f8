"""What a node reads beside the mesh: frames, lines, requests, facts, configuration, its own files.

Some of it comes from members (`query`, facts), some from people (configuration, words), some from
the kernel and from this user's own disk. Nobody of them may end an agent or a command.
"""

import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from mesh.effects import Address
from mesh.identity import NodeId, id_text
from mesh.keys.invite import Invite
from mesh.keys.secret import Secret, derive
from node.cli.exits import Unable
from node.cli.joining import _keys_in
from node.cli.settings import read_document
from node.config import ConfigError, settle
from node.core.choosing import request_of
from node.core.picture import idling, past, throughputs, topics
from node.core.picture.evidence import Airway, Evidence
from node.core.picture.reports import Found
from node.core.reachability import links, matrix
from node.core.reachability.diagnoses import diagnose
from node.core.reachability.findings import Scene
from node.core.reachability.links import Link, Stray, Telling
from node.core.reachability.matrix import Survey
from node.core.reachability.surveying import SERVICE_LINKS
from node.core.requests import Refused, decode_request
from node.core.trust.forgetting import FORGOTTEN_MAX, Forgetting, Tombstone
from node.core.trust.inviting import Inviting
from node.probes.offers import ShareRefused, parse_offer
from node.probes.shares import parse_use
from node.probes.walls import iptables_drops_input, nft_drops_input
from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.mdns_records import SERVICE_TYPE, Standpoint, judge
from node.shell.disk.state import StateError, key_text, parse_key
from node.shell.streams.frames import Frame, FrameError, FrameParser, Kind, encode
from node.shell.telling.local import parse_line
from placement.amounts import AmountError, parse_bytes, parse_cores, parse_duration
from placement.asking.selectors import parse_disk, parse_gpu_selector, parse_slots
from placement.asking.words import read_words
from placement.history import Failure, History, Observation, Scope, workloads_of
from placement.request import RequestError
from simulations.fuzz.stage import KEY, the_stage
from simulations.fuzz.target import COSTLY, Shape, Target

CONFIG: Final = b"""
name = "attic"
port = 4653
seeds = ["10.0.0.5:4653", "[2001:db8::5]:4653"]
offer = "ram=2GiB,cores=1"
labels = { room = "attic" }
slots = { whisper = 2 }
mdns = false
"""
NFT: Final = (
    b"table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n"
    b"\t\tjump other\n\t}\n\tchain other {\n\t\tcounter drop\n\t}\n}\n"
)
RULES: Final = (NFT, b"-P INPUT ACCEPT\n-A INPUT -j LOGDROP\n-A LOGDROP -j DROP\n")
REQUESTS: Final = (
    b'{"type":"status"}', b'{"type":"facts","node":"ann"}', b'{"type":"doctor"}',
    b'{"type":"where","ask":{"memory":"8GiB","gpu":["nvidia:24GB..:1..2"],"tools":["git"]}}',
    b'{"type":"where","ask":{"words":"run ollama inference on a 7b model"},"list_all":true}',
    b'{"type":"reserve","ask":{"ram":"1GiB"},"term_ms":60000,"label":"x","pid":7}',
    b'{"type":"release","hold":"00ff"}', b'{"type":"invite","ttl_ms":60000}',
)  # fmt: skip
JOINED: Final = Invite(
    derive(Secret(bytes(range(32)))).mesh_id, KEY.id, bytes(16), (Address("10.0.0.7", 4653),)
)
STANDPOINT: Final = Standpoint(
    NodeId(bytes(16)), bytes.fromhex("00112233"), 4653,
    (Interface("eth0", "10.0.0.1", 2, "10.0.0.255", True, False, 24),),
)  # fmt: skip
FRAMES: Final = (
    Frame(0, Kind.HELLO, "", b""), Frame(1, Kind.REQUEST, "mesh.sync", b"x" * 40),
    Frame(2**32 - 1, Kind.ANSWER, "", b"y"), Frame(7, Kind.REFUSED, "", b"no"),
)  # fmt: skip


def targets() -> list[Target]:
    """All of them."""
    return [*_streams(), *_surfaces(), *_facts(), *_words(), *_files()]


def _streams() -> list[Target]:
    frames = tuple(encode(frame) for frame in FRAMES)
    inside = tuple(frame[4:] for frame in frames)
    records = (b"\x12\x2d" + id_text(KEY.id).encode() + b"\x0a\x00\x00\x07" + b"key=00112233",)
    return [
        Target("frames", (*frames, b"".join(frames)), _frames),
        Target("frame, of its own length", inside, _frame, Shape.MSGPACK),
        Target("mDNS record", records, _mdns),
    ]


def _frames(data: bytes) -> bool:
    parser = FrameParser()
    half = len(data) // 2
    try:
        frames = [*parser.feed(data[:half]), *parser.feed(data[half:])]
    except FrameError:
        return False
    assert data.startswith(b"".join(encode(frame) for frame in frames)) or frames, "frames differ"
    return bool(frames)


def _frame(data: bytes) -> bool:
    return _frames(len(data).to_bytes(4, "big") + data)


def _mdns(data: bytes) -> bool:
    """A name, a port, an address and a property cut out of the input."""
    name = data[2:28].decode("latin-1") + "." + SERVICE_TYPE
    key, _, value = data[32:].partition(b"=")
    port = int.from_bytes(data[:2], "big")
    return isinstance(judge(name, port, (data[28:32],), {key: value or None}, STANDPOINT), Found)


# Surfaces ----------------------------------------------------------------------------------------


def _surfaces() -> list[Target]:
    return [
        Target("local line", REQUESTS, _line, Shape.JSON),
        Target("peer's question", REQUESTS[:5], _query, Shape.JSON, COSTLY),
        Target("packet filter's rules", RULES, _rules, Shape.TEXT),
        Target("join answer", (_join_answer(),), _joined, Shape.JSON),
    ]


def _line(data: bytes) -> bool:
    plain = parse_line(data)
    try:
        decode_request(data)
    except Refused:
        return False
    assert plain is not None, "a request that is no object"
    return True


def _query(data: bytes) -> bool:
    """`--peer`: the whole way to an answer."""
    stage = the_stage()
    answer = stage.ann.alive.query(data, stage.world.shell.local(stage.ann))
    return b'"ok"' in answer[:8]


def _telling() -> bytes:
    seen = Link("bob", "bob", "dead", "trusted", True, "10.0.0.9:4653", waiting_ms=9_000,
                beacons={"eth0": 900}, places={"172.17.0.1:4653": "bridge"})  # fmt: skip
    airways = (Airway("eth0", "ethernet", ("10.0.0.5/24", "fe80::1/64")),)
    here = Evidence("linux", "nat", ("ufw",), airways, "eth0", {"EPERM": 3})
    stray = Stray("10.0.0.7", "made under another secret", 3, 100)
    return links.encode(Telling("ann", "ann", "0.3", "00ff", 4653, (seen,), here, (stray,), 1))


def _told(data: bytes) -> bool:
    telling = links.decode(data)
    if telling is None:
        return False
    survey = Survey(telling.id, {telling.id: telling}, {one.id: False for one in telling.links})
    matrix.rows(survey)
    diagnose(Scene(survey, {}))
    assert links.decode(links.encode(telling)) == telling
    return True


def _rules(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    return nft_drops_input(text) or iptables_drops_input(text)


def _join_answer() -> bytes:
    secret = Secret(bytes(range(32)))
    return msgspec.json.encode({"secret": secret.text, "refused": None})


def _joined(data: bytes) -> bool:
    try:
        _keys_in(data, JOINED)
    except Unable:
        return False
    return True


# Facts -------------------------------------------------------------------------------------------


def _facts() -> list[Target]:
    board = the_stage().ann.alive.mesh.board
    eve = the_stage().eve.identity.id
    readers: Mapping[str, Callable[[bytes], object]] = {
        topics.TOPIC_INVENTORY: topics.decode_inventory,
        topics.TOPIC_LIVE: topics.decode_live,
        topics.TOPIC_STANDING: topics.decode_standing,
    }
    made = []
    for topic, reader in readers.items():
        fact = board.fact(eve, topic)
        assert fact is not None, f"nobody said anything on {topic}"
        feed = partial(_read, reader, msgspec.MsgspecError)
        made.append(Target(f"{topic} fact", (fact.body,), feed, Shape.MSGPACK))
    telling = the_stage().eve.alive.surveying.serve(SERVICE_LINKS, b"", 0)
    assert telling is not None, "links are its service"
    link = throughputs.Throughput(id_text(eve), 1 << 20, None, 7)
    body = throughputs.encode(throughputs.Throughputs((link,)))
    feed = partial(_read, throughputs.decode, msgspec.MsgspecError)
    made.append(Target("throughput fact", (body,), feed, Shape.MSGPACK))
    made += [_tombstones(), _use(), _past()]
    return [*made, Target("links", (telling, _telling()), _told, Shape.MSGPACK)]


def _tombstones() -> Target:
    """What a member says of the dead; whatever it is, what is kept stays bounded."""
    stage = the_stage()
    forgetting, eve = Forgetting(stage.ann.alive.knowledge), stage.eve.id
    whole = Tombstone(eve, 1, False, eve, 1 << 32, 1, bytes(16), 3, "eve", "gone for good")
    gone = Tombstone(b"x" * 16, 2, True, eve, -1, -1, b"", -1, "dan", "sold")

    def feed(data: Any) -> bool:
        heard = forgetting.heard(eve, bytes(data), 0)
        assert len(forgetting.kept) <= FORGOTTEN_MAX, "more is kept than may be"
        return bool(heard)

    body = msgspec.msgpack.encode((whole, gone))
    return Target("forgotten fact", (body,), feed, Shape.MSGPACK)


def _use() -> Target:
    """What a member says of holds that stand unused; a sentence is made of each."""

    def feed(data: Any) -> bool:
        try:
            fact = idling.decode_use(bytes(data))
        except msgspec.MsgspecError:
            return False
        return all(idling.idle_sentence(one) for one in fact.idle.values())

    fact = idling.UseFact({"ab" * 16: idling.IdleFact(21_600_000, 21_600_000, 0)})
    return Target("use fact", (msgspec.msgpack.encode(fact),), feed, Shape.MSGPACK)


def _past() -> Target:
    """What a member remembers of work; whatever is believed of it can be told again."""
    scope = Scope("training", "", "python3", "llama3.1:8b")
    seen = Observation(scope, 5 << 30, 20 << 30, 3_600_000, succeeded=True, samples=3)
    history = History((seen,), (Failure(scope, "out-of-memory", 2), Failure(Scope(), "thermal")))

    def feed(data: Any) -> bool:
        try:
            believed = past.decode_past(bytes(data))
        except msgspec.MsgspecError:
            return False
        assert past.decode_past(past.encode_past(believed)) == believed, "read back differently"
        believed.observed(scope), believed.failed(scope), [*workloads_of(believed)]
        return True

    return Target("past fact", (past.encode_past(history),), feed, Shape.MSGPACK)


def _read(reader: Callable[[Any], object], refusal: type[Exception], data: Any) -> bool:
    try:
        reader(data)
    except refusal:
        return False
    return True


# What people write -------------------------------------------------------------------------------


def _words() -> list[Target]:
    asks = tuple(
        msgspec.json.encode(ask)
        for ask in (
            {"memory": "8GiB", "gpus": ["nvidia:24GB..:2"], "tools": ["git"], "os": "linux"},
            {"words": "run ollama inference on a 7b model q4", "node": "ann"},
            {"ram": "500MB", "cpu": "1.5", "disks": ["nvme:20GiB"], "objective": "pack"},
            {"slots": ["whisper:2", "licence-matlab"], "labels": {"room": "attic"}},
            {"slots": {"whisper": 2}},
        )
    )
    amounts = (
        b"8GiB",
        b"1.5 GB",
        b"500m",
        b"1d12h",
        b"24GB..80GB",
        b"nvidia:24GB..:2",
        b"whisper:2",
    )
    words = (b"run ollama inference on a 7b model q4_k_m ctx 32k", b"train a resnet on two cards")
    return [
        Target("request document", asks, _document, Shape.JSON, COSTLY),
        Target("words", words, _said, Shape.TEXT, COSTLY),
        Target("amount", amounts, _amount, Shape.TEXT),
        Target("offer", (b"ram=2GiB,cores=1.5,gpu=GPU-1234",), _offer, Shape.TEXT),
        Target("configuration", (CONFIG,), _config, Shape.TEXT, COSTLY),
    ]


def _document(data: bytes) -> bool:
    plain = parse_line(data)
    return plain is not None and _read(lambda ask: request_of(ask, KEY.id), Refused, plain)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _said(data: bytes) -> bool:
    return _read(read_words, RequestError, _text(data))


def _amount(data: bytes) -> bool:
    text, taken = _text(data), False
    for reader in (parse_bytes, parse_cores, parse_duration):
        taken |= _read(reader, AmountError, text)
    for chooser in (parse_gpu_selector, parse_disk, parse_slots):
        taken |= _read(chooser, RequestError, text)
    return taken


def _offer(data: bytes) -> bool:
    return _read(parse_offer, ShareRefused, _text(data))


def _config(data: bytes) -> bool:
    def settled(content: bytes) -> None:
        settle({}, {}, read_document(content, Path("config.toml")))

    return _read(settled, ConfigError, data)


# Its own files -----------------------------------------------------------------------------------


def _files() -> list[Target]:
    kept = msgspec.msgpack.encode({"boot": "b", "expires": 2**60})
    return [
        Target("node key", (key_text(bytes(range(32))).encode(),), _key, Shape.TEXT),
        Target(
            "share's use",
            (b"%08x 12 34" % zlib.crc32(b"12 34"),),
            lambda data: parse_use(data, 40) > 0,
        ),
        Target("invite row", (kept,), _invite_row, Shape.MSGPACK),
    ]


def _key(data: bytes) -> bool:
    return _read(parse_key, StateError, data.decode("utf-8", "replace"))


def _invite_row(data: bytes) -> bool:
    inviting = Inviting(bytes(8), "b", Random(1))
    return not inviting.restore({"invite": {bytes(32): data}}, 0)
