"""Python's collector of cycles, as an agent wants it: rarely, and not over what never goes away.

Nearly all that an agent makes is in no cycle, and goes with the last name that it has. The
collector looks all the same: whenever 700 more things are alive than before, and now and then at
everything there is, modules among it. With 64 reservations in flight that was a twentieth of the
time, and, worse, pauses of tens of milliseconds in which nobody was answered.
"""

import gc
from typing import Final

YOUNG_MAX: Final = 20_000
"""Things alive more than before, until the youngest are looked at: some MiB, should all of it be
rubbish. Python's own 700 suits a program that is over soon."""
GENERATIONS_MAX: Final = 10
"""Looks at a younger generation before an older one has its turn: Python's own."""


def settle() -> None:
    """What is loaded stays; from now on look rarely. Once, at the start of a process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, GENERATIONS_MAX, GENERATIONS_MAX)
