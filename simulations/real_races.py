"""Two askers, one room, on real processes: real sockets, real disks, real SQLite.

    python -m simulations.real_races --count 200

Each round, two agents ask at the same instant for more than half of a third one's room. Now and
then the owner is killed with SIGKILL in the middle and started again. Never two winners; what was
granted is in the books after every restart; at the end every journal verifies on every node.
"""

import argparse
import sys
import threading
import time
from collections import Counter
from random import Random
from typing import Any

from simulations.demo.nodes import Node, StepFailed, until
from simulations.processes import full_view, real_mesh

RAM_MIB = 512
ASK_MIB = 300
KILL_EVERY = 25


def run(count: int, seed: int) -> Counter[str]:
    """`count` races. Raises StepFailed at the first broken promise."""
    dice, seen = Random(seed), Counter[str]()
    with real_mesh(("owner", "left", "right"), (RAM_MIB, 64, 64)) as nodes:
        owner, askers = nodes["owner"], (nodes["left"], nodes["right"])
        for number in range(count):
            kill = number % KILL_EVERY == KILL_EVERY - 1
            answers = _race(owner, askers, dice, kill=kill)
            _judge(owner, answers, seen)
            seen["owner killed"] += kill
            _clear(owner)
            if kill:
                until("everyone is back", lambda: full_view(list(nodes.values())), 30)
        for node in nodes.values():
            _verify(node, nodes)
    return seen


def _race(
    owner: Node, askers: tuple[Node, Node], dice: Random, *, kill: bool
) -> list[dict[str, Any]]:
    start = threading.Barrier(len(askers) + kill)
    answers: list[dict[str, Any]] = []

    def ask(node: Node) -> None:
        start.wait()
        answers.append(
            node.ask(
                type="reserve",
                term_ms=600_000,
                ask={"ram": f"{ASK_MIB}MiB", "node": "owner"},
                wait_for_opening=False,
            )
        )

    threads = [threading.Thread(target=ask, args=(node,)) for node in askers]
    for thread in threads:
        thread.start()
    if kill:
        start.wait()
        time.sleep(dice.random() * 0.03)
        owner.kill()
        owner.start()
    for thread in threads:
        thread.join()
    until("the owner answers", owner.answers, 30)
    return answers


def _judge(owner: Node, answers: list[dict[str, Any]], seen: Counter[str]) -> None:
    winners = [answer["ok"]["id"] for answer in answers if "ok" in answer]
    seen[f"{len(winners)} won"] += 1
    for answer in answers:
        if "refused" in answer:
            seen[f"lost: {answer['refused']['code']}"] += 1
    if len(winners) > 1:
        raise StepFailed(f"two winners: {winners}")
    kept = {hold["id"]: hold["state"] for hold in owner.granted(type="holds")["holds"]}
    lost = [hold for hold in winners if kept.get(hold) != "posted"]
    if lost:
        raise StepFailed(f"granted, and not in the owner's books: {lost}")


def _clear(owner: Node) -> None:
    def empty() -> bool:
        rows = owner.granted(type="holds")["holds"]
        for row in rows:
            if row["state"] == "posted":
                owner.ask(type="release", id=row["id"])
        return not rows

    until("every hold has ended", empty, 60)


def _verify(node: Node, nodes: dict[str, Node]) -> None:
    def whole() -> bool:
        logs = node.granted(type="ledger_verify")
        if not logs["ok"]:
            raise StepFailed(f"{node.name}: {logs}")
        return len(logs["logs"]) == len(nodes)

    until(f"{node.name} keeps every log", whole, 30)


def main() -> int:
    """The campaign, with a line that can be counted at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="races to run")
    parser.add_argument("--seed", type=int, default=1, help="for the moments of the kills")
    flags = parser.parse_args()
    began = time.perf_counter()
    try:
        seen = run(flags.count, flags.seed)
    except StepFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    took = time.perf_counter() - began
    sys.stdout.write(
        f"{flags.count} races between real processes in {took:.0f} s; never two winners\n"
        f"{dict(sorted(seen.items()))}\nreal_races: {flags.count} passed, 0 failed\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
