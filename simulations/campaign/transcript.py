"""A transcript: what happened in a world, as lines that a person can read.

Who asked what, who answered, who fell, which block was written, which fault struck; virtual time
first. It is one more observer: a world that nobody writes down pays nothing for it, and one that
failed is written down by living it again.

`EveryEvent` tells each datagram, each transaction and each answer too, with a digest of its bytes;
two runs of one seed that differ anywhere then differ in their lines, at the first event that was
not the same.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from mesh.effects import Address, Call
from mesh.identity import NodeId, short_id
from mesh.instant import Instant, in_seconds
from mesh.letters.wire import parse_block
from mesh.persistence import SPACE_BLOCK, Write
from mesh.rejections import Rejection
from node.core.effects import Doubt, Effect, Event, Reply, Stop
from node.core.errands import SERVICE_LEDGER
from node.core.requests import Request
from simulations.campaign import wording
from simulations.faults.nemesis import Injection
from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.invented.world import World

LINES_MAX: Final = 200_000
"""Lines kept. The oldest go first: a failure is explained by what came just before it."""
FELL: Final = {
    "killed": "is killed",
    "power": "loses power",
    "stopped": "stops",
    "failed": "ends itself: its disk did not keep a promise",
}
_DIGEST_BYTES: Final = 6


class Transcript(Observer):
    """What a person would tell of a night: at most `lines_max` lines are kept, `told` sees each."""

    def __init__(
        self, world: World, *, lines_max: int = LINES_MAX,
        told: Callable[[str], object] | None = None,
    ) -> None:  # fmt: skip
        self._world = world
        self._names: dict[bytes, str] = {}
        self._told = told
        self.lines: deque[str] = deque(maxlen=lines_max)

    def tell(self, sentence: str) -> None:
        """One line, at this instant."""
        line = f"{stamp(self._world.now)}  {sentence}"
        self.lines.append(line)
        if self._told is not None:
            self._told(line)

    def struck(self, injection: Injection) -> None:
        """A fault happens: for `simulations.run.Run.on_fault`."""
        self.tell(f"* {injection.host}: {injection.sentence} ({injection.label})")

    # Lives ---------------------------------------------------------------------------------------

    def started(self, host: Host) -> None:
        agent = host.alive
        epoch, standing = agent.birth.epoch.counter, agent.ledger.standing[0]
        self.tell(f"{host.name} starts for the {_nth(epoch)} time: {standing}")

    def ended(self, host: Host, how: str) -> None:
        self.tell(f"{host.name} {FELL.get(how, how)}")

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Event(_, sentence):
                    self.tell(f"{host.name} notes: {sentence}")
                case Stop(sentence):
                    self.tell(f"{host.name} cannot go on: {sentence}")
                case Doubt():
                    self.tell(f"{host.name} doubts its disk")
                case _:
                    pass

    # People and owners ---------------------------------------------------------------------------

    def asked(self, host: Host, token: int, request: Request) -> None:
        self.tell(f"{host.name} is asked ({token}): {wording.request(request)}")

    def answered(self, host: Host, reply: Reply) -> None:
        self.tell(f"{host.name} answers ({reply.token}): {wording.reply(reply)}")

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        if service == SERVICE_LEDGER:
            self.tell(f"{caller.name} → {host.name}: {wording.command(body)}")

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        if service == SERVICE_LEDGER:
            self.tell(f"{caller.name} ← {host.name}: {wording.outcome(body)}")

    # Disks ---------------------------------------------------------------------------------------

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        kept: dict[str, list[int]] = {}
        for write in writes:
            if write.space == SPACE_BLOCK and write.value is not None:
                block = parse_block(write.value)
                if isinstance(block, Rejection):
                    self.tell(f"{host.name} writes a block that cannot be read: {block.value}")
                elif block.author == host.id:
                    self.tell(f"{host.name} writes {wording.block(block, self.name_of)}")
                else:
                    log = f"{self.name_of(block.author)}'s log, era {block.era.counter}"
                    kept.setdefault(log, []).append(block.height)
        for log, heights in kept.items():
            self.tell(f"{host.name} keeps a copy of {log}: {wording.heights(heights)}")

    def name_of(self, node: bytes) -> str:
        """What people call the node."""
        if node not in self._names:
            self._names = {host.id: host.name for host in self._world.hosts.values()}
        return self._names.get(node) or short_id(NodeId(node))


class EveryEvent(Transcript):
    """As a transcript, and every datagram, transaction and stream with a digest of its bytes."""

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        wanted = " ".join(type(effect).__name__ for effect in effects) or "nothing"
        self.tell(f"{host.name} takes {cause} and wants {wanted}")
        super().stepped(host, cause, effects)

    def sent(self, host: Host, to: Address | None, datagram: bytes) -> None:
        whom = "everybody" if to is None else to.host
        self.tell(f"{host.name} sends {whom}: {wording.datagram(datagram)} {_digest(datagram)}")

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        what = wording.datagram(datagram)
        self.tell(f"{host.name} hears {source.host}: {what} {_digest(datagram)}")

    def called(self, host: Host, call: Call) -> None:
        to = self.name_of(call.to)
        self.tell(f"{host.name} calls {to}: {call.service} {_digest(call.body)}")

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        super().served(host, caller, service, body)
        self.tell(f"{host.name} serves {caller.name}: {service} {_digest(body)}")

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        super().returned(host, caller, service, body)
        self.tell(f"{host.name} returns to {caller.name}: {service} {_digest(body)}")

    def began(self, host: Host, writes: Sequence[Write]) -> None:
        self.tell(f"{host.name} hands {len(writes)} rows to its disk {_rows(writes)}")

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        super().durable(host, writes)
        self.tell(f"{host.name} has {len(writes)} rows on its disk {_rows(writes)}")


def stamp(now: Instant) -> str:
    """Virtual time, as every line begins with it."""
    return f"{in_seconds(now):11.6f} s"


def _digest(content: bytes) -> str:
    return f"[{hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()}]"


def _rows(writes: Sequence[Write]) -> str:
    return _digest(
        b"".join(
            w.space.encode() + w.key + (b"-" if w.value is None else b"+" + w.value) for w in writes
        )
    )


def _nth(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"
