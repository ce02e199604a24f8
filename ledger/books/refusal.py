"""Why a block or an entry does not go into the books of its author."""

from enum import Enum


class Refusal(Enum):
    """Why a block or an entry does not go into these books."""

    NOT_NEXT = "block does not continue the log"
    NOT_AN_ENTRY = "not an entry"
    NO_ERA = "no era opened"
    ERA_MISNAMED = "era opening does not fit its block or the cut"
    UNKNOWN_POOL = "unknown pool"
    POOL_NOT_OPEN = "pool not open"
    OVER_LIMIT = "more than there is"
    OVER_RIGHTS = "more than the rights that lie here"
    RIGHTS_CLOSED = "rights are not spent in this era yet"
    ID_USED = "hold id used before"
    NO_SUCH_HOLD = "no such hold"
    NOT_ALLOWED = "not a step from here"
    CHECKPOINT_MISPLACED = "checkpoint not alone in its block, or out of place"
    CHECKPOINT_FALSE = "checkpoint does not match what its log comes to"
