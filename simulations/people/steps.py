"""What a script may do next, and what it hears: a script is a generator of these steps.

A person who waits is a generator that waits: the crowd carries out the step that was yielded and
sends back what came of it, so that a script reads from top to bottom as a person would live it.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

from ledger.commands import Answer, Command
from mesh.instant import Duration
from node.core.effects import Reply
from node.core.requests import Request


@dataclass(frozen=True, slots=True)
class Ask:
    """Put a request to the local door. Heard: its Reply, or None if the agent died first."""

    request: Request


@dataclass(frozen=True, slots=True)
class Tell:
    """Send one signed command to an owner. Heard: its Answer, or None after `wait`."""

    owner: str
    command: Command
    wait: Duration


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing for a while. Heard: None."""

    duration: Duration


Step: TypeAlias = Ask | Tell | Rest
Heard: TypeAlias = Reply | Answer | None
Script: TypeAlias = Generator[Step, Heard, None]


def ask(request: Request) -> Generator[Step, Heard, Reply | None]:
    """Use with `yield from`."""
    heard = yield Ask(request)
    assert heard is None or isinstance(heard, Reply)
    return heard


def tell(owner: str, command: Command, wait: Duration) -> Generator[Step, Heard, Answer | None]:
    """Use with `yield from`."""
    heard = yield Tell(owner, command, wait)
    assert heard is None or isinstance(heard, Answer)
    return heard


def rest(duration: Duration) -> Generator[Step, Heard, None]:
    """Use with `yield from`."""
    heard = yield Rest(duration)
    assert heard is None
