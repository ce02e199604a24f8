"""The shape of the code: signs on the doors, small files, small functions, nothing swept up.

The lists of exceptions are ratchets: an entry may shrink or go, and none may be added.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.source import (
    CORE,
    ROOMS,
    ROOT,
    files,
    functions,
    handlers,
    name_of,
    unsteady,
)

FILE_LINES_MAX: Final = 400
LONGER_FILES: Final[dict[str, int]] = {}
"""File → the lines it has today."""

FUNCTION_LINES_MAX: Final = 60
LONGER_FUNCTIONS: Final[dict[str, int]] = {}
"""`file: function` → the lines it has today."""

CATCHING_ALL: Final = {
    "node/probes/patience.py",
    "node/probes/sources.py",
    "simulations/fuzz/feeding.py",
}
"""Files that may catch everything, because they hand all of it on."""

UNSIGNED_EXCUSE: Final = re.compile(r"#\s*type:\s*ignore(?!\[[\w, -]+\]\s+#\s*\S)")
PUT_OFF: Final = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|NotImplemented" r"Error)\b")

EVERYTHING: Final = (*ROOMS, "tests")


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


@pytest.mark.parametrize("folder", sorted({path.parent for path in files(*ROOMS)}), ids=name_of)
def test_every_door_has_a_sign(folder: Path) -> None:
    sign = (folder / "__init__.py").read_text().strip()
    assert sign.startswith('"""'), "say what lives here, where to start, what it may use"


def test_files_stay_small() -> None:
    long = {name_of(path): _lines(path) for path in files(*EVERYTHING)}
    grown = {
        name: lines
        for name, lines in long.items()
        if lines > max(FILE_LINES_MAX, LONGER_FILES.get(name, 0))
    }
    assert grown == {}, "usually two nouns: look for the seam"


def test_functions_stay_on_one_screen() -> None:
    grown = {
        one.label: one.lines
        for path in files(*EVERYTHING)
        for one in functions(path)
        if one.lines > max(FUNCTION_LINES_MAX, LONGER_FUNCTIONS.get(one.label, 0))
    }
    assert grown == {}, "keep the choosing in the parent and the working in the leaves"


def test_the_lists_of_exceptions_only_shrink() -> None:
    needless = [
        name for name, lines in LONGER_FILES.items()
        if not (ROOT / name).exists() or _lines(ROOT / name) <= FILE_LINES_MAX or lines > 999
    ]  # fmt: skip
    lengths = {one.label: one.lines for path in files(*EVERYTHING) for one in functions(path)}
    needless += [label for label in LONGER_FUNCTIONS if lengths.get(label, 0) <= FUNCTION_LINES_MAX]
    assert needless == [], "it has become small: take it off the list"


def test_nothing_is_caught_that_is_not_named() -> None:
    sweeping = [
        f"{name_of(path)}:{line}"
        for path in files(*EVERYTHING)
        if name_of(path) not in CATCHING_ALL
        for line, caught in handlers(path)
        if not caught or caught & {"Exception", "BaseException"}
    ]
    assert sweeping == [], "an `except Exception` confuses the three kinds of no"


def test_every_excuse_to_the_type_checker_has_a_code_and_a_reason() -> None:
    places = [
        f"{name_of(path)}:{number}"
        for path in files(*EVERYTHING)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNSIGNED_EXCUSE.search(line) and not name_of(path).startswith("tests/architecture/")
    ]
    assert places == []


def test_nothing_is_put_off() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    places = [
        f"{name_of(path)}: {found.group()}"
        for path in [*files(*EVERYTHING), *pages]
        if (found := PUT_OFF.search(path.read_text())) is not None
    ]
    assert places == []


@pytest.mark.parametrize("path", files(*CORE), ids=name_of)
def test_the_core_iterates_no_set_as_written_and_calls_no_hash(path: Path) -> None:
    # What is hidden behind a variable shows in test_determinism.
    assert list(unsteady(path)) == []


def test_the_rooms_look_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    assert f"Contracts: {len(contracts)} kept, 0 broken" in done.stdout
    assert len(contracts) >= 6, "a contract may be added, and none given up"
