"""What was put away is on the disk, is read by nobody's start, and is found by its height."""

from pathlib import Path
from typing import Any

import pytest
import trio

from ledger.limits import Limits
from mesh.identity import id_text
from mesh.instant import HOUR
from mesh.kept.chains import Chains
from mesh.logs import Base
from mesh.persistence import SPACE_ARCHIVE, SPACE_SHELF, Persist, Write
from mesh.roll.storage import block_key, writes_for
from node.core import history as keeping
from node.core.history import History
from node.core.logbook import entries_of
from node.core.requests import LedgerHistory
from node.shell.aside import in_a_thread
from node.shell.disk.archive import history
from node.shell.disk.journal import Journal
from tests.ledger.owner import OWNER, opened


def pruned() -> tuple[Chains, tuple[Write, ...], int]:
    """A log of an owner, pruned at its second checkpoint; what that wrote; where it begins."""
    owner = opened(limits=Limits(checkpoint_entries=12))
    for number in range(12):
        owner.grant(number, 1)
        owner.release(number)
    chains = Chains(64)
    for block in owner.ledger.chain:
        chains.offer(block)
    milestone = owner.ledger.books.milestones[-1]
    block = chains.block(OWNER.id, milestone.height)
    assert block is not None
    filed = chains.prune(OWNER.id, Base(block, milestone.state))
    return chains, writes_for(OWNER.id, filed), milestone.height


def test_a_log_is_read_page_by_page_across_its_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.roll.storage.ARCHIVE_ROW_BLOCKS", 4)
    chains, writes, begins = pruned()
    journal = Journal.open(tmp_path / "journal.sqlite3")
    journal.commit([Write("block", block_key(OWNER.id, 0), b"older"), *writes])
    assert SPACE_ARCHIVE not in journal.load()
    assert len(journal.load()[SPACE_SHELF]) == -(-begins // 4)

    async def ask(request: LedgerHistory) -> tuple[bool, dict[str, Any]]:
        entries, following = entries_of(chains.chain_from(OWNER.id, request.start))
        author = {"id": id_text(OWNER.id), "name": "owner"}
        body = {"author": author, "begins": begins, "entries": entries, "next": following}
        return True, body

    async def turn_all() -> list[int]:
        heights: list[int] = []
        start: int | None = 0
        while start is not None:
            request = LedgerHistory(None, start)
            granted, body = await history(ask, journal, in_a_thread, request)
            assert granted
            heights += [entry["height"] for entry in body["entries"]]
            start = body["next"]
        return heights

    heights = trio.run(turn_all)
    assert list(dict.fromkeys(heights)) == list(range(chains.length(OWNER.id)))
    journal.close()


def put(history: History, number: int, size: int, now: int) -> list[Write]:
    row = Write(SPACE_ARCHIVE, block_key(OWNER.id, number), bytes(size))
    return [one for persist in history.put_away([row], now) for one in persist.writes]


def gone(writes: list[Write] | list[Persist]) -> list[int]:
    flat = [w for one in writes for w in (one.writes if isinstance(one, Persist) else (one,))]
    rows = [one for one in flat if one.space == SPACE_ARCHIVE and one.value is None]
    return [int.from_bytes(one.key[-8:], "big") for one in rows]


def test_what_is_older_than_the_time_goes_counted_while_an_agent_runs() -> None:
    first = History({}, 10 * HOUR)
    saved: dict[str, dict[bytes, bytes]] = {}
    for write in put(first, 1, 100, now=5 * HOUR) + put(first, 2, 100, now=13 * HOUR):
        assert write.value is not None
        saved.setdefault(write.space, {})[write.key] = write.value
    again = History(saved, 10 * HOUR)
    assert gone(again.wake(now=7000 * HOUR)) == []  # the disk lay in a drawer meanwhile
    assert gone(again.wake(now=7003 * HOUR)) == [1]
    assert gone(again.wake(now=7020 * HOUR)) == [2]


def test_what_is_oldest_goes_when_there_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "HISTORY_BYTES_MAX", 250)
    history = History({}, 10 * HOUR)
    assert gone(put(history, 1, 100, now=1)) == []
    assert gone(put(history, 2, 100, now=2)) == []
    assert gone(put(history, 3, 100, now=3)) == [1]
