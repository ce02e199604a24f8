"""`python -m node.cli`: the command, started by its module rather than by its script."""

import sys

from node.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
