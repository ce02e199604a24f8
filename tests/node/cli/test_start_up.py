"""The command starts at once: nothing heavy is imported before it is needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli.exits import Unable
from node.cli.rooms import check_folders, check_rooms
from tests.node.cli.conftest import ROOT, shell
from tests.support.fake_agent import FakeAgent

HEAVY = (
    "apsw", "cryptography", "msgpack", "msgspec", "psutil", "pynvml", "rich", "trio", "zeroconf",
    "asyncio", "shtab", "subprocess", "importlib.metadata",
)  # fmt: skip

_LIST = """
import json, sys
sys.argv = ["holdfast", *json.loads(sys.argv[1])]
from node.cli.main import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def _imported(*words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _LIST, json.dumps(words)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    modules: list[str] = json.loads(done.stderr.splitlines()[-1])
    return modules


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("where", "--help"), ()])
def test_help_and_version_import_nothing_heavy(words: tuple[str, ...]) -> None:
    assert [name for name in HEAVY if name in _imported(*words)] == []


def test_status_speaks_to_the_agent_without_importing_anything_heavy(state: Path) -> None:
    with FakeAgent(state):
        assert [name for name in HEAVY if name in _imported("status")] == []


def test_the_rooms_must_stand_in_one_folder() -> None:
    check_rooms()
    with pytest.raises(Unable, match=r"mesh in /usr/lib.*node in /opt") as no:
        check_folders({"mesh": "/usr/lib", "node": "/opt"})
    assert no.value.status == 2


def test_a_foreign_room_on_the_path_stops_the_command(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "__init__.py").touch()
    ran = shell("version", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert ran.status == 2
    assert str(tmp_path) in ran.err
    assert "different folders" in ran.err


def test_the_command_runs_as_a_process_of_its_own(state: Path) -> None:
    with FakeAgent(state):
        ran = shell("status", "--json")
    assert ran.status == 0
    assert json.loads(ran.out)["node"]["name"] == "ann"
    assert ran.err == ""


def test_a_reader_that_stops_reading_is_no_error(state: Path) -> None:
    with FakeAgent(state):
        done = subprocess.run(
            ["/bin/sh", "-c", f"'{sys.executable}' -m node.cli status --state '{state}' | true"],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
    assert done.stderr == ""
