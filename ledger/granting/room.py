"""True room: the one home of the formula that says what can still be promised.

    room = min(total − system − Σ h,  free − Σ max(0, h − used_h))

over every hold h that is pending, posted or ending. The first term is the books; the second is the
machine. `free` already leaves out what holds have materialised, so only the *unmaterialised* part
of each hold is subtracted from it: subtracting whole holds would count their memory twice, and
trusting `free` alone would promise a hold's untouched bytes to the next asker.

Unknown is not zero: without a total or a reading of what is free, room is None, and the owner
refuses. A hold's use that cannot be matched counts as 0, which only ever makes room smaller.
"""

from collections.abc import Iterable


def room(
    total: int | None, system: int, free: int | None, holds: Iterable[tuple[int, int]]
) -> int | None:
    """What can still be promised of one pool, in its unit; None when it cannot be known.

    `holds`: (amount, used) of each hold on the pool. Never negative: an overfull pool has no room.
    """
    if total is None or free is None:
        return None
    promised = 0
    unmaterialised = 0
    for amount, used in holds:
        promised += amount
        unmaterialised += max(0, amount - used)
    return max(0, min(total - system - promised, free - unmaterialised))
