"""The story of the demo, step by step. Each says what happened and what it measured."""

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import psutil

from simulations.demo.nodes import COMMAND, Node, StepFailed, until
from simulations.demo.places import Place, neighbourhood, volatile
from simulations.demo.remains import Remains

MIB: Final = 1 << 20
NAMES: Final = ("anna", "ben", "carla")
ROUNDS_MAX: Final = 20
QUESTIONS: Final[tuple[dict[str, Any], ...]] = (
    {"words": "run a batch script"},
    {"ram": "64MiB"},
    {"ram": "200MiB", "cpu": "250m"},
    {"ram": "150MiB", "tools": ["python3"]},
    {"memory": "100MiB", "objective": "pack"},
    {"ram": "32MiB", "os": "linux"},
    {"cpu": "250m"},
    {"ram": "300MiB", "objective": "pack"},
    {"ram": "96MiB", "node": "ben"},
    {"ram": "900TiB"},
)
IMPOSSIBLE: Final = 9
"""Which of the questions nobody can meet."""


def tell(*, keep: bool) -> None:
    """Tell it. Raises StepFailed at the first step that does not hold."""
    began = time.perf_counter()
    unit, where = _unit(), neighbourhood(NAMES)
    folder = Path(tempfile.mkdtemp(prefix="holdfast-demo-"))
    runtime = Path(tempfile.mkdtemp(prefix="holdfast-demo-", dir=volatile()))
    nodes = _nodes(folder, runtime, where.places, unit)

    def remains() -> Remains:
        pids = [node.process.pid for node in nodes.values() if node.process is not None]
        return Remains(tuple(pids), (str(folder), str(runtime)), where.namespaces)

    kept = False
    try:
        say(f"Three agents, {where.sentence}; shares of {unit // MIB} to {2 * unit // MIB} MiB.")
        _chapters(nodes, unit)
        say(f"\nEvery step held, in {time.perf_counter() - began:.1f} s.")
        if keep:
            _hand_over(nodes)
            remains().keep()
            kept = True
    finally:
        if not kept:
            remains().clear()


def say(sentence: str) -> None:
    """One line, at once."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def held(sentence: str) -> None:
    """One step that held."""
    say(f"  ✓ {sentence}")


def _chapters(nodes: dict[str, Node], unit: int) -> None:
    anna, ben, carla = (nodes[name] for name in NAMES)
    say("\n1. They find each other")
    _meet(anna, ben, carla)
    say("\n2. Each sees the others")
    _facts(nodes)
    say("\n3. Any of them answers, with the same bytes")
    _questions(nodes)
    say("\n4. Memory is held from another machine")
    hold = _reserve_from_afar(anna, carla, unit)
    say("\n5. Two askers race for the last room")
    _races(anna, ben, carla, unit)
    say("\n6. The owner is killed and comes back")
    _killed_owner(nodes, carla, hold)
    say("\n7. The owner may have forgotten something")
    _doubted_owner(nodes, carla, hold)
    say("\n8. A machine dies")
    _death(nodes)
    say("\n9. The books are verified")
    _verify([anna, carla])


def _meet(anna: Node, ben: Node, carla: Node) -> None:
    anna.start("--first")
    _, took = until("anna is up", anna.answers, 15)
    held(f"anna is up in {took:.2f} s; it made an identity and the mesh's secret")
    secret = str(anna.state / "secret")
    ben.start("--first", "--secret-file", secret)
    carla.start("--first", "--secret-file", secret)
    until("ben and carla are up", lambda: ben.answers() and carla.answers(), 15)
    _, took = until(
        "everyone has everyone's facts and log", lambda: _full_view((anna, ben, carla)), 15
    )
    held(f"all three know all three, by beacon, {took:.2f} s after the last was up")


def _full_view(nodes: tuple[Node, ...]) -> bool:
    for node in nodes:
        peers = node.granted(type="status")["peers"]
        trusted = [peer for peer in peers if peer["trust"] == "trusted"]
        whole = [p for p in trusted if {"inventory", "live", "standing"} <= p["facts"].keys()]
        if len([p for p in whole if p["liveness"] == "alive" and p["log"]]) < len(nodes) - 1:
            return False
    return True


def _facts(nodes: dict[str, Node]) -> None:
    for name, node in nodes.items():
        seen = node.granted(type="facts")["nodes"]
        if sorted(row["name"] for row in seen) != sorted(nodes):
            raise StepFailed(f"{name} shows {[row['name'] for row in seen]}")
        others = [_in_short(row) for row in seen if row["name"] != name]
        held(f"{name} shows {'; '.join(others)}")


def _in_short(row: dict[str, Any]) -> str:
    inventory, live = row["inventory"], row["live"]
    totals = {pool["pool"]: pool["total"] for pool in inventory["pools"]}
    free = live["pools"]["ram"]["free"]
    age = row["ages_ms"].get("live", 0) / 1000
    cores = totals["cpu"] / 1000
    return (
        f"{row['name']}: {totals['ram'] // MIB} MiB, {free // MIB} free, {cores:g} cores, "
        f"{len(inventory['tools'])} tools (heard {age:.1f} s ago)"
    )


def _questions(nodes: dict[str, Node]) -> None:
    def equal_views() -> bool:
        seen = [json.dumps(n.granted(type="where", ask={"ram": "1MiB"})["view"], sort_keys=True)
                for n in nodes.values()]  # fmt: skip
        return len(set(seen)) == 1

    _, took = until("their views are equal", equal_views, 10)
    held(f"their views are equal after {took:.2f} s")
    micro: list[float] = []
    moved = 0
    for number, question in enumerate(QUESTIONS):
        answers, again = _on_one_view(nodes, question, micro)
        moved += again
        if len({answer["bytes"] for answer in answers}) != 1:
            raise StepFailed(f"question {number + 1} has different answers: {answers}")
        chosen = answers[0]["decision"]["chosen"]
        if (chosen is None) != (number == IMPOSSIBLE):
            raise StepFailed(f"question {number + 1} ({question}) got {chosen}")
    middle = sorted(micro)[len(micro) // 2]
    held(
        f"ten questions, thirty answers, ten digests; median {middle / 1000:.1f} ms with the socket"
    )
    if moved:
        held(f"asked again {moved} times: a fact was between two of them")
    held(f"the impossible one: {answers[0]['text'][0]}")


def _on_one_view(
    nodes: dict[str, Node], question: dict[str, Any], micro: list[float]
) -> tuple[list[dict[str, Any]], int]:
    """Everyone's answer to one question from one view, and how often it had to be asked again.

    A fact that changes while the question goes round reaches one node before the next. The
    promise is about equal views, so such a round says nothing either way.
    """
    rounds = 0

    def ask_everyone() -> list[dict[str, Any]]:
        nonlocal rounds
        rounds += 1
        answers = []
        for node in nodes.values():
            began = time.perf_counter()
            answers.append(node.granted(type="where", ask=question))
            micro.append((time.perf_counter() - began) * 1e6)
        views = {json.dumps(answer["view"], sort_keys=True) for answer in answers}
        return answers if len(views) == 1 else []

    answers, _ = until(f"one view behind all three answers to {question}", ask_everyone, 10)
    return answers, rounds - 1


def _reserve_from_afar(anna: Node, carla: Node, unit: int) -> str:
    began = time.perf_counter()
    body = anna.granted(
        type="reserve", term_ms=7_200_000, label="the demo's hold", principal="demo",
        ask={"ram": f"{unit // MIB // 2}MiB", "node": "carla"},
    )  # fmt: skip
    took = time.perf_counter() - began
    copies = ", ".join(body["stored_on"] or ["nobody else"])
    held(f"anna holds {unit // MIB // 2} MiB of carla's for 2 h, in {took * 1000:.0f} ms")
    held(f"carla granted it after its disk had it; a copy is on {copies}")
    hold = str(body["id"])
    if not _has(carla, hold):
        raise StepFailed("carla does not show the hold that it granted")
    return hold


def _races(anna: Node, ben: Node, carla: Node, unit: int) -> None:
    # Carla has 1.5 units left, the others one each: two askers want 0.9, and only one fits there.
    amount = f"{unit * 9 // 10 // MIB}MiB"
    contended = 0
    for _ in range(ROUNDS_MAX):
        won = _race((anna, ben), amount)
        bodies = list(won.values())
        owners = sorted(body["owner"]["name"] for body in bodies)
        if owners.count("carla") != 1:
            raise StepFailed(f"the winners' places are {owners}: exactly one should be carla")
        sent_on = [b for b in bodies if any(t["outcome"] == "no room" for t in b["tried"])]
        contended += bool(sent_on)
        for asker in (anna, ben):
            asker.granted(type="release", id=won[asker.name]["id"])
        until("the room is back", lambda: _views_agree_on_room((anna, ben), unit), 10)
        if sent_on:
            tried = " → ".join(f"{t['node']}: {t['outcome']}" for t in sent_on[0]["tried"])
            held(f"one of them has it; the other was sent to the runner-up ({tried})")
            break
    if not contended:
        raise StepFailed(f"in {ROUNDS_MAX} rounds the two never met: no race was seen")


def _race(askers: tuple[Node, Node], amount: str) -> dict[str, dict[str, Any]]:
    """Asker's name → what it was granted."""
    start = threading.Barrier(len(askers))
    won: dict[str, dict[str, Any]] = {}

    def ask(node: Node) -> None:
        start.wait()
        answer = node.ask(type="reserve", term_ms=600_000, ask={"ram": amount})
        won[node.name] = answer.get("ok") or {"owner": {"name": str(answer)}, "tried": []}

    threads = [threading.Thread(target=ask, args=(node,)) for node in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def _views_agree_on_room(nodes: tuple[Node, ...], unit: int) -> bool:
    question = {"ram": f"{unit * 12 // 10 // MIB}MiB"}
    chosen = [n.granted(type="where", ask=question)["decision"]["chosen"] for n in nodes]
    return all(fit is not None and fit["name"] == "carla" for fit in chosen)


def _killed_owner(nodes: dict[str, Node], owner: Node, hold: str) -> None:
    owner.kill()
    owner.start()
    _, took = until("the owner is back", owner.answers, 15)
    standing = owner.granted(type="status")["standing"]
    if standing["state"] != "open":
        raise StepFailed(f"nothing was lost, and yet it is in {standing}")
    if not _has(owner, hold):
        raise StepFailed("the hold is gone")
    held(f"SIGKILL, start, and after {took:.2f} s the hold is still there; no quarantine")
    until("the others see it again", lambda: _full_view(tuple(nodes.values())), 15)


def _doubted_owner(nodes: dict[str, Node], owner: Node, hold: str) -> None:
    owner.kill()
    owner.forget_marker()
    owner.start()
    until("the owner is back", owner.answers, 15)
    standing = owner.granted(type="status")["standing"]
    if standing["state"] != "quarantine":
        raise StepFailed(f"its marker is gone, and yet it is {standing}")
    held(f"killed, and its marker is gone: quarantine ({standing['reason']})")
    _, took = until("the quarantine is over", lambda: _count_down(owner), 60)
    sys.stdout.write("\r")
    if not _has(owner, hold):
        raise StepFailed("the booking did not survive the quarantine")
    held(f"after {took:.1f} s it opens, in a new era, and has kept its booking")
    until("the others see it open", lambda: _full_view(tuple(nodes.values())), 15)


def _count_down(owner: Node) -> bool:
    standing = owner.granted(type="status")["standing"]
    if standing["state"] == "open":
        return True
    left = (standing["remaining_ms"] or 0) / 1000
    if sys.stdout.isatty():
        sys.stdout.write(f"\r    {standing['state']}: {left:4.1f} s more ")
        sys.stdout.flush()
    return False


def _death(nodes: dict[str, Node]) -> None:
    anna, ben, carla = (nodes[name] for name in NAMES)
    ben.kill()

    def passed_over(node: Node) -> bool:
        decision = node.granted(type="where", ask={"ram": "16MiB"})["decision"]
        return "ben" in [row["name"] for row in decision["passed_over"]]

    _, took = until("nobody places on ben", lambda: passed_over(anna) and passed_over(carla), 20)
    held(f"ben is killed; {took:.1f} s later neither of the others places anything there")
    answer = anna.ask(type="where", ask={"ram": "16MiB", "node": "ben"})
    held(answer["ok"]["text"][0])


def _verify(survivors: list[Node]) -> None:
    for node in survivors:
        verified = node.granted(type="ledger_verify")
        if not verified["ok"]:
            raise StepFailed(f"{node.name}: {verified}")
        blocks = sum(log["blocks"] for log in verified["logs"])
        entries = sum(log["entries"] for log in verified["logs"])
        held(
            f"{node.name} verified {len(verified['logs'])} logs: {blocks} signed blocks, "
            f"{entries} entries, all balanced"
        )


def _has(node: Node, hold: str) -> bool:
    return hold in [row["id"] for row in node.granted(type="holds")["holds"]]


def _unit() -> int:
    """A share's size: small beside what is free, so that the demo disturbs nobody."""
    return max(128 * MIB, min(1024 * MIB, psutil.virtual_memory().available // 12 // MIB * MIB))


def _nodes(folder: Path, runtime: Path, where: dict[str, Place], unit: int) -> dict[str, Node]:
    sizes = dict(zip(NAMES, (unit, unit, 2 * unit), strict=True))
    cores = max(1, os.cpu_count() or 1) / 4
    return {
        name: Node(
            name, where[name], folder / name, _made(runtime / name), runtime / "machine",
            f"ram={sizes[name] // MIB}MiB,cores={cores:g}",
        )
        for name in NAMES
    }  # fmt: skip


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def _hand_over(nodes: dict[str, Node]) -> None:
    nodes["ben"].start()
    until("ben is back", nodes["ben"].answers, 15)
    say("\nThe nodes stay up. Talk to each of them:")
    for node in nodes.values():
        say(f"  {COMMAND} --state {node.state} status")
    say(f"  {COMMAND} --state {nodes['anna'].state} where --ram 64MiB")
    say("and when you are done:\n  make demo STOP=1")
