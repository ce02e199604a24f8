"""One hold, told from far: post, renew, extend, shrink and transfer through two machines."""

from typing import Any

import pytest

from mesh.instant import SECOND, seconds
from node.core import requests
from node.core.requests.gangs import ReserveGang
from simulations.invented.hardware import GIB
from simulations.invented.world import World
from tests.node.core.test_reservations import HOUR_MS, mesh, reserve


def booked(world: World, ram: str = "4GiB", **more: Any) -> str:
    """Ann's booking at bob."""
    ask = {"node": "bob"} | more.pop("ask", {})
    reply = world.answer("ann", reserve(ram, ask=ask, **more))
    assert reply.ok, reply.body
    world.run(SECOND)
    return str(reply.body["id"])


def row(world: World, hold: str, seen_by: str = "bob") -> dict[str, Any]:
    (found,) = [
        one for one in world.answer(seen_by, requests.Holds()).body["holds"] if one["id"] == hold
    ]
    return dict(found)


def test_a_post_says_what_is_held_now_as_a_reservation_does() -> None:
    world = mesh("ann", "bob")
    held = world.answer("ann", reserve(ask={"node": "bob"}, hold_only=True)).body
    posted = world.answer("ann", requests.Post(held["id"])).body
    assert (posted["state"], posted["kind"]) == ("posted", "booking")
    assert (posted["legs"], posted["term_ms"]) == (held["legs"], HOUR_MS)
    assert posted["environment"] == held["environment"]
    assert len(posted["receipts"]) == 2


def test_a_booking_elsewhere_is_extended_by_what_is_added_and_by_what_it_comes_to() -> None:
    world = mesh("ann", "bob")
    hold = booked(world)
    added = world.answer("ann", requests.Extend(hold, more_ms=HOUR_MS)).body
    assert (added["state"], added["term_ms"]) == ("extended", 2 * HOUR_MS)
    assert added["stored_on"] == ["ann"]
    world.run(SECOND)
    whole = world.answer("ann", requests.Extend(hold, term_ms=3 * HOUR_MS)).body
    assert whole["term_ms"] == 3 * HOUR_MS
    assert row(world, hold)["remaining_ms"] > 3 * HOUR_MS - 10_000
    for wrong in (requests.Extend(hold), requests.Extend(hold, term_ms=1, more_ms=1)):
        assert world.answer("ann", wrong).body["code"] == "bad_request"


def test_a_grant_elsewhere_keeps_what_was_said_and_gives_back_the_rest() -> None:
    world = mesh("ann", "bob")
    hold = booked(world, ask={"cpu": "2 cores"})
    kept = world.answer("ann", requests.Shrink(hold, {"ra": "1 GiB"}))
    assert kept.ok, kept.body
    assert [(leg["pool"], leg["amount"]) for leg in kept.body["legs"]] == [
        ("cpu", 2000),
        ("ram", GIB),
    ]
    world.run(SECOND)
    less = world.answer("ann", requests.Shrink(hold, {"cpu": "0"})).body
    assert [leg["pool"] for leg in less["legs"]] == ["ram"]


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ({}, "say what to keep"),
        ({"gpu": "1GiB"}, "is no pool"),
        ({"ram": "1.5"}, "no unit"),
        ({"ram": "1.5B"}, "fraction of a byte"),
        ({"ram": "-1GiB"}, "negative"),
        ({"ram": "9999999999TiB"}, "more than"),
        ({"ram": "0"}, "a grant of nothing"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anybody_is_asked(
    keep: dict[str, str], told: str
) -> None:
    world = mesh("ann")
    hold = world.answer("ann", reserve()).body["id"]
    refused = world.answer("ann", requests.Shrink(hold, keep))
    assert refused.body["code"] == "bad_request"
    assert told in refused.body["sentence"]


def test_a_part_is_handed_on_to_another_node_that_gives_it_back_to_the_whole() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = booked(world)
    part = world.answer(
        "ann", requests.Transfer(hold, {"ram": "1GiB"}, to="cyd", label="a part")
    ).body
    assert (part["state"], part["legs"][0]["amount"]) == ("transferred", GIB)
    assert part["remaining_ms"] < HOUR_MS
    world.run(SECOND)
    whole, child = row(world, hold, "cyd"), row(world, part["id"], "cyd")
    assert (child["parent"], whole["parts"]) == (hold, [part["id"]])
    assert (child["holder"]["name"], child["label"]) == ("cyd", "a part")
    assert whole["legs"][0]["amount"] == 3 * GIB
    refused = world.answer("ann", requests.Release(hold))
    assert (refused.body["outcome"], "handed on" in refused.body["sentence"]) == (
        "not a step from here",
        True,
    )
    assert "--with-parts" in refused.body["hint"]
    assert world.answer("cyd", requests.Release(part["id"])).ok
    assert row(world, hold)["legs"][0]["amount"] == 4 * GIB
    assert world.answer("ann", requests.Release(hold)).ok


def test_a_lease_elsewhere_lives_while_it_is_renewed_and_no_longer() -> None:
    world = mesh("ann", "bob")
    hold = booked(world, carried=True)
    for _ in range(6):
        world.run(seconds(10))
        answer = world.answer("ann", requests.Renew(hold))
        assert (answer.body["state"], answer.body["remaining_ms"]) == ("renewed", 30_000)
    world.run(seconds(40))
    assert not world.answer("bob", requests.Holds()).body["holds"]
    refused = world.answer("ann", requests.Renew(hold)).body
    assert (refused["code"], refused["sentence"]) == (
        "ended",
        f"{hold[:10]} is over: reclaimed on bob",
    )


def test_a_booking_is_not_renewed_and_a_lease_is_not_extended() -> None:
    world = mesh("ann", "bob")
    booking, lease = booked(world), booked(world, carried=True)
    for wrong in (requests.Renew(booking), requests.Extend(lease, term_ms=HOUR_MS)):
        refused = world.answer("ann", wrong)
        assert refused.body["outcome"] == "not a step from here"


def test_what_is_for_one_hold_says_so_of_a_gang() -> None:
    world = mesh("ann", "bob")
    gang = world.answer("ann", ReserveGang({"ram": "1GiB"}, 2, HOUR_MS)).body
    world.run(SECOND)
    name = gang["id"][:10]
    for told in (requests.Extend(name, more_ms=1000), requests.Shrink(name, {"ram": "0"})):
        refused = world.answer("ann", told)
        assert refused.body["code"] == "bad_request"
        assert f"{name} is a gang" in refused.body["sentence"]
        assert "name a member" in refused.body["hint"]
