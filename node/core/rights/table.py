"""The table of quotas over the mesh, and what a refusal says of them."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ledger.books import Books
from ledger.books.rights import RightsRow, Side, by_name
from ledger.pools import much, unit_of
from mesh.identity import NodeId
from mesh.instant import SECOND
from node.core import answers
from node.core.picture.knowledge import Knowledge

TOLD_MAX: Final = 4
"""Nodes that a refusal names; `holdfast quota list` shows them all."""


class Share(NamedTuple):
    """What one node has of a principal's rights, by our copy of its log."""

    node: NodeId
    rights: int
    held: int
    issued: int

    @property
    def spare(self) -> int:
        return max(0, self.rights - self.held)


class Flight(NamedTuple):
    """Rights that were given and not taken yet."""

    giver: NodeId
    taker: NodeId
    amount: int


def logs(knowledge: Knowledge) -> Iterator[tuple[NodeId, Books]]:
    """Everybody's books that say anything of rights, ours included."""
    for node in sorted([knowledge.us, *knowledge.replicas.authors()]):
        books = knowledge.books(node)
        if books is not None and books.rights:
            yield node, books


def shares(knowledge: Knowledge, principal: str, sort: str) -> list[Share]:
    """What lies where."""
    return [
        Share(
            node, books.entitled[principal, sort], books.held(principal, sort),
            books.issued(principal, sort),
        )
        for node, books in logs(knowledge)
        if (principal, sort) in books.entitled
    ]  # fmt: skip


def in_flight(knowledge: Knowledge, principal: str, sort: str) -> list[Flight]:
    """What is nobody's just now: as far as our copies show. What was on its way to a node that is
    kept out will never arrive: it is lost, and not under way."""
    flights: list[Flight] = []
    for giver, books in logs(knowledge):
        for row in sorted(books.rights, key=by_name):
            if row[:3] != (principal, sort, Side.GIVEN):
                continue
            if row.party in knowledge.mesh.roll.revoked:
                continue
            taker = knowledge.books(NodeId(row.party))
            arrived = RightsRow(principal, sort, Side.TAKEN, giver)
            taken = 0 if taker is None else taker.rights.get(arrived, 0)
            if books.rights[row] > taken:
                flights.append(Flight(giver, NodeId(row.party), books.rights[row] - taken))
    return flights


def lost_with(knowledge: Knowledge, node: NodeId, principal: str, sort: str) -> int:
    """What was given to `node`, not taken from it, and not written off yet. What it issued itself
    is not counted: nobody else took that on."""
    given = taken = off = 0
    for author, books in logs(knowledge):
        if author == node:
            continue
        given += books.rights.get(RightsRow(principal, sort, Side.GIVEN, node), 0)
        taken += books.rights.get(RightsRow(principal, sort, Side.TAKEN, node), 0)
        off += books.rights.get(RightsRow(principal, sort, Side.WRITTEN_OFF, node), 0)
    return max(0, given - taken - off)


def sentence(knowledge: Knowledge, principal: str, sort: str) -> str:
    """What a refusal for want of rights adds: how much there is over the mesh, and where."""
    known = shares(knowledge, principal, sort)
    if not known:
        return f"; nobody has issued any: `holdfast quota issue {principal}` does"
    issued, held = sum(one.issued for one in known), sum(one.held for one in known)
    told = f": over the mesh {principal} holds {much(held, sort)} of {much(issued, sort)}"
    spare = sorted((one for one in known if one.spare), key=lambda one: (-one.spare, one.node))
    for one in spare[:TOLD_MAX]:
        told += f", {much(one.spare, sort)} of its rights lie at {_place(knowledge, one.node)}"
    flying = sum(one.amount for one in in_flight(knowledge, principal, sort))
    return told + (f", {much(flying, sort)} are under way" if flying else "")


def _place(knowledge: Knowledge, node: NodeId) -> str:
    if node == knowledge.us:
        return f"{knowledge.our_name}, which is here"
    age = knowledge.age(node, "log")
    if knowledge.liveness_of(node) == "alive" or age is None:
        return knowledge.name_of(node)
    return f"{knowledge.name_of(node)}, not heard of for {age // SECOND} s"


def unspent(knowledge: Knowledge) -> list[str]:
    """That nothing is held by rights here yet, where anybody holds by rights."""
    escrow, books = knowledge.ledger.later.escrow, knowledge.ledger.books
    if books.rights_open or not (escrow.governed or books.entitled):
        return []
    silent = escrow.silent(escrow.parties(books))
    many = "some node has" if silent is None else f"{silent} more nodes have"
    way_out = "`holdfast quota open --reason TEXT` ends the wait"
    return [f"rights are not spent here until {many} shown the copy of our log ({way_out})"]


def quotas(knowledge: Knowledge, principal: str = "") -> dict[str, Any]:
    """Every quota that any log knows, or those of one principal."""
    keys = {key: None for _, books in logs(knowledge) for key in books.entitled}
    rows = [_quota(knowledge, *key) for key in sorted(keys) if principal in ("", key[0])]
    escrow, books = knowledge.ledger.later.escrow, knowledge.ledger.books
    return {
        "quotas": rows,
        "open": books.rights_open,
        "silent": None if books.rights_open else escrow.silent(escrow.parties(books)),
    }


def _quota(knowledge: Knowledge, principal: str, sort: str) -> dict[str, Any]:
    known = shares(knowledge, principal, sort)
    flights = in_flight(knowledge, principal, sort)
    unit = unit_of(sort) or unit_of(f"{sort}:x")
    gone = [one for one in known if one.node in knowledge.mesh.roll.revoked]
    return {
        "principal": principal,
        "sort": sort,
        "unit": None if unit is None else unit.value,
        "issued": sum(one.issued for one in known),
        "held": sum(one.held for one in known),
        "spare": sum(one.spare for one in known if one not in gone),
        "in_flight": sum(one.amount for one in flights),
        "lost": sum(
            lost_with(knowledge, node, principal, sort) for node in knowledge.mesh.roll.revoked
        ),
        "at": [_share(knowledge, one) for one in known],
        "moving": [
            {
                "from": answers.who(knowledge, one.giver),
                "to": answers.who(knowledge, one.taker),
                "amount": one.amount,
            }
            for one in flights
        ],
    }


def _share(knowledge: Knowledge, one: Share) -> dict[str, Any]:
    here = one.node == knowledge.us
    books = knowledge.books(one.node)
    return {
        "node": answers.who(knowledge, one.node),
        "here": here,
        "liveness": knowledge.liveness_of(one.node),
        "issued": one.issued,
        "rights": one.rights,
        "held": one.held,
        "spare": one.spare,
        "open": books is not None and books.rights_open,
        "gone": one.node in knowledge.mesh.roll.revoked,
        "age_ms": 0 if here else answers.ms(knowledge.age(one.node, "log")),
    }
