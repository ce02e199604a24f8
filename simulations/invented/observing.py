"""Whoever wants to see what happens in a world: one class, every method optional.

A world calls its observers in the order in which they were added, at the instant it happens and
before anything else does. An observer changes nothing; it may raise `PromiseBroken`, which ends the
run with a verdict. Checkers, coverage counters, the trace hash and transcripts are observers, so
that the world itself knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mesh.effects import Address, Call
from mesh.persistence import Write
from node.core.effects import Effect, Reply
from node.core.requests import Request

if TYPE_CHECKING:
    from simulations.invented.host import Host
    from simulations.invented.world import World


class Observer:
    """Sees everything, does nothing. Override what you need: the rest costs nothing."""

    def started(self, host: Host) -> None:
        """The host's agent was born; none of its first effects has been carried out."""

    def ended(self, host: Host, how: str) -> None:
        """The agent is gone: "killed", "power" (volatile memory too), "stopped" (by its own word or
        a person's) or "failed" (its disk would not keep a promise, so the process ended itself)."""

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        """The agent took one input and asks for `effects`; none has been carried out yet.

        `cause`: "start", "datagram", "wake", "ask", "cancel", "serve", "answered", "report" or
        "stop". What the seal of the batch adds comes with its last input; where a slow host takes
        several inputs at once, it comes by itself, as "seal".
        """

    def sent(self, host: Host, to: Address | None, datagram: bytes) -> None:
        """A datagram left the host; `to` None: to everybody in earshot."""

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        """A datagram is about to be read by the host's agent."""

    def began(self, host: Host, writes: Sequence[Write]) -> None:
        """One transaction was handed to the disk."""

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        """The disk said that the transaction is durable."""

    def asked(self, host: Host, token: int, request: Request) -> None:
        """A person put a request to the host's agent."""

    def answered(self, host: Host, reply: Reply) -> None:
        """The agent's answer reaches the person."""

    def called(self, host: Host, call: Call) -> None:
        """A stream request left the host."""

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        """A stream request of `caller` is about to be read by the host's agent."""

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        """The host's answer to a stream request leaves for `caller`."""

    def second(self, world: World) -> None:
        """One more second of virtual time has passed."""


class Audience:
    """Everybody who watches one world: for each kind of event, who overrides it.

    Bound once, when an observer joins: a kind that nobody overrides is an empty tuple.
    """

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self.started: tuple[Callable[[Host], None], ...] = ()
        self.ended: tuple[Callable[[Host, str], None], ...] = ()
        self.stepped: tuple[Callable[[Host, str, Sequence[Effect]], None], ...] = ()
        self.sent: tuple[Callable[[Host, Address | None, bytes], None], ...] = ()
        self.delivered: tuple[Callable[[Host, bytes, Address], None], ...] = ()
        self.began: tuple[Callable[[Host, Sequence[Write]], None], ...] = ()
        self.durable: tuple[Callable[[Host, Sequence[Write]], None], ...] = ()
        self.asked: tuple[Callable[[Host, int, Request], None], ...] = ()
        self.answered: tuple[Callable[[Host, Reply], None], ...] = ()
        self.called: tuple[Callable[[Host, Call], None], ...] = ()
        self.served: tuple[Callable[[Host, Host, str, bytes], None], ...] = ()
        self.returned: tuple[Callable[[Host, Host, str, bytes], None], ...] = ()
        self.second: tuple[Callable[[World], None], ...] = ()

    def join(self, observer: Observer) -> None:
        """From now on `observer` sees everything it overrides, after those before it."""
        self.observers.append(observer)
        for kind in EVENTS:
            if getattr(type(observer), kind) is not getattr(Observer, kind):
                setattr(self, kind, (*getattr(self, kind), getattr(observer, kind)))


EVENTS = tuple(kind for kind in vars(Observer) if not kind.startswith("_"))
"""The names of everything an observer may see."""
