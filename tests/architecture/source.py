"""The repository as text and as syntax, for the rules that are read off it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("mesh", "ledger", "placement", "node", "simulations")
CORE: Final = ("mesh", "ledger", "placement", "node/core")


def files(*folders: str) -> list[Path]:
    """Every Python file below `folders`, in order."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert found, f"nothing below {folders}"
    return sorted(found)


def name_of(path: Path) -> str:
    """As people write it: `mesh/gate.py`."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """As an import writes it: `mesh.gate`."""
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class Function(NamedTuple):
    """One function and its length, signature and docstring included."""

    file: str
    name: str
    lines: int

    @property
    def label(self) -> str:
        return f"{self.file}: {self.name}"


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, methods and inner ones included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield Function(name_of(path), node.name, node.end_lineno - node.lineno + 1)


def handlers(path: Path) -> Iterator[tuple[int, set[str]]]:
    """Every `except` of a file: its line, and what it catches (nothing named: empty)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.walk(node.type) if node.type is not None else iter(())
            yield node.lineno, {one.id for one in caught if isinstance(one, ast.Name)}
