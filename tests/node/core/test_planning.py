"""Plans through two machines: taken once, and refused when the world has moved."""

from mesh.instant import SECOND
from node.core import requests
from simulations.invented.world import World


def met() -> World:
    world = World(1)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(4 * SECOND)
    return world


def test_a_plan_is_taken_where_it_was_made_for_and_not_twice() -> None:
    world = met()
    ask = {"ram": "1GiB"}
    (job,) = world.answer("ann", requests.Plan([ask])).body["jobs"]
    planned = job["decision"]["chosen"]["name"]
    taken = world.answer("ann", requests.Reserve(ask, 60_000, plan=job["plan"]))
    assert taken.body["owner"]["name"] == planned
    world.run(SECOND)
    again = world.answer("ann", requests.Reserve(ask, 60_000, plan=job["plan"]))
    assert again.body["code"] == "refused"
    assert "no longer holds: its ledger has moved" in again.body["sentence"]


def test_a_batch_does_not_put_two_jobs_into_one_gap() -> None:
    world = met()
    room = world.answer("ann", requests.Where({"ram": "1GiB"})).body["decision"]["chosen"]
    most = room["pools"][0]["room"]
    ask = {"ram": f"{most // 2 + (64 << 20)}B"}
    body = world.answer("ann", requests.Plan([ask, ask, ask])).body
    assert body["view"].keys() == world.answer("ann", requests.Where(ask)).body["view"].keys()
    jobs = body["jobs"]
    assert not any("view" in job for job in jobs), "said once, and not by every job"
    chosen = [job["decision"]["chosen"] and job["decision"]["chosen"]["name"] for job in jobs]
    assert sorted(chosen[:2]) == ["ann", "bob"]
    assert chosen[2] is None
    assert jobs[2]["plan"] is None


def test_supposing_gives_an_answer_and_no_plan() -> None:
    world = met()
    body = world.answer("ann", requests.Where({"ram": "900GiB"}, plus=["bob=ram:999GiB"])).body
    assert body["decision"]["chosen"]["name"] == "bob"
    assert body["plan"] is None
    assert "Supposing" in body["text"][0]
    hold = world.answer("ann", requests.Reserve({"ram": "1GiB", "node": "bob"}, 60_000)).body["id"]
    world.run(SECOND)
    freed = world.answer("ann", requests.Where({"ram": "1GiB", "node": "bob"}, freed=[hold])).body
    before = world.answer("ann", requests.Where({"ram": "1GiB", "node": "bob"})).body
    left = [b["decision"]["chosen"]["pools"][0]["left"] for b in (freed, before)]
    assert left[0] - left[1] == 1 << 30
    no = world.answer("ann", requests.Where({"ram": "1GiB"}, without=["nobody"])).body
    assert no["code"] == "bad_request"
