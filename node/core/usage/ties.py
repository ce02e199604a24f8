"""Ties: which running process of this machine belongs to which of our holds, by a person's word.

`adopt PID --hold ID` says that what runs already is what a hold was taken for: from then on its use
counts as the hold's, and its children's too. A tie ends nothing and renews nothing. The process may
go and the booking stays; the booking may end and the process goes on, as foreign use, for only what
was started here may be killed here. (A lease that ends with its process is carried: carrying.py.)

A process is named by its pid *and* the tick at which it started: the kernel gives pids out again,
and a tie must not be inherited by whoever comes next. One process has one hold; the same bytes
can't be counted for two.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from ledger.entries.fields import HoldId
from ledger.lifecycle import HoldState
from mesh.persistence import SPACE_TIE, Persist, Write
from node.core import answers
from node.core.effects import Effect, Look, Reply, Watch
from node.core.names import find_hold
from node.core.picture.knowledge import Knowledge
from node.core.processes import PID_MAX, STARTED_MAX, Process
from node.core.requests import Adopt, Refused, Reserve
from node.core.reserving.carrying import Carried

TIES_MAX: Final = 256
"""Adopted processes at one time. A service with more than that is one parent, or one group."""
GROUP_CHARS_MAX: Final = 512


class Tied(msgspec.Struct, frozen=True):
    """One tie, as it lies on disk. `group`: the control group that belongs to it, if it does."""

    hold: HoldId
    pid: Annotated[int, msgspec.Meta(gt=0, le=PID_MAX)]
    started: Annotated[int, msgspec.Meta(ge=0, le=STARTED_MAX)]
    group: str = ""


Rows: TypeAlias = Mapping[bytes, bytes]


@dataclass(slots=True)
class Ties:
    """All of one agent."""

    _tied: dict[Process, Tied] = field(default_factory=dict)

    def all(self) -> tuple[Tied, ...]:
        """Every tie, in order of the processes."""
        return tuple(self._tied[process] for process in sorted(self._tied))

    def hold_of(self, process: Process) -> bytes | None:
        """The hold that a process was adopted by."""
        tied = self._tied.get(process)
        return None if tied is None else tied.hold

    def restore(self, rows: Rows) -> list[Watch]:
        """Take up what an earlier start was told. What no longer runs is reported at once."""
        watches: list[Watch] = []
        for key in sorted(rows):
            try:
                tied = msgspec.msgpack.decode(rows[key], type=Tied)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue  # damaged on the disk: its use is foreign until somebody says it again
            self._tied[Process(tied.pid, tied.started)] = tied
            watches.append(Watch(tied.hold, tied.pid, tied.started))
        return watches

    def tie(self, tied: Tied) -> list[Persist | Watch]:
        """One more, on disk before it counts."""
        process = Process(tied.pid, tied.started)
        self._tied[process] = tied
        row = Write(SPACE_TIE, _key(process), msgspec.msgpack.encode(tied))
        return [Persist((row,)), Watch(tied.hold, tied.pid, tied.started)]

    def ended(self, process: Process) -> list[Persist]:
        """It is gone. A group stays tied: a service starts its process anew, in the same one."""
        tied = self._tied.get(process)
        if tied is None or tied.group:
            return []
        del self._tied[process]
        return [Persist((Write(SPACE_TIE, _key(process), None),))]

    def sift(self, live: Collection[bytes]) -> list[Persist]:
        """Holds that are over let go of what ran under them."""
        over = [process for process in sorted(self._tied) if self._tied[process].hold not in live]
        for process in over:
            del self._tied[process]
        rows = tuple(Write(SPACE_TIE, _key(process), None) for process in over)
        return [Persist(rows)] if rows else []


def adopt(
    knowledge: Knowledge, ties: Ties, carried: Mapping[bytes, Carried], token: int, wish: Adopt
) -> list[Effect]:
    """Tie a process to a hold of ours. Raises Refused with what to do instead."""
    if not 0 < wish.pid <= PID_MAX or not 0 <= wish.pid_started <= STARTED_MAX:
        raise Refused("bad_request", f"{wish.pid} is no process id", "`ps` lists them")
    if len(wish.group) > GROUP_CHARS_MAX:
        raise Refused("bad_request", "that is no control group: its path is too long")
    hold = _ours(knowledge, wish.hold)
    process = Process(wish.pid, wish.pid_started)
    before = holder_of(process, ties, carried)
    if before not in (None, hold):
        assert before is not None
        raise tied_already(process, before)
    same_group = any(one.group == wish.group for one in ties.all() if one.hold != hold)
    if wish.group and same_group:
        raise Refused("refused", f"the control group {wish.group} is tied to another hold already")
    if before is None and len(ties.all()) >= TIES_MAX:
        sentence = f"{TIES_MAX} processes are tied to holds here already, and that is the most"
        raise Refused("refused", sentence, "adopt the parent of many: its children follow")
    reply = Reply(token, ok=True, body=_told(knowledge, hold, process, again=before is not None))
    if before is not None and not wish.group:
        return [reply]
    told = Tied(hold, wish.pid, wish.pid_started, wish.group)
    return [*ties.tie(told), Look("a process was tied to a hold"), reply]


def holder_of(process: Process, ties: Ties, carried: Mapping[bytes, Carried]) -> bytes | None:
    """The hold that a process belongs to by anybody's word: adopted, or carried as a lease."""
    for hold in sorted(carried):
        if Process(carried[hold].pid, carried[hold].started) == process:
            return hold
    return ties.hold_of(process)


def check_free(
    ties: Ties, carried: Mapping[bytes, Carried], asked_for: Collection[Process], wish: Reserve
) -> None:
    """Whether `wish`, if it names a process, names one that has no hold. Raises Refused."""
    if wish.pid is None or wish.pid_started is None:
        return
    process = Process(wish.pid, wish.pid_started)
    before = holder_of(process, ties, carried)
    if before is not None:
        raise tied_already(process, before)
    if process in asked_for:
        raise Refused("refused", f"a lease for process {wish.pid} is being asked for", "wait")


def tied_already(process: Process, hold: bytes) -> Refused:
    """Two holds can't be used by the same bytes."""
    return Refused(
        "refused",
        f"process {process.pid} is tied to hold {hold.hex()[:12]} already",
        f"`holdfast release {hold.hex()[:12]}` unties it, and so does the end of the process",
    )


def _ours(knowledge: Knowledge, text: str) -> bytes:
    known = knowledge.holds()
    hold = find_hold(text, known, knowledge.fates)
    owner, state = known[hold]
    short = hold.hex()[:12]
    if owner != knowledge.us:
        name = knowledge.name_of(owner)
        raise Refused(
            "refused",
            f"hold {short} is room on {name}, and a process is adopted where it runs",
            f"on {name}: `holdfast adopt PID --hold {short}`",
        )
    if state is not HoldState.POSTED:
        sentence = f"hold {short} is not confirmed yet, and lapses in seconds"
        raise Refused("refused", sentence, f"`holdfast post {short}` first")
    return hold


def _told(knowledge: Knowledge, hold: bytes, process: Process, *, again: bool) -> dict[str, Any]:
    kept = knowledge.ledger.books.live[hold]
    return {
        "id": hold.hex(),
        "owner": answers.who(knowledge, knowledge.us),
        "pid": process.pid,
        "pid_started": process.started,
        "kind": kept.kind.value,
        "legs": [answers.leg(one) for one in kept.legs],
        "again": again,
    }


def _key(process: Process) -> bytes:
    return process.pid.to_bytes(4, "big") + process.started.to_bytes(8, "big")
