"""Reading a `config.json` or the key-values of a GGUF that a stranger wrote.

Everything here is untrusted: numbers may be negative, absurd, strings, or missing. A field is read
under all the names it goes by, and comes out as a bounded value or as `Malformed` with the name of
the field, so that no rule below has to look twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from placement.memory.model import LAYERS_MAX, WIDTH_MAX

TOKENS_MAX: Final = 1 << 30
"""The longest context we believe."""
SHOWN_MAX: Final = 40
"""Characters of a refused value that are repeated."""


class Malformed(ValueError):
    """A field that can't be what it says. `field` is its name."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class Reading:
    """A mapping, read by name with bounds."""

    def __init__(self, given: Mapping[str, Any], prefix: str = "") -> None:
        self._given = given
        self._prefix = prefix

    def raw(self, *names: str) -> Any:
        """The first of these that is there and not null."""
        for name in names:
            value = self._given.get(self._prefix + name)
            if value is not None:
                return value
        return None

    def has(self, name: str) -> bool:
        return self._prefix + name in self._given

    def below(self, name: str) -> "Reading":
        """The mapping under this name, or an empty one."""
        value = self.raw(name)
        return Reading(value if isinstance(value, Mapping) else {})

    def joined(self, *names: str) -> "Reading":
        """The same with the fields of these inner mappings beside its own."""
        given = dict(self._given)
        for name in names:
            inner = self.raw(name)
            if isinstance(inner, Mapping):
                given = {**inner, **given}
        return Reading(given, self._prefix)

    def whole(
        self, *names: str, default: int | None = None, least: int = 1, most: int = WIDTH_MAX
    ) -> int:
        """A whole number; `Malformed` when it is missing without default, or out of bounds."""
        value = self.raw(*names)
        if value is None:
            if default is None:
                raise Malformed(names[0], "is missing")
            return default
        return bounded(names[0], value, least, most)

    def maybe(self, *names: str, most: int = WIDTH_MAX) -> int:
        """A whole number that may be 0 or missing: then 0."""
        return self.whole(*names, default=0, least=0, most=most)

    def yes(self, *names: str, default: bool = False) -> bool:
        value = self.raw(*names)
        if value is None:
            return default
        if not isinstance(value, bool | int):
            raise Malformed(names[0], f"is {_shown(value)}, not yes or no")
        return bool(value)

    def text(self, *names: str) -> str:
        value = self.raw(*names)
        return value if isinstance(value, str) else ""

    def each(
        self, layers: int, *names: str, default: int | None = None, least: int = 0,
        most: int = WIDTH_MAX,
    ) -> list[int]:  # fmt: skip
        """One number per layer: a list is taken as it stands, a single number is repeated."""
        value = self.raw(*names)
        if isinstance(value, Sequence) and not isinstance(value, str):
            if len(value) < layers:
                raise Malformed(names[0], f"lists {len(value)} layers of {layers}")
            return [bounded(names[0], one, least, most) for one in value[:layers]]
        return [self.whole(*names, default=default, least=least, most=most)] * layers

    def listed(self, *names: str) -> list[Any] | None:
        """A list as it stands, or None when there is none."""
        value = self.raw(*names)
        if value is None or isinstance(value, str) or not isinstance(value, Sequence):
            return None
        if len(value) > LAYERS_MAX:
            raise Malformed(names[0], f"lists more than {LAYERS_MAX}")
        return list(value)


def bounded(name: str, value: Any, least: int, most: int) -> int:
    """This value as a whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(name, f"is {_shown(value)}, not a number")
    if isinstance(value, float) and not value.is_integer():
        raise Malformed(name, f"is {_shown(value)}, not a whole number")
    if not least <= value <= most:
        raise Malformed(name, f"is {_shown(value)}, outside {least:,} to {most:,}")
    return int(value)


def _shown(value: Any) -> str:
    # An integer of a thousand digits is slow to print and says no more than its beginning.
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return "a number of absurd size"
    return repr(value)[:SHOWN_MAX]
