"""The checks: whether the promises hold, seen from outside, while a world goes on.

Start in `checks.py`: `all_checks(world)` is an observer that is made of all of them, and of the
evidence that they share (`evidence.py`). Each check is a small class that names the promises it
guards (docs/invariants.md) and can be used alone: `Checks(world, [NothingTwice])`. A broken promise
is raised as `PromiseBroken` at the event that broke it; what must come and does not, in the calm at
the end, is `Stalled`.

May use the world and all rooms of the core, and reads agents only to compare; never changes one.
"""

from simulations.checks.checks import Checks, all_checks

__all__ = ["Checks", "all_checks"]
