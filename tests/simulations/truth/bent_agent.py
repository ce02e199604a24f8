"""An agent whose owner counts too fast: every promise ends after a twentieth of its term."""

import sys

from ledger import desk
from node.cli.main import main

desk.owner_span = lambda term: term // 20

if __name__ == "__main__":
    sys.exit(main())
