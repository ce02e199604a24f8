"""B1, B8 and the copies: what is said rests on disks, at the instant at which it is said."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ledger.commands import Answer, Outcome
from ledger.entries import (
    Adopted,
    Extended,
    Held,
    Planned,
    Posted,
    Replanned,
    Shrunk,
    Transferred,
    decode_entry,
)
from ledger.proving.blocks import decode_receipt
from mesh.identity import NodeId
from mesh.logs import Receipt, check_receipt
from mesh.persistence import SPACE_BASE, SPACE_BLOCK
from mesh.roll.storage import block_key, parse_base
from node.core.effects import Reply
from node.core.errands import SERVICE_LEDGER
from simulations.checks.archive import Ending, Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host


class DurableBeforeAudible(Check):
    """B1: a positive answer's entries are on its owner's disk when it leaves; B5 of receipts.

    And nobody has a block on its disk that was not durable where it was signed: audible comes after
    durable for the log as well (G3).
    """

    promises = ("B1", "B5", "G3")

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        answer = self.evidence.answer(body) if service == SERVICE_LEDGER else None
        if answer is None or not answer.outcome.positive:
            return
        receipts = [decode_receipt(raw) for raw in answer.receipts]
        for receipt in receipts:
            self._check_receipt(host, receipt)
        if answer.outcome in _PROVEN and not any(_shows(one, answer) for one in receipts):
            what = f"{answer.outcome.value} of {answer.id.hex()[:8]}"
            raise self.broken("B1", f"{host.name} says {what}, and hands out no proof of it")
        if answer.outcome is Outcome.RENEWED and answer.token is not None:
            self._check_grant(host, answer.id, answer.token[1])

    def answered(self, host: Host, reply: Reply) -> None:
        owner = reply.body.get("owner") if reply.ok else None
        if not isinstance(owner, dict) or owner.get("id") is None:
            return
        receipts = [
            decode_receipt(base64.b64decode(text)) for text in reply.body.get("receipts") or ()
        ]
        if receipts and not any(_names(one, reply.body["id"]) for one in receipts):
            raise self.broken("B1", f"{host.name} answered with receipts of another hold")
        for receipt in receipts:
            if receipt.public == host.identity.public:
                self._check_receipt(host, receipt)

    def kept(self, host: Host, reading: Reading) -> None:
        author = reading.block.author
        machines = self.evidence.identities.get(author)
        if machines and reading.hash not in self.evidence.archive.of(author).durable:
            sentence = f"{host.name} keeps a block of {machines[0].name} that it never had on disk"
            raise self.broken("G3", sentence)

    def _check_receipt(self, host: Host, receipt: Receipt) -> None:
        self.looks("B1")
        at = check_receipt(receipt)
        if at is None:
            raise self.broken("B1", f"{host.name} hands out a receipt that proves nothing")
        reading = self._on_disk(host, at.height)
        if reading is None or receipt.entry not in reading.block.entries:
            raise self.broken("B1", f"{host.name} said yes; its block {at.height} is not on disk")
        if reading.hash != at.hash and not self.evidence.is_cloned(host):
            raise self.broken("B5", f"{host.name} signed two blocks at height {at.height}")

    def _check_grant(self, host: Host, hold: bytes, height: int) -> None:
        reading = self._on_disk(host, height)
        granted = reading is not None and any(
            isinstance(entry, Posted | Adopted) and entry.id == hold
            for entry in reading.entries or ()
        )
        if not granted:
            raise self.broken("B1", f"{host.name} renews {hold.hex()[:8]}, whose post is not there")

    def _on_disk(self, host: Host, height: int) -> Reading | None:
        archive = self.evidence.archive
        row = host.disk.durable.get(SPACE_BLOCK, {}).get(block_key(host.id, height))
        if row is not None:
            return archive.read(row)
        base = parse_base(host.disk.durable.get(SPACE_BASE, {}).get(host.id, b""))
        if base is None or height >= base.block.height:
            return None
        return archive.durable[host.name].chain[height]  # put away since


class OneBlockPerPlace(Check):
    """B5: (author, era, height) → block that ever left a node is a function. Clones apart."""

    promises = ("B5",)

    def sometimes(self, world: object) -> None:
        self.looks("B5")
        for author, published in self.evidence.archive.published.items():
            machine = self.evidence.machine_of(author)
            if published.twins is not None and machine is not None:
                raise self.broken("B5", f"{machine.name} signed two blocks at one place")


class CopiesAreThere(Check):
    """Who is said to have stored a grant has it on its disk (B13: one could be asked)."""

    promises = ("B13",)

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        answer = self.evidence.answer(body) if service == SERVICE_LEDGER else None
        if answer is not None and answer.outcome is Outcome.POSTED and answer.stored_on:
            self._check(host, answer.id, self._named(answer))

    def answered(self, host: Host, reply: Reply) -> None:
        body = reply.body
        if not reply.ok or body.get("state") != Outcome.POSTED.value or not body.get("stored_on"):
            return
        promise = self.evidence.promises.get(bytes.fromhex(body["id"]))
        if promise is not None and promise.owner == host.name:
            keepers = [
                one for one in self.world.hosts.values()
                if one.called in body["stored_on"] and not self.evidence.is_cloned(one)
            ]  # fmt: skip
            self._check(host, promise.hold, keepers)

    def _named(self, answer: Answer) -> list[Host]:
        keepers = [self.evidence.identities.get(node, []) for node in _ids(answer.stored_on or ())]
        return [machines[0] for machines in keepers if len(machines) == 1]

    def _check(self, owner: Host, hold: bytes, keepers: Sequence[Host]) -> None:
        archive = self.evidence.archive
        self.looks("B13")
        for keeper in keepers:
            # A disk that lost it since is another story: the keeper had told the truth.
            if archive.has_post(keeper.name, hold):
                continue
            forgot = archive.forgot.get(keeper.name)
            if forgot is not None and forgot.at >= self.evidence.circumstances.born(owner):
                continue
            sentence = f"{owner.name}: {hold.hex()[:8]} is said to be on {keeper.name}, and is not"
            raise self.broken("B13", sentence)


_CHANGES: Final[Mapping[Outcome, type]] = {
    Outcome.EXTENDED: Extended,
    Outcome.SHRUNK: Shrunk,
    Outcome.TRANSFERRED: Transferred,
}
_PROVEN = (Outcome.HELD, Outcome.POSTED, *_CHANGES)


def _shows(receipt: Receipt, answer: Answer) -> bool:
    """Whether `receipt` proves what `answer` says of its hold."""
    entry = decode_entry(receipt.entry)
    if isinstance(entry, Posted | Adopted):
        return entry.id == answer.id and answer.outcome not in _CHANGES
    if (kind := _CHANGES.get(answer.outcome)) is not None:
        known = isinstance(entry, Extended | Shrunk | Transferred) and isinstance(entry, kind)
        return known and getattr(entry, "id", None) == answer.id
    return (
        isinstance(entry, Held | Planned | Replanned)
        and entry.id == answer.id
        and answer.outcome is Outcome.HELD
    )


def _names(receipt: Receipt, hold: str) -> bool:
    """Whether the entry that `receipt` proves is about `hold`."""
    entry = decode_entry(receipt.entry)
    if isinstance(entry, Extended | Shrunk | Transferred):
        return entry.id.hex() == hold
    return (
        isinstance(entry, Held | Planned | Replanned | Posted | Adopted | Ending)
        and entry.id.hex() == hold
    )


def _ids(stored_on: Iterable[bytes]) -> list[NodeId]:
    return [NodeId(node) for node in sorted(stored_on)]


class DisksKeep(Check):
    """B8: what a disk acknowledged is there at the next start, unless the disk itself went bad."""

    promises = ("B8",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._misfortunes: dict[str, int] = {}

    def started(self, host: Host) -> None:
        self.looks("B8")
        known = self._misfortunes.get(host.name, 0)
        self._misfortunes[host.name] = host.disk.misfortunes
        forgot = self.evidence.archive.forgot.get(host.name)
        if forgot is None or forgot.life != host.life:
            return
        if host.disk.honest and host.disk.misfortunes == known:
            raise self.broken("B8", f"{host.name}'s disk has lost what it had acknowledged")
