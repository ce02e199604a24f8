"""Real processes under real trouble; and that what they are judged by can fail."""

import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from simulations.demo.nodes import until
from simulations.truth import sandbox

BENT = Path(__file__).with_name("bent_agent.py")
NOT_HERE = sandbox.why_not()
pytestmark = pytest.mark.skipif(NOT_HERE is not None, reason=str(NOT_HERE))


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where these runs alone put what they keep; short enough for the names of sockets."""
    with tempfile.TemporaryDirectory(prefix="hf-") as own:
        monkeypatch.setenv("TMPDIR", own)
        monkeypatch.setattr(tempfile, "tempdir", own)
        yield Path(own)


def truth(*words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "simulations.truth", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=110, check=False)


def test_killed_stopped_and_cut_off_no_answer_turns_out_false() -> None:
    done = truth("--for", "4s", "--seed", "1")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    told = "truth: no double grant, no lost lease, no gang in part or twice, every log verifies"
    assert last.startswith(f"{told}; 3 nodes")
    assert re.search(r"[1-9][0-9]* in gangs", done.stdout), done.stdout


def test_an_owner_that_counts_too_fast_is_caught() -> None:
    agent = shlex.join([sys.executable, str(BENT)])
    done = truth("--for", "5s", "--seed", "2", "--agent", agent)
    assert done.returncode == 1, done.stdout
    assert "was answered, and" in done.stderr or "answered at once for" in done.stderr


def test_a_run_that_is_killed_leaves_no_process_and_its_folder_goes_with_the_next(
    folder: Path,
) -> None:
    with _started() as run:
        until("an agent runs", lambda: [*folder.glob("*/a/agent.sock")], 30)
        below = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(below, timeout=10)
    assert alive == []
    assert len([*folder.iterdir()]) == 1
    assert sandbox.run_inside(["-c", "pass"]) == 0
    assert [*folder.iterdir()] == []


def test_a_run_that_is_asked_to_end_ends_and_takes_its_folder_along(folder: Path) -> None:
    with _started() as run:
        until("an agent runs", lambda: [*folder.glob("*/a/agent.sock")], 30)
        run.terminate()
        assert run.wait(20) == sandbox.TERMINATED
    assert [*folder.iterdir()] == []


@contextmanager
def _started() -> Iterator["subprocess.Popen[bytes]"]:
    argv = [sys.executable, "-m", "simulations.truth", "--for", "60s"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            yield run
        finally:
            run.kill()
