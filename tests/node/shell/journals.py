"""A journal with something in it."""

import random
from pathlib import Path

from mesh.persistence import Write
from node.shell.disk.journal import (
    Journal,
    Spaces,
)


def filled(path: Path, rows: int = 200) -> Spaces:
    journal = Journal.open(path)
    dice = random.Random(7)
    journal.commit(
        [Write("block", dice.randbytes(20), dice.randbytes(300)) for _ in range(rows)]
        + [Write("meta", b"epoch", b"1")]
    )
    spaces = journal.load()
    journal.close()
    return spaces
