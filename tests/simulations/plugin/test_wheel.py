"""The plugin as it is installed: a wheel, in an environment that has none of our rooms."""

import importlib.metadata
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.architecture.source import ROOMS, ROOT

HOLDFAST = Path(sys.executable).with_name("holdfast")
NEEDED = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
"""What pytest is made of. Taken from where these tests run, so that nothing is fetched."""

THEIRS = """
import importlib.util
import pytest
from pytest_holdfast import Refused

@pytest.mark.parametrize("room", ROOMS)
def test_none_of_the_rooms_is_here(room):
    assert importlib.util.find_spec(room) is None

def test_a_reservation_survives_a_power_cut(holdfast_cluster):
    c = holdfast_cluster(nodes=3, faults="lossy")
    hold = c["n0"].reserve("6GiB ram", on="n2")
    with pytest.raises(Refused):
        c["n1"].reserve("6GiB ram", on="n2")
    c.power_cut("n2")
    c.start("n2")
    assert c.wait_until("open", limit="15m")
    assert hold in c["n1"].holds()
    c.check()
    c.calm()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(ROOT / "simulations/plugin", folder / "source")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps",
            "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", folder, source,
        ],
        check=True,
    )  # fmt: skip
    (built,) = folder.glob("pytest_holdfast-*.whl")
    return built


def _environment(folder: Path) -> Path:
    """A fresh environment with pytest alone; its Python."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in NEEDED:
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), packages / file)
    return folder / "bin/python"


def test_the_wheel_holds_the_plugin_alone_and_says_that_it_is_typed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "pytest_holdfast/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"pytest_holdfast"}


def test_in_an_environment_of_its_own_it_drives_the_command_of_another(
    wheel: Path, tmp_path: Path
) -> None:
    python = _environment(tmp_path / "theirs")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index",
            "--no-deps", "--disable-pip-version-check", wheel,
        ],
        check=True,
    )  # fmt: skip
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_theirs.py").write_text(f"ROOMS = {ROOMS!r}\n{THEIRS}")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", f"--holdfast-command={HOLDFAST}"],
        capture_output=True, text=True, check=False, cwd=tests, env={"PATH": "/usr/bin:/bin"},
        timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ROOMS) + 1} passed" in done.stdout
