"""One evening: two to four whole agents, people at their doors, and whatever goes wrong.

First everybody meets. Then people ask and things go wrong for a while. Then comes a morning: all is
mended, everyone counts everyone again and grants again, every question has its answer or its end,
every log verifies, and everybody can reserve at everybody's.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Final

import trio

from ledger.limits import PENDING_TTL
from mesh.instant import MILLISECOND, SECOND, Duration, seconds
from simulations.fidelity.faults import CATALOGUE
from simulations.fidelity.people import Answer, ask
from simulations.fidelity.promises import Promises
from simulations.fidelity.resident import Resident
from simulations.fidelity.village import Village
from simulations.invented.hardware import GIB
from simulations.invented.network import Weather
from simulations.verdicts import Stalled

CALM: Final = Weather()
PEOPLE: Final = 3
PATIENCE_SECONDS: Final = 90.0
MEETING: Final[Duration] = seconds(60)
MORNING: Final[Duration] = seconds(1300)
"""Longer than BOOK_WAIT: after it every owner has opened, whoever answered."""
EMPTY_SECONDS_MAX: Final = 120.0
CLOSED_DOOR_SECONDS: Final = 0.5
TERMS_MS: Final = (60_000, 600_000, 3_600_000, 3_600_000)
PAUSES_SECONDS: Final = (0.0, 0.002, 0.02, 0.3, 1.0, 5.0)
WAIT: Final = 0.15
"""So many of those who reserve would wait for room."""
PATIENCE_MS: Final = (0, 3_000, 12_000, 30_000)
PRINCIPALS: Final = ("", "red", "blue")
AHEAD_MS: Final = (2_000, 10_000, 40_000)
GANG_TERM_MS: Final = 600_000
LINES_EMPTY: Final[Duration] = seconds(60)
"""The longest patience, and a place outlives its asker by some seconds."""
BACK_SECONDS: Final = (0.01, 0.5, 1.0, 6.0, 20.0)
"""How long after its end a process is started again."""


class Evening:
    """Everything that happens in one village, drawn from one seed."""

    def __init__(self, seed: str, village: Village, faults: tuple[str, ...]) -> None:
        self.village = village
        self.dice = Random(f"{seed}/evening")
        self.asked = trio.Event()
        """Set, and replaced, whenever somebody has asked something."""
        self.struck: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.operations: Counter[str] = Counter()
        self.crashes = 0
        self.promises = Promises(village)
        self._seed = seed
        self._faults = faults
        self._members: dict[str, list[str]] = {}
        """Gang → the holds that it is made of."""
        self._asking = 0
        self._over = False
        village.on_start.append(self.promises.check_start)
        village.on_end.append(self._ended)

    async def live_through(self, chaos: Duration) -> None:
        """From dusk to morning. Raises PromiseBroken, Stalled or AssertionError."""
        for name in self.village.residents:
            self.village.start(name, first=True)
        await self._must("V1", "everybody meets", self._all_well, MEETING)
        async with trio.open_nursery() as watching:
            watching.start_soon(self._watch)
            await self._night(chaos)
            await self._morning()
            watching.cancel_scope.cancel()

    # For the faults ------------------------------------------------------------------------------

    def someone(self) -> Resident:
        """Any machine."""
        return self.dice.choice(list(self.village.residents.values()))

    def someone_up(self) -> Resident | None:
        """Any machine with an agent on it."""
        up = self.village.up
        return self.dice.choice(up) if up else None

    def down(self, resident: Resident, how: str, *, power: bool = False) -> None:
        """End a process by force, look at what it leaves, and have it started again later."""
        self.tell(f"{resident.name} {how}")
        resident.kill(power=power)
        self.crashes += 1
        self.promises.check_image(resident)

    def tell(self, sentence: str) -> None:
        self.village.trace.tell(sentence)

    # The night -----------------------------------------------------------------------------------

    async def _night(self, chaos: Duration) -> None:
        async with trio.open_nursery() as people:
            people.start_soon(self._keep_going)
            for number in range(PEOPLE):
                people.start_soon(self._person, Random(f"{self._seed}/person/{number}"))
            with trio.move_on_after(chaos / SECOND):
                async with trio.open_nursery() as troubles:
                    await self._go_wrong(troubles)
            self._over = True
            self._mend()
            await self._must("V3", "every question ends", lambda: not self._asking, seconds(200))
            people.cancel_scope.cancel()

    async def _go_wrong(self, troubles: trio.Nursery) -> None:
        names = [name for name in self._faults for _ in range(CATALOGUE[name].weight)]
        while True:
            await trio.sleep(self.dice.expovariate(0.4))
            if names:
                name = self.dice.choice(names)
                self.struck[name] += 1
                troubles.start_soon(CATALOGUE[name].strike, self)

    async def _keep_going(self) -> None:
        """Somebody starts again whatever is off, some time after it went."""
        while True:
            for resident in self.village.residents.values():
                if resident.incarnation is None:
                    if not self._over:
                        await trio.sleep(self.dice.choice(BACK_SECONDS))
                    if resident.incarnation is None:
                        self.village.start(resident.name)
            await trio.sleep(0.1)

    def _ended(self, resident: Resident, why: str) -> None:
        self.outcomes[f"ended: {why.split('/', maxsplit=1)[0][:40] or 'stopped'}"] += 1
        self.tell(f"{resident.name} has ended: {why or 'it was told to'}")

    async def _watch(self) -> None:
        while True:
            self.promises.check_now()
            await trio.sleep(1)

    # People --------------------------------------------------------------------------------------

    async def _person(self, dice: Random) -> None:
        mine: dict[str, tuple[int, bool]] = {}
        while not self._over:
            await trio.sleep(dice.choice(PAUSES_SECONDS))
            pending = [hold for hold, (_, posted) in mine.items() if not posted]
            what = dice.random()
            if what < 0.35 and mine:
                await self._give_back(dice, mine)
            elif what < 0.6 and pending:
                await self._confirm(dice, mine, dice.choice(pending))
            elif what > 0.95:
                await self._form(dice, mine)
            elif what > 0.9:
                await self._book_ahead(dice, mine)
            else:
                await self._reserve(dice, mine)

    async def _reserve(self, dice: Random, mine: dict[str, tuple[int, bool]]) -> None:
        amount, term_ms = dice.randrange(GIB // 8, 3 * GIB), dice.choice(TERMS_MS)
        wanted: dict[str, Any] = {"ram": f"{amount} B"}
        if dice.random() < 0.7:
            wanted["node"] = dice.choice(list(self.village.residents))
        hold_only = dice.random() < 0.25
        later = waits(dice) if dice.random() < WAIT else {}
        asked_at = self.village.now
        answer = await self._ask(dice, "reserve", ask=wanted, term_ms=term_ms,
            hold_only=hold_only, wait_for_opening=dice.random() < 0.5, **later)  # fmt: skip
        if answer is not None and answer.ok:
            hold = answer.body["id"]
            mine[hold] = term_ms, not hold_only
            term = PENDING_TTL if hold_only else term_ms * MILLISECOND
            owner = answer.body["owner"]["name"]
            self.promises.granted(
                bytes.fromhex(hold), owner, amount, term, asked_at, posted=not hold_only
            )

    async def _form(self, dice: Random, mine: dict[str, tuple[int, bool]]) -> None:
        """A gang: each of its members is relied on when all of them were answered for."""
        amount, term_ms = dice.randrange(GIB // 8, 3 * GIB), GANG_TERM_MS
        asked_at = self.village.now
        answer = await self._ask(
            dice, "reserve_gang", ask={"ram": f"{amount} B"}, nodes=2, term_ms=term_ms,
            wait_ms=dice.choice(PATIENCE_MS), wait_for_opening=False,
        )  # fmt: skip
        if answer is None or not answer.ok:
            return
        mine[answer.body["id"]] = term_ms, True
        members = self._members[answer.body["id"]] = [one["id"] for one in answer.body["members"]]
        for hold, one in zip(members, answer.body["members"], strict=True):
            self.promises.granted(
                bytes.fromhex(hold), one["owner"]["name"], amount, term_ms * MILLISECOND, asked_at,
                posted=True,
            )  # fmt: skip

    async def _book_ahead(self, dice: Random, mine: dict[str, tuple[int, bool]]) -> None:
        """Room for later: nobody relies on it before it has started."""
        amount = dice.randrange(GIB // 8, 3 * GIB)
        owner = dice.choice(list(self.village.residents.values()))
        start = owner.now() // MILLISECOND + dice.choice(AHEAD_MS)
        answer = await self._ask(
            dice, "reserve", ask={"ram": f"{amount} B", "node": owner.name}, term_ms=60_000,
            start_at_ms=max(1, start), wait_for_opening=False,
        )  # fmt: skip
        if answer is not None and answer.ok:
            mine[answer.body["id"]] = 60_000, True

    async def _confirm(self, dice: Random, mine: dict[str, tuple[int, bool]], hold: str) -> None:
        asked_at, (term_ms, _) = self.village.now, mine[hold]
        answer = await self._ask(dice, "post", id=hold)
        mine[hold] = term_ms, True
        if answer is not None and answer.ok:
            self.promises.confirmed(bytes.fromhex(hold), term_ms * MILLISECOND, asked_at)

    async def _give_back(self, dice: Random, mine: dict[str, tuple[int, bool]]) -> None:
        hold = dice.choice(list(mine))
        del mine[hold]
        for one in self._members.pop(hold, [hold]):
            self.promises.given_back(bytes.fromhex(one))
        await self._ask(dice, "release", id=hold)

    async def _ask(self, dice: Random, kind: str, **plain: Any) -> Answer | None:
        resident = dice.choice(list(self.village.residents.values()))
        if "local" not in resident.station.doors:
            await trio.sleep(CLOSED_DOOR_SECONDS)
            return None  # nobody opens: nothing was asked
        hasty = dice.random() < 0.1
        self._asking += 1
        self.asked.set()
        self.asked = trio.Event()
        try:
            answer = await ask(
                self.village, resident, {"type": kind, **plain},
                dice.random() * 0.05 if hasty else PATIENCE_SECONDS,
            )  # fmt: skip
        finally:
            self._asking -= 1
        outcome = "unknown" if answer is None else "granted" if answer.ok else "refused"
        self.operations[outcome] += 1
        detail = "" if answer is None or answer.ok else f" {answer.body['code']}"
        self.outcomes[f"{kind}: {outcome}{detail}"] += 1
        return answer

    # Morning -------------------------------------------------------------------------------------

    def _mend(self) -> None:
        self.tell("morning")
        self.village.network.heal()
        self.village.network.weather = CALM
        for resident in self.village.residents.values():
            disk = resident.disk
            disk.full, disk.lies, disk.failing_syncs, disk.dies_in = False, 0.0, 0, None
            disk.sync_time = 2 * MILLISECOND
            resident.ram_foreign = 0

    async def _morning(self) -> None:
        async with trio.open_nursery() as helpers:
            helpers.start_soon(self._keep_going)
            await self._must("V1", "everybody is back and grants", self._all_well, MORNING)
            helpers.cancel_scope.cancel()
        self.promises.check_now()
        await self._give_everything_back()
        await self._must("V3", "the lines are empty", self._nobody_waits, LINES_EMPTY)
        await self._everybody_reserves()
        self.promises.check_logs()

    async def _give_everything_back(self) -> None:
        """Whoever owns it ends it: also what nobody was told of."""
        self.promises.kept.clear()
        end = trio.current_time() + EMPTY_SECONDS_MAX
        while live := self._live_holds():
            if trio.current_time() > end:
                raise Stalled("V3", f"{len(live)} holds never end")
            for owner, hold in live:
                await ask(self.village, owner, {"type": "release", "id": hold}, PATIENCE_SECONDS)
            await trio.sleep(1)

    def _live_holds(self) -> list[tuple[Resident, str]]:
        """Plans too: what they keep clear nobody else can have."""
        return [
            (resident, hold.hex())
            for resident in self.village.up
            if resident.app is not None
            for books in [resident.app.agent.ledger.books]
            for hold in [*books.live, *books.plans]
        ]

    def _nobody_waits(self) -> bool:
        apps = [resident.app for resident in self.village.up if resident.app is not None]
        return not any(app.agent.ledger.waiting(app.agent.knowledge.now) for app in apps)

    async def _everybody_reserves(self) -> None:
        everyone = list(self.village.residents.values())
        for asker, owner in zip(everyone, everyone[1:] + everyone[:1], strict=True):
            plain = {
                "type": "reserve", "ask": {"ram": "6GiB", "node": owner.name}, "term_ms": 3_600_000,
            }  # fmt: skip
            answer = await ask(self.village, asker, plain, PATIENCE_SECONDS)
            if answer is None or not answer.ok:
                raise Stalled("V5", f"{asker.name} gets nothing at {owner.name}: {answer}")

    def _all_well(self) -> bool:
        return self.village.agree() and self.village.open()

    async def _must(
        self, promise: str, what: str, done: Callable[[], bool], limit: Duration
    ) -> None:
        if not await self.village.wait_for(done, limit):
            raise Stalled(promise, f"not within {limit / SECOND:g} s: {what}")


def waits(dice: Random) -> dict[str, Any]:
    """What a request says whose asker would stand in a line."""
    return {
        "wait_ms": dice.choice(PATIENCE_MS), "priority": dice.choice((0, 0, 5)),
        "principal": dice.choice(PRINCIPALS),
    }  # fmt: skip
