"""The archive, read for people: what a log said before it was pruned.

The core answers from what it keeps in memory; here the same pages are made of rows of the journal
that no start loads. A page comes from the one or the other, never from both, so that whoever turns
the pages sees every block once.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from mesh.identity import NodeId, parse_id
from mesh.logs import Block
from mesh.roll.storage import archived
from node.core.logbook import entries_of
from node.core.requests import LedgerHistory
from node.shell.aside import Aside
from node.shell.disk.journal import Journal

Ask = Callable[[LedgerHistory], Awaitable[tuple[bool, dict[str, Any]]]]
"""Put it to the agent: (whether it is granted, body)."""


async def history(
    ask: Ask, journal: Journal, aside: Aside, request: LedgerHistory
) -> tuple[bool, dict[str, Any]]:
    """A page of a log, from the archive where the log itself begins later."""
    granted, body = await ask(request)
    if not granted or request.start >= body["begins"]:
        return granted, body
    read = partial(_blocks, journal, parse_id(body["author"]["id"]), request.start)
    blocks = [block for block in await aside(read) if block.height < body["begins"]]
    if not blocks:
        return await ask(msgspec.structs.replace(request, start=body["begins"]))
    entries, following = entries_of(blocks)
    next_height = blocks[-1].height + 1 if following is None else following
    return True, {**body, "entries": entries, "next": next_height}


def _blocks(journal: Journal, author: NodeId, start: int) -> list[Block]:
    """The archived blocks of one row or two, from height `start` on."""
    found = [block for row in journal.archived(author, start) for block in archived(row)]
    return [block for block in found if block.height >= start]
