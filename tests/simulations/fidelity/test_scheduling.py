"""One seed is one order of tasks; time jumps; threads are refused; another trio is named."""

import time
from types import ModuleType

import pytest
import trio
from trio._core import _run as trio_run

from simulations.fidelity import scheduling
from simulations.fidelity.scheduling import NotPinned, TimeStands, live


def order(seed: str) -> list[int]:
    """The order in which two hundred equal tasks come to their turn, thrice each."""
    turns: list[int] = []

    async def task(number: int) -> None:
        for _ in range(3):
            await trio.sleep(1)
            turns.append(number)

    async def story() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(task, number)

    live(seed, story)
    return turns


def test_a_seed_is_an_order_and_another_seed_another_one() -> None:
    assert order("a") == order("a")
    assert order("a") != order("b")
    assert sorted(order("a")[:200]) == list(range(200))


def test_without_the_switch_the_same_seed_is_not_the_same_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = order("a")
    monkeypatch.setattr(scheduling, "_SWITCH", "_another_switch")
    monkeypatch.setattr(trio_run, "_another_switch", False, raising=False)
    monkeypatch.setattr(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", False)
    assert order("a") != drawn


def test_a_trio_without_the_switch_is_named() -> None:
    with pytest.raises(NotPinned, match=r"requirements-dev\.lock"):
        scheduling._die(ModuleType("another trio"))


def test_time_is_not_waited_for_and_ends_where_it_should() -> None:
    async def story() -> float:
        with trio.move_on_after(10**6):
            await trio.sleep_forever()
        return trio.current_time()

    began = time.perf_counter()
    assert live("a", story) == 10**6
    assert time.perf_counter() - began < 60, "it did not sleep for twelve days"


def test_a_thread_is_refused_and_allowed_again_afterwards() -> None:
    async def story() -> None:
        with pytest.raises(AssertionError, match="a thread in the simulator"):
            await trio.to_thread.run_sync(int)

    live("a", story)

    async def real() -> int:
        return await trio.to_thread.run_sync(int)

    assert trio.run(real) == 0


def test_a_livelock_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "LOOKS_PER_INSTANT_MAX", 1_000)

    async def story() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    with pytest.raises(TimeStands, match="somebody never waits"):
        live("a", story)


def test_waiting_for_nothing_is_loud() -> None:
    with pytest.raises(TimeStands, match="what will never come"):
        live("a", trio.sleep_forever)
