"""An agent's memory, walked: every container that can be reached from it, and who holds it."""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from node.core.machine import Agent

CONTAINERS: Final = (dict, list, set, deque)
ROOMS: Final = ("mesh", "ledger", "placement", "node")


def tables(agent: Agent) -> Iterator[tuple[list[str], int]]:
    """(every class and attribute that holds it, size) of each container in an agent's memory."""
    seen: set[int] = set()
    found: dict[int, tuple[list[str], int]] = {}
    waiting: list[tuple[str, Any]] = [("Agent", agent)]
    while waiting:
        name, thing = waiting.pop()
        if isinstance(thing, tuple):
            waiting.extend((name, one) for one in thing)
        elif isinstance(thing, CONTAINERS):
            if id(thing) in found:
                found[id(thing)][0].append(name)
                continue
            found[id(thing)] = ([name], len(thing))
            inside = thing.values() if isinstance(thing, dict) else thing
            waiting.extend((name + "[]", one) for one in _unlike(inside))
        elif type(thing).__module__.partition(".")[0] in ROOMS and id(thing) not in seen:
            seen.add(id(thing))
            waiting.extend(_attributes(thing))
    yield from found.values()


def _attributes(thing: object) -> Iterator[tuple[str, object]]:
    kind = type(thing)
    names = list(getattr(thing, "__dict__", ()))
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    for name in names:
        if not name.startswith("__") and (value := getattr(thing, name, None)) is not None:
            yield f"{kind.__name__}.{name}", value


def _unlike(things: Any) -> Iterator[object]:
    """Those worth a walk: bytes and numbers hold nothing."""
    return (one for one in things if not isinstance(one, (bytes, int, str, float)))
