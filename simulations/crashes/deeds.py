"""The story whose every boundary is tried: each deed of an owner and of an asker at least once."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from mesh.instant import Duration, seconds
from simulations.crashes.houses import NAMES, Hamlet
from simulations.crashes.told import TERM_MS, Ear, Told, heard_of
from simulations.fidelity.people import Answer, ask
from simulations.verdicts import Stalled

MIB: Final = 1 << 20
PATIENCE_SECONDS: Final = 90.0
MEETING: Final[Duration] = seconds(120)
NEWS_SECONDS: Final = 5.0
"""By then all have told all how much room they have."""
ROUNDS: Final = 6
"""Reservations that come and go at the end: enough for checkpoints, and for a log that begins at
one."""


class Deeds:
    """What happens in one hamlet. Everything is answered with a yes, for nothing else is wrong."""

    def __init__(self, hamlet: Hamlet, ear: Ear) -> None:
        self.hamlet = hamlet
        self.ear = ear

    async def all(self) -> None:
        """From the first start of three machines to a clean stop."""
        for name in NAMES:
            self.hamlet.start(name, first=True)
        await self._until("everybody meets", self.well)
        await trio.sleep(NEWS_SECONDS)
        for deed in (self._a_booking, self._a_hold_apart, self._a_gang, self._many, self._a_stop):
            await deed()

    def well(self) -> bool:
        """Everybody is there, and grants."""
        return self.hamlet.agree() and self.hamlet.open()

    # Deeds ---------------------------------------------------------------------------------------

    async def _a_booking(self) -> None:
        """Reserved, longer, smaller, a part of it somebody else's; and all given back."""
        whole = await self._yes("a", "reserve", ask={"ram": "1GiB", "node": "b"}, term_ms=TERM_MS)
        hold = whole["id"]
        self._heard(whole, "posted", 1024)
        longer = 2 * TERM_MS
        changed = await self._yes("a", "extend", id=hold, term_ms=longer)
        self._heard(changed, "posted", 1024, term_ms=longer)
        # Whoever asks for less relies on less from there on, whether or not an answer comes.
        self._heard(changed, "posted", 512, term_ms=longer)
        changed = await self._yes("a", "shrink", id=hold, keep={"ram": "512MiB"})
        self._heard(changed, "posted", 512, term_ms=longer)
        part = await self._yes("a", "transfer", id=hold, part={"ram": "128MiB"})
        self._heard(part, "posted", 128, term_ms=longer)
        await self._give_back("a", part["id"])
        await self._give_back("a", hold)

    async def _a_hold_apart(self) -> None:
        """Held and confirmed in two steps, at home; it stays."""
        wanted = {"ram": "256MiB", "node": "a"}
        held = await self._yes("a", "reserve", ask=wanted, term_ms=TERM_MS, hold_only=True)
        self._heard(held, "held", 256)
        self._heard(await self._yes("a", "post", id=held["id"]), "posted", 256)

    async def _a_gang(self) -> None:
        """One on each; it stays."""
        gang = await self._yes("a", "reserve_gang", ask={"ram": "64MiB"}, nodes=3, term_ms=TERM_MS)
        for member in gang["members"]:
            self.ear.hears(heard_of(member, "posted", 64, gang=gang["id"]))

    async def _many(self) -> None:
        """So many that logs get checkpoints, and begin at one."""
        for number in range(ROUNDS):
            wanted = {"ram": f"{number + 1}MiB", "node": NAMES[number % 3]}
            body = await self._yes("c", "reserve", ask=wanted, term_ms=TERM_MS)
            self._heard(body, "posted", number + 1)
            await self._give_back("c", body["id"])

    async def _a_stop(self) -> None:
        """A clean stop of the owner, and a start that lost nothing."""
        owner = self.hamlet.residents["b"]
        assert owner.incarnation is not None
        owner.incarnation.stop()
        await self._until("b has stopped", lambda: owner.incarnation is None)
        self.hamlet.start("b")
        await self._until("b is back", self.well)

    # Small parts ---------------------------------------------------------------------------------

    async def _give_back(self, asker: str, hold: str) -> None:
        known = self.ear.newest()[hold]
        # From the moment of asking nobody relies on it any more, whether or not an answer comes.
        self.ear.hears(Told(hold, known.owner, "given back"))
        await self._yes(asker, "release", id=hold)
        self.ear.hears(Told(hold, known.owner, "ended"))

    def _heard(self, body: dict[str, Any], state: str, mib: int, **more: Any) -> None:
        self.ear.hears(heard_of(body, state, mib, **more))

    async def _yes(self, name: str, kind: str, **plain: Any) -> dict[str, Any]:
        answer = await self.ask(name, kind, **plain)
        if answer is None or not answer.ok:
            raise Stalled("V3", f"{kind} at {name}: {answer}")
        return answer.body

    async def ask(self, name: str, kind: str, **plain: Any) -> Answer | None:
        resident = self.hamlet.residents[name]
        return await ask(self.hamlet, resident, {"type": kind, **plain}, PATIENCE_SECONDS)

    async def _until(self, what: str, done: Callable[[], bool]) -> None:
        if not await self.hamlet.wait_for(done, MEETING):
            raise Stalled("V1", what)


Deed = Callable[[], Awaitable[None]]
