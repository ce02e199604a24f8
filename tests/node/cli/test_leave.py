"""`holdfast leave`, beside a folder that something holds."""

import fcntl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from tests.node.cli.conftest import Ran
from tests.support.fake_agent import FakeAgent

Run: TypeAlias = Callable[..., Ran]


def test_leave_ends_when_the_agent_has_let_go_of_its_folder(state: Path, run: Run) -> None:
    lock = state / "lock"
    lock.write_text("1")
    freed: list[float] = []
    with FakeAgent(state), lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def let_go() -> None:
            freed.append(time.perf_counter())
            fcntl.flock(held, fcntl.LOCK_UN)

        timer = threading.Timer(0.3, let_go)
        timer.start()
        ran = run("leave")
        ended = time.perf_counter()
        timer.join()
    assert (ran.status, ran.err) == (0, "")
    assert ended >= freed[0], "`leave && up` is not told that an agent runs already"
