"""What a promise takes between real processes: agents, sockets, TLS, and a disk below each.

Three agents on loopback, over one disk. A reservation goes in through the asker's local socket, as
the command's does; the asker looks for the owner, asks it to hold and to post, and a booking's post
is answered when somebody else has it on disk too. A gang of three is held, posted, parked and
settled on all three, with its own log's word before each of those. Every figure is therefore a
chain of messages and of synced writes, one behind the other; the limit is that many synced writes
alone.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Final

from simulations.bench.agents import (
    FULL_VIEW_SECONDS_MAX,
    have_full_view,
    machines,
    start_beside,
    start_first,
)
from simulations.bench.disks import BareLog
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import NS_PER_MS, quantile, wall_ns
from simulations.demo.nodes import Node, until

NAMES: Final = ("anna", "ben", "carla")
WARM_UP: Final = 2
"""Of each kind, before anything is counted: streams are opened then, and kept."""
RESERVATIONS: Final = 40
TERM_MS: Final = 600_000
ASK: Final = "1MiB"
BLOCK_BYTES: Final = 1024
"""About what one entry puts into a journal, as a block of its own."""
SHARES: Final = (50, 99)

SYNCED: Final = {
    "hold and post, asker and owner two processes": 3,  # hold; post; the copy
    "a gang of 3, on three processes": 8,
    # begun; held; committed; posted; parked; completed; its copy; settled
}
"""What is timed, and the synced writes that stand one behind the other in it."""
ROUND_TRIP, GANG = SYNCED
DECLARED: Final = tuple(
    Declared(f"{what}, p{share}", "ms", "lower") for what in SYNCED for share in SHARES
)


def rows(area: Area, reservations: int = RESERVATIONS) -> list[Row]:
    """The rows over real processes, of so many reservations each."""
    with machines(*NAMES) as nodes:
        first, *others = nodes
        start_first(first)
        for node in others:
            start_beside(node, first)
        until("everyone sees everyone", lambda: have_full_view(nodes), FULL_VIEW_SECONDS_MAX)
        taken = _taken(nodes, reservations)
        bare = _bare(first, reservations)
    return [
        area.row(
            f"{what}, p{share}", reservations, quantile(taken[what], share / 100),
            limit=quantile(bare[what], share / 100),
        )
        for what in SYNCED
        for share in SHARES
    ]  # fmt: skip


def _taken(nodes: Sequence[Node], reservations: int) -> dict[str, list[float]]:
    asker, owner, *_ = nodes
    taken: dict[str, list[float]] = {what: [] for what in SYNCED}
    for _ in range(WARM_UP + reservations):
        one = {"type": "reserve", "ask": {"ram": ASK, "node": owner.name}}
        taken[ROUND_TRIP].append(_reserved_ms(asker, one))
        three = {"type": "reserve_gang", "ask": {"ram": ASK}, "nodes": len(nodes)}
        taken[GANG].append(_reserved_ms(asker, three))
    return {what: each[WARM_UP:] for what, each in taken.items()}


def _reserved_ms(asker: Node, request: dict[str, Any]) -> float:
    told: list[dict[str, Any]] = []
    took = wall_ns(lambda: told.append(asker.granted(term_ms=TERM_MS, **request)))
    asker.granted(type="release", id=told[0]["id"])
    return took / NS_PER_MS


def _bare(node: Node, times: int) -> dict[str, list[float]]:
    """What so many synced writes take, one behind the other."""
    with closing(BareLog(node.state.parent / "bare")) as log:
        return {
            what: [wall_ns(_appending(log, count)) / NS_PER_MS for _ in range(times)]
            for what, count in SYNCED.items()
        }


def _appending(log: BareLog, count: int) -> Callable[[], None]:
    def append() -> None:
        for _ in range(count):
            log.append(bytes(BLOCK_BYTES))

    return append
