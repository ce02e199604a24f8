"""A simulated cluster: its nodes, its time, its network, and every promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from .errors import HoldfastError, Misuse, PromiseBroken, Stalled
from .node import Node
from .service import Service

TAIL_LINES = 40


class Cut:
    """A cut in the network. As a context manager it is mended at the end of the block."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self._cluster = cluster
        self._number = number

    def mend(self) -> None:
        """Everything passes again, as far as no other cut lies across it."""
        self._cluster.say("mend", cut=self._number)

    def __enter__(self) -> Cut:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if kind is None:  # a test that failed inside keeps its own reason
            self.mend()


class Cluster:
    """Simulated machines that know each other, each with a Holdfast agent. Time is virtual: it
    passes while somebody waits for an answer, and when a test says so.

    Any method may raise PromiseBroken: every promise is checked all the time.
    """

    def __init__(
        self, service: Service, seed: int, nodes: int | Sequence[dict[str, Any]],
        fields: dict[str, Any],
    ) -> None:  # fmt: skip
        self.seed = seed
        self.broken: HoldfastError | None = None
        """What ended it: a promise that was broken, or something that never came."""
        self._service = service
        self._name = service.cluster_name()
        self._now_ms = 0
        many: dict[str, Any] = (
            {"nodes": nodes} if isinstance(nodes, int) else {"machines": list(nodes)}
        )
        made = self.say("new", seed=seed, **many, **fields)
        self.nodes: list[str] = made["nodes"]
        """Their names, in order."""
        self._nodes = {name: Node(self, name) for name in self.nodes}

    def say(self, do: str, **fields: Any) -> dict[str, Any]:
        """Any command of the service: its page lists them."""
        try:
            said = self._service.say(do, cluster=self._name, **fields)
        except (PromiseBroken, Stalled) as error:
            self.broken = self.broken or error
            raise
        self._now_ms = said.get("now_ms", self._now_ms)
        return said

    def __getitem__(self, name: str) -> Node:
        if name not in self._nodes:
            raise Misuse(f"there is no node {name!r}: there are {', '.join(self.nodes[:8])}")
        return self._nodes[name]

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    # Time ----------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds of virtual time since the cluster began, as of the last thing it did."""
        return self._now_ms / 1000

    def advance(self, time: str) -> None:
        """Let virtual time pass: `advance("4s")`."""
        self.say("advance", time=time)

    def wait_until(self, condition: str, *, limit: str = "2m", **of: Any) -> bool:
        """Let time pass until a condition holds; whether it did within `limit`.

        `agree`, `open`, `quiet`; `up` and `down` with `node`; `sees` with `node`, `of` and
        `liveness`.
        """
        return bool(self.say("run-until", condition=condition, limit=limit, **of)["reached"])

    # The network ---------------------------------------------------------------------------------

    def cut(self, here: Sequence[str], there: Sequence[str], *, one_way: bool = False) -> Cut:
        """Nothing passes between the two, nor back unless `one_way`."""
        said = self.say("cut", here=_names(here), there=_names(there), one_way=one_way)
        return Cut(self, int(said["cut"]))

    def isolate(self, name: str) -> Cut:
        """Nothing passes between a node and all others."""
        return self.cut([name], [other for other in self.nodes if other != name])

    def mend(self) -> None:
        """Every cut is mended."""
        self.say("mend")

    def weather(self, here: str | None = None, there: str | None = None, **shares: Any) -> None:
        """`weather(loss=0.2, delay="20ms")`: from now on, everywhere or on one link; without
        anything it is fair. Shares: loss, duplication, reordering, corruption, delay_tail,
        breakage; times: delay, jitter; bytes: mtu."""
        self.say("weather", here=here, there=there, **shares)

    # Nodes ---------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self[name].kill()

    def power_cut(self, name: str) -> None:
        """The whole machine goes dark."""
        self[name].power_cut()

    def start(self, name: str) -> bool:
        """Switch it on."""
        return self[name].start()

    def restart(self, name: str) -> bool:
        """Kill it and start it at once."""
        return self[name].restart()

    def faults(self, faults: str = "none", *, operations: float = 0) -> None:
        """Faults that strike by themselves from now on (`"lossy,kill=2"`), beside people who ask
        for so many things per virtual second; "none" ends both."""
        self.say("faults", faults=faults, operations=operations)

    # Promises ------------------------------------------------------------------------------------

    def check(self) -> dict[str, int]:
        """Every promise, now. How often each was looked at; raises PromiseBroken."""
        looked: dict[str, int] = self.say("check")["looked"]
        return looked

    def calm(self) -> dict[str, int]:
        """Everything is mended, and everything that was held is released; then everybody must be
        open, agree, have answered, and grant again. Raises Stalled or PromiseBroken."""
        looked: dict[str, int] = self.say("calm")["looked"]
        return looked

    # What happened -------------------------------------------------------------------------------

    def transcript(self, last: int = 50) -> list[str]:
        """The last lines of what happened."""
        lines: list[str] = self.say("transcript", last=last)["lines"]
        return lines

    def trace(self) -> dict[str, Any]:
        """A hash over all that happened, and counts of operations, faults and rare states."""
        said = self.say("trace")
        return {name: said[name] for name in ("trace_hash", "operations", "faults", "states")}

    @property
    def trace_hash(self) -> str:
        """Equal for two lives of one history."""
        return str(self.trace()["trace_hash"])

    def script(self) -> list[str]:
        """The lines that made it what it is: told to `holdfast simulate --serve`, they are the same
        history."""
        lines: list[str] = []
        while True:
            said = self.say("script", first=len(lines))
            lines += said["lines"]
            if len(lines) >= said["of"]:
                return lines

    def end(self) -> None:
        """Forget it."""
        if self._service.alive:
            self.say("end")

    def __repr__(self) -> str:
        return f"<cluster of {len(self)} nodes, seed {self.seed}, {self.now:g} s>"


def _names(names: Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
