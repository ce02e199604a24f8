"""A clerk: answers the command's questions about a described cluster, as an agent of it would.

The picture is drawn from real books and signed facts, and the answers are the agent's own
(`node/core/planning.py`); only the machines and the mesh between them are invented.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

from ledger.books import Books
from mesh.identity import NodeId
from node.cli.exits import refused
from node.core import planning, requests
from node.core.picture.view import Picture
from node.core.requests import Refused, read_request
from placement.judging.columns import Prepared, prepare
from placement.view import ClusterView
from simulations.whatif.cluster import Cluster
from simulations.whatif.owner import Owner

SEED: Final = 1
CLIENT: Final = "node.cli.client"


class Clerk:
    """Sees every machine of `cluster`, from the first."""

    def __init__(self, cluster: Cluster) -> None:
        self._owners = [Owner(SEED, machine) for machine in cluster.machines]
        self._named = {owner.identity.id: owner.machine.name for owner in self._owners}
        self.us = self._owners[0].identity.id
        self._prepared = prepare(Picture().draw([owner.sources() for owner in self._owners]))

    def names(self) -> dict[NodeId, str]:
        """See `Onlooker`."""
        return dict(self._named)

    def view(self) -> ClusterView:
        """See `Onlooker`."""
        return self._prepared.view

    def prepared(self) -> Prepared:
        """See `Onlooker`."""
        return self._prepared

    def books(self, author: NodeId) -> Books | None:
        """See `Onlooker`."""
        return next((one.ledger.books for one in self._owners if one.identity.id == author), None)

    def ages_ms(self) -> dict[str, dict[str, int | None]]:
        """Nothing here has an age."""
        return {}

    def answer(self, plain: dict[str, Any]) -> dict[str, Any]:
        """The body for one request of the command. Raises Unable, as its client would."""
        try:
            return self._told(read_request(json.loads(json.dumps(plain))))
        except Refused as no:
            raise refused(no.body) from no

    def _told(self, request: requests.Request) -> dict[str, Any]:
        match request:
            case requests.Where():
                return planning.where(self, request)
            case requests.Plan():
                return planning.plan(self, request)
            case other:
                raise Refused("bad_request", f"a clerk does not know {type(other).__name__}")

    @contextmanager
    def at_the_door(self) -> Iterator[None]:
        """While it lasts, the command finds this clerk where an agent would listen."""
        with mock.patch.multiple(CLIENT, running=_always, ask=self._asked):
            yield

    def _asked(
        self, _state: Path, request: dict[str, Any], *_: Callable[..., object] | float | None
    ) -> dict[str, Any]:
        return self.answer(request)


def _always(_state: Path) -> bool:
    return True
