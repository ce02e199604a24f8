"""A desk that answers first and writes then, under the sweep that must notice it."""

import sys
from functools import partial
from typing import Any

from mesh.persistence import Persist
from node.shell.driver import Driver
from simulations.crashes.__main__ import main


async def _carry_out(self: Any, batch: list[Any], nursery: Any) -> None:
    for effect in batch:
        self._do(effect, nursery)
    writes = [write for one in batch if isinstance(one, Persist) for write in one.writes]
    if writes:
        await self.aside(partial(self.hands.commit, writes))
        self.hands.mark(self.agent.birth.epoch.counter, self._head_in(writes))


Driver._carry_out = _carry_out  # type: ignore[method-assign] # a fault, on purpose

if __name__ == "__main__":
    sys.exit(main())
