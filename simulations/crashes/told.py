"""What people were told, kept where a SIGKILL of everybody cannot reach it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

TERM_MS: Final = 3_600_000


class Told(msgspec.Struct, frozen=True):
    """One answer. `state`: what the asker may rely on from here: held, posted, ended."""

    hold: str
    owner: str
    state: str
    amount: int = 0
    term_ms: int = TERM_MS
    gang: str = ""
    """Of which it is one, if the asker was told that it stands."""


@dataclass(frozen=True, slots=True)
class Ear:
    """Hears for all of them. One line each, given to the kernel before anything else happens."""

    path: Path

    def hears(self, told: Told) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, msgspec.json.encode(told) + b"\n")
        finally:
            os.close(handle)

    def all(self) -> list[Told]:
        """Everything that was heard, in order."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Told) for line in lines]

    def newest(self) -> dict[str, Told]:
        """Per hold, what was heard last."""
        return {told.hold: told for told in self.all()}


def heard_of(body: dict[str, Any], state: str, amount: int, **more: Any) -> Told:
    """An answer of the local door, as it is kept."""
    return Told(body["id"], body["owner"]["name"], state, amount, **more)
