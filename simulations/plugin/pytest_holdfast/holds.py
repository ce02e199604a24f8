"""What a node gives: a hold, a place where there is room, and an answer that is still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar

from .errors import NoAnswer, Refused

if TYPE_CHECKING:
    from .node import Node

T = TypeVar("T")


class Hold:
    """Room that was held or granted somewhere. `body` is all that was said of it."""

    def __init__(self, node: Node, body: dict[str, Any]) -> None:
        """`node`: at whose door it was asked for, or shown."""
        self.node = node
        self.body = body

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def owner(self) -> str:
        """The node whose room it is."""
        return str(self.body["owner"]["name"])

    @property
    def state(self) -> str:
        """`held` until it is confirmed, then `posted`."""
        return str(self.body["state"])

    @property
    def amounts(self) -> dict[str, int]:
        """Pool → bytes, or thousandths of a core."""
        return {str(leg["pool"]): int(leg["amount"]) for leg in self.body.get("legs", [])}

    @property
    def remaining(self) -> float | None:
        """Seconds left when this was said; None when nobody knows."""
        left = self.body.get("remaining_ms")
        return None if left is None else left / 1000

    @property
    def stored_on(self) -> list[str]:
        """The peers that had written down a copy when it was granted."""
        return list(self.body.get("stored_on") or [])

    def confirm(self) -> Hold:
        """Post it. Raises Refused."""
        self.body = {**self.body, **self.node.confirm(self).body}
        return self

    def release(self) -> None:
        """Give it back. Raises Refused."""
        self.node.release(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hold) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<hold {self.id[:8]} at {self.owner}: {self.state}>"


class Place:
    """The answer to `where`: a node, or none. `body` is the whole decision."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    @property
    def node(self) -> str | None:
        """The chosen node's name; None when nothing fits."""
        chosen = self.body["decision"].get("chosen")
        return None if chosen is None else str(chosen["name"])

    @property
    def others(self) -> list[str]:
        """Who would do as well, best first."""
        return [str(one["name"]) for one in self.body["decision"].get("runners_up", [])]

    @property
    def text(self) -> str:
        """As a person would read it."""
        return "\n".join(self.body.get("text", []))

    @property
    def digest(self) -> str:
        """Of the decision's bytes: equal pictures give equal digests on every node."""
        return str(self.body["digest"])

    def __bool__(self) -> bool:
        return self.node is not None

    def __repr__(self) -> str:
        return f"<place {self.node or 'nowhere'}>"


class Pending(Generic[T]):
    """A request that was put to a node, and whose answer is not waited for yet."""

    def __init__(self, node: Node, asked: int, read: Callable[[dict[str, Any]], T]) -> None:
        self._node = node
        self._asked = asked
        self._read = read

    @property
    def over(self) -> bool:
        """Whether it is answered, or can't be any more."""
        said = self._said()
        return "answer" in said or "unheard" in said

    def answer(self, limit: str = "150s") -> T:
        """Wait for the answer. Raises Refused, or NoAnswer."""
        self._node.cluster.wait_until(
            "answered", limit=limit, node=self._node.name, asked=self._asked
        )
        return self._read(heard(self._said(), self._node.name))

    def hang_up(self) -> None:
        """Close the door without waiting."""
        self._node.cluster.say("hang-up", node=self._node.name, asked=self._asked)

    def _said(self) -> dict[str, Any]:
        return self._node.cluster.say("answer", node=self._node.name, asked=self._asked)


def heard(said: dict[str, Any], name: str) -> dict[str, Any]:
    """The body of an answer. Raises Refused, or NoAnswer."""
    answer = said.get("answer")
    if answer is None:
        why = "died before it answered" if said.get("unheard") else "did not answer in time"
        raise NoAnswer(f"{name} {why}", "no_answer")
    if not answer["ok"]:
        raise Refused(answer["body"])
    body: dict[str, Any] = answer["body"]
    return body
