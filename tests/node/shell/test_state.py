"""The state folder: who may use it, what lies in it, and what is said when it can't be used."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.shell.disk.state import (
    StateError,
    StateFolder,
    explained,
    key_text,
    parse_key,
    write_atomically,
)

HOLDER = """
import sys
from pathlib import Path
from node.shell.disk.state import StateFolder
with StateFolder.open(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_new_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = StateFolder.open(tmp_path / "deep" / "state")
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_write_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StateError, match="others may write"):
        StateFolder.open(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o777


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no")
    with pytest.raises(StateError, match="there is a file where a folder belongs"):
        StateFolder.open(tmp_path / "state")
    with pytest.raises(StateError, match="not a folder"):
        StateFolder.open(tmp_path / "state" / "below")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder away")
def test_somebody_elses_folder_is_refused_with_their_number(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(StateError, match="belongs to uid 12345"):
        StateFolder.open(tmp_path)


def test_the_key_is_made_once_and_then_stays(tmp_path: Path) -> None:
    folder = StateFolder.open(tmp_path)
    first, made = folder.identity()
    again, made_again = StateFolder.open(tmp_path).identity()
    assert (made, made_again) == (True, False)
    assert first.id == again.id
    assert folder.key_path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_or_secret_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    folder = StateFolder.open(tmp_path)
    folder.identity()
    folder.write_secret("hf-secret")
    folder.key_path.chmod(mode)
    folder.secret_path.chmod(mode)
    with pytest.raises(StateError, match="others may read"):
        folder.identity()
    with pytest.raises(StateError, match="chmod 600"):
        folder.read_secret()


def test_a_key_lost_beside_a_journal_does_not_become_a_stranger(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"promises")
    folder = StateFolder.open(tmp_path)
    with pytest.raises(StateError, match="is gone but the journal is still there"):
        folder.identity()
    assert not folder.key_path.exists()


def test_a_journal_made_or_replaced_since_the_opening_asks_for_no_old_key(tmp_path: Path) -> None:
    first = StateFolder.open(tmp_path / "first")
    first.journal_path.write_bytes(b"new")
    assert first.identity()[1]
    copied = tmp_path / "copied"
    copied.mkdir(mode=0o700)
    (copied / "journal.sqlite3").write_bytes(b"old")
    second = StateFolder.open(copied)
    second.journal_path.replace(copied / "aside")
    second.journal_path.write_bytes(b"new")
    assert second.identity()[1]


@pytest.mark.parametrize("content", [b"", b"hfnode1-", b"\xff\xfe", b"x" * 5000, b"hfnode1-abc"])
def test_a_damaged_key_file_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    folder = StateFolder.open(tmp_path)
    folder.key_path.write_bytes(content)
    folder.key_path.chmod(0o600)
    with pytest.raises(StateError):
        folder.identity()
    assert folder.key_path.read_bytes() == content


def test_a_link_or_a_pipe_in_the_place_of_the_key_is_refused(tmp_path: Path) -> None:
    folder = StateFolder.open(tmp_path)
    folder.key_path.symlink_to("/etc/hostname")
    with pytest.raises(StateError, match="symbolic link"):
        folder.identity()
    folder.key_path.unlink()
    os.mkfifo(folder.key_path, 0o600)
    with pytest.raises(StateError, match="not a plain file"):
        folder.identity()


@given(st.binary(min_size=32, max_size=32))
def test_a_key_survives_its_text(raw: bytes) -> None:
    assert parse_key(key_text(raw)) == raw


@given(st.binary(min_size=32, max_size=32), st.data())
def test_one_wrong_character_never_gives_another_key(raw: bytes, data: st.DataObject) -> None:
    text = key_text(raw)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-=A "))
    damaged = text[:place] + other + text[place + 1 :]
    if damaged.strip() != text:
        with pytest.raises(StateError):
            parse_key(damaged)


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_a_state_error(text: str) -> None:
    with pytest.raises(StateError):
        parse_key(text)


def test_name_and_secret_come_back_as_written(tmp_path: Path) -> None:
    folder = StateFolder.open(tmp_path)
    assert folder.read_name() is None
    assert folder.read_secret() is None
    folder.write_name("mac-studio")
    folder.write_secret("hf1-secret")
    assert folder.read_name() == "mac-studio"
    assert folder.read_secret() == "hf1-secret"
    assert folder.secret_path.stat().st_mode & 0o777 == 0o600


def test_a_second_agent_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        folder = StateFolder.open(tmp_path)
        with pytest.raises(StateError, match=rf"another agent \(pid {holder.pid}\)"):
            folder.locked().__enter__()
        holder.kill()
    with folder.locked():  # the kernel let go of it
        pass


def test_a_failed_write_leaves_the_old_text_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "name"
    write_atomically(path, b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="the disk is full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["name"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EROFS, "read-only"), (errno.EIO, "I/O error"), (errno.ENOTEMPTY, "not empty")],
)
def test_every_system_error_becomes_a_sentence_and_a_hint(number: int, words: str) -> None:
    with pytest.raises(StateError, match=words) as caught, explained("writing"):
        raise OSError(number, os.strerror(number))
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_folder_without_write_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    os.chown(tmp_path, 65534, 65534)
    os.seteuid(65534)
    try:
        with pytest.raises(StateError, match="permission denied"):
            write_atomically(tmp_path / "name", b"x")
    finally:
        os.seteuid(0)
