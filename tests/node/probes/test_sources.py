import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.probes.sources import names_in, owner_of, read_integer, read_text, run_in_thread, whole
from tests.node.probes.world import machine


def test_a_file_that_is_missing_or_a_folder_reads_as_nothing(tmp_path: Path) -> None:
    assert read_text(f"{tmp_path}/none") is None
    assert read_text(str(tmp_path)) is None
    assert names_in(f"{tmp_path}/none") == ()
    assert owner_of(f"{tmp_path}/none") is None


def test_bytes_that_are_not_text_are_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\xff\xfe 7")
    assert read_text(f"{tmp_path}/odd") == "�� 7"


def test_only_plain_digits_are_a_number(tmp_path: Path) -> None:
    roots = machine(tmp_path, {"proc/a": " -12\n", "proc/b": "²", "proc/c": "12 kB"})
    assert read_integer(f"{roots.proc}/a") == -12
    assert read_integer(f"{roots.proc}/b") is None
    assert read_integer(f"{roots.proc}/c") is None


@given(st.text(max_size=40))
def test_no_word_makes_whole_raise(word: str) -> None:
    assert whole(word) is None or str(whole(word)).lstrip("-").isdigit()


def test_a_call_that_takes_too_long_is_left_behind() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        run_in_thread(lambda: release.wait(30), 0.01)
    release.set()


def test_a_call_in_a_thread_returns_its_result_or_raises_its_failure() -> None:
    assert run_in_thread(lambda: None, 5) is None
    with pytest.raises(OSError, match="gone"):
        run_in_thread(_fails, 5)


def _fails() -> None:
    raise OSError("gone")
