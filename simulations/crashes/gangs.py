"""A gang over real processes, one of which is killed at a stage of it.

Every stage of docs/reference/gangs.md at which somebody may be gone is planned once: the asker, or
an owner, is killed (SIGKILL) just before or just after an entry of its own log is on its disk, and
started again. When the last probation is over all are stopped, and what lies on the disks is read
by somebody else: each gang stands with all its members or with none, and those of whose end the
page is sure have come to it. Whoever waits asks again when its agent is back, and has one gang.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final, NamedTuple

from ledger.commands import HOLD_ID_BYTES
from ledger.limits import GANG_MAX
from mesh.identity import parse_id
from mesh.instant import SECOND
from node.core.gangs.kept import mark
from simulations.crashes.mortal import PLAN
from simulations.crashes.reader import Account, account_of, log_of, rows_in
from simulations.demo.nodes import Node, StepFailed, until
from simulations.truth.cluster import Cluster

SHARE_MIB: Final = 512
ASKER: Final = "a"
OWNER: Final = "b"
TERM_MS: Final = 3_600_000
WAIT_MS: Final = 60_000
DEAD_SECONDS_MAX: Final = 30.0
CALM_SECONDS: Final = GANG_MAX / SECOND * 1.1 + 5
"""Every probation has ended by then."""
MORTAL: Final = (sys.executable, "-m", "simulations.crashes.mortal")


class Cell(NamedTuple):
    """Who dies when. `stands`: what becomes of the gang; None: all of it or none, whichever."""

    who: str
    plan: str
    stands: bool | None
    waits: bool = False
    """Whether whoever asked waits, and asks again under the name of its wish."""


CELLS: Final = (
    Cell(ASKER, "before gang", False),
    Cell(ASKER, "after gang", False),
    Cell(ASKER, "after gang commit", False),
    Cell(ASKER, "before gang complete", False),
    Cell(ASKER, "after gang complete", True),
    Cell(OWNER, "before hold", None),
    Cell(OWNER, "after hold", None),
    Cell(OWNER, "after post", None),
    Cell(OWNER, "after park", None),
    Cell(OWNER, "after settle", None),
    Cell(ASKER, "before gang", True, waits=True),
    Cell(ASKER, "after gang", True, waits=True),
    Cell(ASKER, "after gang commit", True, waits=True),
    Cell(ASKER, "after gang complete", True, waits=True),
)
"""An owner that is back in time is asked again, and then the gang may stand; whose answer is late
is taken for one that is gone, and its asker ends it."""


class Outcome(NamedTuple):
    """What became of one cell: its gang's id, and whether its asker was told yes."""

    cell: Cell
    gang: str
    told: bool
    mark: str
    """What the ids of all gangs for its wish end with."""


def run(folder: Path, cells: Sequence[Cell] = CELLS) -> list[str]:
    """Live them all; what was wrong. From inside a sandbox only. Raises StepFailed."""
    cluster = Cluster(["a", "b", "c"], SHARE_MIB, folder, 1, MORTAL)
    try:
        cluster.meet()
        asked = [_live(cluster, cell) for cell in cells]
        due = time.perf_counter() + CALM_SECONDS
        while time.perf_counter() < due:
            time.sleep(1)
        names = {name: node.granted(type="status") for name, node in cluster.nodes.items()}
        for node in cluster.nodes.values():
            node.stop()
        accounts = {
            name: account_of(log_of(rows_in(node.state), parse_id(names[name]["node"]["id"])))
            for name, node in cluster.nodes.items()
        }
        return [*_judged(asked, accounts)]
    finally:
        cluster.close()


def _live(cluster: Cluster, cell: Cell) -> Outcome:
    asker = cluster.nodes[ASKER]
    before = _gangs(asker)
    doomed = cluster.nodes[cell.who]
    (doomed.state / PLAN).write_text(cell.plan)
    name = token_bytes(HOLD_ID_BYTES)
    answer = _asked(asker, cell, name)
    until(f"{cell.who} is dead {cell.plan}", partial(_is_dead, doomed), DEAD_SECONDS_MAX)
    doomed.start()
    if cell.waits:
        until(f"{cell.who} is back", doomed.answers, DEAD_SECONDS_MAX)
        answer = _asked(asker, cell, name)
    cluster.wait_until_met()
    fresh = [gang for gang in _gangs(asker) if gang not in before]
    return Outcome(cell, fresh[-1] if fresh else "", "ok" in answer, mark(name).hex())


def _asked(asker: Node, cell: Cell, name: bytes) -> dict[str, Any]:
    """What the asker was told; nothing when its door closed in the middle."""
    wish: dict[str, Any] = {"ask": {"ram": "8MiB"}, "nodes": 3, "term_ms": TERM_MS}
    if cell.waits:
        wish |= {"wait_ms": WAIT_MS, "wish": name.hex()}
    try:
        return asker.ask(type="reserve_gang", **wish)
    except (OSError, StepFailed, ValueError):
        return {}


def _is_dead(node: Node) -> bool:
    assert node.process is not None
    if node.process.poll() is None:
        return False
    node.process = None
    return True


def _gangs(asker: Node) -> list[str]:
    """The gangs that its log on the disk speaks of, in order."""
    try:
        own = parse_id(asker.granted(type="status")["node"]["id"])
    except (OSError, StepFailed, ValueError) as error:
        raise StepFailed(f"{asker.name} does not answer: {error}") from error
    return [*account_of(log_of(rows_in(asker.state), own)).gangs]


def _judged(asked: list[Outcome], accounts: dict[str, Account]) -> list[str]:
    members: dict[str, list[str]] = defaultdict(list)
    for owner, account in accounts.items():
        for holding in account.holds.values():
            if holding.gang and holding.state != "ended":
                members[holding.gang].append(owner if holding.settled else f"{owner} (unsettled)")
    wrong = []
    for cell, gang, told, ends in asked:
        live = sorted(members.get(gang, []))
        stands, name = live == ["a", "b", "c"], f"{cell.who} dies {cell.plan}"
        if cell.waits and sum(one.endswith(ends) for one in members) > 1:
            wrong.append(f"{name}: more than one gang stands for its wish")
        if live and not stands:
            wrong.append(f"{name}: of its gang there stand {', '.join(live)}")
        elif cell.stands is not None and stands is not cell.stands:
            wrong.append(f"{name}: it {'stands' if stands else 'does not stand'}")
        elif told and not stands:
            wrong.append(f"{name}: its asker was told yes, and it does not stand")
    known = {outcome.gang for outcome in asked}
    loose = sorted(gang for gang in members if gang not in known and len(members[gang]) != 3)
    return [*wrong, *(f"a part of the gang {gang[:8]} stands alone" for gang in loose)]


def told(cells: Sequence[Cell], wrong: Sequence[str]) -> str:
    """For people."""
    return "\n".join([f"gangs       {len(cells)} stages killed, {len(wrong)} faults", *wrong])
