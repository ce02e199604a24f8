"""One node of a cluster: what a person at it may ask, and what may befall it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, TypeVar

from .errors import NoAnswer
from .holds import Hold, Pending, Place, heard
from .needs import document, milliseconds

if TYPE_CHECKING:
    from .cluster import Cluster

T = TypeVar("T")


class Process:
    """A process of a person's on a node's machine: what a hold may be tied to."""

    def __init__(self, node: Node, pid: int, started: int) -> None:
        self.node = node
        self.pid = pid
        self.started = started

    def end(self) -> None:
        """It exits."""
        self.node.say("end-work", pid=self.pid)


class Disk:
    """A node's disk, and what may befall it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def fail_sync(self, count: int = 1) -> None:
        """The next `count` transactions fail."""
        self._say("fail-sync", count=count)

    def fill(self) -> None:
        """No space from here on."""
        self._say("full")

    def free(self) -> None:
        """Space again."""
        self._say("free")

    def tear(self) -> None:
        """The write under way at the next crash is cut in the middle."""
        self._say("tear")

    def damage(self) -> None:
        """A bit flips among the old rows; the next start sees it."""
        self._say("damage")

    def lie(self, count: int) -> None:
        """With a power cut the last `count` transactions are lost; 0 ends it."""
        self._say("lie", count=count)

    def slow(self, factor: float) -> None:
        """Every write takes `factor` times as long; 1 is as it was."""
        self._say("slow", factor=factor)

    def copy(self) -> None:
        """A backup."""
        self._say("copy")

    def set_back(self) -> None:
        """The backup is put back. The node must be down."""
        self._say("set-back")

    def lose(self) -> None:
        """Another disk, empty. The node must be down."""
        self._say("lose")

    def _say(self, what: str, **fields: Any) -> None:
        self._node.say("disk", what=what, **fields)


class Node:
    """One machine and its agent. Each method that asks raises Refused when the answer is no, and
    NoAnswer when there is none."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.disk = Disk(self)

    def say(self, do: str, **fields: Any) -> dict[str, Any]:
        """A command of the service about this node."""
        return self.cluster.say(do, node=self.name, **fields)

    # Asking --------------------------------------------------------------------------------------

    def reserve(
        self, what: str = "", *, term: str = "1h", on: str | None = None, label: str = "",
        principal: str = "", process: Process | None = None, require_copy: bool = False,
        wait_for_opening: bool = True, **needs: Any,
    ) -> Hold:  # fmt: skip
        """Take room and keep it: `reserve("8GiB ram, 2 cores")`, `reserve(ram="8GiB", on="n2")`.

        `on`: at that node only; `process`: until it ends; `require_copy`: only with a copy at a
        peer; `needs`: more keys of a request document (`gpus`, `disks`, `tools`, `labels`, …).
        """
        wanted = _reserve(what, needs, term, on, label, principal, process)
        wanted.update(require_copy=require_copy, wait_for_opening=wait_for_opening)
        return self._hold(self.ask(wanted))

    def hold(
        self, what: str = "", *, term: str = "1h", on: str | None = None, label: str = "",
        principal: str = "", **needs: Any,
    ) -> Hold:  # fmt: skip
        """As `reserve`, but it lapses soon unless `confirm` comes."""
        wanted = _reserve(what, needs, term, on, label, principal, None)
        return self._hold(self.ask({**wanted, "hold_only": True}))

    def reserving(
        self, what: str = "", *, term: str = "1h", on: str | None = None, label: str = "",
        principal: str = "", process: Process | None = None, **needs: Any,
    ) -> Pending[Hold]:  # fmt: skip
        """As `reserve`, without waiting: for races, and for what happens meanwhile."""
        wanted = _reserve(what, needs, term, on, label, principal, process)
        return self.asking(wanted, self._hold)

    def where(self, what: str = "", *, on: str | None = None, **needs: Any) -> Place:
        """Where is there room? Never Refused for want of room: then the place is false."""
        body = self.ask({"type": "where", "ask": document(what, {**needs, "node": on})})
        return Place(body)

    def confirm(self, hold: Hold | str) -> Hold:
        """Post what `hold` took."""
        said = self.ask({"type": "post", "id": _id(hold)})
        return self._hold({**said, "state": said["outcome"]})

    def release(self, hold: Hold | str) -> None:
        """Give it back."""
        self.ask({"type": "release", "id": _id(hold)})

    def holds(self) -> list[Hold]:
        """Every live hold in the mesh, as this node's copies know it."""
        return [self._hold(body) for body in self.ask({"type": "holds"})["holds"]]

    def status(self) -> dict[str, Any]:
        """As `holdfast status --json`."""
        return self.ask({"type": "status"})

    def facts(self, of: str | None = None) -> dict[str, Any]:
        """As `holdfast facts --json`."""
        return self.ask({"type": "facts", "node": of})

    def ask(self, request: dict[str, Any], limit: str = "150s") -> dict[str, Any]:
        """Any request that a node's door takes; its body."""
        return heard(self.say("ask", request=request, limit=limit), self.name)

    def asking(self, request: dict[str, Any], read: Callable[[dict[str, Any]], T]) -> Pending[T]:
        """As `ask`, without waiting; `read` turns the body into what `answer` returns."""
        said = self.say("ask", request=request, wait=False)
        return Pending(self, int(said["asked"]), read)

    def _hold(self, body: dict[str, Any]) -> Hold:
        return Hold(self, body)

    # Its state -----------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Any]:
        """All that can be seen of it from outside."""
        nodes: list[dict[str, Any]] = self.say("state")["nodes"]
        return nodes[0]

    @property
    def up(self) -> bool:
        """Whether its agent runs."""
        return bool(self.state["up"])

    @property
    def standing(self) -> str | None:
        """`open` when it grants; None when it is down."""
        standing = self.state["standing"]
        return None if standing is None else str(standing)

    def sees(self, other: str) -> str:
        """What it takes another for: alive, suspect, dead, left or unknown."""
        sees = self.state["sees"]
        if sees is None:
            raise NoAnswer(f"{self.name} is down and sees nobody", "down")
        return str(sees[other])

    # What befalls it -----------------------------------------------------------------------------

    def kill(self, after_effects: int | None = None) -> None:
        """SIGKILL, now or once it has carried out so many more effects."""
        self.say("kill", effects=after_effects)

    def power_cut(self) -> None:
        """The whole machine goes dark, with all that volatile memory vouched for."""
        self.say("kill", power=True)

    def start(self) -> bool:
        """Switch it on; False when its disk does not let it begin."""
        return bool(self.say("start")["up"])

    def restart(self) -> bool:
        """Kill it and start it at once."""
        self.kill()
        return self.start()

    def stop(self, leaving: bool = False) -> None:
        """A clean stop; `leaving`: with a goodbye to everyone. Over within three seconds."""
        self.say("stop", leaving=leaving)
        self.cluster.wait_until("down", node=self.name, limit="10s")

    def pause(self, time: str) -> None:
        """It stands still for so long, as after SIGSTOP."""
        self.say("pause", time=time)

    def suspend(self, time: str) -> None:
        """Its lid is shut for so long: it stands still, and its links are silent."""
        self.say("pause", time=time, suspend=True)

    def slow(self, by: str) -> None:
        """Whatever reaches it is read so much late; "0s" ends it."""
        self.say("slow", by=by)

    def jump_clock(self, time: str, back: bool = False) -> None:
        """Its clock leaps; `back`: it stands until it has made up for it."""
        self.say("clock", jump_ms=milliseconds(time) * (-1 if back else 1))

    def set_clock_rate(self, ppm: int) -> None:
        """From now on its clock runs so many parts per million too fast."""
        self.say("clock", ppm=ppm)

    def run(self, ram: str = "0B") -> Process:
        """A person starts a process that uses so much memory."""
        said = self.say("work", ram=ram)
        return Process(self, int(said["pid"]), int(said["pid_started"]))

    def set_ram(self, ram: str) -> None:
        """Another amount of main memory, also less than is granted."""
        self.say("hardware", ram=ram)

    def set_foreign(self, ram: str) -> None:
        """So much of its memory is used by programs that nobody asked about."""
        self.say("hardware", foreign=ram)

    def lose_card(self, number: int = 0) -> None:
        """Its driver shows the card no longer."""
        self.say("hardware", lost=[number])

    def return_card(self, number: int = 0) -> None:
        """It shows it again."""
        self.say("hardware", back=[number])

    def blind(self, pool: str = "ram") -> None:
        """The figures of a pool can't be read."""
        self.say("hardware", blind=pool)

    def see(self, pool: str = "ram") -> None:
        """They can again."""
        self.say("hardware", seen=pool)

    def hang_probes(self, hang: bool = True) -> None:
        """No look of its probes arrives, until they hang no more."""
        self.say("hardware", probes_hang=hang)

    def __repr__(self) -> str:
        return f"<node {self.name}>"


def _reserve(
    what: str, needs: dict[str, Any], term: str, on: str | None, label: str, principal: str,
    process: Process | None,
) -> dict[str, Any]:  # fmt: skip
    request: dict[str, Any] = {
        "type": "reserve", "ask": document(what, {**needs, "node": on}),
        "term_ms": milliseconds(term), "label": label, "principal": principal,
    }  # fmt: skip
    if process is not None:
        request.update(pid=process.pid, pid_started=process.started)
    return request


def _id(hold: Hold | str) -> str:
    return hold if isinstance(hold, str) else hold.id
