"""Tell stories, or write down what they say now.

    python -m simulations.stories FILE…                  tell them; what differs is shown
    python -m simulations.stories --on processes FILE…   (or shell) those that name it: what is sure
    python -m simulations.stories --approve FILE…        show what differs, ask, write it down

Exit status 0: every story is as it was told; 1: one is not; 2: wrong usage, or a story that cannot
be read; 3: this machine does not permit the stage.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from simulations.demo.nodes import StepFailed
from simulations.stories.comparing import differences, shortfalls
from simulations.stories.process_stage import ProcessStage
from simulations.stories.reading import StoryError, read
from simulations.stories.script import Story
from simulations.stories.shell_stage import ShellStage
from simulations.stories.stage import Stage, StageLacks, StoryFailed
from simulations.stories.telling import tell
from simulations.stories.world_stage import WorldStage
from simulations.truth import sandbox

YES: Final = 0
DIFFERS: Final = 1
WRONG_USAGE: Final = 2
NOT_PERMITTED: Final = 3


def main() -> int:
    """Read all, then tell each; a file that cannot be read spoils nothing that was told."""
    parser = argparse.ArgumentParser(
        prog="python -m simulations.stories", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--on", choices=("world", "shell", "processes"), default="world")
    parser.add_argument("--approve", action="store_true", help="write down what they say now")
    parser.add_argument("--yes", action="store_true", help="with --approve: do not ask")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.approve and flags.on != "world":
        parser.error("only what the world says is written down")
    try:
        stories = {file: read(file.read_text()) for file in flags.files}
    except (StoryError, OSError, UnicodeDecodeError) as problem:
        sys.stderr.write(f"stories: {problem}\n")
        return WRONG_USAGE
    if flags.on != "world":
        stories = {file: story for file, story in stories.items() if flags.on in story.stages}
    if flags.on == "processes":
        return _on_processes(stories, flags.folder)
    if flags.on == "shell":
        return _closing([_sure_on(file, story, ShellStage()) for file, story in stories.items()])
    agreed = [_on_world(file, story, flags) for file, story in stories.items()]
    return _closing(agreed)


def _on_world(file: Path, story: Story, flags: argparse.Namespace) -> bool:
    try:
        told = tell(story, WorldStage())
    except (StoryFailed, StageLacks) as failed:
        sys.stderr.write(f"{file.name}: {failed}\n")
        return False
    differing = differences(story, told, file.name)
    sys.stdout.write(differing)
    if not differing:
        return True
    if not flags.approve or not (flags.yes or _agreed(file)):
        return False
    file.write_text(told.text)
    return True


def _agreed(file: Path) -> bool:
    sys.stdout.write(f"write this down in {file.name}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _on_processes(stories: dict[Path, Story], folder: Path | None) -> int:
    if folder is None:
        if (reason := sandbox.why_not()) is not None:
            sys.stderr.write(f"stories: not told on processes: {reason}\n")
            return NOT_PERMITTED
        return sandbox.run_inside(["-m", "simulations.stories", *sys.argv[1:]])
    agreed = []
    for number, (file, story) in enumerate(stories.items()):
        own = folder / str(number)
        own.mkdir()
        agreed.append(_sure_on(file, story, ProcessStage(own)))
    return _closing(agreed)


def _sure_on(file: Path, story: Story, stage: Stage) -> bool:
    try:
        wrong = shortfalls(story, tell(story, stage))
    except (StoryFailed, StageLacks, StepFailed) as failed:
        wrong = [str(failed)]
    for sentence in wrong:
        sys.stdout.write(f"{file.name}: {sentence}\n")
    return not wrong


def _closing(agreed: list[bool]) -> int:
    sys.stdout.write(f"stories: {agreed.count(True)} as told, {agreed.count(False)} not\n")
    return YES if all(agreed) else DIFFERS


if __name__ == "__main__":
    sys.exit(main())
