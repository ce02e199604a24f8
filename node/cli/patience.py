"""Waiting in lines, over a restart of the agent on this machine.

Whoever waits for half an hour may see the agent upgraded meanwhile. The wish has a name that is
drawn here; while the agent is away this command waits for it, then asks again under that name, for
what is left of the time, and stands where it stood.
"""

from argparse import Namespace
from secrets import token_hex
from time import sleep
from typing import Final

from mesh.instant import MILLISECOND, SECOND, Duration
from node.cli.asking import Body, answer
from node.cli.exits import Unable
from node.cli.render import tell
from node.shell.clock import now

WISH_BYTES: Final = 16
AWAY: Final = frozenset({"cut_short", "no_agent"})
"""Endings that say nothing of the wish: the agent stopped, or is not back yet."""
AWAY_MAX: Final[Duration] = 90 * SECOND
"""How long an agent may be away. It keeps a wish that nobody asks for again for two minutes."""
LOOK_SECONDS: Final = 0.5


def answer_in_time(flags: Namespace, request: Body, silence_seconds: float) -> Body:
    """As `answer`, for what is left of its `wait_ms`. Raises Unable."""
    request = {**request, "wish": token_hex(WISH_BYTES)}
    over = now() + request["wait_ms"] * MILLISECOND
    away: int | None = None
    while True:
        try:
            return answer(flags, request, silence_seconds)
        except Unable as unable:
            away = _still_away(unable, away)
        sleep(LOOK_SECONDS)
        # The last word on its time is the agent's: it says who stood where, and for how long.
        request["wait_ms"] = max(1, (over - now()) // MILLISECOND)


def _still_away(unable: Unable, since: int | None) -> int:
    """Since when the agent is away. Raises what it was given if that is no reason to wait."""
    at = now()
    if unable.code == "cut_short":
        tell("the agent stopped; as soon as it is back it is asked again, from the same places")
        return at
    if unable.code not in AWAY or since is None:
        raise unable
    if at - since > AWAY_MAX:
        raise Unable(
            unable.code, f"{unable.sentence}; it was waited for, and its places in lines are gone",
            "start it, and ask again: `holdfast holds` shows whether anything was granted",
            unable.status,
        )  # fmt: skip
    return since
