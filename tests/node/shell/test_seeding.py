"""Seeds that are names: looked up beside everything else, and for ever."""

import socket
from typing import Any

import pytest
import trio

from mesh.effects import Address
from node.core.picture.reports import SeedsFound
from node.shell.datagrams import seeding
from node.shell.datagrams.seeding import Seeding, literal_seeds

BOTH = [
    (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("10.0.0.5", 4653)),
    (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("fe80::5", 4653, 0, 1)),
]


def test_addresses_need_no_looking_up() -> None:
    seeds = (("10.0.0.5", 4653), ("fd00::5", 9), ("oak.example", 4653))
    assert literal_seeds(seeds) == (Address("10.0.0.5", 4653), Address("fd00::5", 9))


async def test_without_names_nobody_is_asked() -> None:
    with trio.fail_after(1):
        await Seeding((("10.0.0.5", 4653),), lambda _: None).run()


async def test_a_name_that_nobody_knows_is_named_and_asked_for_until_somebody_does(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    answers: list[Any] = [socket.gaierror(-2, "unknown"), UnicodeError("label too long"), BOTH]

    async def look_up(*_words: object, **_more: object) -> list[Any]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    monkeypatch.setattr(trio.socket, "getaddrinfo", look_up)
    told: list[SeedsFound] = []
    seeds = Seeding((("oak.example", 4653),), told.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(seeds.run)
        await trio.sleep(1)
        assert seeds.warning is not None
        assert "oak.example" in seeds.warning.sentence
        await trio.sleep(2 * seeding.UNKNOWN_RETRY_SECONDS)
        assert seeds.warning is None
        assert [found.addresses for found in told] == [
            (Address("10.0.0.5", 4653), Address("fe80::5%lo", 4653))
        ]
        seeds.look_again()
        await trio.sleep(1)
        assert len(told) == 2
        nursery.cancel_scope.cancel()
