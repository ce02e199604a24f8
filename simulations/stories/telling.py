"""Tell a story on a stage, and write down what came of every sentence.

Outcomes that rest on timing (who won, what a node thought of another just then, the reasons beside
an answer) are written with `->` and hold in the invented world alone. Whether something was granted
or given back, and what is waited for, is written with `=>` and must be so on every stage.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from mesh.instant import SECOND, Duration
from node.core import requests
from simulations.stories import steps
from simulations.stories.script import Line, Outcome, Story
from simulations.stories.stage import Answer, Stage, StoryFailed

GIB: Final = 1 << 30
MIB: Final = 1 << 20
UNTIL_MAX: Final[Duration] = 180 * SECOND
LOOK_EVERY: Final[Duration] = SECOND // 4
SPANS: Final = (
    (SECOND, "at once"), (5 * SECOND, "within 5 s"), (10 * SECOND, "within 10 s"),
    (40 * SECOND, "within 40 s"), (2 * UNTIL_MAX, "within minutes"),
)  # fmt: skip
"""How long something took, as it is told: as finely as a reader wants to know, and no finer, so
that a story changes with what nodes do and not with the fall of a die."""
TOLD_EVENTS: Final = (
    "peer.suspect", "peer.dead", "peer.left", "peer.restarted", "peer.conflict", "peer.cloned",
    "peer.forgotten", "peer.returned",
    "standing", "ledger.", "alarm.", "request.",
)  # fmt: skip
"""Kinds of events that a reader wants; how nodes first meet is the same in every story."""


@dataclass(slots=True)
class Teller:
    """One telling of one story."""

    story: Story
    stage: Stage
    names: dict[str, str] = field(default_factory=dict)
    """Name in the story → id of the hold, as text."""
    owners: dict[str, str] = field(default_factory=dict)
    """Name in the story → who granted it."""

    async def tell(self) -> Story:
        """The story with its outcomes as they were here. Raises StoryFailed, StageLacks."""
        told = [await self._line(line) for line in self.story.lines]
        return Story(tuple(told))

    async def _line(self, line: Line) -> Line:
        if line.step is None:
            return line
        try:
            outcomes = await self._step(line.step)
        except StoryFailed as failed:
            raise StoryFailed(f"line {line.number}, {line.words!r}: {failed}") from None
        told = [
            Outcome(f"{node} {kind}: {sentence}", sure=False)
            for node, kind, sentence in self.stage.heard()
            if kind.startswith(TOLD_EVENTS) and not isinstance(line.step, steps.Nodes)
        ]
        return line.with_outcomes(outcomes + told)

    async def _step(self, step: steps.Step) -> list[Outcome]:
        match step:
            case steps.Nodes(names, ram):
                await self.stage.open(names, ram)
                await self._until(self._all_met)
                return []
            case steps.AlsoOn():
                return []
            case steps.Advance(duration):
                await self.stage.advance(duration)
                return []
            case (
                steps.Reserve() | steps.Hold() | steps.Confirm() | steps.Release() | steps.Forget()
                | steps.Race() | steps.Repeat() | steps.RepeatChanged()
            ):  # fmt: skip
                return await self._people(step)
            case steps.Where() | steps.Sees() | steps.Stands() | steps.Shows() | steps.Verify():
                return await self._looked(step)
            case (
                steps.UntilSees() | steps.UntilStands() | steps.UntilAllMet() | steps.UntilShows()
            ):  # fmt: skip
                return await self._waited(step)
            case _:
                await self.stage.do(step)
                return []

    # People --------------------------------------------------------------------------------------

    async def _people(self, step: steps.Step) -> list[Outcome]:
        match step:
            case steps.Reserve(asker, amount, owner, hold, term):
                ask = self._reserve(amount, owner, term)
                return self._granted(hold, await self.stage.ask(asker, ask))
            case steps.Hold(asker, amount, owner, hold):
                ask = self._reserve(amount, owner, steps.BOOKING_TERM, hold_only=True)
                return self._granted(hold, await self.stage.ask(asker, ask))
            case steps.Confirm(asker, hold):
                answer = await self.stage.ask(asker, requests.Post(self._id(hold)))
                return self._granted(hold, answer)
            case steps.Release(asker, hold):
                return self._released(await self.stage.ask(asker, requests.Release(self._id(hold))))
            case steps.Forget(asker, gone):
                answer = await self.stage.ask(asker, requests.Forget(gone, reason="given up"))
                return [_sure("forgotten")] if answer.ok else _refused(answer)
            case steps.Race():
                return await self._race(step)
            case steps.Repeat(asker, hold):
                return await self._repeat(asker, hold, None)
            case steps.RepeatChanged(asker, hold, amount):
                return await self._repeat(asker, hold, self._small(amount))
            case _:
                raise AssertionError(f"nobody does {step}")

    async def _repeat(self, asker: str, hold: str, amount: int | None) -> list[Outcome]:
        id_ = bytes.fromhex(self._id(hold))
        return [_sure(await self.stage.repeat(asker, self.owners[hold], id_, amount))]

    def _reserve(
        self, amount: int, owner: str, term: Duration, *, hold_only: bool = False
    ) -> requests.Reserve:
        ask = {"ram": f"{self._small(amount)} B", "node": owner}
        term_ms = term * 1000 // SECOND
        return requests.Reserve(ask, term_ms, hold_only=hold_only, wait_for_opening=False)

    def _granted(self, hold: str, answer: Answer) -> list[Outcome]:
        if not answer.ok:
            return _refused(answer)
        self.names[hold], self.owners[hold] = answer.body["id"], answer.body["owner"]["name"]
        if "posted" not in (answer.body.get("state"), answer.body.get("outcome")):
            return [_sure("held")]
        kept = "a peer has a copy" if answer.body["stored_on"] else "nobody has a copy"
        return [_sure("granted"), _here(kept)]

    def _released(self, answer: Answer) -> list[Outcome]:
        return [_sure(str(answer.body["outcome"]))] if answer.ok else _refused(answer)

    async def _race(self, race: steps.Race) -> list[Outcome]:
        ask = self._reserve(race.amount, race.owner, steps.BOOKING_TERM)
        answers = await self.stage.ask_both((race.one, race.other), ask)
        won = [answer for answer in answers if answer.ok]
        for answer in won:
            self.names[race.hold], self.owners[race.hold] = answer.body["id"], race.owner
        each = zip((race.one, race.other), answers, strict=True)
        return [
            _sure(f"{len(won)} of the two has it"),
            *(_here(f"{name}: {_in_short(answer)}") for name, answer in each),
        ]

    # What is seen --------------------------------------------------------------------------------

    async def _looked(self, step: steps.Step) -> list[Outcome]:
        match step:
            case steps.Where(asker, amount, owner):
                return await self._where(asker, amount, owner)
            case steps.Sees(observer, peer):
                return [_here(await self._liveness(observer, peer))]
            case steps.Stands(node):
                standing = (await self._yes(node, requests.Status()))["standing"]
                reason = [_here(standing["reason"])] if standing["reason"] else []
                return [_sure(standing["state"]), *reason]
            case steps.Shows(node):
                return await self._shown(node)
            case steps.Verify():
                return await self._verified()
            case _:
                raise AssertionError(f"nobody looks at {step}")

    async def _where(self, asker: str, amount: int, owner: str) -> list[Outcome]:
        ask = {"ram": f"{self._small(amount)} B"} | ({"node": owner} if owner else {})
        decision = (await self._yes(asker, requests.Where(ask)))["decision"]
        chosen = decision["chosen"]
        first = _sure(f"at {chosen['name']}" if chosen else "nowhere")
        over = sorted(
            _here(f"not {row['name']}: {', '.join(miss['reason'] for miss in row['misses'])}")
            for row in decision["passed_over"]
            if owner in ("", row["name"])
        )
        return [first, *over]

    async def _liveness(self, observer: str, peer: str) -> str:
        rows = (await self._yes(observer, requests.Status()))["peers"]
        return next((str(row["liveness"]) for row in rows if row["name"] == peer), "unknown")

    async def _shown(self, node: str) -> list[Outcome]:
        rows = await self._holds(node)
        known = {id_: name for name, id_ in self.names.items()}
        said = sorted(
            f"{known.get(row['id'], 'one without a name')}: {self._amount(row)} at"
            f" {row['owner']['name']}, {row['state']}"
            for row in rows
        )
        return [_sure(sentence) for sentence in said] or [_sure("none")]

    async def _holds(self, node: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self._yes(node, requests.Holds()))["holds"]
        return rows

    async def _verified(self) -> list[Outcome]:
        for node in self.stage.up():
            body = await self._yes(node, requests.LedgerVerify())
            if not body["ok"]:
                return [_sure(f"{node} keeps a log that does not verify: {body['logs']}")]
        return [_sure("every log verifies")]

    # What is waited for --------------------------------------------------------------------------

    async def _waited(self, step: steps.Step) -> list[Outcome]:
        match step:
            case steps.UntilSees(observer, peer, liveness):
                return await self._until(lambda: self._is_seen(observer, peer, liveness))
            case steps.UntilStands(node, standing):
                return await self._until(lambda: self._is_standing(node, standing))
            case steps.UntilAllMet():
                return await self._until(self._all_met)
            case steps.UntilShows(node, hold, state):
                return await self._until(lambda: self._is_shown(node, self._id(hold), state))
            case _:
                raise AssertionError(f"nobody waits for {step}")

    async def _until(self, so: Callable[[], Awaitable[bool]]) -> list[Outcome]:
        began = await self.stage.now()
        while not await so():
            if await self.stage.now() - began > UNTIL_MAX:
                raise StoryFailed(f"after {UNTIL_MAX // SECOND} s still not so")
            await self.stage.advance(LOOK_EVERY)
        took = await self.stage.now() - began
        return [_here(next(name for most, name in SPANS if took <= most))]

    async def _all_met(self) -> bool:
        up = self.stage.up()
        for node in up:
            peers = (await self._yes(node, requests.Status()))["peers"]
            known = [
                peer["name"]
                for peer in peers
                if peer["liveness"] == "alive"
                and peer["trust"] == "trusted"
                and {"inventory", "live", "standing"} <= peer["facts"].keys()
                and peer["log"] is not None
            ]
            if not {*up} - {node} <= {*known}:
                return False
        return True

    async def _is_seen(self, observer: str, peer: str, liveness: str) -> bool:
        return await self._liveness(observer, peer) == liveness

    async def _is_standing(self, node: str, standing: str) -> bool:
        body = await self._yes(node, requests.Status())
        return bool(body["standing"]["state"] == standing)

    async def _is_shown(self, node: str, hold: str, state: str) -> bool:
        states = [row["state"] for row in await self._holds(node) if row["id"] == hold]
        return (states or ["gone"]) == [state]

    # Small parts ---------------------------------------------------------------------------------

    async def _yes(self, node: str, request: requests.Request) -> dict[str, Any]:
        answer = await self.stage.ask(node, request)
        if not answer.ok:
            raise StoryFailed(f"{node} said no: {answer.body['sentence']}")
        return answer.body

    def _id(self, hold: str) -> str:
        if hold not in self.names:
            raise StoryFailed(f"{hold} was never granted")
        return self.names[hold]

    def _small(self, amount: int) -> int:
        return amount * self.stage.unit // GIB

    def _amount(self, row: dict[str, Any]) -> str:
        ram = next(leg["amount"] for leg in row["legs"] if leg["pool"] == "ram")
        amount = ram * GIB // self.stage.unit
        return f"{amount // GIB}GiB" if amount % GIB == 0 else f"{amount // MIB}MiB"


def tell(story: Story, stage: Stage) -> Story:
    """The story as it is on this stage, which is closed then. Raises StoryFailed, StageLacks."""

    async def telling() -> Story:
        try:
            return await Teller(story, stage).tell()
        finally:
            with trio.CancelScope(shield=True):
                await stage.close()

    return stage.live(telling)


def _sure(text: str) -> Outcome:
    return Outcome(text, sure=True)


def _here(text: str) -> Outcome:
    return Outcome(text, sure=False)


def _refused(answer: Answer) -> list[Outcome]:
    code = answer.body["code"]
    return [
        _sure("unknown" if code == "unknown" else "refused"), _here(answer.body["sentence"]),
    ]  # fmt: skip


def _in_short(answer: Answer) -> str:
    return "granted" if answer.ok else str(answer.body["sentence"])
