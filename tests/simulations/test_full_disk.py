"""A full disk among invented machines: nothing is lost or said too soon, and others do without."""

from mesh.instant import SECOND
from mesh.roll.membership import Liveness
from node.core import requests
from tests.simulations.test_machines import liveness, mesh, standing, watched


def test_on_a_full_disk_nothing_is_said_and_nobody_stops_and_with_room_all_goes_on() -> None:
    world = mesh("ann", "bob")
    ann, watcher = world.hosts["ann"], watched(world)
    ann.disk.fill(True)
    first = world.ask("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 60_000))
    world.run(5 * SECOND)
    later = world.ask("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 60_000))
    world.run(5 * SECOND)
    assert not watcher.ends
    assert not ann.replies.keys() & {first, later}
    assert standing(world, "ann") == "disk_full"
    ann.disk.fill(False)
    world.run(3 * SECOND)
    assert (ann.replies[first].ok, ann.replies[later].ok) == (True, False)
    assert ann.replies[later].body["hint"] == "would fit on ann once there is room on its disk"
    assert standing(world, "ann") == "open"


def test_others_pass_a_full_disk_by_and_what_it_promised_them_is_still_served() -> None:
    world = mesh("ann", "bob", "cyd")
    ann, bob = world.hosts["ann"], world.hosts["bob"]
    here = requests.Reserve({"ram": "1GiB", "node": "ann"}, 600_000)
    booking = world.answer("bob", here).body["id"]
    world.shell.tell_room(ann, full=True)
    world.run(3 * SECOND)
    refused = world.answer("bob", here)
    assert refused.body["hint"] == "would fit on ann once there is room on its disk"
    anywhere = requests.Reserve({"ram": "1GiB"}, 600_000)
    owners = {world.answer("cyd", anywhere).body["owner"]["name"] for _ in range(4)}
    assert owners
    assert "ann" not in owners
    longer = world.answer("bob", requests.Extend(booking, more_ms=60_000))
    assert not longer.ok
    assert "there is next to no room on the disk" in longer.body["sentence"], longer.body
    assert world.answer("bob", requests.Release(booking)).ok
    assert liveness(world, "bob", "ann") is Liveness.ALIVE
    kept = ann.alive.mesh.chains
    assert len(kept.chain(bob.id)) < len(bob.own_blocks()), "its last room is not for others' logs"
    world.shell.tell_room(ann, full=False)
    world.run(10 * SECOND)
    assert len(kept.chain(bob.id)) == len(bob.own_blocks())
    assert world.answer("bob", here).ok


def test_an_agent_that_is_killed_on_a_full_disk_begins_when_there_is_room() -> None:
    world = mesh("ann", "bob")
    ann = world.hosts["ann"]
    ann.disk.fill(True)
    token = world.ask("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 60_000))
    world.run(5 * SECOND)
    world.crash("ann")
    assert token not in ann.replies
    assert not world.start("ann"), "an epoch that can't be kept is not begun"
    ann.disk.fill(False)
    assert world.start("ann")
    world.run(2 * SECOND)
    assert standing(world, "ann") == "open"
