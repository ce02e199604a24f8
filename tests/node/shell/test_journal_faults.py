"""A journal that breaks its word, on purpose: the journal's own tests must notice."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mesh.persistence import Write
from node.shell.disk.journal import Journal
from tests.node.shell import test_journal, test_journal_damage

SAYS_TOO_SOON = """
pending = []
def commit(writes):
    pending.append(writes)
    if len(pending) == 8:
        for batch in pending:
            journal.commit(batch)
        pending.clear()
"""


def test_a_batch_that_is_written_in_pieces_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Journal.commit

    def in_pieces(self: Journal, writes: Sequence[Write]) -> None:
        for write in writes:
            commit(self, [write])

    monkeypatch.setattr(Journal, "commit", in_pieces)
    with pytest.raises(AssertionError):
        test_journal_damage.test_a_write_ahead_log_cut_anywhere_gives_whole_batches_only(
            tmp_path / "journal.sqlite3"
        )


def test_a_journal_that_acknowledges_too_soon_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, loop, after = test_journal.COMMITTER.partition("while True:")
    hasty = before + SAYS_TOO_SOON + loop + after.replace("journal.commit(", "commit(")
    monkeypatch.setattr(test_journal, "COMMITTER", hasty)
    with pytest.raises((AssertionError, KeyError)):
        test_journal.test_kill_nine_in_the_middle_of_commits_loses_nothing_acknowledged(
            tmp_path / "journal.sqlite3"
        )
