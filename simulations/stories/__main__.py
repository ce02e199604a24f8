"""Tell stories, or write down what they say now.

    python -m simulations.stories FILE…                 tell them, and show what differs
    python -m simulations.stories --approve FILE…       show what differs, ask, and write it down
"""

import argparse
import difflib
import sys
from pathlib import Path

import trio

from simulations.stories.reading import StoryError, read
from simulations.stories.script import Story
from simulations.stories.stage import Stage
from simulations.stories.telling import StoryFailed, Teller
from simulations.stories.world_stage import WorldStage


def told(story: Story, stage: Stage) -> Story:
    """The story as it is on this stage. Raises StoryFailed, StageLacks."""

    async def tell() -> Story:
        try:
            return await Teller(story, stage).tell()
        finally:
            with trio.CancelScope(shield=True):
                await stage.close()

    return trio.run(tell)
