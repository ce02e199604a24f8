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
    """As people write it: `mesh/door/gate.py`."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """As an import writes it: `mesh.door.gate`."""
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


def unsteady(path: Path) -> Iterator[str]:
    """Where a file iterates a set that it writes down, or asks for a hash or an id: each differs
    from one process to the next. A class may say what its own hash is."""
    tree = ast.parse(path.read_text())
    excused = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__hash__"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter):
            yield f"{name_of(path)}:{node.iter.lineno} iterates a set"
        if isinstance(node, ast.Call) and _called(node) in ("hash", "id") and node not in excused:
            yield f"{name_of(path)}:{node.lineno} calls {_called(node)}"


def _is_set(node: ast.expr) -> bool:
    return isinstance(node, ast.Set | ast.SetComp) or (
        isinstance(node, ast.Call) and _called(node) in ("set", "frozenset")
    )


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""
