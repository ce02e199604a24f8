"""A detached agent's log: bounded, whole lines, and the last words are in it too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.shell.telling import rolling
from node.shell.telling.events import EventWriter
from node.shell.telling.rolling import LOGS_KEPT, RollingOutput, make_room, open_log, output_of


def logs(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"agent.log.{age}") for age in range(1, LOGS_KEPT + 1))]


def test_a_log_is_rolled_while_it_is_written_and_no_more_is_kept_than_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling, "LOG_BYTES_MAX", 2_000)
    path = tmp_path / "agent.log"
    with os.fdopen(open_log(path), "w") as stream:
        writer = EventWriter(RollingOutput(path, stream, also=()), pretty=False)
        for number in range(200):
            writer.write("up", f"line {number}", {})
    assert sorted(tmp_path.iterdir()) == sorted(logs(path)), "and none beyond them"
    numbers = []
    for log in reversed(logs(path)):
        assert log.stat().st_size < 2_000 + 200
        assert log.stat().st_mode & 0o777 == 0o600
        lines = log.read_text().splitlines()
        assert all(line.startswith("{") and line.endswith("}") for line in lines), "whole lines"
        numbers += [int(line.split("line ")[1].split('"')[0]) for line in lines]
    assert numbers == list(range(numbers[0], 200)), "the newest, in order and without a gap"
    assert writer.lost == 0


AGENT = """
import sys
from pathlib import Path
from node.shell.telling import rolling
from node.shell.telling.events import EventWriter
rolling.LOG_BYTES_MAX = 500
writer = EventWriter(rolling.output_of(Path(sys.argv[1])), pretty=False)
for number in range(20):
    writer.write("up", f"line {number}", {})
raise SystemExit("holdfast: the last words")
"""


def test_what_goes_to_standard_error_follows_the_log_when_it_is_rolled(tmp_path: Path) -> None:
    output = open_log(tmp_path / "agent.log")
    argv = [sys.executable, "-c", AGENT, str(tmp_path)]
    done = subprocess.run(argv, stdout=output, stderr=output, check=False)
    os.close(output)
    assert done.returncode == 1
    assert (tmp_path / "agent.log.1").exists()
    assert "the last words" in (tmp_path / "agent.log").read_text()


def test_output_that_is_no_log_of_ours_is_left_as_it_is(tmp_path: Path) -> None:
    assert output_of(tmp_path) is sys.stdout
    (tmp_path / "agent.log").write_text("somebody else's\n")
    assert output_of(tmp_path) is sys.stdout


def test_a_log_that_cannot_be_rolled_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling, "LOG_BYTES_MAX", 100)
    path = tmp_path / "agent.log"
    (tmp_path / "agent.log.2").write_text("older")
    (tmp_path / "agent.log.3").mkdir()
    with os.fdopen(open_log(path), "w") as stream:
        writer = EventWriter(RollingOutput(path, stream, also=()), pretty=False)
        for number in range(5):
            writer.write("up", f"line {number}", {})
    assert path.read_text().count("line") == 5


def test_the_oldest_log_is_the_one_that_goes(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    for age, log in enumerate(logs(path)):
        log.write_text(f"{age}")
    make_room(path)
    assert not path.exists()
    assert [log.read_text() for log in logs(path)[1:]] == ["0", "1", "2"]
