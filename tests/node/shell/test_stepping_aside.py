"""A start under a new identity is killed between any two of its steps, and started again."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mesh.identity import NodeId
from mesh.persistence import SPACE_BLOCK, SPACE_META, SPACE_PEER, Write
from node.core.selves import META_LAST_WORD
from node.shell.disk.journal import Journal, read_only
from node.shell.disk.state import StateError, StateFolder
from node.shell.disk.stepping_aside import step_aside
from simulations.demo.places import volatile

WORD = b"good-bye, signed"
PROMISE = b"a block of the old log"
STEPS_MAX = 60
DIED = 77


@pytest.fixture
def shelf() -> Iterator[Path]:
    """In memory: what is killed here is the process, and a disk would only take its time."""
    with tempfile.TemporaryDirectory(prefix="hf-aside-", dir=volatile()) as folder:
        yield Path(folder)


def old_folder(path: Path) -> tuple[Path, NodeId]:
    """A folder with an identity that has promised something, and said good-bye."""
    path.mkdir(mode=0o700)
    folder = StateFolder.open(path)
    identity, _ = folder.identity()
    with closing(Journal.open(folder.journal_path)) as journal:
        journal.commit([
            Write(SPACE_META, META_LAST_WORD, WORD), Write(SPACE_BLOCK, identity.id, PROMISE),
        ])  # fmt: skip
    return path, identity.id


def killed_at(step: int, path: Path) -> bool:
    """Step aside in a process that dies before its file operation of that number. Whether it did:
    else it came to its end."""
    child = os.fork()
    if child == 0:
        left = [step]

        def die(event: str, given: tuple[object, ...]) -> None:
            if event in ("open", "os.rename", "os.remove") and str(path) in str(given[0]):
                left[0] -= 1
                if left[0] < 0:
                    os._exit(DIED)

        sys.addaudithook(die)
        try:
            step_aside(StateFolder.open(path), asked=True)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == DIED


def look(path: Path, old: NodeId, key: bytes) -> bool:
    """A start as anybody makes one, without the flag: whether it began as somebody new."""
    folder = StateFolder.open(path)
    step_aside(folder, asked=False)
    identity, _ = folder.identity()
    saved = read_only(folder.journal_path)
    kept = saved.get(SPACE_BLOCK, {})
    if identity.id == old:
        assert kept == {old: PROMISE}, "the old key beside another journal"
        return False
    assert kept == {}, "a stranger with somebody's promises"
    assert saved[SPACE_PEER] == {old: WORD}, "the good-bye is lost"
    assert (path / "node.copied").read_bytes() == key
    aside = sorted(path.glob("journal.sqlite3.corrupt-?"))
    assert read_only(aside[0])[SPACE_BLOCK] == {old: PROMISE}, "the old journal is lost"
    assert not (path / "stepping-aside").exists()
    return True


def everywhere(shelf: Path) -> list[bool]:
    """Where it died, one step later each time → whether the next start was somebody new."""
    ends = []
    for step in range(STEPS_MAX):
        path, old = old_folder(shelf / f"at-{step}")
        key = (path / "node.key").read_bytes()
        died = killed_at(step, path)
        ends.append(look(path, old, key))
        if not died:
            return ends
    raise AssertionError("it never came to its end")


def test_wherever_it_dies_the_folder_is_the_old_one_or_somebody_new_and_never_between(
    shelf: Path,
) -> None:
    ends = everywhere(shelf)
    assert len(ends) > 8
    assert ends[0] is False
    assert ends == sorted(ends), "once it has begun it is done, whoever starts next"


def test_without_the_note_something_between_is_found(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: self.name != "stepping-aside" and real(self))
    with pytest.raises((AssertionError, StateError)):
        everywhere(shelf)


@pytest.mark.parametrize("note", [b"", b"\xff", b"\x91\x92\x01\x02", b"\x92\xc4\x01a\xc4\x01b"])
def test_a_note_that_cannot_be_read_is_only_a_lost_good_bye(shelf: Path, note: bytes) -> None:
    path, old = old_folder(shelf / "one")
    (path / "stepping-aside").write_bytes(note)
    folder = StateFolder.open(path)
    step_aside(folder, asked=False)
    assert folder.identity()[0].id != old
    assert read_only(folder.journal_path) == {}


def test_no_key_is_lost_under_the_next_one(shelf: Path) -> None:
    path, _ = old_folder(shelf / "one")
    keys = []
    for name in ("node.copied", "node.copied-2", "node.copied-3"):
        keys.append((path / "node.key").read_bytes())
        assert step_aside(StateFolder.open(path), asked=True)
        assert (path / name).read_bytes() == keys[-1]
    assert (path / "node.copied").read_bytes() == keys[0]
