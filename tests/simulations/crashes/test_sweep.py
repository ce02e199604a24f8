"""Whole agents on a real disk die at the boundaries between their effects, and start again."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SEED = "1"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="dies in a fork of itself")


def crashes(module: str, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", module, "--folder", str(folder), "--seed", SEED, *flags]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)


def test_who_is_killed_at_a_boundary_has_lost_nothing_that_was_told_and_starts_again(
    tmp_path: Path,
) -> None:
    done = crashes("simulations.crashes", tmp_path, "--tries", "3", "--every", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    boundaries = re.search(r"boundaries  (\d+):", done.stdout)
    assert boundaries is not None
    assert int(boundaries[1]) > 1_000, "a story with all deeds in it"
    for kind in ("sqlite write", "sqlite sync", "commit", "mark", "send", "replace", "fill"):
        assert f"{kind} " in done.stdout
    assert "killed at   3, and started again" in done.stdout
    assert not [*tmp_path.iterdir()], "nothing is left behind"


def test_a_desk_that_answers_before_it_has_written_is_noticed(tmp_path: Path) -> None:
    done = crashes("tests.simulations.crashes.hasty", tmp_path, "--tries", "0", "--every", "4")
    assert done.returncode == 1
    assert re.search(r"B1|B13", done.stdout), done.stdout + done.stderr
