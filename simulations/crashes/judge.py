"""What was told, held against what lies on the disks; and what became of it after a start."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import trio

from ledger.lifecycle import HoldState
from ledger.proving.audit import check_books
from mesh.identity import NodeId
from mesh.instant import Duration, seconds
from mesh.persistence import SPACE_BASE
from simulations.crashes.deeds import MIB, Deeds
from simulations.crashes.houses import NAMES, Hamlet, House
from simulations.crashes.reader import Account, Accounts, account_of, copies_in, log_of, rows_in
from simulations.crashes.told import Ear, Told
from simulations.verdicts import PromiseBroken, Stalled

BACK: Final[Duration] = seconds(1500)
"""Longer than a quarantine and than the wait for copies of one's log."""
PROBATION_SECONDS: Final = 75.0
"""By then a gang that never became complete is over everywhere."""
EMPTY_SECONDS: Final = 60.0

Machines = Mapping[str, NodeId]


def check_disks(houses: Mapping[str, House], machines: Machines, ear: Ear) -> dict[str, Account]:
    """Nothing that was told is missing, nothing was told to peers that is not on its owner's disk,
    and every journal verifies. Raises PromiseBroken."""
    rows = {name: rows_in(house.disk) for name, house in houses.items()}
    logs = {name: log_of(rows[name], machines[name]) for name in houses}
    accounts = {name: account_of(log) for name, log in logs.items()}
    check_told(accounts, ear)
    names = {machines[name]: name for name in houses}
    for keeper in houses:
        for (author, height), copy in copies_in(rows[keeper], machines[keeper]).items():
            whose = names[NodeId(author)]
            own = logs[whose][height] if height < len(logs[whose]) else None
            if own != copy:
                raise PromiseBroken("B1", f"{keeper} has block {height} of {whose}, which has not")
        for key in rows[keeper].get(SPACE_BASE, {}):
            whose = names[NodeId(key[: len(machines[keeper])])]
            if not logs[whose]:
                raise PromiseBroken("B1", f"{keeper} has a checkpoint that {whose} never wrote")
    return accounts


def check_told(accounts: Accounts, ear: Ear) -> None:
    """By the logs alone: what people rely on is there, with its amount and its term."""
    for hold, told in ear.newest().items():
        holding = accounts[told.owner].holds.get(hold)
        if holding is None:
            raise _broken(told, "is not in its owner's log")
        if told.state == "given back":
            continue
        if holding.state != told.state and (told.state, holding.state) != ("held", "posted"):
            raise _broken(told, f"is {holding.state}")
        if told.state == "ended":
            continue
        if not holding.parts and holding.legs.get("ram", 0) < told.amount * MIB:
            raise _broken(told, f"is of {holding.legs}")
        if holding.term_ms < told.term_ms:
            raise _broken(told, f"lasts {holding.term_ms} ms")
        if told.gang and accounts["a"].gangs.get(told.gang) != "complete":
            raise _broken(told, "belongs to a gang that is not known to be complete")


async def check_after(hamlet: Hamlet, ear: Ear, deeds: Deeds, *, proven: dict[str, bool]) -> None:
    """All start on what was left: they come back, what was told is there and can be given back, a
    gang is whole or over, and in the end every pool is empty. Raises PromiseBroken or Stalled."""
    for name in NAMES:
        hamlet.start(name)
    if not await hamlet.wait_for(deeds.well, BACK):
        raise Stalled("V1", "not everybody is back and grants")
    for name in NAMES:
        app = hamlet.residents[name].app
        assert app is not None, "everybody is well"
        sure, reason = app.here.birth.continuity.proven, app.here.birth.continuity.reason
        if proven[name] and not sure:
            raise PromiseBroken("B10", f"{name} lost nothing and doubts itself: {reason}")
        check_books(app.agent.ledger.books)
    _check_live(hamlet, ear)
    await trio.sleep(PROBATION_SECONDS)
    _check_live(hamlet, ear)
    _check_gangs(hamlet)
    for hold, told in ear.newest().items():
        ear.hears(Told(hold, told.owner, "given back"))
    await _give_everything_back(hamlet, deeds)


def _check_live(hamlet: Hamlet, ear: Ear) -> None:
    for hold, told in ear.newest().items():
        app = hamlet.residents[told.owner].app
        assert app is not None, "everybody is well"
        state = app.agent.ledger.books.state_of(bytes.fromhex(hold))
        if told.state == "posted" and state is not HoldState.POSTED:
            raise _broken(told, f"is {state.value} after the start")
        if told.state == "ended" and state in (HoldState.POSTED, HoldState.PENDING):
            raise _broken(told, f"is {state.value} after the start")


def _check_gangs(hamlet: Hamlet) -> None:
    members: dict[bytes, list[tuple[str, bool]]] = defaultdict(list)
    for name in NAMES:
        app = hamlet.residents[name].app
        assert app is not None, "everybody is well"
        for hold in app.agent.ledger.books.live_holds():
            if hold.gang is not None:
                members[hold.gang.gang].append((name, hold.gang.settled_at is not None))
    for gang, live in members.items():
        if len(live) != len(NAMES) or not all(settled for _, settled in live):
            raise PromiseBroken("B7", f"of the gang {gang.hex()[:8]} there stand: {live}")


async def _give_everything_back(hamlet: Hamlet, deeds: Deeds) -> None:
    end = trio.current_time() + EMPTY_SECONDS
    while live := _live(hamlet):
        if trio.current_time() > end:
            raise Stalled("V3", f"{len(live)} holds never end")
        for owner, hold in live:
            await deeds.ask(owner, "release", id=hold)
        await trio.sleep(1)
    for name in NAMES:
        app = hamlet.residents[name].app
        assert app is not None, "everybody is well"
        check_books(app.agent.ledger.books)
        promised = app.agent.ledger.books.holds_on("ram")
        if promised:
            raise PromiseBroken("I4", f"{name} has nothing left to promise it for: {promised}")


def _live(hamlet: Hamlet) -> list[tuple[str, str]]:
    return [
        (name, hold.id.hex())
        for name in NAMES
        if (app := hamlet.residents[name].app) is not None
        # What was carved out goes first, or its whole would not end.
        for hold in sorted(
            app.agent.ledger.books.live_holds(), key=lambda one: (one.parent is None, one.id)
        )
    ]


def _broken(told: Told, sentence: str) -> PromiseBroken:
    whose = f"{told.hold[:8]} at {told.owner}, told as {told.state} with {told.amount} MiB"
    return PromiseBroken("B13", f"{whose}, {sentence}")
