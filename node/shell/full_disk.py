"""What is said of a disk without room: to the agent, to people, and to whoever asks meanwhile."""

from typing import Any, Final

import trio

from node.core import requests
from node.core.effects import Event
from node.core.health import MAKE_ROOM
from node.core.picture.reports import DiskRoom
from node.shell.aside import Aside
from node.shell.disk.spare import Spare
from node.shell.driver import Driver

LOOK_EVERY_SECONDS: Final = 2
STUCK: Final = "nothing is written or answered until there is; what was promised stands"
UNSTUCK: Final = "there is room on the disk again: what waited for it is written and said"


async def mind_the_disk(spare: Spare, aside: Aside, driver: Driver) -> None:
    """Tell the agent whenever there is too little room to promise more, or enough again."""
    told = ""
    while True:
        short = await aside(spare.look, abandon=True)
        if bool(short) != bool(told):  # how much is left changes by the second, and is no news
            driver.report(DiskRoom(short))
            told = short
        await trio.sleep(LOOK_EVERY_SECONDS)


def event(why: str) -> Event:
    """Nothing can be written any more (`why`), or all can again."""
    return Event("disk.full", f"{why}: {STUCK}", {}) if why else Event("disk.room", UNSTUCK, {})


def refusal(why: str) -> dict[str, Any]:
    """For whoever asks while nothing can be written."""
    return requests.Refused("disk_full", f"{why}: {STUCK}", MAKE_ROOM).body
