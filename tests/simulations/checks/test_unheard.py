"""What a disk carried out and told nobody: no loss, and as good as told once the agent is back."""

from random import Random

import pytest

from ledger.entries import BookingsOpened, OpenedBy, encode_entry
from mesh.identity import NodeId
from mesh.letters.wire import block_bytes
from mesh.logs import seal_block
from mesh.persistence import SPACE_BLOCK, Persist, Write
from mesh.roll.storage import block_key
from simulations.checks.durable import DisksKeep
from simulations.invented.host import Host
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening


class Whole(Random):
    """The coin by which a batch under way is on the disk, and in no time."""

    def random(self) -> float:
        return 0.0


def cut_short(evening: Evening, writes: list[Write]) -> Host:
    """Bob dies with `writes` under way; they are on his disk all the same."""
    bob = evening.world.hosts["bob"]
    evening.run(1)
    bob.disk.random = Whole()
    bob.disk.begin(writes)
    evening.world.crash("bob")
    return bob


def copies(keeper: Host, author: NodeId) -> list[bytes]:
    return [key for key in keeper.disk.durable[SPACE_BLOCK] if key.startswith(author)]


def test_what_a_crash_lets_through_may_take_something_away() -> None:
    evening = Evening([DisksKeep])
    evening.reserve("ann", "ann")
    evening.run(5)
    ann, bob = evening.world.hosts["ann"], evening.world.hosts["bob"]
    gone = copies(bob, ann.id)
    assert gone
    cut_short(evening, [Write(SPACE_BLOCK, key, None) for key in gone])
    assert not copies(bob, ann.id)
    evening.world.start("bob")
    evening.run(5)
    evening.world.crash("bob")
    bob.disk.durable[SPACE_BLOCK].clear()
    with pytest.raises(PromiseBroken, match=r"^B8: .* bob's disk has lost"):
        evening.world.start("bob")


def test_what_was_finished_while_a_host_stood_still_was_carried_out_too() -> None:
    evening = Evening([DisksKeep])
    evening.reserve("ann", "ann")
    evening.run(5)
    ann, bob = evening.world.hosts["ann"], evening.world.hosts["bob"]
    bob.disk.begin([Write(SPACE_BLOCK, key, None) for key in copies(bob, ann.id)])
    bob.disk.finish()  # and before anybody hears of it:
    evening.world.crash("bob")
    evening.world.start("bob")


def test_a_block_that_is_written_and_put_away_at_once_was_on_the_disk() -> None:
    evening = Evening([DisksKeep])
    archive = evening.checks.evidence.archive
    bob = evening.world.hosts["bob"]
    head = bob.alive.mesh.chains.head(bob.id)
    assert head is not None
    said = (encode_entry(BookingsOpened(OpenedBy.WAITED, "")),)
    first = seal_block(bob.identity, head.era, head.height + 1, head.hash, said)
    second = seal_block(bob.identity, head.era, first.height + 1, first.hash, said)
    rows = [
        Write(SPACE_BLOCK, block_key(bob.id, block.height), block_bytes(block))
        for block in (first, second)
    ]
    pruned = [Write(SPACE_BLOCK, block_key(bob.id, at), None) for at in range(second.height)]
    list(archive.stepped(bob, [Persist((*rows, *pruned))]))
    cut_short(evening, [*rows, *pruned])
    assert first.hash not in archive.of(bob.id).durable
    archive.started(bob, evening.world.now)
    assert first.hash in archive.of(bob.id).durable
    assert bob.name not in archive.forgot
