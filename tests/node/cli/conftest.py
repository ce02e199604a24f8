"""What the tests of the command share: a short state folder and a way to run the command."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from node.cli.main import main

ROOT = Path(__file__).parents[3]


class Ran(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private state folder with a path short enough for a socket; no HOLDFAST_* from outside."""
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)
    with tempfile.TemporaryDirectory(prefix="hf-") as folder:
        os.chmod(folder, 0o700)  # noqa: PTH101
        monkeypatch.setenv("HOLDFAST_STATE", folder)
        monkeypatch.setenv("HOLDFAST_MACHINE_DIR", f"{folder}/machine")
        yield Path(folder)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command, in this process."""

    def call(*words: str) -> Ran:
        capfd.readouterr()
        status = main(words)
        sys.stdout.flush()
        return Ran(status, *capfd.readouterr())

    return call


def shell(*words: str, **environment: str) -> Ran:
    """The command, as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "node.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    return Ran(done.returncode, done.stdout, done.stderr)
