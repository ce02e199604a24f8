"""Events are kept for a while and followed; a slow reader misses some and is told how many."""

from typing import Any

import pytest
import trio

from mesh.instant import SECOND
from node.core.effects import Event
from node.core.requests import Events
from node.shell.telling.chronicle import (
    EVENTS_KEPT_MAX,
    FOLLOWERS_MAX,
    MISSED,
    WAITING_EVENTS_MAX,
    Chronicle,
    tell_all,
)


class Hours:
    now = 0


def chronicle() -> tuple[Chronicle, Hours]:
    hours = Hours()
    return Chronicle(lambda: hours.now, lambda: hours.now), hours


def happened(number: int) -> Event:
    return Event("peer.alive", f"event {number}", {"n": number})


async def read(here: Chronicle, wanted: Events) -> tuple[list[dict[str, Any]], Any]:
    lines: list[dict[str, Any]] = []

    async def progress(line: dict[str, Any]) -> None:
        lines.append(line)

    with trio.move_on_after(0.05):
        return lines, await tell_all(here, wanted, progress)
    return lines, None


async def test_what_is_kept_is_told_with_its_number_and_age_and_then_it_ends() -> None:
    here, hours = chronicle()
    here.tell(happened(1))
    hours.now = 90 * SECOND
    here.tell(happened(2))
    lines, ended = await read(here, Events(since_ms=None, follow=False))
    assert [(line["number"], line["age_ms"], line["kind"]) for line in lines] == [
        (1, 90_000, "peer.alive"), (2, 0, "peer.alive"),
    ]  # fmt: skip
    assert lines[0]["body"] == {"n": 1}
    assert ended == (True, {"events": 2})
    recent, _ = await read(here, Events(since_ms=60_000, follow=False))
    assert [line["number"] for line in recent] == [2]


async def test_only_so_many_are_kept() -> None:
    here, _ = chronicle()
    for number in range(EVENTS_KEPT_MAX + 5):
        here.tell(happened(number))
    lines, _ = await read(here, Events(since_ms=None, follow=False))
    assert (len(lines), lines[0]["number"]) == (EVENTS_KEPT_MAX, 6)


async def test_who_follows_hears_what_comes_and_by_default_nothing_of_before() -> None:
    here, hours = chronicle()
    here.tell(happened(1))
    hours.now = SECOND
    with here.follow() as follower:
        here.tell(happened(2))
        told = await follower.next()
        assert not isinstance(told, int)
        assert told.number == 2
    lines, ended = await read(here, Events())
    assert (lines, ended) == ([], None)


async def test_a_slow_reader_gets_what_fits_then_how_many_it_missed_then_what_comes() -> None:
    here, _ = chronicle()
    with here.follow() as follower:
        for number in range(WAITING_EVENTS_MAX + 7):
            here.tell(happened(number))
        for number in range(WAITING_EVENTS_MAX):
            told = await follower.next()
            assert not isinstance(told, int)
            assert told.number == number + 1
        assert await follower.next() == 7
        here.tell(happened(0))
        told = await follower.next()
        assert not isinstance(told, int)
        assert told.number == WAITING_EVENTS_MAX + 8
    line = here.missed(7)
    assert (line["kind"], line["body"]) == (MISSED, {"count": 7})


async def test_only_so_many_may_follow_and_who_hangs_up_makes_room() -> None:
    here, _ = chronicle()
    async with trio.open_nursery() as nursery:
        for _each in range(FOLLOWERS_MAX):
            nursery.start_soon(read, here, Events())
        await trio.testing.wait_all_tasks_blocked(0.001)
        _lines, (granted, body) = await read(here, Events())
        assert not granted
        assert body["code"] == "refused"
    assert not here.is_full


@pytest.mark.parametrize("since", [-1, 10**18, "soon"])
def test_no_time_but_a_sensible_one_is_taken(since: object) -> None:
    from node.core.requests import Refused, read_request

    with pytest.raises(Refused):
        read_request({"type": "events", "since_ms": since})
