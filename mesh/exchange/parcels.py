"""Parcels: how two machines become equal once they have compared digests.

A **parcel** carries what the other side lacks, within a budget, and in the digest's own words what
we lack ourselves. The asker's own log never travels as blocks to be accepted: what we keep of it
beyond the asker's chain goes in `own`, with a cursor, so that the asker learns when it has all.

Reading is all or nothing: a parcel with one item that is not whole is no parcel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import msgpack

from mesh.facts import TOPIC_CHARS_MAX, Fact
from mesh.identity import NODE_ID_BYTES, NONCE_BYTES, NodeId
from mesh.kept.board import Board, supersedes
from mesh.kept.chains import Chains, ForkPair
from mesh.kept.digest import (
    NOTHING,
    Cursor,
    Digest,
    Summary,
    beyond,
    cursor_of,
    mark_on,
    marks_of,
    start_for,
)  # fmt: skip
from mesh.letters.wire import block_bytes, fact_bytes, parse_block, parse_fact
from mesh.logs import ERAS_MAX, HASH_BYTES, Base, Block, Era
from mesh.roll.record import TOPIC_NODE

PARCEL_BYTES_MAX: Final = 256 * 1024
"""Of items. A single larger item travels alone: a frame of the stream has room for a megabyte."""
LETTER_BYTES_MAX: Final = 1024 * 1024
DIGEST_BYTES_MAX: Final = 256 * 1024
"""Of what we say that we lack. Whoever asks chooses how much that could be; the answer must still
fit a frame. What is left out comes up again at the next question."""
AUTHORS_MAX: Final = 4096
_FACT_ROW_BYTES: Final = 40
_LOG_ROW_BYTES: Final = 80
_ERA_BYTES: Final = 40
"""What a row takes at most, its topic aside: an id, two numbers of nine bytes, a hash."""


class Item(NamedTuple):
    """One thing that travels: its kind ("fact", "block", "base", "fork", "own") and its bytes."""

    kind: str
    content: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.content))


@dataclass(frozen=True, slots=True)
class Parcel:
    """What travels one way. `lacks` is what the sender would like in return."""

    facts: tuple[Fact, ...] = ()
    blocks: tuple[Block, ...] = ()
    forks: tuple[ForkPair, ...] = ()
    bases: tuple[Base, ...] = ()
    """Where logs of others begin; their blocks follow."""
    own: tuple[Block, ...] = ()
    own_bases: tuple[Base, ...] = ()
    """Where copies of the receiver's own log begin."""
    own_next: Cursor | None = None
    """Where to go on with the receiver's own log; None: that was all of it."""
    more: bool = False
    lacks: Digest | None = None
    strange: int = 0
    """Things of kinds that we do not know: passed over."""


def items_for(
    digest: Digest, to: NodeId, board: Board, chains: Chains, *, only_named: bool
) -> Iterator[Item]:
    """What `to`, the sender of `digest`, lacks, in the order it should take it.

    Records first (they admit authors to the roll), then forks, other facts, and blocks.
    `only_named`: nothing but what the digest mentions; else what it does not mention is lacking.
    Authors whom a question tells by a mark are left out: it has to ask again, naming them in full.
    """
    if only_named:
        authors = digest.authors()
    else:
        authors = sorted(marks_of(board, chains).keys() - digest.marks.keys())
    facts = sorted((one for author in authors for one in board.of(author)), key=_body_size)
    lacked = [fact for fact in facts if _lacks(fact, to, digest, board, only_named)]
    everything = {*digest.marks} if only_named else {*authors}
    logs = [one for one in authors if one in chains and (one in everything or one in digest.logs)]
    yield from _facts([fact for fact in lacked if fact.topic == TOPIC_NODE])
    yield from _forks(logs, digest, chains)
    yield from _facts([fact for fact in lacked if fact.topic != TOPIC_NODE])
    yield from _blocks([author for author in logs if author != to], digest, chains)


def _lacks(fact: Fact, to: NodeId, digest: Digest, board: Board, only_named: bool) -> bool:
    key = (fact.author, fact.topic)
    if only_named and key not in digest.facts and fact.author not in digest.marks:
        return False
    shown, ours = digest.facts.get(key, NOTHING), mark_on(board, *key)
    # The asker's own record is shown whenever it differs: a disk that was set back, or a copy of
    # it, recognises itself by a record it has not made, be that older or newer than its own.
    about_itself = fact.author == to and fact.topic == TOPIC_NODE
    return supersedes(ours, shown) or (about_itself and ours != shown)


def _body_size(fact: Fact) -> int:
    return len(fact.body)


def _facts(facts: Sequence[Fact]) -> Iterator[Item]:
    for fact in facts:
        yield Item("fact", (fact_bytes(fact),))


def _forks(authors: Sequence[NodeId], digest: Digest, chains: Chains) -> Iterator[Item]:
    for author in authors:
        pair = chains.fork(author)
        if pair is not None and not digest.logs.get(author, Summary()).forked:
            yield Item("fork", (block_bytes(pair.first), block_bytes(pair.second)))


def _blocks(authors: Sequence[NodeId], digest: Digest, chains: Chains) -> Iterator[Item]:
    for author in authors:
        start = start_for(chains, author, digest.logs.get(author, Summary()))
        if start is None:
            continue
        base = chains.base(author)
        if base is not None and start < base.block.height:
            yield _base_item("base", base)
            start = base.block.height + 1
        for block in chains.chain_from(author, start):
            yield Item("block", (block_bytes(block),))


def _base_item(kind: str, base: Base) -> Item:
    return Item(kind, (block_bytes(base.block), base.state))


def own_items(
    digest: Digest, author: NodeId, after: Cursor, chains: Chains
) -> Iterator[tuple[Item, Cursor]]:
    """What we keep of the asker's own log beyond its chain, each with the cursor behind it."""
    shown = digest.logs.get(author, Summary())
    bases = [base for base in (chains.base(author), chains.spare(author)) if base is not None]
    begun = {base.block.hash: base for base in bases}
    for block in beyond(chains, author, shown, after):
        base = begun.get(block.hash)
        item = Item("own", (block_bytes(block),)) if base is None else _base_item("own", base)
        yield item, cursor_of(block)


# Letters ---------------------------------------------------------------------------------------


def question_bytes(digest: Digest, own_after: Cursor | None) -> bytes:
    """The body of "mesh.sync": our digest, and where to go on with our own log (None: spare it)."""
    own = None if own_after is None else list(own_after)
    packed: bytes = msgpack.packb([_plain_digest(digest), own])
    return packed


def parse_question(body: bytes) -> tuple[Digest, Cursor | None] | None:
    """The inverse of `question_bytes`; None when it is none. Never raises."""
    plain = _unpacked(body)
    if type(plain) is not list or len(plain) < 2:
        return None
    digest, cursor = _digest(plain[0]), _cursor(plain[1])
    if digest is None or (cursor is None and plain[1] is not None):
        return None
    return digest, cursor


def parcel_bytes(
    items: list[Item], own_next: Cursor | None, *, more: bool, lacks: Digest | None
) -> bytes:
    """One parcel, either way."""
    plain = [[item.kind, list(item.content)] for item in items]
    own = None if own_next is None else list(own_next)
    packed: bytes = msgpack.packb(
        [plain, own, more, None if lacks is None else _plain_digest(lacks)]
    )
    return packed


def parse_parcel(body: bytes) -> Parcel | None:
    """The inverse of `parcel_bytes`; None when any part of it is not whole. Never raises."""
    plain = _unpacked(body)
    if type(plain) is not list or len(plain) < 4:
        return None
    items, own, more, lacks = plain[:4]
    own_next = _cursor(own)
    digest = None if lacks is None else _digest(lacks)
    if type(items) is not list or type(more) is not bool or (own is not None and own_next is None):
        return None
    if lacks is not None and digest is None:
        return None
    sorted_out = _sorted_out(items)
    if sorted_out is None:
        return None
    return replace(sorted_out, own_next=own_next, more=more, lacks=digest)


def _sorted_out(items: list[Any]) -> Parcel | None:
    facts: list[Fact] = []
    blocks: dict[str, list[Block]] = {"block": [], "own": []}
    bases: dict[str, list[Base]] = {"base": [], "own": []}
    forks: list[ForkPair] = []
    strange = 0
    for item in items:
        if type(item) is not list or len(item) < 2 or type(item[1]) is not list:
            return None
        kind, content = item[0], item[1]
        if any(type(part) is not bytes for part in content):
            return None
        parsed: Fact | Block | None
        if kind == "fact" and len(content) == 1:
            parsed = _fact(content[0])
            facts += [parsed] if parsed is not None else []
        elif kind in ("block", "own") and len(content) == 1:
            parsed = _block(content[0])
            blocks[kind] += [parsed] if parsed is not None else []
        elif kind in ("base", "own") and len(content) == 2:
            parsed = _block(content[0])
            bases[kind] += [Base(parsed, content[1])] if parsed is not None else []
        elif kind == "fork" and len(content) == 2:
            first, second = _block(content[0]), _block(content[1])
            parsed = second if first is not None else None
            if first is not None and second is not None:
                forks.append(ForkPair(first, second))
        else:
            strange += 1  # a kind from a later version
            continue
        if parsed is None:
            return None
    return Parcel(
        tuple(facts), tuple(blocks["block"]), tuple(forks), tuple(bases["base"]),
        tuple(blocks["own"]), tuple(bases["own"]), strange=strange,
    )  # fmt: skip


def _fact(content: bytes) -> Fact | None:
    fact = parse_fact(content)
    return fact if isinstance(fact, Fact) else None


def _block(content: bytes) -> Block | None:
    block = parse_block(content)
    return block if isinstance(block, Block) else None


def within(digest: Digest, bytes_max: int) -> Digest:
    """As much of `digest`, author by author, as travels in `bytes_max`."""
    if _digest_bytes(digest) <= bytes_max:
        return digest
    spent = 0
    costs = dict.fromkeys(digest.authors(), 0)
    for author, topic in digest.facts:
        costs[author] += _FACT_ROW_BYTES + len(topic.encode())
    for author, log in digest.logs.items():
        costs[author] += _LOG_ROW_BYTES + _ERA_BYTES * len(log.eras)
    kept: dict[NodeId, None] = {}
    for author, cost in costs.items():
        spent += cost + _FACT_ROW_BYTES
        if spent > bytes_max:
            break
        kept[author] = None
    return Digest(
        {key: mark for key, mark in digest.facts.items() if key[0] in kept},
        {author: log for author, log in digest.logs.items() if author in kept},
        {author: mark for author, mark in digest.marks.items() if author in kept},
    )


def _digest_bytes(digest: Digest) -> int:
    """At least what `digest` takes."""
    facts = sum(_FACT_ROW_BYTES + len(topic.encode()) for _, topic in digest.facts)
    logs = sum(_LOG_ROW_BYTES + _ERA_BYTES * len(log.eras) for log in digest.logs.values())
    return facts + logs + _FACT_ROW_BYTES * len(digest.marks)


def _plain_digest(digest: Digest) -> list[Any]:
    facts = [[author, topic, *mark] for (author, topic), mark in sorted(digest.facts.items())]
    logs = [
        [author, [[*era, first] for era, first in log.eras], log.length, log.head, log.forked]
        for author, log in sorted(digest.logs.items())
    ]
    return [facts, logs, dict(sorted(digest.marks.items()))]


def _digest(plain: Any) -> Digest | None:
    if type(plain) is not list or len(plain) < 2:
        return None
    if type(plain[0]) is not list or type(plain[1]) is not list:
        return None
    if len(plain[1]) > AUTHORS_MAX:
        return None
    marks = plain[2] if len(plain) > 2 else {}
    if type(marks) is not dict or len(marks) > AUTHORS_MAX:
        return None
    if not all(_is_bytes(one, NODE_ID_BYTES) and type(marks[one]) is int for one in marks):
        return None
    facts = [_digest_fact(row) for row in plain[0]]
    logs = [_digest_log(row) for row in plain[1]]
    if any(row is None for row in facts) or any(row is None for row in logs):
        return None
    return Digest(dict(row for row in facts if row), dict(row for row in logs if row), marks)


def _digest_fact(row: Any) -> tuple[tuple[NodeId, str], tuple[int, int]] | None:
    if type(row) is not list or len(row) < 4:
        return None
    author, topic, version, mark = row[:4]
    if not _is_bytes(author, NODE_ID_BYTES) or type(topic) is not str:
        return None
    if not 0 < len(topic) <= TOPIC_CHARS_MAX or type(version) is not int or type(mark) is not int:
        return None
    return (NodeId(author), topic), (version, mark)


def _digest_log(row: Any) -> tuple[NodeId, Summary] | None:
    if type(row) is not list or len(row) < 5:
        return None
    author, eras, length, head, forked = row[:5]
    if not _is_bytes(author, NODE_ID_BYTES) or type(eras) is not list or len(eras) > ERAS_MAX:
        return None
    if type(length) is not int or length < 0 or type(forked) is not bool:
        return None
    starts = [_era_start(start) for start in eras]
    if any(start is None for start in starts) or bool(starts) != (length > 0):
        return None
    if type(head) is not bytes or len(head) != (HASH_BYTES if length else 0):
        return None
    return NodeId(author), Summary(tuple(start for start in starts if start), length, head, forked)


def _era_start(plain: Any) -> tuple[Era, int] | None:
    if type(plain) is not list or len(plain) < 3:
        return None
    counter, nonce, first = plain[:3]
    if type(counter) is not int or type(first) is not int or counter < 0 or first < 0:
        return None
    return (Era(counter, nonce), first) if _is_bytes(nonce, NONCE_BYTES) else None


def _cursor(plain: Any) -> Cursor | None:
    if type(plain) is not list or len(plain) != 4:
        return None
    height, counter, nonce, digest = plain
    numbers = type(height) is int and type(counter) is int
    if not numbers or type(nonce) is not bytes or type(digest) is not bytes:
        return None
    return (height, counter, nonce, digest)


def _unpacked(body: bytes) -> Any:
    if len(body) > LETTER_BYTES_MAX:
        return None
    try:
        return msgpack.unpackb(body)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        return None


def _is_bytes(value: Any, length: int) -> bool:
    return type(value) is bytes and len(value) == length
