"""The fields of one letter: plain values, taken off from the left, each checked as it is taken.

What is asked for is a type and a limit; `type() is`, not `isinstance`, to which a bool is an int.
Whatever does not fit refuses the letter, and with it all of its payload (mesh/letters/wire.py).
"""

from operator import length_hint
from typing import Any, Final

from mesh.letters.messages import SCOPE_CHARS_MAX
from mesh.logs import BLOCK_ENTRIES_MAX, ENTRY_BYTES_MAX

FIELDS_MAX: Final = 32
_NOTHING: Final[Any] = None
"""Behind the last field, and of no kind that is asked for."""
NUMBER_MAX: Final = 2**63 - 1
"""The largest version or height: what SQLite can hold."""


class Refused(ValueError):
    """A plain value is not what its place in the letter asks for. Never leaves the reading room."""


class Fields:
    """The fields of one letter, taken off from the left, each checked as it is taken."""

    def __init__(self, plain: Any) -> None:
        if type(plain) is not list or not 1 <= len(plain) <= FIELDS_MAX:
            raise Refused
        self._rest = iter(plain)

    @property
    def more(self) -> bool:
        """Whether there are fields left: an older peer sends fewer of them."""
        return length_hint(self._rest) > 0

    @property
    def left(self) -> int:
        """How many have not been taken."""
        return length_hint(self._rest)

    # Each field of each letter of a forming mesh comes through here: no call inside the call.

    def number(self, most: int = NUMBER_MAX) -> int:
        value: int = next(self._rest, _NOTHING)
        if type(value) is not int or not 0 <= value <= most:
            raise Refused
        return value

    def flag(self) -> bool:
        value: bool = next(self._rest, _NOTHING)
        if type(value) is not bool:
            raise Refused
        return value

    def exactly(self, length: int) -> bytes:
        value: bytes = next(self._rest, _NOTHING)
        if type(value) is not bytes or len(value) != length:
            raise Refused
        return value

    def bytes_up_to(self, length_max: int) -> bytes:
        value: bytes = next(self._rest, _NOTHING)
        if type(value) is not bytes or len(value) > length_max:
            raise Refused
        return value

    def text(self, chars_max: int, chars_min: int = 0) -> str:
        value: str = next(self._rest, _NOTHING)
        if type(value) is not str or not chars_min <= len(value) <= chars_max:
            raise Refused
        return value

    def scope(self) -> str:
        return self.text(SCOPE_CHARS_MAX) if self.more else ""

    def entries(self) -> tuple[bytes, ...]:
        value: list[Any] = next(self._rest, _NOTHING)
        if type(value) is not list or not 1 <= len(value) <= BLOCK_ENTRIES_MAX:
            raise Refused
        if any(type(entry) is not bytes or len(entry) > ENTRY_BYTES_MAX for entry in value):
            raise Refused
        return tuple(value)
