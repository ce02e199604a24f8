"""What an owner remembers of work: peaks, failures, and how long; told to all, and heeded."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.instant import HOUR, MINUTE, SECOND
from mesh.persistence import SPACE_HISTORY, SPACE_WORK, Persist
from node.core import requests
from node.core.picture.past import TOLD_BYTES_MAX, decode_past, encode_past
from node.core.picture.reports import WorkEnded
from node.core.picture.topics import How, Live, PoolLive
from node.core.processes import Process
from node.core.usage.remembering import Remembering
from placement.history import (
    FAILURE_FIRST,
    OBSERVATION_LIFE,
    RECORDS_MAX,
    Failure,
    History,
    Observation,
    Scope,
)
from simulations.invented.hardware import GIB
from simulations.invented.world import World
from tests.node.core.test_reservations import mesh

PID = 4242
WORDS = "run a python script"


def reserved(world: World, owner: str, **more: Any) -> str:
    ask = {"words": WORDS, "ram": "2GiB", "node": owner}
    reply = world.answer("bob", requests.Reserve(ask=ask, term_ms=3_600_000, **more))
    assert reply.ok, reply.body
    return str(reply.body["id"])


def works(world: World, hold: str, ram: int, how: How) -> None:
    """Ann's machine runs it, and sees how it ends."""
    started = world.run_work("ann", PID, ram)
    assert world.answer("ann", requests.Adopt(hold, PID, started)).ok
    world.run(2 * SECOND)
    world.report("ann", WorkEnded(bytes.fromhex(hold), PID, started, how))
    world.end_work("ann", PID)
    world.run(SECOND)


def remembered(world: World, node: str) -> dict[str, Any]:
    (told,) = world.answer(node, requests.Facts("ann")).body["nodes"]
    return dict(told["history"] or {})


def where(world: World, asker: str, **more: Any) -> dict[str, Any]:
    ask = {"words": WORDS, "ram": "2GiB", **more}
    decision: dict[str, Any] = world.answer(asker, requests.Where(ask)).body["decision"]
    return decision


def test_a_node_that_crashed_this_class_of_work_is_passed_over_by_everyone() -> None:
    world = mesh("ann", "bob")
    works(world, reserved(world, "ann"), GIB, How.OUT_OF_MEMORY)
    for asker in ("ann", "bob"):
        (failure,) = remembered(world, asker)["failures"]
        assert (failure["kind"], failure["times"]) == ("out-of-memory", 1)
        assert failure["scope"]["workload"]
        assert where(world, asker)["chosen"]["name"] == "bob"
        chosen = where(world, asker, node="ann")["chosen"]
        assert chosen is None
        assert where(world, asker, node="ann", despite_failures=True)["chosen"]["name"] == "ann"
    other = world.answer("bob", requests.Where({"ram": "2GiB", "node": "ann"})).body["decision"]
    assert other["chosen"]["name"] == "ann"  # of other work it says nothing
    told = [event for event in world.hosts["ann"].events if event.kind == "work.failed"]
    assert "ended badly (out-of-memory)" in told[0].sentence


def test_a_run_that_ended_well_clears_what_failed_and_so_does_a_persons_word() -> None:
    world = mesh("ann", "bob")
    hold = reserved(world, "ann")
    works(world, hold, GIB, How.CRASHED)
    workload = remembered(world, "bob")["failures"][0]["scope"]["workload"]
    works(world, hold, GIB, How.WELL)
    assert remembered(world, "bob")["failures"] == []
    works(world, hold, GIB, How.CRASHED)
    works(world, hold, GIB, How.UNKNOWN)
    assert len(remembered(world, "bob")["failures"]) == 1
    reply = world.answer("ann", requests.Forgive(workload))
    assert reply.body["forgotten"] == 1
    world.run(2 * SECOND)
    assert remembered(world, "bob")["failures"] == []
    assert where(world, "bob", node="ann")["chosen"]["name"] == "ann"


def test_the_peak_of_past_work_is_told_and_survives_a_restart() -> None:
    world = mesh("ann", "bob")
    hold = reserved(world, "ann")
    works(world, hold, GIB + 7, How.WELL)
    assert world.answer("bob", requests.Release(hold)).ok
    world.look("ann")
    world.run(SECOND)
    (seen,) = remembered(world, "bob")["observations"]
    assert (seen["peak_ram"], seen["samples"], seen["succeeded"]) == (GIB + 7, 1, True)
    world.crash("ann")
    world.start("ann")
    world.run(3 * SECOND)
    assert world.hosts["ann"].alive.attribution.remembering.history().observations[0].peak_ram
    assert remembered(world, "bob")["observations"] == [seen]


def test_a_command_that_only_its_environment_names_fails_no_work_unless_it_was_killed() -> None:
    world = mesh("ann", "bob")
    hold = bytes.fromhex(reserved(world, "ann"))
    seen = world.hosts["ann"].sample()
    for pid, how, failures in (
        (1, How.FAILED, 0), (2, How.OUT_OF_MEMORY, 1), (3, How.WELL, 1),
    ):  # fmt: skip
        sample = replace(seen, tops={hold: (Process(pid, 7),)})
        world.report("ann", sample)
        world.report("ann", sample)  # once is enough to watch it
        world.report("ann", WorkEnded(hold, pid, 7, how))
        world.run(SECOND)
        assert len((remembered(world, "bob") or {"failures": []})["failures"]) == failures
    assert world.hosts["ann"].alive.attribution._followed == {}


def test_what_nobody_said_is_asked_as_such_work_took_before_and_never_less() -> None:
    world = mesh("ann", "bob")
    hold = reserved(world, "ann")
    works(world, hold, 2 * GIB, How.WELL)
    assert world.answer("bob", requests.Release(hold)).ok
    world.look("ann")
    world.run(SECOND)
    guessed: dict[str, Any] = {"words": WORDS}
    for node, ask, amount in (
        ("ann", guessed, 2 * GIB), ("bob", guessed, GIB), ("ann", guessed | {"ram": "1GiB"}, GIB),
    ):  # fmt: skip
        reserve = requests.Reserve(ask={**ask, "node": node}, term_ms=3_600_000)
        assert world.answer("bob", reserve).body["legs"][0]["amount"] == amount


A, SCOPE = b"a" * 16, ("inference", "ollama", "", "")


def use(amount: int, pool: str = "ram") -> Live:
    return Live({pool: PoolLive(0, {A.hex(): amount}, None, "test")}, {})


def lived(kept: Remembering, amounts: list[int], at: int) -> list[Persist]:
    """One hold, from its grant to its end."""
    begun = kept.begins(A, SCOPE)
    for step, amount in enumerate(amounts):
        kept.look(use(amount), {A: None}, at + step * MINUTE)
    return [*begun, *kept.look(use(0), {}, at + len(amounts) * MINUTE)]


def test_a_peak_goes_up_at_once_and_comes_down_by_an_eighth() -> None:
    kept = Remembering()
    lived(kept, [10, 80, 40], 0)
    lived(kept, [16], HOUR)
    lived(kept, [90], 2 * HOUR)
    lived(kept, [0], 3 * HOUR)  # nothing was seen, so nothing is known
    assert kept.history().observations == (Observation(Scope(*SCOPE), 90, None, 0, samples=3),)
    kept.begins(A, SCOPE)
    kept.look(use(50, "gpu:x"), {A: None}, 4 * HOUR)
    kept.look(use(0), {}, 5 * HOUR)
    assert kept.history().observations[0].peak_vram == 50


def test_what_is_remembered_lapses_by_the_owners_own_count_and_a_restart_adds_little() -> None:
    kept = Remembering()
    rows: dict[str, dict[bytes, bytes]] = {SPACE_WORK: {}, SPACE_HISTORY: {}}

    def keep(effects: list[Persist]) -> None:
        for row in (row for effect in effects for row in effect.writes):
            if row.value is None:
                rows[row.space].pop(row.key, None)
            else:
                rows[row.space][row.key] = row.value

    keep(lived(kept, [10], 0))
    keep(kept.begins(A, SCOPE))
    for times in (1, 2):
        keep(kept.ended(A, How.CRASHED, 0))
        assert kept.history().failures == (Failure(Scope(*SCOPE), "exec-crash", times),)
    keep(kept.wake(FAILURE_FIRST))
    again = Remembering()
    again.restore(rows[SPACE_WORK], rows[SPACE_HISTORY], 0)
    assert again.history() == kept.history()
    assert again.work_of(A) == Scope(*SCOPE)
    again.wake(FAILURE_FIRST)  # twice the first life, of which half is over
    assert again.history().failures == ()
    again.wake(OBSERVATION_LIFE)
    assert again.history() == History()


def test_there_is_a_most_and_the_oldest_gives_way() -> None:
    kept = Remembering()
    for number in range(RECORDS_MAX + 3):
        kept.begins(A, (f"work {number}", "", "", "x" * 190))
        kept.look(use(1), {A: None}, number * SECOND)
        kept.look(use(1), {}, number * SECOND)
    seen = kept.history().observations
    assert len(seen) == RECORDS_MAX
    assert (seen[0].scope.workload, seen[-1].scope.workload) == ("work 258", "work 3")
    body = encode_past(kept.history())
    assert len(body) <= TOLD_BYTES_MAX
    assert decode_past(body).observations[0] == seen[0]


def test_words_that_are_no_scope_are_not_remembered() -> None:
    kept = Remembering()
    for words in ((), ("a",), ("", "", "", ""), ("a\x00", "", "", ""), ("a" * 999, "", "", "")):
        assert kept.begins(A, words) == []


@settings(max_examples=60)
@given(st.dictionaries(st.binary(max_size=16), st.binary(max_size=80), max_size=3))
def test_rubbish_on_the_disk_is_forgotten(rows: dict[bytes, bytes]) -> None:
    kept = Remembering()
    kept.restore(rows, rows, 0)
    kept.wake(SECOND)
    kept.history()
