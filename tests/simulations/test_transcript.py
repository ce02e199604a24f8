"""Transcripts: what happened, as a person would tell it."""

import re
from random import Random

import pytest

from ledger.commands import AMOUNT_MAX, Leg
from mesh.instant import SECOND, seconds
from node.core import requests
from node.core.effects import Reply
from simulations.campaign import wording
from simulations.campaign.transcript import EveryEvent, Transcript, stamp
from simulations.faults.nemesis import Injection
from simulations.invented.world import World


def evening(transcribe: type[Transcript], **how: int) -> Transcript:
    """Two nodes meet; one books at the other and gives back; the owner falls and comes back."""
    world = World(5)
    told = transcribe(world, **how)
    world.observe(told)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    ask = requests.Reserve({"ram": "1GiB", "node": "bob"}, term_ms=60_000)
    booked = world.answer("ann", ask)
    assert booked.ok
    assert not world.answer("ann", requests.Reserve({"ram": "99GiB"}, term_ms=60_000)).ok
    world.answer("ann", requests.Release(booked.body["id"]))
    world.crash("bob", power=True)
    told.struck(Injection(world.now, "power-cut/bob/0", "bob", "the power fails"))
    world.start("bob")
    world.run(seconds(1))
    return told


def only(told: Transcript, word: str) -> list[str]:
    return [line.split(" s  ", 1)[1] for line in told.lines if word in line]


def test_who_asked_what_who_answered_and_who_fell_is_told_in_order() -> None:
    told = evening(Transcript)
    asked, no_room, back = only(told, "is asked")
    assert re.fullmatch(r"ann is asked \(\d+\): reserve ram 1GiB node bob for 60 s", asked)
    assert no_room.endswith("reserve ram 99GiB for 60 s")
    posted, refused, released = only(told, "answers")
    found = re.search(r"posted ([0-9a-f]{8}) at bob, stored on ann", posted)
    assert found
    assert "no (not_possible)" in refused
    assert back.endswith(f"release {found[1]}")
    assert f"released {found[1]} at bob" in released
    assert only(told, "ann → bob: hold")[0].endswith("ram 1024 MiB (booking, 60 s)")
    assert only(told, "ann ← bob: held")
    lines = [line.split(" s  ", 1)[1] for line in told.lines]
    fell = lines.index("bob loses power")
    assert lines[fell + 1] == "* bob: the power fails (power-cut/bob/0)"
    assert lines[fell + 2].startswith("bob starts for the 2nd time: ")


def test_every_block_is_told_with_what_it_says_and_who_keeps_a_copy() -> None:
    told = evening(Transcript)
    own = only(told, "bob writes block")
    assert any("hold" in line and "ram 1024 MiB for ann" in line for line in own)
    assert any("release" in line and "(asked)" in line for line in own)
    assert any(line.startswith("ann keeps a copy of bob's log") for line in only(told, "keeps"))


def test_time_stands_in_front_and_never_runs_back() -> None:
    told = evening(EveryEvent)
    times = [float(line.split(" s  ")[0]) for line in told.lines]
    assert times == sorted(times)
    assert stamp(1_500_000_000) == "   1.500000 s"


def test_every_event_tells_datagrams_and_rows_with_a_digest() -> None:
    few, all_of_it = evening(Transcript), evening(EveryEvent)
    assert set(few.lines) <= set(all_of_it.lines)
    assert len(all_of_it.lines) > 3 * len(few.lines)
    assert any("hears" in line and "hello, " in line for line in all_of_it.lines)
    assert any("rows on its disk [" in line for line in all_of_it.lines)


def test_only_the_last_lines_are_kept_and_each_is_told_as_it_comes() -> None:
    heard: list[str] = []
    world = World(5)
    short = Transcript(world, lines_max=2, told=heard.append)
    for word in ("one", "two", "three"):
        short.tell(word)
    assert [line[-5:].strip() for line in short.lines] == ["two", "three"]
    assert len(heard) == 3


def test_a_world_that_nobody_writes_down_pays_nothing() -> None:
    world = World(1)
    before = {kind: len(getattr(world.audience, kind)) for kind in ("sent", "stepped", "asked")}
    world.observe(Transcript(world))
    after = {kind: len(getattr(world.audience, kind)) for kind in ("sent", "stepped", "asked")}
    assert after["sent"] == before["sent"], "a person's transcript is not told of datagrams"
    assert after["asked"] == before["asked"] + 1


@pytest.mark.parametrize("length", [0, 1, 3, 4, 60])
def test_what_cannot_be_read_has_a_phrase_too(length: int) -> None:
    rubbish = Random(length).randbytes(length)
    assert wording.command(rubbish) == wording.UNREADABLE
    assert wording.outcome(rubbish) == wording.UNREADABLE
    assert f"{length} bytes" in wording.datagram(rubbish)


def test_amounts_and_refusals_read_well() -> None:
    assert (
        wording.legs((Leg("cpu", 2000), Leg("ram", 3 << 20))) == "cpu 2000 millicores + ram 3 MiB"
    )
    assert wording.legs((Leg("ram", AMOUNT_MAX),)) == "ram as much as can be written"
    no = Reply(1, ok=False, body={"code": "refused", "sentence": "there is no room", "hint": ""})
    assert wording.reply(no) == "no (refused): there is no room"
    assert wording.heights([4]) == "block 4"
    assert wording.heights([4, 5, 6]) == "blocks 4 to 6"
    assert wording.heights([4, 9]) == "2 blocks up to 9"
