"""The rows of the mesh's measures: how each is called, and its peer's figure.

`peer` is memberlist 0.6.0 (LAN, with a key where that matters; "fast" against its Local profile),
measured on a machine like ours at the same work but not in the same run; the process's own rows
are serf's.
"""

import sys
from typing import Final

from simulations.bench.rows import Area, Declared, Row

SIZES: Final = (64, 128)


class Names:
    """The rows of one size, by the issue's words."""

    def __init__(self, size: int) -> None:
        n = f"{size} nodes"
        self.join_median = f"mass join, everyone knows and has verified everyone, median, {n}"
        self.join_worst = f"mass join, everyone knows and has verified everyone, worst, {n}"
        self.join_cpu = f"mass join, CPU of all together, median, {n}"
        self.fact_p50 = f"one changed fact to all, p50, {n}"
        self.fact_all = f"one changed fact to all, all, {n}"
        self.suspect_p50 = f"failure → suspect at the first node, p50, {n}"
        self.suspect_p99 = f"failure → suspect at the first node, p99, {n}"
        self.dead = {
            (profile, share): f"failure → dead per survivor, {profile}, {share}, {n}"
            for profile in ("balanced", "fast")
            for share in ("p50", "p99")
        }
        self.false_suspicions = f"false suspicions at 20 % loss, UDP alone, per node-hour, {n}"
        self.false_deaths = f"false deaths at 20 % loss in 100 node-hours, {n}"
        self.traffic = f"traffic at 20 % loss against none, {n}"
        self.idle_payload = f"idle payload per node-second, {n}"
        self.idle_cpu = f"idle CPU per node-second, one process, {n}"
        self.idle_cpu_own = f"idle CPU per node-second, own process, {n}"
        self.memory = f"memory of a node's process, whole agent without HTTP, {n}"
        self.heal = f"heal after a 50/50 split of 120 s, all know all, {n}"
        self.restart = f"restart, same key, new address, known to all, {n}"

    def declared(self) -> tuple[Declared, ...]:
        units = {
            self.join_median: "s", self.join_worst: "s", self.join_cpu: "s", self.fact_p50: "s",
            self.fact_all: "s", self.suspect_p50: "s", self.suspect_p99: "s",
            **dict.fromkeys(self.dead.values(), "s"),
            self.false_suspicions: "/h", self.false_deaths: "deaths", self.traffic: "×",
            self.idle_payload: "B/s", self.idle_cpu: "ms/s", self.idle_cpu_own: "ms/s",
            self.memory: "MB", self.heal: "s", self.restart: "s",
        }  # fmt: skip
        return tuple(Declared(name, unit, "lower") for name, unit in units.items())

    def peers(self) -> dict[str, tuple[float, float]]:
        """memberlist at 64 and at 128 nodes."""
        return {
            self.join_median: (1.8, 4.1), self.join_worst: (78.6, 117.0),
            self.fact_p50: (0.33, 0.28), self.fact_all: (0.72, 0.86),
            self.dead["balanced", "p50"]: (9.1, 11.0), self.dead["balanced", "p99"]: (11.0, 13.2),
            self.dead["fast", "p50"]: (7.3, 8.2), self.dead["fast", "p99"]: (9.8, 10.5),
            self.false_suspicions: (243.0, 243.0), self.traffic: (31.0, 65.0),
            self.idle_payload: (151.0, 151.0), self.idle_cpu: (0.36, 0.37),
            self.idle_cpu_own: (0.98, 0.98), self.memory: (14.3, 14.3),
        }  # fmt: skip


def declared() -> tuple[Declared, ...]:
    """Every row of every size."""
    return tuple(row for size in SIZES for row in Names(size).declared())


class Sheet:
    """Figures of one size as they come in."""

    def __init__(self, area: Area, size: int) -> None:
        self.names = Names(size)
        self._area, self._column = area, SIZES.index(size)
        self._rows: dict[str, Row] = {}

    def put(self, name: str, n: int, value: float) -> None:
        peers = self.names.peers().get(name)
        peer = None if peers is None else peers[self._column]
        self._rows[name] = self._area.row(name, n, value, peer=peer)
        say(f"{name}: {value:.4g} (n {n})")

    def rows(self) -> list[Row]:
        """In the order in which they are declared."""
        return [self._rows[row.name] for row in self.names.declared() if row.name in self._rows]


def say(sentence: str) -> None:
    """To whoever watches."""
    sys.stderr.write(f"  {sentence}\n")
    sys.stderr.flush()
