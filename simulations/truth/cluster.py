"""Agents by name on a LAN of their own, each with a folder on the disk and one in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from simulations.demo.nodes import COMMAND, Node, until
from simulations.truth.lan import Lan
from simulations.truth.sandbox import make_volatile

MIB: Final = 1 << 20
CORES_OFFERED: Final = 0.1
UP_SECONDS_MAX: Final = 30.0
MET_SECONDS_MAX: Final = 60.0
KNOWN_FACTS: Final = frozenset({"inventory", "live", "standing"})


class Cluster:
    """Nodes that are not started yet. From inside a sandbox only."""

    def __init__(
        self, names: Sequence[str], ram_mib: int, folder: Path, seed: int = 1,
        command: tuple[str, ...] = (str(COMMAND),),
    ) -> None:  # fmt: skip
        """`folder`: an empty one on a disk; `ram_mib`: what each offers of this machine."""
        self.lan = Lan(names, seed)
        volatile = make_volatile(folder)
        offer = f"ram={ram_mib}MiB,cores={CORES_OFFERED}"
        self.nodes: dict[str, Node] = {}
        for name in names:
            own = volatile / name
            own.mkdir(mode=0o700)
            self.nodes[name] = Node(
                name, self.lan.places[name], folder / name, own, volatile / "machine", offer,
                command,
            )  # fmt: skip

    def meet(self) -> None:
        """All start for the first time, and know each other. Raises StepFailed."""
        first, *others = self.nodes.values()
        first.start("--first")
        until(f"{first.name} is up", first.answers, UP_SECONDS_MAX)
        for node in others:
            node.start("--first", "--secret-file", str(first.state / "secret"))
        self.wait_until_met()

    def wait_until_met(self) -> float:
        """Until all know all, with facts and log; the seconds it took. Raises StepFailed."""
        for node in self.nodes.values():
            until(f"{node.name} is up", node.answers, UP_SECONDS_MAX)
        _, took = until("everyone knows everyone", self._all_met, MET_SECONDS_MAX)
        return took

    def _all_met(self) -> bool:
        return all(
            sum(map(_is_known, node.granted(type="status")["peers"])) == len(self.nodes) - 1
            for node in self.nodes.values()
        )

    def close(self) -> None:
        """Everything ends, hard: whoever wants goodbyes says them before."""
        for node in self.nodes.values():
            if node.process is not None:
                node.kill()
        self.lan.close()


def _is_known(peer: dict[str, Any]) -> bool:
    return (
        peer["trust"] == "trusted"
        and peer["liveness"] == "alive"
        and peer["facts"].keys() >= KNOWN_FACTS
        and peer["log"] is not None
    )
