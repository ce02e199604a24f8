"""`python -m simulations.score …`."""

import sys

from simulations.score.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
