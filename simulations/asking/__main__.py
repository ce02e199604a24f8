"""Compare a page of questions with what is printed today.

    python -m simulations.asking [PAGE…]            what differs is shown
    python -m simulations.asking --approve [PAGE…]  and written down

Exit status 0: every answer is as it is printed; 1: one is not; 2: wrong usage.
"""

import argparse
import difflib
import sys
from pathlib import Path
from typing import Final

from simulations.asking.guide import Unplaced, renewed
from simulations.whatif.table import BadFile

PAGE: Final = Path("docs/guides/asking.md")
SAME: Final = 0
DIFFERS: Final = 1
WRONG_USAGE: Final = 2


def main() -> int:
    """Every page, then how it went."""
    parser = argparse.ArgumentParser(
        prog="python -m simulations.asking", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("pages", nargs="*", type=Path, default=[PAGE], metavar="PAGE")
    parser.add_argument("--approve", action="store_true", help="write down what is printed now")
    flags = parser.parse_args()
    differs = False
    for page in flags.pages:
        try:
            was, now = page.read_text(encoding="utf-8"), renewed(page)
        except (OSError, UnicodeDecodeError, Unplaced, BadFile) as problem:
            sys.stderr.write(f"asking: {problem}\n")
            return WRONG_USAGE
        lines = difflib.unified_diff(was.splitlines(), now.splitlines(), str(page), "now", n=1)
        sys.stdout.writelines(f"{line}\n" for line in lines)
        differs |= was != now
        if flags.approve and was != now:
            page.write_text(now, encoding="utf-8")
    return DIFFERS if differs and not flags.approve else SAME


if __name__ == "__main__":
    sys.exit(main())
