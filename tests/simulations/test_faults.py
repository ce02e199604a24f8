"""The catalogue of faults, what people may write for it, and the nemesis that brings them about."""

import tomllib
from pathlib import Path

import pytest

from mesh.instant import SECOND, seconds
from simulations.faults import catalogue
from simulations.faults.catalogue import (
    CATALOGUE,
    GROUPS,
    Chosen,
    UnknownFault,
    faults_text,
    read_faults,
)
from simulations.faults.nemesis import Injection, Nemesis
from simulations.faults.scene import Scene
from simulations.invented.world import CALM, World
from simulations.people.crowd import Crowd

WAITING = Path(catalogue.__file__).parents[1] / "waiting.toml"
LONG = 60 * SECOND
STRONG = 8.0


def unleashed(
    faults: Chosen, seed: int = 1, without: tuple[str, ...] = (), nodes: int = 3,
    operations: float = 4.0,
) -> Nemesis:  # fmt: skip
    """What has happened after a minute among people."""
    world = World(seed)
    world.look_every = 5 * SECOND
    for number in range(nodes):
        world.add(f"n{number}", cards=())
        world.start(f"n{number}", first=True)
    crowd = Crowd(world, operations)
    scene = Scene(world, crowd, CALM)
    nemesis = Nemesis(scene, faults, without)
    world.observe(crowd)
    world.observe(scene)
    world.run(3 * SECOND)
    crowd.begin(world.now + LONG)
    nemesis.unleash(world.now + LONG)
    world.run(LONG)
    return nemesis


def times(injections: list[Injection], kind: str) -> list[tuple[int, str]]:
    return [(one.at, one.label) for one in injections if one.label.startswith(f"{kind}/")]


def test_every_kind_says_what_happens_and_in_which_room() -> None:
    for name, fault in CATALOGUE.items():
        assert fault.name == name
        assert len(fault.sentence.split()) >= 3
        assert fault.room in catalogue.ROOMS
        assert fault.every > 0


def test_all_of_them_can_be_had_by_one_word_and_none_by_another() -> None:
    assert dict(read_faults("all")) == dict.fromkeys(CATALOGUE, 1.0)
    assert read_faults("none") == ()
    assert {name for group in GROUPS.values() for name in group} == set(CATALOGUE)


@pytest.mark.parametrize("text", ["lossy", "kill", "kill=2.5,loss=0.5", "all,kill=0", "none"])
def test_what_was_chosen_can_be_written_down_and_read_again(text: str) -> None:
    assert read_faults(faults_text(read_faults(text))) == read_faults(text)


def test_later_words_win() -> None:
    assert dict(read_faults("all,kill=3,loss=0"))["kill"] == 3
    assert "loss" not in dict(read_faults("all,loss=0"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kil", "did you mean 'kill'?"),
        ("losy", "did you mean 'lossy'?"),
        ("zzzz", "groups are all, none"),
        ("kill=much", "a strength is a number"),
        ("kill=-1", "a strength is from 0 to 100"),
        ("kill=nan", "a strength is from 0 to 100"),
    ],
)
def test_what_cannot_be_meant_is_told_with_the_nearest_thing_that_can(text: str, told: str) -> None:
    with pytest.raises(UnknownFault) as refused:
        read_faults(text)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "group", ["lossy", "network", "processes", "disks", "clocks", "machines", "people"]
)
def test_each_kind_happens_and_is_counted(group: str) -> None:
    cards = ("card-gone", "same-card")  # these hosts have none
    wanted = {name for name in GROUPS[group] if name not in cards}
    seen: set[str] = set()
    for seed in range(1, 7):
        strong = tuple((name, STRONG) for name in GROUPS[group])
        seen |= {kind for kind, count in unleashed(strong, seed).counts.items() if count}
        if seen >= wanted:
            break
    assert wanted - seen == set()


def test_leaving_out_one_kind_reshuffles_no_other() -> None:
    both = unleashed((("drift", STRONG), ("slow-disk", STRONG)))
    alone = unleashed((("drift", STRONG),))
    assert times(both.injections, "slow-disk")
    assert times(alone.injections, "drift") == times(both.injections, "drift")


def test_leaving_out_one_host_reshuffles_no_other() -> None:
    three = unleashed((("drift", STRONG),), nodes=3)
    two = unleashed((("drift", STRONG),), nodes=2)
    elsewhere = [one for one in times(three.injections, "drift") if "/n2/" not in one[1]]
    assert times(two.injections, "drift") == elsewhere


def test_leaving_out_one_occurrence_leaves_the_others_where_they_were() -> None:
    whole = times(unleashed((("slow-disk", STRONG),)).injections, "slow-disk")
    spared = whole[len(whole) // 2][1]
    rest = unleashed((("slow-disk", STRONG),), without=(spared,))
    # Another may have been kept off by the one that is spared now: one of a kind at a time.
    assert {one for one in whole if one[1] != spared} <= set(times(rest.injections, "slow-disk"))
    assert spared not in [label for _, label in times(rest.injections, "slow-disk")]


def test_when_all_is_mended_everybody_is_up_and_nothing_more_happens() -> None:
    nemesis = unleashed(tuple((name, STRONG) for name in CATALOGUE), seed=5)
    scene = nemesis._scene
    nemesis.mend()
    struck = nemesis.counts.total()
    scene.world.run(seconds(90))
    assert nemesis.counts.total() == struck
    for host in scene.world.hosts.values():
        assert (host.agent is None) == (host.name in scene.gone)
        assert not host.asleep
        assert host.lag == 0
        assert host.ram_foreign == 0
        assert not host.blind_pools
        assert not host.probes_hang
    assert scene.world.network.cuts == ()


def test_what_cannot_be_tried_yet_says_what_it_waits_for() -> None:
    rows = tomllib.loads(WAITING.read_text(encoding="utf-8"))["waiting"]
    for row in rows:
        assert set(row) == {"what", "waits_for"}
        assert all(len(text.split()) > 0 and not text.endswith(".") for text in row.values())
    # A part that is built is tried, so nothing waits that is in the catalogue.
    assert not {row["what"].split(":")[0] for row in rows} & set(CATALOGUE)
