"""V1 to V5: what must be so once nothing more goes wrong, within times the core's constants give.

Nothing is excused here that was excused before: a booking that was forgotten for good reason is
gone, and its room is free.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ledger.limits import BOOK_WAIT, QUARANTINE
from ledger.owner.standings import OPEN
from mesh.instant import MINUTE, SECOND, Duration, Instant, in_seconds
from mesh.roll.membership import Liveness
from node.core import requests
from node.core.effects import Reply
from simulations.checks.circumstances import physical
from simulations.checks.evidence import Evidence
from simulations.checks.gangs import left_over
from simulations.invented.host import Host
from simulations.verdicts import PromiseBroken, Stalled

if TYPE_CHECKING:
    from simulations.invented.world import World

OPEN_WAIT: Final[Duration] = QUARANTINE + BOOK_WAIT + MINUTE
"""A quarantine, and the longest that bookings ever wait for copies."""
ANSWER_WAIT: Final[Duration] = 2 * MINUTE
"""Longer than every errand: its sends, its calls, and a wait for an opening."""
AGREE_WAIT: Final[Duration] = 2 * MINUTE
"""The longest pause between two tries at the dead is a minute."""
END_WAIT: Final[Duration] = MINUTE
ON_THEIR_WAY: Final[Duration] = 10 * SECOND
"""A request that left in bad weather may come so late, and its asker has gone home."""
TERM_MS: Final = 3_600_000


class Calm:
    """The end of a run: everything is mended, everybody is up, and nobody asks for anything."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def live_through(self, world: "World") -> None:
        """From the first look to the last probe."""
        began = world.now
        self._all_answered(world)
        self._within(world, "V1", "not everybody serves again", OPEN_WAIT, self._all_open)
        self._within(world, "V2", "not everybody agrees", AGREE_WAIT, self._all_agree)
        world.run(max(1, began + ON_THEIR_WAY - world.now))
        self._within(world, "B7", "a part of a gang is kept", END_WAIT, self._gangs_whole)
        self._all_ends(world)
        self._room_is_whole(world)
        self._probes_succeed(world)
        self._within(world, "V2", "not everybody agrees", AGREE_WAIT, self._all_agree)

    # What must come ------------------------------------------------------------------------------

    def _all_answered(self, world: "World") -> None:
        promises = self._evidence.promises

        def nobody_waits(world: "World") -> str | None:
            waiting = [host.name for host in world.up() if promises.waiting(host)]
            return f"{waiting} have not answered" if waiting else None

        self._within(world, "V1", "a request was never answered", ANSWER_WAIT, nobody_waits)

    @staticmethod
    def _all_open(world: "World") -> str | None:
        shut = [
            f"{host.name} is {host.alive.ledger.standing[0]}"
            for host in world.up()
            if host.alive.ledger.standing[0] != OPEN
        ]
        return "; ".join(shut) or None

    def _all_agree(self, world: "World") -> str | None:
        """Membership exact: everybody who is up, alive, and nobody else; and one root for all."""
        up = world.up()
        ids = {host.id: host.name for host in up}
        for host in up:
            seen = {
                member.id
                for member in host.alive.knowledge.members()
                if member.liveness is Liveness.ALIVE
            }
            missing = sorted(name for node, name in ids.items() if node not in {host.id, *seen})
            ghosts = sorted(node.hex()[:8] for node in seen - ids.keys())
            if missing or ghosts:
                return f"{host.name} misses {missing} and sees {ghosts}"
        # Whose log was forked by a copy of it keeps one branch, and all others the proof of both.
        whole = [host for host in up if not self._is_forked(host)]
        return "roots differ" if len({host.alive.mesh.root for host in whole}) > 1 else None

    def _is_forked(self, host: Host) -> bool:
        return self._evidence.is_cloned(host) and (
            self._evidence.archive.of(host.id).twins is not None
        )

    def _gangs_whole(self, world: "World") -> str | None:
        return left_over(world, self._evidence)

    def _all_ends(self, world: "World") -> None:
        """V3: whoever owns a hold gives it back, and then nothing is pending and nothing posted."""

        def nothing_left(world: "World") -> str | None:
            left = {host.name: holds for host in world.up() if (holds := _holds(host))}
            for name, holds in left.items():
                for hold in holds:
                    world.ask(name, requests.Release(hold.hex()))
            if left:
                return f"{sorted(left)} still hold something"
            lines = [host.name for host in world.up() if host.alive.ledger.waiting(_now(host))]
            return f"somebody still waits for {lines}, and nobody asks" if lines else None

        self._within(world, "V3", "a hold never ends", END_WAIT, nothing_left)
        for host in world.up():
            for pool, state in sorted(host.alive.ledger.books.pools.items()):
                taken = self._evidence.archive.signed[host.name].tally.taken(pool)
                if taken:
                    raise self._broken(world, "V3", f"{taken} of {host.name}'s {pool} leaked")
                assert state is not None

    # What must be so -----------------------------------------------------------------------------

    def _room_is_whole(self, world: "World") -> None:
        """A released hold comes back whole: the room is what the machine has, and all of it."""
        for host in world.up():
            world.look(host.name)
        world.run(SECOND)
        for host in world.up():
            books = host.alive.ledger.books
            for pool, total in physical(host).items():
                expected = total - _foreign(host, pool)
                room = host.alive.ledger.rooms().get(pool)
                if room != expected or books.free(pool) != total:
                    sentence = f"{host.name}'s {pool} has {expected} of {total} free"
                    told = f"and says {room}, {books.free(pool)} in its books"
                    raise self._broken(world, "V3", f"{sentence}, {told}")

    def _probes_succeed(self, world: "World") -> None:
        """V5: everybody can reserve nearly all of the next one, and it is kept by somebody else."""
        up = [host for host in world.up() if not self._evidence.is_cloned(host)]
        for asker, owner in zip(up, [*up[1:], *up[:1]], strict=True):
            free = owner.ram - _foreign(owner, "ram")
            ask = {"ram": f"{free * 9 // 10} B", "node": owner.called}
            reply = self._ask(world, asker, requests.Reserve(ask, TERM_MS))
            if not reply.ok:
                said = f"{asker.name} gets nothing at {owner.name}: {reply.body['sentence']}"
                raise self._stalled(world, "V5", said)
            if len(up) > 1 and not reply.body["stored_on"]:
                raise self._stalled(world, "V5", f"nobody keeps what {owner.name} granted")
            given = self._ask(world, asker, requests.Release(reply.body["id"]))
            if not given.ok:
                said = f"{asker.name} cannot give it back: {given.body['sentence']}"
                raise self._stalled(world, "V5", said)

    # Small parts ---------------------------------------------------------------------------------

    def _ask(self, world: "World", host: Host, request: requests.Request) -> Reply:
        token = world.ask(host.name, request)
        if not world.run_until(lambda: token in host.replies, ANSWER_WAIT):
            raise self._stalled(world, "V1", f"{host.name} never answered {request}")
        return host.replies[token]

    def _within(
        self, world: "World", promise: str, sentence: str, limit: Duration,
        missing: Callable[["World"], str | None],
    ) -> None:  # fmt: skip
        """Let time pass until nothing is `missing`. Raises Stalled with what still was."""
        self._evidence.looked[promise] += 1
        end: Instant = world.now + limit
        while (what := missing(world)) is not None:
            if world.now >= end:
                late = f"after {in_seconds(limit):.0f} s of calm"
                raise self._stalled(world, promise, f"{sentence} {late}: {what}")
            world.run(SECOND)

    def _stalled(self, world: "World", promise: str, sentence: str) -> Stalled:
        return Stalled(promise, f"seed {world.seed}, {world.now / 1e9:.3f} s: {sentence}")

    def _broken(self, world: "World", promise: str, sentence: str) -> PromiseBroken:
        return PromiseBroken(promise, f"seed {world.seed}, {world.now / 1e9:.3f} s: {sentence}")


def _now(host: Host) -> Instant:
    return host.alive.knowledge.now


def _holds(host: Host) -> list[bytes]:
    """What takes room here, or will."""
    books = host.alive.ledger.books
    return [*(hold.id for hold in books.live_holds()), *books.plans]


def _foreign(host: Host, pool: str) -> int:
    """What of a pool is taken by nobody's hold."""
    if pool == "ram":
        return host.ram_foreign + sum(work.ram for work in host.work.values())
    return next((card.foreign for card in host.cards if card.pool == pool), 0)
