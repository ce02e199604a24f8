"""This machine alone as the mesh: what `where` looks at when no agent runs.

The journal is read, not written; the holds in it count. The liveness and the standing are what they
must be for a question without an agent: here, and open for the sake of the answer. A hold still
needs an agent, which is said beside the answer.
"""

from collections.abc import Iterable
from dataclasses import replace

from ledger.books import Books
from ledger.proving.beginnings import books_from
from mesh.facts import Fact
from mesh.identity import NodeId, PublicKey
from mesh.logs import Base, Block
from node.core.picture.topics import (
    TOPIC_INVENTORY,
    TOPIC_LIVE,
    TOPIC_STANDING,
    Inventory,
    Live,
    Standing,
)
from node.core.picture.topics import encode as encode_topic
from node.core.picture.view import Sources, draw_row
from placement.view import ClusterView

NOBODY = PublicKey(bytes(32))


def picture(
    inventory: Inventory,
    live: Live,
    blocks: Iterable[Block],
    node: NodeId,
    base: Base | None = None,
) -> tuple[ClusterView, int]:
    """The picture of this machine, and how many holds in its journal were counted."""
    books = (None if base is None else books_from(base)) or Books()
    for block in blocks:
        if books.apply_block(block) is not None:
            break
    sources = Sources(
        node=node,
        name=inventory.hostname,
        liveness="alive",
        record=None,
        inventory=_unsigned(TOPIC_INVENTORY, encode_topic(inventory)),
        live=_unsigned(TOPIC_LIVE, encode_topic(live)),
        standing=_unsigned(TOPIC_STANDING, encode_topic(Standing("open", "no agent", None))),
        log=books.position,
        books=books,
        problem=None,
    )
    row = draw_row(sources)
    # A journal that never named a pool, or none at all, is no reason against it: nothing is
    # granted here, and whoever grants will look for itself.
    pools = tuple(
        replace(pool, state="open") if pool.state == "unknown" else pool for pool in row.pools
    )
    return ClusterView.of(replace(row, pools=pools)), len(books.live)


def _unsigned(topic: str, body: bytes) -> Fact:
    # Never leaves this process, so there is nobody to sign it for.
    return Fact(NOBODY, topic, 0, body, b"")
