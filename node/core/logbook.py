"""The logbook: what the logs that this node keeps say, block by block and entry by entry.

`page` goes through a log from its beginning, as many entries at a time as make a handy answer; the
process puts the archive before it (`node/shell/disk/archive.py`), which the core never reads.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ledger.books import Books
from ledger.proving.audit import verify_chain
from ledger.proving.beginnings import books_from
from mesh.identity import id_text
from mesh.logs import Block
from node.core.answers import ms, who
from node.core.entry_bodies import entry_body, mentioned
from node.core.names import find_node
from node.core.picture.knowledge import Knowledge

PAGE_ENTRIES_MIN: Final = 500
"""A page ends with the block that fills it: a block has 256 entries at most."""


def verify(knowledge: Knowledge) -> dict[str, Any]:
    """Every log this replica keeps, checked from where it begins."""
    logs = []
    for author in sorted({knowledge.us, *knowledge.mesh.chains.authors()}):
        chain = knowledge.mesh.chains.chain(author)
        base = knowledge.mesh.chains.base(author)
        report = verify_chain(chain, None if base is None else books_from(base))
        problem = report.fault or knowledge.replicas.problem(author)
        head = chain[-1].position if chain else None
        logs.append(
            {
                "author": who(knowledge, author),
                "blocks": len(chain),
                "begins": knowledge.mesh.chains.first(author),
                "entries": report.entries,
                "holds_live": report.live,
                "era": None if head is None else head.era.counter,
                "height": None if head is None else head.height,
                "head": None if head is None else head.hash.hex(),
                "ok": problem is None,
                "problem": problem,
            }
        )
    return {"logs": logs, "ok": all(log["ok"] for log in logs)}


def show(knowledge: Knowledge, text: str | None, last: int) -> dict[str, Any]:
    """One owner's log and its balances."""
    author = knowledge.us if text is None else find_node(text, knowledge.names())
    books = knowledge.books(author)
    chain = knowledge.mesh.chains.chain(author)
    age = knowledge.age(author, "log")
    blocks = [_block(block) for block in chain[-max(0, last) :]] if last > 0 else []
    return {
        "author": who(knowledge, author),
        "begins": knowledge.mesh.chains.first(author),
        "length": knowledge.mesh.chains.length(author),
        "age_ms": 0 if author == knowledge.us else None if age is None else ms(age),
        "problem": knowledge.replicas.problem(author),
        "names": _names(knowledge, (entry for block in blocks for entry in block["entries"])),
        "blocks": blocks,
        "balances": [] if books is None else _balances(books),
    }


def _names(knowledge: Knowledge, entries: Iterable[dict[str, Any]]) -> dict[str, str]:
    """What the nodes that `entries` speak of are called, by id, as far as we know."""
    known = {id_text(node): name for node, name in knowledge.names().items()}
    return {word: known[word] for word in dict.fromkeys(mentioned(entries)) if word in known}


def _block(block: Block) -> dict[str, Any]:
    return {
        "era": block.era.counter,
        "height": block.height,
        "hash": block.hash.hex(),
        "previous": block.previous.hex(),
        "entries": [entry_body(raw) for raw in block.entries],
    }


def _balances(books: Books) -> list[dict[str, Any]]:
    return [
        {
            "account": account.role.value + (f" of {account.tenant}" if account.tenant else ""),
            "pool": account.pool,
            **msgspec.structs.asdict(counters),
            "state": state.value if (state := books.pools.get(account.pool)) else "unknown",
        }
        for account, counters in sorted(
            books.accounts.items(), key=lambda row: (row[0].pool, row[0].role.value, row[0].tenant)
        )
    ]


def page(knowledge: Knowledge, text: str | None, start: int) -> dict[str, Any]:
    """The entries of a log from height `start` on, as far as we keep blocks of it: one page."""
    author = knowledge.us if text is None else find_node(text, knowledge.names())
    chains = knowledge.mesh.chains
    age = knowledge.age(author, "log")
    entries, following = entries_of(chains.chain_from(author, start))
    return {
        "author": who(knowledge, author),
        "begins": chains.first(author),
        "length": chains.length(author),
        "age_ms": 0 if author == knowledge.us else None if age is None else ms(age),
        "problem": knowledge.replicas.problem(author),
        "names": _names(knowledge, entries),
        "entries": entries,
        "next": following,
    }


def entries_of(blocks: Iterable[Block]) -> tuple[list[dict[str, Any]], int | None]:
    """(a page of entries with their places, the height to go on from; None: that was all)."""
    entries: list[dict[str, Any]] = []
    for block in blocks:
        if len(entries) >= PAGE_ENTRIES_MIN:
            return entries, block.height
        at = {"era": block.era.counter, "height": block.height, "hash": block.hash.hex()}
        entries += [{**_placed(raw), **at, "line": n} for n, raw in enumerate(block.entries)]
    return entries, None


def _placed(raw: bytes) -> dict[str, Any]:
    said = entry_body(raw)
    if "era" in said:
        said["opened"] = said.pop("era")  # `era` is where the entry stands
    return said
