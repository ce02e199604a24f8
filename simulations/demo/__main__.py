"""`python -m simulations.demo [--keep]`: exit status 0 only if every step held."""

import argparse
import sys

from simulations.demo.nodes import StepFailed
from simulations.demo.story import tell


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the nodes up at the end")
    options = parser.parse_args()
    try:
        tell(keep=options.keep)
    except StepFailed as failed:
        sys.stdout.flush()
        sys.stderr.write(f"\n  ✗ {failed}\n")
        return 1
    return 0


sys.exit(main())
