"""The evidence: what all checks look at, gathered once, in the order in which it happens.

It hears every event of the world before any check does. Out of effects and writes it makes blocks
(`archive.py`), out of requests, commands and answers it makes promises (`promises.py`), out of the
machines' doings what a machine could have known (`circumstances.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ledger.commands import Answer, decode_answer
from ledger.proving.tally import AuditError
from mesh.effects import Call
from mesh.identity import NodeId
from mesh.persistence import Write
from node.core.effects import Effect, Reply
from node.core.errands import SERVICE_LEDGER
from node.core.requests import Request
from simulations.checks.archive import Archive, Reading
from simulations.checks.circumstances import Circumstances
from simulations.checks.promises import Promise, Promises, Told, told_in
from simulations.invented.host import Host
from simulations.verdicts import PromiseBroken

if TYPE_CHECKING:
    from simulations.invented.world import World


class Evidence:
    """What is known from outside about one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.archive = Archive()
        self.promises = Promises()
        self.circumstances = Circumstances(world)
        self.looked: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.identities: dict[NodeId, list[Host]] = {}
        self._told: tuple[bytes, Told | None] = (b"", None)
        self._answer: tuple[bytes, Answer | None] = (b"", None)

    def machine_of(self, node: NodeId) -> Host | None:
        """The machine with this identity; None when there is none, or a clone makes it two."""
        machines = self.identities.get(node, [])
        return machines[0] if len(machines) == 1 else None

    def is_cloned(self, host: Host) -> bool:
        """Whether a second machine shows, or ever showed, the identity of this one."""
        return len(self.identities.get(host.id, [])) > 1

    def command(self, body: bytes) -> Told | None:
        """The command in a stream request; None when it is none. Each is read once in a row."""
        if self._told[0] is not body:
            try:
                told = told_in(body, self.world.now)
            except msgspec.MsgspecError:
                self._told = (body, None)
            else:
                self._told = (body, told)
        return self._told[1]

    def answer(self, body: bytes) -> Answer | None:
        """The answer in what a ledger returned; None when it is none."""
        if self._answer[0] is not body:
            try:
                answer = decode_answer(body)
            except msgspec.MsgspecError:
                self._answer = (body, None)
            else:
                self._answer = (body, answer)
        return self._answer[1]

    # Events, in the words of simulations/invented/observing.py ----------------------------------

    def started(self, host: Host) -> None:
        machines = self.identities.setdefault(host.id, [])
        if host not in machines:
            machines.append(host)
        with _accusing(self.world, host):
            self.archive.started(host, self.world.now)
        self.circumstances.started(host)

    def ended(self, host: Host) -> None:
        self.promises.died(host)
        self.circumstances.ended(host)

    def stepped(
        self, host: Host, cause: str, effects: Sequence[Effect]
    ) -> list[tuple[Reading, bool]]:
        """The blocks that this step writes, and whether the host has just signed them."""
        self.circumstances.stepped(host, cause, effects)
        self.promises.stepped(host, cause, effects, self.world.now)
        with _accusing(self.world, host):
            blocks = list(self.archive.stepped(host, effects))
        for reading, is_own in blocks:
            if is_own:
                self.promises.told_of_gangs(host, reading.entries or ())
        return blocks

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        with _accusing(self.world, host):
            self.archive.on_disk(host, writes)

    def asked(self, host: Host, token: int, request: Request) -> None:
        self.promises.asked(host, token, request, self.world.now)

    def answered(self, host: Host, reply: Reply) -> Promise | None:
        """The promise that is made by this answer, if it is new."""
        return self.promises.replied(host, reply)

    def called(self, call: Call) -> None:
        told = self.command(call.body) if call.service == SERVICE_LEDGER else None
        if told is not None:
            self.promises.sent(told)

    def served(self, service: str, body: bytes) -> None:
        """Nobody saw it leave where a person sent it: then it was sent when it came."""
        told = self.command(body) if service == SERVICE_LEDGER else None
        if told is not None:
            self.promises.sent(told)

    def returned(self, host: Host, service: str, body: bytes) -> Promise | None:
        """The promise that is made by this answer, if it is new."""
        answer = self.answer(body) if service == SERVICE_LEDGER else None
        return None if answer is None else self.promises.answered(host, answer, self.world.now)

    def second(self) -> None:
        self.circumstances.second()


class _accusing:  # noqa: N801 - read as a word: with _accusing(world, host)
    """A log that does not add up is a promise broken, at an instant and a machine."""

    def __init__(self, world: World, host: Host) -> None:
        self._world, self._host = world, host

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, AuditError):
            when = f"seed {self._world.seed}, {self._world.now / 1e9:.3f} s"
            sentence = f"{when}: the log of {self._host.name}: {error.sentence}"
            raise PromiseBroken(error.number, sentence) from error
