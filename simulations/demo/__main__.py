"""`python -m simulations.demo [--keep | --stop]`: exit status 0 only if every step held."""

import argparse
import sys

from simulations.demo.nodes import StepFailed
from simulations.demo.remains import clear_kept
from simulations.demo.story import tell


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the nodes up at the end")
    parser.add_argument("--stop", action="store_true", help="stop the nodes of a kept demo")
    options = parser.parse_args()
    if options.stop:
        sys.stdout.write(clear_kept() + "\n")
        return 0
    try:
        tell(keep=options.keep)
    except StepFailed as failed:
        sys.stdout.flush()
        sys.stderr.write(f"\n  ✗ {failed}\n")
        return 1
    return 0


sys.exit(main())
