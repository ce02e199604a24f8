"""Waiting for a time: who wants room from then on, and would wait until some calendar has it.

Nobody stands in a line for that. A line is for what its owner has now, and a place in it is worth
its questions because a turn comes; what is planned ends by a person's word, which nobody foresees.
So all owners that could have it are asked again now and then, those first whose calendars, as far
as we know them, have room by now; and who asks just then is the one who has it.
"""

from typing import Final

from ledger.commands import Outcome
from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from node.core.effects import Progress
from node.core.reserving.lines import roughly
from node.core.reserving.refusals import NO_ANSWER
from node.core.reserving.wishes import Stage, Wish

AGAIN: Final[Duration] = 5 * SECOND
ROUNDS_SHARE: Final = 10
"""Of so many parts of its time such a wish asks in one at the most, however many owners there
are."""


def wait(errand: Wish, now: Instant) -> list[Progress]:
    """Ask again later; nothing when that would not help, or nobody could ever have it."""
    hopeless = errand.tried and not any(_may_change(str(one["outcome"])) for one in errand.tried)
    if errand.until is None or not errand.lines or hopeless:
        return []
    errand.stage = Stage.WAITING
    pause = max(AGAIN, ROUNDS_SHARE * (now - errand.looked_at))
    errand.wake_at = min(now + pause, errand.until)
    left = errand.until - now
    sentence = f"no calendar has room for it then; asks again, for {roughly(left)} more"
    body = {"stage": "waiting", "sentence": sentence, "remaining_ms": left // MILLISECOND}
    return [Progress(errand.token, body)]


def _may_change(outcome: str) -> bool:
    return outcome == NO_ANSWER or Outcome(outcome).may_change_on_retry
