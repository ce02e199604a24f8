"""Lives drawn from numbers, and lives drawn by hypothesis, against the same oracles."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.commands import Outcome
from ledger.entries import decode_entry
from mesh.instant import MINUTE, SECOND
from tests.ledger.lives import live_through
from tests.ledger.owner import hold_id
from tests.ledger.world import World


@pytest.mark.parametrize("seed", range(120))
def test_no_life_breaks_a_promise(seed: int) -> None:
    live_through(seed)


def test_the_lives_meet_everything_that_can_happen() -> None:
    seen: Counter[str] = Counter()
    for seed in range(40):
        world = live_through(seed)
        for block in world.owner.disk.chain:
            seen.update(type(decode_entry(raw)).__name__ for raw in block.entries)
        seen.update(outcome.name for _, outcome in world.said.values())
        seen.update(alarm.code for alarm in world.owner.alarms)
    for word in ("Held", "Posted", "Voided", "Expired", "Released", "Reclaimed", "EraOpened"):
        assert seen[word] >= 10, word
    for word in ("Extended", "Shrunk", "Transferred"):
        assert seen[word] >= 5, word
    for word in ("Adopted", "PoolStateSet", "would-not-end", "NO_ROOM", "TOO_LATE"):
        assert seen[word] >= 1, word


class AnyLife(RuleBasedStateMachine):
    """Hypothesis chooses what happens next, and finds the shortest way to trouble."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def pick(self, number: int) -> int:
        return number % len(self.world.holders) + 1

    @rule(amount=st.integers(1, 100), booking=st.booleans())
    def hold(self, amount: int, booking: bool) -> None:
        self.world.hold(amount, booking)

    @rule(amount=st.integers(1, 100), booking=st.booleans())
    def hold_and_post(self, amount: int, booking: bool) -> None:
        self.world.hold(amount, booking)
        self.world.post(len(self.world.holders))

    @precondition(lambda self: self.world.holders)
    @rule(number=st.integers(0, 99))
    def hold_again(self, number: int) -> None:
        self.world.send_hold(self.pick(number))

    @precondition(lambda self: self.world.holders)
    @rule(number=st.integers(0, 99))
    def post(self, number: int) -> None:
        self.world.post(self.pick(number))

    @precondition(lambda self: self.world.holders)
    @rule(number=st.integers(0, 99))
    def renew(self, number: int) -> None:
        self.world.renew(self.pick(number))

    @precondition(lambda self: self.world.holders)
    @rule(number=st.integers(0, 99))
    def void(self, number: int) -> None:
        self.world.void(self.pick(number))

    @precondition(lambda self: self.world.holders)
    @rule(number=st.integers(0, 99))
    def release(self, number: int) -> None:
        self.world.release(self.pick(number))

    @precondition(lambda self: self.world.holders)
    @rule(number=st.integers(0, 99), minutes=st.integers(1, 60))
    def extend(self, number: int, minutes: int) -> None:
        self.world.extend(self.pick(number), minutes * MINUTE)

    @precondition(lambda self: self.world.holders)
    @rule(number=st.integers(0, 99), amount=st.integers(1, 50))
    def shrink(self, number: int, amount: int) -> None:
        self.world.shrink(self.pick(number), amount)

    @precondition(lambda self: self.world.holders)
    @rule(number=st.integers(0, 99), amount=st.integers(1, 50), booking=st.booleans())
    def transfer(self, number: int, amount: int, booking: bool) -> None:
        self.world.transfer(self.pick(number), amount, booking)

    @rule(duration=st.sampled_from([1, SECOND, 10 * SECOND, 29 * SECOND, 31 * SECOND, 41 * MINUTE]))
    def wait(self, duration: int) -> None:
        self.world.advance(duration)

    @rule(gone=st.booleans())
    def fence(self, gone: bool) -> None:
        self.world.fence(gone)

    @rule()
    def look(self) -> None:
        self.world.look()

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(lost_blocks=st.sampled_from([0, 1, 2, 10_000]))
    def reboot(self, lost_blocks: int) -> None:
        self.world.reboot(lost_blocks)

    @invariant()
    def every_promise_is_kept(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.finish()


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_world_can_be_asked_what_became_of_a_hold() -> None:
    world = World()
    world.hold(10, booking=False)
    world.post(1)
    world.advance(40 * SECOND)
    assert world.owner.inquire(1).outcome is Outcome.ENDING
    world.fence(gone=True)
    assert world.owner.inquire(1).outcome is Outcome.EXPIRED
    assert hold_id(1) in world.owner.ledger.books.ended
