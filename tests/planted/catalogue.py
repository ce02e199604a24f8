"""Every planted bug, by name."""

from typing import Final

from tests.planted import copies, grants, members, starts, wire
from tests.planted.bug import Bug

BUGS: Final[dict[str, Bug]] = {
    bug.name: bug for room in (grants, starts, copies, wire, members) for bug in room.BUGS
}
