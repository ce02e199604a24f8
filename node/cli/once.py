"""A flag that takes one value, given twice with two: which of them was meant?

argparse lets the last one win without a word. `--os linux --os darwin` would then ask for something
else than half of what is written, and `--ram 4GiB` at the end of a long alias would be overruled by
what somebody types after it, or the other way round.
"""

import argparse
from collections.abc import Sequence
from typing import Any


class Once(argparse.Action):
    """Stores one value; the same again is fine, another is an error."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest, None)
        if (
            option_string is not None
            and before is not self.default
            and before not in (None, values)
        ):
            parser.error(f"argument {option_string}: {before!r} and {values!r}: give it once")
        setattr(namespace, self.dest, values)
