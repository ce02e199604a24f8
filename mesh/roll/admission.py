"""Admission: which of those who have proven their key this node counts on.

Whoever holds the secret can prove *a* key; that is `VERIFIED`. What it takes to be `TRUSTED` is the
policy of each node, and touches nobody else's:

- **secret**: nothing more. Whoever holds the secret belongs here.
- **tofu**: the first key that we see under a name is pinned to it. Another key under that name is
  another machine, until a person says that it is the same one, installed again.
- **allow-list**: only keys that a person has listed, here or in the configuration.

One key has one pin: a machine that takes another name takes its pin along. What a person said about
a key is kept apart from the pins and outlives every change of policy, so that a list can be made
before it is needed. Nothing here is ever learned from others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mesh.identity import NODE_ID_BYTES, NodeId, id_text, short_id
from mesh.persistence import SPACE_LISTED, SPACE_PIN, Write

PINS_MAX: Final = 2048
"""Names that one node pins. Whoever comes when all are taken is not trusted: only a holder of the
secret who invents names gets there, and forgetting true ones for it is what it would want."""
LISTED_MAX: Final = 2048
NAMELESS: Final = "it has not told us its name yet"
NOT_LISTED: Final = "it is not on the list of those this node trusts"
STRUCK: Final = "a person here does not trust it"
PINS_FULL: Final = f"{PINS_MAX} names are pinned here already"

TRUSTED: Final = b"\x01"
DISTRUSTED: Final = b"\x00"
"""A row of the list."""


class Policy(Enum):
    """What it takes to be trusted."""

    SECRET = "secret"  # noqa: S105 - the name of a policy
    TOFU = "tofu"
    ALLOW_LIST = "allow-list"


@dataclass(slots=True)
class Admission:
    """The policy of one node, the keys it has pinned, and those that a person has listed."""

    policy: Policy = Policy.SECRET
    configured: tuple[NodeId, ...] = ()
    """Listed by the configuration: here for as long as it says so."""
    pins: dict[str, NodeId] = field(default_factory=dict)
    """Name, as it is compared → whose it is."""
    listed: dict[NodeId, bool] = field(default_factory=dict)
    """By a person's word: this key is trusted, or it is not."""
    _pinned_as: dict[NodeId, str] = field(default_factory=dict)
    _unwritten: list[Write] = field(default_factory=list)

    def restore(self, saved: Mapping[str, Mapping[bytes, bytes]]) -> None:
        """Take up what an earlier start pinned and listed."""
        for key, node in sorted(saved.get(SPACE_PIN, {}).items()):
            if len(node) == NODE_ID_BYTES:
                name = key.decode(errors="replace")
                self.pins[name] = NodeId(node)
                self._pinned_as[NodeId(node)] = name
        for key, word in sorted(saved.get(SPACE_LISTED, {}).items()):
            self.listed[NodeId(key)] = word == TRUSTED

    def written(self) -> tuple[Write, ...]:
        """The rows that have changed since this was last asked for."""
        writes = tuple(self._unwritten)
        self._unwritten.clear()
        return writes

    def is_listed(self, node: NodeId) -> bool:
        """Whether a person or the configuration trusts this key by name. A person's word is later
        than the configuration's, and wins."""
        return self.listed.get(node, node in self.configured)

    def objection(self, node: NodeId, name: str | None) -> str:
        """Why `node`, which has proven its key and goes by `name`, does not count; "" if it does.

        Where the policy is to believe the first, this is where the first is pinned.
        """
        if self.policy is Policy.SECRET:
            return ""
        if self.listed.get(node) is False:
            return f"{STRUCK}: {_remedy(node)}"
        if self.policy is Policy.ALLOW_LIST:
            return "" if self.is_listed(node) else f"{NOT_LISTED}: {_remedy(node)}"
        return NAMELESS if name is None else self._pinned(node, folded(name))

    def trust(self, node: NodeId, name: str | None) -> bool:
        """A person trusts this key, and under `name` no other. False: the list is full."""
        if not self._say(node, word=True):
            return False
        if self.policy is Policy.TOFU and name is not None:
            self._unpin(self.pins.get(folded(name)))
            self._pin(node, folded(name))
        return True

    def distrust(self, node: NodeId) -> bool:
        """A person does not, or no more: its name is free for another. False: the list is full."""
        if not self._say(node, word=False):
            return False
        self._unpin(node)
        return True

    def _say(self, node: NodeId, *, word: bool) -> bool:
        if node not in self.listed and len(self.listed) >= LISTED_MAX:
            return False
        self.listed[node] = word
        self._unwritten.append(Write(SPACE_LISTED, node, TRUSTED if word else DISTRUSTED))
        return True

    def _pinned(self, node: NodeId, name: str) -> str:
        holder = self.pins.get(name)
        if holder is None:
            if len(self.pins) >= PINS_MAX and node not in self._pinned_as:
                return PINS_FULL
            self._pin(node, name)
            return ""
        if holder == node:
            return ""
        same = f"{_remedy(node)} if it is the same machine, installed again"
        return f"{name} is known here by another key ({short_id(holder)}): {same}"

    def _pin(self, node: NodeId, name: str) -> None:
        self._unpin(node)
        self.pins[name] = node
        self._pinned_as[node] = name
        self._unwritten.append(Write(SPACE_PIN, name.encode(), node))

    def _unpin(self, node: NodeId | None) -> None:
        name = None if node is None else self._pinned_as.pop(node, None)
        if name is not None:
            del self.pins[name]
            self._unwritten.append(Write(SPACE_PIN, name.encode(), None))


def folded(name: str) -> str:
    """A name as it is compared: to people, Alice and alice are one."""
    return name.casefold()


def _remedy(node: NodeId) -> str:
    return f"`holdfast peers trust {id_text(node)[:12]}`"


def check_admission(admission: Admission) -> None:
    """The invariant: one name for each pinned key, and one key for each pinned name."""
    held = {node: name for name, node in admission.pins.items()}
    kept = admission._pinned_as  # noqa: SLF001 - the inside
    assert held == kept, "the pins disagree with their keys"
    assert len(held) == len(admission.pins), "one key has two pins"
