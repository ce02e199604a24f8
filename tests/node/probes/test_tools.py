import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.probes.sources import run_in_thread
from node.probes.tools import VersionCache, find, parse_version, read_tools, what_it_says


def _script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_versions_are_found_in_what_programs_really_print() -> None:
    said = {
        "git version 2.39.5 (Apple Git-154)": "2.39.5",
        "Warning: could not connect to a running Ollama instance\nclient version is 0.5.7": "0.5.7",
        "version: 4040 (abcdef12)\nbuilt with cc (Debian 12.2.0-14) 12.2.0": "4040",
        "gcc (Debian 12.2.0-14+deb12u1) 12.2.0\n": "12.2.0",
        "Docker version 28.2.2, build e6534b4": "28.2.2",
        "go version go1.22.1 linux/amd64": "1.22.1",
        "v20.11.0\n": "20.11.0",
        "Python 3.11.7\n": "3.11.7",
        "Cuda compilation tools, release 12.4, V12.4.131": "12.4",
        "ffmpeg version n6.1.1 Copyright (c) 2000-2023": None,
        "podman: error\n": None,
    }
    assert {text: parse_version(text) for text in said} == said


@given(st.text())
def test_no_text_makes_the_version_parser_raise(text: str) -> None:
    assert parse_version(text) is None or parse_version(text) != ""


def test_a_tool_is_found_without_being_run(tmp_path: Path) -> None:
    _script(tmp_path, "nvidia-smi", f"touch {tmp_path}/was_run")
    facts = read_tools(str(tmp_path), {}, run_in_thread)
    assert [(fact.name, fact.version) for fact in facts] == [("nvidia-smi", None)]
    assert not (tmp_path / "was_run").exists()


def test_a_folder_or_a_text_with_the_name_of_a_tool_is_no_tool(tmp_path: Path) -> None:
    (tmp_path / "git").mkdir()
    (tmp_path / "go").write_text("not for running")
    assert read_tools(str(tmp_path), {}, run_in_thread) == ()


def test_relative_entries_of_the_path_are_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _script(tmp_path, "git", "echo git version 1.2.3")
    monkeypatch.chdir(tmp_path)
    assert find("git", ".:") is None


def test_a_tool_says_its_version_once_until_it_changes(tmp_path: Path) -> None:
    git = _script(tmp_path, "git", f"echo x >> {tmp_path}/asked; echo git version 2.1.0")
    versions: VersionCache = {}
    for _ in range(2):
        (fact,) = read_tools(str(tmp_path), versions, run_in_thread)
        assert fact.version == "2.1.0"
    assert (tmp_path / "asked").read_text().count("x") == 1
    os.utime(git, ns=(1, 1))
    read_tools(str(tmp_path), versions, run_in_thread)
    assert (tmp_path / "asked").read_text().count("x") == 2


def test_a_tool_that_hangs_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    hangs = _script(tmp_path, "hangs", f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    assert what_it_says([str(hangs)], run_in_thread, seconds=0.5) == ""
    assert _ends(int((tmp_path / "pid").read_text()))


def _ends(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_tool_that_never_stops_talking_is_cut_short(tmp_path: Path) -> None:
    talks = _script(tmp_path, "talks", "while :; do echo version 1.2.3; done")
    assert parse_version(what_it_says([str(talks)], run_in_thread, seconds=20)) == "1.2.3"


def test_a_tool_that_cannot_be_started_says_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(stat.S_IRWXU)
    assert what_it_says([str(broken)], run_in_thread) == ""
