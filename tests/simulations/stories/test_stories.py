"""Every story is as it is written: each word in the invented world, what is sure elsewhere too."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.recovery import quarantine
from simulations.stories.comparing import differences, shortfalls
from simulations.stories.reading import read
from simulations.stories.script import Outcome
from simulations.stories.shell_stage import ShellStage
from simulations.stories.stage import StageLacks, StoryFailed
from simulations.stories.telling import tell
from simulations.stories.world_stage import WorldStage
from simulations.truth import sandbox

STORIES = sorted(Path(__file__).parent.glob("*.story"))
ON_SHELL = [file for file in STORIES if "shell" in read(file.read_text()).stages]
QUICK = ("two-askers.story", "a-lossy-network.story")
"""Those that real processes tell here; `make stories` tells all."""


@pytest.mark.parametrize("file", STORIES, ids=lambda file: file.stem)
def test_a_story_is_as_it_is_written(file: Path) -> None:
    story = read(file.read_text())
    assert differences(story, tell(story, WorldStage()), file.name) == ""


@pytest.mark.parametrize("file", ON_SHELL, ids=lambda file: file.stem)
def test_what_is_sure_is_so_among_whole_agents(file: Path) -> None:
    story = read(file.read_text())
    assert shortfalls(story, tell(story, ShellStage())) == []


def test_there_is_a_story_for_each_kind_of_bad_day() -> None:
    assert len(STORIES) >= 12
    assert len(ON_SHELL) >= 12
    assert all((Path(__file__).parent / name).exists() for name in QUICK)


@pytest.mark.skipif(sandbox.why_not() is not None, reason=str(sandbox.why_not()))
def test_what_is_sure_is_so_among_real_processes() -> None:
    files = [str(Path(__file__).parent / name) for name in QUICK]
    done = subprocess.run(
        [sys.executable, "-m", "simulations.stories", "--on", "processes", *files],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"stories: {len(QUICK)} as told, 0 not"


def test_a_story_shows_that_a_guard_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # The planted fault: an owner that cannot know what it promised opens at once.
    monkeypatch.setattr(quarantine, "QUARANTINE", 0)
    file = Path(__file__).with_name("quarantine-after-a-power-cut.story")
    story = read(file.read_text())
    told = tell(story, WorldStage())
    assert "-  => quarantine" in differences(story, told, file.name)
    assert shortfalls(story, told) != [], "on every stage, not only in this world"


def test_what_is_waited_for_and_never_comes_fails_with_its_line() -> None:
    story = read("nodes a b ram 8GiB\nuntil a sees b dead\n")
    with pytest.raises(StoryFailed, match=r"line 2, 'until a sees b dead': after 180 s"):
        tell(story, WorldStage())


def test_what_a_stage_lacks_is_named_and_not_told_by_half() -> None:
    story = read("nodes a b ram 8GiB\npause a for 1s\n")
    with pytest.raises(StageLacks, match="know no Pause"):
        tell(story, ShellStage())


def test_a_name_that_was_never_granted_stands_for_nothing() -> None:
    story = read("nodes a b ram 8GiB\na reserves 9GiB at b as x\na releases x\n")
    with pytest.raises(StoryFailed, match="x was never granted"):
        tell(story, WorldStage())


def test_only_what_is_sure_is_compared_elsewhere() -> None:
    told = read("nodes a ram 8GiB\na stands\n  => open\n  -> for no reason\n")
    elsewhere = read("nodes a ram 8GiB\na stands\n  => open\n")
    otherwise = read("nodes a ram 8GiB\na stands\n  => closed\n")
    assert shortfalls(told, elsewhere) == []
    assert shortfalls(told, otherwise) == [
        "line 2, 'a stands': expected ['open'], was ['closed']"
    ]  # fmt: skip
    assert told.lines[1].outcomes[1] == Outcome("for no reason", sure=False)
