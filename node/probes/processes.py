"""Whose work is that? Processes are tied to holds, so that promised and used are not both counted.

A process belongs to a hold because someone tied its pid (with its start time: pids are used again),
or because HOLDFAST_HOLD=<id> stands in its environment, or because its parent does. Precedence:

1. its own tie by pid;
2. its own environment, where it differs from its parent's: an inherited variable says no more than
   the parent already does, so it may not outvote a tie on the parent;
3. its control group, where somebody tied all of one;
4. what it was when last seen, if its parent has changed since (a daemon that let go of its parent);
5. its parent's hold.

The figure per process is Pss_Anon + Pss_Shmem: memory that can't be dropped, each shared page
counted once over all who share it. RSS is never summed: after a fork both would count all pages.
Where only the RSS figures can be read (another user's process) the largest single process stands
for them all; that is less than the truth, and less is the safe side: what a hold is not seen to use
stays set aside.

Walking the page tables costs 5 ms per GiB, so a process that shows the same RSS figures in an
unchanged set of processes keeps its last answer. Environments are read once per program image: a
new start of the stack (`env_start`) means another one was executed.
"""

import pwd
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from node.core.processes import Process
from node.probes.cgroups import UNIFIED, parse_groups
from node.probes.memory import parse_fields
from node.probes.sources import Roots, names_in, owner_of, read_text, whole

HOLD_VARIABLE: Final = "HOLDFAST_HOLD"
HOLD_HEX_CHARS: Final = 32
FOREIGN_ROWS_MAX: Final = 8


class Tie(NamedTuple):
    """A live hold; with the process someone tied to it, if anyone did."""

    hold: bytes
    pid: int | None = None
    started: int | None = None
    """Clock ticks after boot, as in /proc/PID/stat. A tie to a pid without it ties nothing."""
    group: str = ""
    """A control group, all of which belongs to the hold."""


class ProcessStat(NamedTuple):
    """What /proc/PID/stat says that we need."""

    pid: int
    parent: int
    started: int
    env_start: int
    """Where the environment begins; 0 when we may not know it or there is none."""
    command: str


class ProcessRow(NamedTuple):
    """One process; `mark` is the hold that its environment names."""

    stat: ProcessStat
    mark: bytes | None
    group: str = ""
    """Its control group; read only where somebody tied one."""


class Seen(NamedTuple):
    """A matched process as it was when its hold was settled."""

    parent: int
    hold: bytes


SeenBefore = Mapping[tuple[int, int], Seen]
"""(pid, start) → what it was."""


@dataclass(frozen=True, slots=True)
class ForeignUse:
    """Memory that nobody reserved, for people to see. None: could not be read."""

    user: str
    pid: int
    command: str
    ram: int
    vram: int


def parse_stat(text: str) -> ProcessStat | None:
    """/proc/PID/stat. A command may hold blanks and parentheses: the last `)` ends it."""
    start, end = text.find("("), text.rfind(")")
    if start < 0 or end < start:
        return None
    fields = text[end + 1 :].split()
    if len(fields) < 20:
        return None
    pid, parent, started = whole(text[:start].strip()), whole(fields[1]), whole(fields[19])
    env_start = whole(fields[47]) if len(fields) > 47 else 0
    if pid is None or parent is None or started is None:
        return None
    return ProcessStat(pid, parent, started, env_start or 0, text[start + 1 : end])


def parse_environ(text: str) -> bytes | None:
    """/proc/PID/environ: the hold it names, or None when it names none or badly."""
    start = ("\x00" + text).find(f"\x00{HOLD_VARIABLE}=")
    if start < 0:
        return None
    name = text[start + len(HOLD_VARIABLE) + 1 :].partition("\x00")[0].strip().lower()
    if len(name) != HOLD_HEX_CHARS or not all(char in "0123456789abcdef" for char in name):
        return None
    return bytes.fromhex(name)


class _Words(NamedTuple):
    """What was said about who belongs where."""

    live: frozenset[bytes]
    tied: Mapping[tuple[int | None, int], bytes]
    groups: tuple[tuple[str, bytes], ...]
    """(control group, hold), the innermost first."""
    seen: SeenBefore


def attribute(
    rows: Mapping[int, ProcessRow], ties: Iterable[Tie], seen: SeenBefore
) -> tuple[dict[int, bytes], dict[tuple[int, int], Seen]]:
    """pid → hold, for every process that belongs to one; and what to remember for next time."""
    ties = tuple(ties)
    words = _Words(
        live=frozenset(tie.hold for tie in ties),
        tied={(tie.pid, tie.started): tie.hold for tie in ties if tie.started is not None},
        groups=tuple(sorted(((one.group, one.hold) for one in ties if one.group), reverse=True)),
        seen=seen,
    )
    settled: dict[int, bytes | None] = {}
    for pid in sorted(rows):
        _settle(pid, rows, words, settled)
    matched = {pid: hold for pid, hold in settled.items() if hold is not None and pid in rows}
    return matched, {_key(rows[pid]): _memory_of(rows[pid], matched, seen) for pid in matched}


def _settle(
    pid: int, rows: Mapping[int, ProcessRow], words: _Words, settled: dict[int, bytes | None]
) -> None:
    """Climb from `pid` to the first ancestor whose hold is known, and hand it down."""
    path: dict[int, None] = {}  # a set that keeps its order: a made-up table could go in circles
    while pid in rows and pid not in settled and pid not in path:
        own = _own_hold(rows[pid], rows, words)
        if own is not None:
            settled[pid] = own
            break
        path[pid] = None
        pid = rows[pid].stat.parent
    hold = settled.get(pid)
    for below in path:
        settled[below] = hold


def _own_hold(row: ProcessRow, rows: Mapping[int, ProcessRow], words: _Words) -> bytes | None:
    """The hold that the process has without asking its parent: rules 1 to 4."""
    key = _key(row)
    if key in words.tied:
        return words.tied[key]
    parent = rows.get(row.stat.parent)
    if row.mark in words.live and (parent is None or parent.mark != row.mark):
        return row.mark
    for group, hold in words.groups if row.group else ():
        if row.group == group or row.group.startswith(group + "/"):
            return hold
    before = words.seen.get(key)
    if before is not None and before.parent != row.stat.parent and before.hold in words.live:
        return before.hold
    return None


def _key(row: ProcessRow) -> tuple[int, int]:
    return row.stat.pid, row.stat.started


def _memory_of(row: ProcessRow, matched: Mapping[int, bytes], seen: SeenBefore) -> Seen:
    hold = matched[row.stat.pid]
    before = seen.get(_key(row))
    if before is not None and before.hold == hold:
        return before  # with the parent it had then: an orphan stays remembered as one
    return Seen(row.stat.parent, hold)


def tops_of(
    rows: Mapping[int, ProcessRow], matched: Mapping[int, bytes]
) -> dict[bytes, tuple[Process, ...]]:
    """Hold → its processes whose parents are not its own, in order."""
    tops: dict[bytes, list[Process]] = {}
    for pid in sorted(matched):
        stat, hold = rows[pid].stat, matched[pid]
        if matched.get(stat.parent) != hold:
            tops.setdefault(hold, []).append(Process(pid, stat.started))
    return {hold: tuple(tops[hold]) for hold in sorted(tops)}


def unshared(text: str) -> int | None:
    """smaps_rollup: Pss_Anon + Pss_Shmem in bytes; None on kernels that do not tell them apart."""
    fields = parse_fields(text)
    if "Pss_Anon" not in fields or "Pss_Shmem" not in fields:
        return None
    return fields["Pss_Anon"] + fields["Pss_Shmem"]


def resident(text: str) -> int | None:
    """/proc/PID/status: RssAnon + RssShmem in bytes; None for a process without memory."""
    fields = parse_fields(text)
    if "RssAnon" not in fields or "RssShmem" not in fields:
        return None
    return fields["RssAnon"] + fields["RssShmem"]


def use_of_hold(figures: Sequence[tuple[int | None, int | None]]) -> int:
    """What a hold's processes use together: each as (unshared, resident). Never too much."""
    known = sum(pss for pss, _ in figures if pss is not None)
    guessed = max((rss for pss, rss in figures if pss is None and rss is not None), default=0)
    return max(known, guessed)  # not their sum: the one may share its pages with the others


class Attributor:
    """Ties processes to holds, sample after sample."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._seen: dict[tuple[int, int], Seen] = {}
        self.tops: dict[bytes, tuple[Process, ...]] = {}
        """As of the last match: hold → its processes whose parents are not among them."""
        self._marks: dict[tuple[int, int, int], bytes | None] = {}
        self._walked: dict[int, tuple[int, int | None]] = {}
        self._walked_for: tuple[tuple[int, bytes], ...] = ()

    def match(self, ties: Sequence[Tie]) -> dict[int, bytes]:
        """pid → hold, now. Costs nothing when there are no holds."""
        if not ties:
            self._seen, self._marks, self.tops = {}, {}, {}
            return {}
        rows = self._read_rows(grouped=any(tie.group for tie in ties))
        matched, self._seen = attribute(rows, ties, self._seen)
        self.tops = tops_of(rows, matched)
        return matched

    def _read_rows(self, *, grouped: bool) -> dict[int, ProcessRow]:
        rows: dict[int, ProcessRow] = {}
        marks: dict[tuple[int, int, int], bytes | None] = {}
        for name in names_in(self._roots.proc):
            stat = (
                parse_stat(read_text(f"{self._roots.proc}/{name}/stat") or "")
                if (name.isdigit())
                else None
            )
            if stat is None:
                continue
            key = (stat.pid, stat.started, stat.env_start)
            marks[key] = self._marks[key] if key in self._marks else self._read_mark(stat)
            group = group_of(self._roots, stat.pid) if grouped else ""
            rows[stat.pid] = ProcessRow(stat, marks[key], group)
        self._marks = marks
        return rows

    def _read_mark(self, stat: ProcessStat) -> bytes | None:
        if stat.env_start == 0:
            return None  # a kernel thread, a process that ended, or one that we may not look into
        return parse_environ(read_text(f"{self._roots.proc}/{stat.pid}/environ") or "")

    def memory(self, matched: Mapping[int, bytes]) -> tuple[dict[bytes, int], tuple[int, ...]]:
        """Hold → bytes its processes use; and the pids that could not be read and count as 0."""
        pairs = tuple(sorted(matched.items()))
        if pairs != self._walked_for:
            self._walked, self._walked_for = {}, pairs
        figures: dict[bytes, list[tuple[int | None, int | None]]] = {}
        for pid, hold in pairs:
            figures.setdefault(hold, []).append(self._figures(pid))
        unread = tuple(pid for pid, _ in pairs if pid not in self._walked)
        return {hold: use_of_hold(figures[hold]) for hold in sorted(figures)}, unread

    def _figures(self, pid: int) -> tuple[int | None, int | None]:
        rss = resident(read_text(f"{self._roots.proc}/{pid}/status") or "")
        if rss is None:
            self._walked.pop(pid, None)
            return None, None
        if pid not in self._walked or self._walked[pid][0] != rss:
            text = read_text(f"{self._roots.proc}/{pid}/smaps_rollup") or ""
            self._walked[pid] = (rss, unshared(text))
        return self._walked[pid][1], rss


def group_of(roots: Roots, pid: int) -> str:
    """The control group in which a process is; empty for the root's and where there are none."""
    groups = parse_groups(read_text(f"{roots.proc}/{pid}/cgroup") or "")
    return groups.get(UNIFIED, "").rstrip("/") or groups.get("memory", "").rstrip("/")


def started_of(roots: Roots, pid: int) -> int | None:
    """The start time that belongs into a `Tie`; None when there is no such process."""
    stat = parse_stat(read_text(f"{roots.proc}/{pid}/stat") or "")
    return None if stat is None else stat.started


def foreign_use(
    roots: Roots,
    matched: Mapping[int, bytes],
    vram_by_pid: Mapping[int, int],
    rows_max: int = FOREIGN_ROWS_MAX,
) -> tuple[ForeignUse, ...]:
    """The largest users of memory that no hold explains. For people: takes 40 µs per process."""
    rows: list[ForeignUse] = []
    for name in names_in(roots.proc):
        if not name.isdigit() or int(name) in matched:
            continue
        pid = int(name)
        ram, vram = resident(read_text(f"{roots.proc}/{pid}/status") or ""), vram_by_pid.get(pid, 0)
        if ram is not None or vram:
            rows.append(ForeignUse("", pid, "", ram or 0, vram))
    rows.sort(key=lambda row: (-row.ram - row.vram, row.pid))
    return tuple(_named(roots, row) for row in rows[:rows_max])


def _named(roots: Roots, row: ForeignUse) -> ForeignUse:
    owner = owner_of(f"{roots.proc}/{row.pid}")
    stat = parse_stat(read_text(f"{roots.proc}/{row.pid}/stat") or "")
    command = stat.command if stat is not None else "ended"
    return ForeignUse(_user(owner), row.pid, command, row.ram, row.vram)


def _user(owner: int | None) -> str:
    if owner is None:
        return "unknown"
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return str(owner)  # a container's user that this machine does not know
