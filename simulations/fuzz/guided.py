"""The same targets under a fuzzer that sees which lines an input reaches: atheris, if it is there.

python -m simulations.fuzz.guided TARGET [libFuzzer's own flags, such as -runs=1000000]

It learns by itself what a reader looks at, which no bending of examples does; and it is ten times
slower for each input, and no part of the locks. So it is for an evening on one reader, started from
that reader's examples: `python -m pip install atheris` into an environment of its own.
"""

import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

MISUSED: Final = 64


def main(words: Sequence[str] | None = None) -> int:
    """Does not come back: libFuzzer ends the process, with a status of its own."""
    words = sys.argv[1:] if words is None else list(words)
    if not words or words[0].startswith("-"):
        sys.stderr.write((__doc__ or "").split("\n\n")[1] + "\n")
        return MISUSED
    try:
        atheris: Any = import_module("atheris")
    except ImportError:
        sys.stderr.write("atheris is not installed here; `make fuzz` needs nothing\n")
        return MISUSED
    with atheris.instrument_imports(include=["mesh", "ledger", "placement", "node"]):
        registry = import_module("simulations.fuzz.registry")
    target = registry.chosen([words[0]])[0]

    def one(data: bytes) -> None:
        target.feed(data)

    with tempfile.TemporaryDirectory(prefix="holdfast-fuzz-") as folder:
        for number, example in enumerate(target.examples):
            (Path(folder) / f"example-{number}").write_bytes(example)
        atheris.Setup([sys.argv[0], *words[1:], folder], one)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
