"""The core touches no clock, socket, thread or die: not even by an import.

import-linter reads the imports; this runs them. In a process of its own every import statement is
watched, and one that stands in a file of the core and names something forbidden is refused. What
other people's libraries import for themselves is their affair, so they are loaded first.
"""

import json
import subprocess
import sys
from typing import Final

import pytest

from tests.architecture.source import CORE, ROOT, files, module_of

FORBIDDEN: Final = (
    "trio", "socket", "ssl", "asyncio", "threading", "subprocess", "multiprocessing", "time",
    "secrets", "apsw", "psutil", "pynvml", "zeroconf", "os", "datetime",
)  # fmt: skip
NEVER_LOADED: Final = ("trio", "apsw", "psutil", "pynvml", "zeroconf", "ssl", "asyncio")
"""Not even by somebody else on the core's behalf."""

_WATCH: Final = """
import builtins, importlib, json, sys
import cryptography.hazmat.primitives.asymmetric.ed25519, msgpack, msgspec

root, folders, forbidden, modules, planted = json.loads(sys.argv[1])
ordinary = builtins.__import__

def watched(name, globals=None, locals=None, fromlist=(), level=0):
    asker = (globals or {}).get("__file__") or ""
    inside = any(asker.startswith(f"{root}/{folder}/") for folder in folders)
    if inside and level == 0 and name.partition(".")[0] in forbidden:
        raise ImportError(f"{asker} imports {name}")
    return ordinary(name, globals, locals, fromlist, level)

builtins.__import__ = watched
sys.path.insert(0, root)
for module in modules:
    importlib.import_module(module)
if planted:
    exec(planted, {"__file__": f"{root}/mesh/planted.py", "__builtins__": builtins})
print(json.dumps(sorted(sys.modules)))
"""


def _import_the_core(planted: str = "") -> subprocess.CompletedProcess[str]:
    modules = [module_of(path) for path in files(*CORE)]
    told = json.dumps([str(ROOT), CORE, FORBIDDEN, modules, planted])
    return subprocess.run(
        [sys.executable, "-P", "-c", _WATCH, told],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


def test_the_core_imports_with_the_world_out_of_reach() -> None:
    done = _import_the_core()
    assert done.returncode == 0, done.stderr.splitlines()[-1]
    loaded = json.loads(done.stdout)
    assert [name for name in NEVER_LOADED if name in loaded] == []
    assert "mesh.machine" in loaded
    assert "node.core.machine" in loaded


@pytest.mark.parametrize("planted", ["import time", "from socket import socket", "import os.path"])
def test_a_forbidden_import_in_the_core_is_noticed(planted: str) -> None:
    done = _import_the_core(planted)
    assert done.returncode != 0
    assert "mesh/planted.py imports" in done.stderr
