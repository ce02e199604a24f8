"""What may be owned twice, a quota or a process: the checks are silent where all is well, and speak
where it is not."""

import pytest

from ledger.limits import Limits
from ledger.visits import admission
from mesh.instant import SECOND
from node.core import requests
from node.core.effects import Reply
from node.core.usage import ties
from simulations.checks.check import Check
from simulations.checks.quotas import QuotasAreKept
from simulations.checks.ties import TiesAreOnesOwn
from simulations.invented.world import World
from simulations.people.spending import allotted, token_of
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening


def evening_of(part: type[Check]) -> Evening:
    """Bob's machine is allotted from its second start on."""
    evening = Evening([part])
    evening.world.limits = Limits(policy=allotted())
    evening.world.crash("bob")
    evening.world.start("bob")
    evening.run(4)
    return evening


def ask(world: World, ram: str, name: str, *, force: str = "", term_ms: int = 60_000) -> Reply:
    wish = requests.Reserve(
        {"ram": ram, "node": "bob"}, term_ms, principal=name, token=token_of(name), force=force
    )
    return world.answer("bob", wish)


def test_a_quota_that_is_kept_or_forced_is_looked_at_in_silence() -> None:
    evening = evening_of(QuotasAreKept)
    assert ask(evening.world, "1.5GiB", "red").ok
    assert not ask(evening.world, "1GiB", "red").ok
    assert ask(evening.world, "1GiB", "red", force="it must be today").ok
    assert not ask(evening.world, "1GiB", "blue", force="it must be today").ok
    assert evening.checks.looked["quota"] > 2


@pytest.mark.parametrize(
    ("seam", "wishes", "told"),
    [
        ("over_quota", [("3GiB", "red", "", 60_000)], r"granted 3221225472 of ram to red"),
        ("_may_not_force", [("4GiB", "blue", "now", 60_000)], r"let blue force it"),
        ("forbidden", [("1GiB", "blue", "", 600_000)], r"more time than it may have"),
        ("_too_fast", [("1MiB", "green", "", 60_000)] * 13, r"its 13th hold in a minute"),
    ],
)
def test_an_owner_that_grants_more_than_was_allotted_is_caught(
    monkeypatch: pytest.MonkeyPatch, seam: str, wishes: list[tuple[str, str, str, int]], told: str
) -> None:
    evening = evening_of(QuotasAreKept)
    nothing: object = ("", ()) if seam == "over_quota" else None
    monkeypatch.setattr(admission, seam, lambda *_: nothing)

    def all_of_them() -> None:
        for ram, name, force, term_ms in wishes:
            ask(evening.world, ram, name, force=force, term_ms=term_ms)

    with pytest.raises(PromiseBroken, match=r"^quota: .*" + told):
        all_of_them()


def two_holds(evening: Evening) -> tuple[str, str]:
    return evening.reserve("bob", "bob"), evening.reserve("bob", "bob")


def test_a_process_that_is_tied_and_one_that_has_its_pid_are_told_apart_in_silence() -> None:
    evening = Evening([TiesAreOnesOwn])
    one, two = two_holds(evening)
    world = evening.world
    first = world.run_work("bob", 7)
    assert world.answer("bob", requests.Adopt(one, 7, first)).ok
    assert not world.answer("bob", requests.Adopt(two, 7, first)).ok
    world.crash("bob")
    world.start("bob")
    evening.run(2)
    assert not world.answer("bob", requests.Adopt(two, 7, first)).ok
    world.end_work("bob", 7)
    second = world.run_work("bob", 7)
    assert world.answer("bob", requests.Adopt(two, 7, second)).ok
    assert evening.checks.looked["tie"] > 2


def test_an_agent_that_ties_one_process_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([TiesAreOnesOwn])
    one, two = two_holds(evening)
    started = evening.world.run_work("bob", 7)
    evening.world.answer("bob", requests.Adopt(one, 7, started))
    monkeypatch.setattr(ties, "holder_of", lambda *_: None)
    with pytest.raises(PromiseBroken, match=r"^tie: .* bob tied 7"):
        evening.world.answer("bob", requests.Adopt(two, 7, started))


def test_an_agent_that_takes_a_pid_for_a_name_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening([TiesAreOnesOwn])
    one, two = two_holds(evening)
    started = evening.world.run_work("bob", 7)
    evening.world.answer("bob", requests.Adopt(one, 7, started))
    monkeypatch.setattr(ties, "holder_of", lambda *_: bytes.fromhex(one))
    evening.world.end_work("bob", 7)
    evening.world.run(SECOND)
    again = evening.world.run_work("bob", 7)
    with pytest.raises(PromiseBroken, match=r"^tie: .* somebody before it had its number"):
        evening.world.answer("bob", requests.Adopt(two, 7, again))
