"""The picture: drawn from exactly what its versions name."""

import pytest
from msgspec.structs import replace

from mesh.facts import Fact, sign_fact
from mesh.identity import Identity
from node.core.choosing import request_of
from node.core.picture.topics import (
    GpuFact,
    Inventory,
    Live,
    LoadedFact,
    Metric,
    Models,
    PoolFact,
    Standing,
    StoredFact,
    encode,
)
from node.core.picture.view import Picture, Sources, draw_row
from placement.decide import decide
from placement.explain import explain
from placement.view import ClusterView
from simulations.invented.hardware import GIB, inventory, sample

IDENTITY = Identity(bytes(32))
ANN = IDENTITY.id
MACHINE = inventory("ann", 8 * GIB, 4).inventory
DOING = sample(8 * GIB, 4, ram_foreign=GIB).live


def fact(topic: str, body: Inventory | Live | Models | Standing | bytes, version: int = 1) -> Fact:
    said = body if isinstance(body, bytes) else encode(body)
    return sign_fact(IDENTITY, bytes(8), topic, version, said)


def sources(live: Live = DOING, state: str = "open", problem: str | None = None) -> Sources:
    return Sources(
        ANN, "ann", "alive", fact("node", b"ann"), fact("inventory", MACHINE),
        fact("live", live), fact("standing", Standing(state, "", None)), None, None, problem,
    )  # fmt: skip


def test_true_room_is_what_is_free_and_not_promised() -> None:
    rooms = {pool.pool: pool.room for pool in draw_row(sources()).pools}
    assert rooms == {"ram": 7 * GIB, "cpu": 4000}


def test_models_are_seen_where_their_owner_told_of_them_and_stand_in_the_versions() -> None:
    told = Models(
        (), (LoadedFact("llama3.1:8b", "ollama", 11434, 5 * GIB, None, None, None),),
        (StoredFact("qwen2.5:7b", "ollama", "gguf", 4 * GIB),),
    )  # fmt: skip
    row = draw_row(sources()._replace(models=fact("models", told)))
    assert [(one.engine, one.model) for one in row.loaded] == [("ollama", "llama3.1:8b")]
    assert [(one.model, one.bytes) for one in row.stored] == [("qwen2.5:7b", 4 * GIB)]
    assert "models" in dict(row.versions)
    rubbish = draw_row(sources()._replace(models=fact("models", b"rubbish")))
    assert (rubbish.loaded, rubbish.stored) == ((), ())


def test_a_log_that_only_we_find_broken_is_told_apart_from_one_that_adds_up() -> None:
    ours, theirs = draw_row(sources(problem="block 3 forks")), draw_row(sources())
    assert (ours.standing, theirs.standing) == ("closed", "open")
    assert ours.versions != theirs.versions, "else equal versions would be unequal answers"


def test_what_is_not_told_is_unknown_and_promises_nothing() -> None:
    row = draw_row(sources()._replace(inventory=None, live=None, standing=None))
    assert (row.os, row.labels, row.pools, row.standing) == (None, None, (), "unknown")
    unseen = draw_row(sources()._replace(live=None))
    assert {pool.room for pool in unseen.pools} == {None}


@pytest.mark.parametrize(
    ("total", "reserve"),
    [(12 << 60, 0), (-1, 0), (257 << 40, 0), (8 * GIB, -64 * GIB), ((1 << 63) - 1, 1 << 62)],
)
def test_what_no_machine_has_is_called_impossible_and_never_fits(total: int, reserve: int) -> None:
    pools = tuple(
        replace(pool, total=total, system_reserve=reserve) if pool.pool == "ram" else pool
        for pool in MACHINE.pools
    )
    lies = replace(DOING, pools={**DOING.pools, "ram": replace(DOING.pools["ram"], free=1 << 62)})
    said = sources(lies)._replace(inventory=fact("inventory", replace(MACHINE, pools=pools)))
    row = draw_row(said)
    ram = next(pool for pool in row.pools if pool.pool == "ram")
    assert (ram.total, ram.room, ram.state) == (None, None, "impossible")
    decision = decide(request_of({"ram": "1GiB"}, ANN), ClusterView.of(row))
    assert decision.chosen is None
    assert any("impossible" in line for line in explain(decision))
    assert next(pool for pool in row.pools if pool.pool == "cpu").room == 4000


def test_a_memory_told_as_two_kinds_is_impossible_and_a_card_draws_on_no_disk() -> None:
    card = GpuFact("G", "nvidia", "H1", "disk:/", 8 * GIB, None, None)
    lie = PoolFact("gpu:G", "disk", "bytes", 8 * GIB, 0, "", "")
    said = replace(MACHINE, pools=(*MACHINE.pools, lie), gpus=(card,))
    row = draw_row(sources()._replace(inventory=fact("inventory", said)))
    assert [pool.state for pool in row.pools if pool.pool == "gpu:G"] == ["impossible"]
    assert [device.pool for device in row.devices] == ["gpu:G"]


def test_bytes_that_are_no_facts_are_unknown_and_no_crash() -> None:
    rubbish = sources()._replace(
        inventory=fact("inventory", b"x"), live=fact("live", b""), standing=fact("standing", b"?")
    )
    assert draw_row(rubbish).pools == ()


def test_a_log_that_does_not_add_up_closes_the_node() -> None:
    assert draw_row(sources(problem="two blocks at one height")).standing == "closed"


def test_a_battery_counts_only_while_the_machine_runs_on_it() -> None:
    charge = {"battery_percent": Metric(40, "percent", "x")}
    on, off = (
        replace(DOING, metrics={**charge, "on_battery": Metric(flag, "flag", "x")})
        for flag in (1, 0)
    )
    assert draw_row(sources(on)).battery_percent == 40
    assert draw_row(sources(off)).battery_percent is None


def test_a_picture_of_the_same_facts_is_the_same_object() -> None:
    picture = Picture()
    first = picture.draw([sources()])
    assert picture.draw([sources()]) is first


def test_a_new_version_draws_its_row_again() -> None:
    picture = Picture()
    first = picture.draw([sources()])
    fuller = sample(8 * GIB, 4, ram_foreign=2 * GIB).live
    second = picture.draw([sources()._replace(live=fact("live", fuller, version=2))])
    assert second is not first
    assert {pool.pool: pool.room for pool in second.nodes[0].pools}["ram"] == 6 * GIB
    assert second.versions != first.versions


def test_another_body_under_the_same_number_is_another_picture() -> None:
    picture = Picture()
    first = picture.draw([sources(state="open")])
    second = picture.draw([sources(state="quarantine")])
    assert second.nodes[0].standing == "quarantine"
    assert second.versions != first.versions
