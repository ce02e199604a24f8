"""What is installed is what was locked: hashed, whole, and from wherever one trusts."""

import re
import tomllib
from typing import Final

import pytest

from tests.architecture.source import ROOT

LOCKS: Final = ("requirements.lock", "requirements-dev.lock")
PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")


def _pins(lock: str) -> dict[str, tuple[str, int]]:
    """Package → (version, how many hashes)."""
    pins: dict[str, tuple[str, int]] = {}
    name = ""
    for line in (ROOT / lock).read_text().splitlines():
        if (found := PINNED.match(line)) is not None:
            name = found.group(1)
            pins[name] = (found.group(2), 0)
        elif line.lstrip().startswith("--hash=sha256:"):
            version, hashes = pins[name]
            pins[name] = (version, hashes + 1)
        else:
            assert not line.strip() or line.startswith("#"), f"{lock}: {line!r}"
    return pins


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    for word in ("index-url", "find-links", "trusted-host", "://", "file:", " @ "):
        assert word not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    pins = _pins(lock)
    assert len(pins) > 10
    assert [name for name, (_, hashes) in pins.items() if hashes == 0] == []


def test_both_locks_agree_and_hold_everything_that_is_asked_for() -> None:
    short, long = _pins(LOCKS[0]), _pins(LOCKS[1])
    assert {name: long.get(name) for name in short} == short
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for wanted, pins in (
        (project["dependencies"], short),
        (project["optional-dependencies"]["dev"], long),
    ):
        names = [re.split(r"[><=~\[; ]", line)[0] for line in wanted]
        assert [name for name in names if name not in pins] == []


def test_the_deprecated_twin_of_the_driver_library_stays_out() -> None:
    assert "pynvml" not in _pins(LOCKS[1]), "the module comes from nvidia-ml-py"
