"""Gangs at the command line: what is refused before anybody is asked, and how they are shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh.instant import SECOND
from node.cli import ganging, parser, splitting
from node.cli.commands import where, why_not
from node.cli.exits import Unable
from node.cli.render import Ink
from node.core.requests import read_request
from simulations.invented.world import World
from tests.node.cli.conftest import Ran
from tests.support.fake_agent import FakeAgent

LEG = {"pool": "ram", "amount": 1 << 30, "unit": "bytes"}


def written(*words: str) -> Any:
    return parser.parse(parser.build(), ["reserve", "--ram", "1GiB", *words])


@pytest.mark.parametrize("count", ["0", "1", "65", "-2", "3.0", "three", "", "999999999999"])
def test_a_number_of_nodes_that_is_no_gang_is_wrong_usage(count: str) -> None:
    with pytest.raises(Unable, match="is no number of nodes"):
        ganging.count(count)


@pytest.mark.parametrize(
    "more",
    [
        ("--hold",),
        ("--node", "n"),
        ("--require-copy",),
        ("--plan", "t"),
    ],
)
def test_what_is_for_one_node_alone_excludes_several(more: tuple[str, ...]) -> None:
    with pytest.raises(Unable, match=f"--nodes and {more[0]} exclude each other"):
        ganging.reserve(written("--nodes", "3", *more), {}, 1.0)


def test_a_gang_is_shown_with_each_of_its_nodes_and_how_all_of_it_is_given_back() -> None:
    body = {
        "id": "ab" * 16, "state": "complete", "kind": "booking", "term_ms": 7_200_000,
        "remaining_ms": 7_100_000, "starts_at_ms": None,
        "members": [
            {"id": "01" * 16, "owner": {"name": "ann"}, "legs": [LEG], "stored_on": ["bob"]},
            {"id": "02" * 16, "owner": {"name": "bob"}, "legs": [LEG], "stored_on": []},
        ],
    }  # fmt: skip
    shown = "\n".join(ganging.drawn(body, Ink(on=False)))
    assert "holdfast release ababababab (all of them)" in shown
    assert "ann  ram 1 GiB  0101010101  bob" in shown
    assert "its owner alone" in shown
    leased = "\n".join(ganging.drawn({**body, "kind": "carried"}, Ink(on=False), "4711"))
    assert "as long as process 4711 runs; all of it ends when one of them is lost" in leased


def test_a_gang_of_leases_has_no_time_of_its_own() -> None:
    with pytest.raises(Unable, match="lasts while its asker keeps it up"):
        ganging.reserve(written("--nodes", "3", "--pid", "1", "--for", "2h"), {}, 1.0)


def test_holds_of_a_gang_are_told_together_with_what_is_missing() -> None:
    def hold(name: str, gang: dict[str, Any] | None) -> dict[str, Any]:
        return {"owner": {"name": name}, "holder": {"name": "ann"}, "gang": gang}

    gang = {"id": "ab" * 16, "members": 3, "stage": "completed", "settled": True}
    lines = ganging.told([hold("ann", gang), hold("cyd", gang), hold("bob", None)])
    assert len(lines) == 1
    assert "2 of 3 nodes (ann, cyd), completed; asked for on ann" in lines[0]


def test_a_model_is_split_over_nodes_by_what_each_card_holds() -> None:
    flags = parser.parse(parser.build(), ["where", "--model", "llama3.1:70b", "--quant", "q4_k_m"])
    ways = splitting.ways(flags, {"gpus": ["45000MiB:1"], "ram": "9GiB", "label": "x=y"})
    by = {(way["how"], len(way["asks"])): way for way in ways}
    assert next(iter(by)) == ("by layers", 2)
    halves = by["by layers", 2]["asks"]
    sizes = [int(ask["gpus"][0].removesuffix("MiB:1")) for ask in halves]
    assert max(sizes) < 30_000
    assert sum(sizes) > 40_000
    assert all(ask["ram"] == "9GiB" for ask in halves)
    assert by["by layers", 2]["parts"][0].startswith("blocks 0 to ")
    assert "on every node again" in by["by tensors", 2]["parts"][0]
    assert ("by tensors", 3) not in by  # 64 heads do not divide by three


def test_a_split_that_cannot_be_is_refused_with_what_to_try() -> None:
    flags = parser.parse(parser.build(), ["where", "--model", "llama3.1:70b", "--nodes", "3"])
    with pytest.raises(Unable, match="can't be split by tensors over 3 nodes"):
        splitting.way(flags, {}, 3, "tensor")


def test_why_not_tells_what_speaks_against_one_node_and_against_so_many_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(1)
    for name, ram in (("ann", 8), ("bob", 8), ("cyd", 4), ("dan", 2)):
        world.add(name, ram=ram << 30)
        world.start(name, first=True)
    world.run(3 * SECOND)

    def answered(_flags: Any, question: dict[str, Any], *_: Any) -> dict[str, Any]:
        reply = world.answer("ann", read_request(question))
        assert reply.ok, reply.body
        return reply.body

    monkeypatch.setattr(ganging, "answer", answered)
    monkeypatch.setattr(where, "answer", answered)
    monkeypatch.setattr(where.client, "running", lambda _: True)
    said = {}
    for name, count in (("ann", "2"), ("cyd", "2"), ("dan", "2"), ("dan", "4")):
        words = ["why-not", name, "--ram", "3GiB", "--nodes", count]
        flags = parser.parse(parser.build(), words)
        flags.all, flags.brief = True, False
        said[name, count] = ganging.together(flags, why_not._of_node(where.asked(flags), name))
    assert [body["fits"] for body in said.values()] == [True, True, False, False]
    assert said["ann", "2"]["text"][-1].startswith("2 nodes at once: it would be one of ")
    assert sorted(said["ann", "2"]["gang"]["members"]) == ["ann", "bob"]
    assert said["cyd", "2"]["text"][-1].endswith("it would be asked if one of them refused")
    assert said["dan", "2"]["text"][-1].endswith("; without it")
    assert said["dan", "4"]["text"][-1].startswith("4 nodes at once: 3 fit now (")
    assert said["dan", "4"]["misses"]


@pytest.mark.parametrize("name", ["aaaa", "0101"])
def test_what_was_handed_on_of_a_gang_is_given_back_before_it(
    name: str, state: Path, run: Callable[..., Ran]
) -> None:
    def hold(of: str, gang: str | None = None, parent: str | None = None) -> dict[str, Any]:
        member = None if gang is None else {"id": gang * 16}
        return {"id": of * 16, "parent": parent and parent * 16, "gang": member}

    held = [
        hold("01", "aa"), hold("02", "aa"), hold("03", "bb"), hold("04"),
        hold("05", parent="02"), hold("06", parent="03"), hold("07", parent="04"),
    ]  # fmt: skip
    with FakeAgent(state, {"holds": {"holds": held, "foreign": []}}) as agent:
        assert run("release", name, "--with-parts").status == 0
    asked = [heard["id"] for heard in agent.heard if heard["type"] == "release"]
    assert asked == ["05" * 16, name]


@pytest.mark.parametrize("name", ["", "0", "abcd"])
def test_where_it_is_not_clear_what_is_meant_no_part_is_given_back(
    name: str, state: Path, run: Callable[..., Ran]
) -> None:
    held = [
        {"id": whole * 4, "parent": parent, "gang": None}
        for whole, parent in (("abcd0000", None), ("abcd1111", None), ("01010101", "abcd0000" * 4))
    ]
    with FakeAgent(state, {"holds": {"holds": held, "foreign": []}}) as agent:
        run("release", name, "--with-parts")
    assert [one["id"] for one in agent.heard if one["type"] == "release"] in ([name], [])
