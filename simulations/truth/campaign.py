"""One truth run: people and trouble on a real mesh, then calm, then every answer is judged."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from ledger.limits import GANG_MAX, PENDING_TTL
from mesh.instant import SECOND
from simulations.demo.nodes import COMMAND, Node, StepFailed, until
from simulations.truth import history
from simulations.truth.cluster import Cluster
from simulations.truth.people import MIB, SHARE_MIB, Diary, Person, look_at_books
from simulations.truth.troubles import Troubles

PEOPLE_PER_NODE: Final = 2
LOOK_EVERY_SECONDS: Final = 0.3
OPEN_SECONDS_MAX: Final = 90.0
CALM_SECONDS_MAX: Final = 60.0
GANG_SECONDS_MAX: Final = GANG_MAX / SECOND * 1.1
"""Whoever waits for the proof of a gang has ended its part by then."""
POWER_FROM_SECONDS: Final = 60.0
"""Shorter runs cut no power: they would spend themselves waiting for quarantines to pass."""


class Report(NamedTuple):
    """What a run did and what it found."""

    operations: Counter[str]
    faults: Counter[str]
    violations: list[str]
    looks: int
    logs: int


def run(
    folder: Path, *, seed: int, nodes: int, seconds: float,
    command: tuple[str, ...] = (str(COMMAND),), keep: Path | None = None,
) -> Report:  # fmt: skip
    """`seconds` of trouble, then calm and judgement. From inside a sandbox only. `keep`: where
    everything asked, shown and done goes, for whoever must find out why.

    Raises StepFailed when calm does not come: an agent that ends by itself, or one that never
    opens, meets nobody, or cannot give its room back.
    """
    names = [chr(ord("a") + number) for number in range(nodes)]
    cluster = Cluster(names, SHARE_MIB, folder, seed, command)
    diary = Diary()
    troubles = Troubles(cluster, Random(f"{seed}/troubles"), seconds >= POWER_FROM_SECONDS)
    try:
        cluster.meet()
        _live(cluster, diary, troubles, seed, seconds)
        final = _whole(cluster, diary)
        violations = [*_judged(diary, final, names)]
        logs = _give_back_and_verify(cluster)
    finally:
        cluster.close()
        if keep is not None:
            _keep(keep, cluster, diary, troubles)
    operations = Counter(one.outcome for one in diary.asked)
    operations["in gangs"] = sum(one.kind == "gang" for one in diary.asked)
    return Report(operations, troubles.counts, violations, len(diary.shown), logs)


def _keep(where: Path, cluster: Cluster, diary: Diary, troubles: Troubles) -> None:
    where.mkdir(parents=True, exist_ok=True)
    diary.write(where / "history.jsonl")
    (where / "troubles.txt").write_text("".join(f"{line}\n" for line in troubles.told))
    for node in cluster.nodes.values():
        if node.log.exists():
            shutil.copy(node.log, where / node.log.name)


def _live(
    cluster: Cluster, diary: Diary, troubles: Troubles, seed: int, seconds: float
) -> None:  # fmt: skip
    names = [*cluster.nodes]
    people = [
        Person(node, names, diary, f"{seed}/{name}/{number}")
        for name, node in cluster.nodes.items()
        for number in range(PEOPLE_PER_NODE)
    ]
    for person in people:
        person.start()
    looks = _looks(cluster, diary)
    troubles.run(seconds, lambda: next(looks))
    for person in people:
        person.stop()
    troubles.settle()
    for person in people:
        person.join(CALM_SECONDS_MAX)
        if person.is_alive():
            raise StepFailed(f"{person.name} waits for an answer that never comes")


def _looks(cluster: Cluster, diary: Diary) -> Iterator[None]:
    """Now and then, one owner's books: what lies between is not seen, and need not be."""
    while True:
        for node in cluster.nodes.values():
            due = time.perf_counter() + LOOK_EVERY_SECONDS
            while time.perf_counter() < due:
                yield
            if not node.paused:
                look_at_books(node, diary)


def _calm(cluster: Cluster, diary: Diary) -> list[history.Shown]:
    """All are back, open and of one mind; what their books say then."""
    cluster.wait_until_met()
    final = []
    for node in cluster.nodes.values():
        until(f"{node.name} is open", partial(_is_open, node), OPEN_SECONDS_MAX)
        before = len(diary.shown)
        until(
            f"{node.name} shows its books",
            partial(_shows, node, diary, before), CALM_SECONDS_MAX,
        )  # fmt: skip
        final.append(diary.shown[-1])
    return final


def _whole(cluster: Cluster, diary: Diary) -> list[history.Shown]:
    """What all books say when every gang has come to its end, or should have."""
    due = time.perf_counter() + GANG_SECONDS_MAX
    while True:
        final = _calm(cluster, diary)
        if time.perf_counter() > due or not [*history.broken_gangs(final)]:
            return final


def _is_open(node: Node) -> bool:
    return bool(node.granted(type="status")["standing"]["state"] == "open")


def _shows(node: Node, diary: Diary, before: int) -> bool:
    look_at_books(node, diary)
    return len(diary.shown) > before


def _judged(diary: Diary, final: list[history.Shown], names: list[str]) -> Iterator[str]:
    relied_on = history.beliefs(diary.asked, PENDING_TTL)
    yield from history.double_grants(relied_on, dict.fromkeys(names, SHARE_MIB * MIB))
    yield from history.lost_leases(relied_on, diary.shown)
    yield from history.revived(diary.asked, final)
    yield from history.broken_gangs(final)


def _give_back_and_verify(cluster: Cluster) -> int:
    """Every hold ends, all room is back, every log verifies everywhere; how many were checked."""
    for node in cluster.nodes.values():
        until(f"all of {node.name}'s room is back", partial(_empty, node), OPEN_SECONDS_MAX)
    until("all keep the same logs", lambda: _agree(cluster), CALM_SECONDS_MAX)
    checked = 0
    for node in cluster.nodes.values():
        body = node.granted(type="ledger_verify")
        if not body["ok"] or len(body["logs"]) != len(cluster.nodes):
            raise StepFailed(f"{node.name} keeps logs that do not verify: {body}")
        checked += len(body["logs"])
    return checked


def _empty(node: Node) -> bool:
    """Whether nothing is promised; what still is, its owner gives back."""
    own = [row for row in node.granted(type="holds")["holds"] if row["owner"]["name"] == node.name]
    for row in own:
        if row["state"] != "ending":
            node.ask(type="release", id=row["id"])
    pools = node.granted(type="status")["holds"]["pools"]
    return not own and all(pool["promised"] == 0 for pool in pools)


def _agree(cluster: Cluster) -> bool:
    heads = {_heads(node.granted(type="ledger_verify")) for node in cluster.nodes.values()}
    return len(heads) == 1


def _heads(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((log["author"]["name"], str(log["head"])) for log in body["logs"]))
