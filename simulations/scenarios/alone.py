"""Days on which an owner has nobody to ask: it is the only one, or cut off from all who remember.

No life that is drawn comes here: it has three machines or more, and ends before an owner has waited
for its peers for as long as it would. `simulations.coverage.BESIDE` names what only these reach.
"""

from typing import Final

from ledger.lifecycle import HoldState
from ledger.limits import BOOK_WAIT, QUARANTINE
from ledger.owner.standings import OPEN
from mesh.instant import SECOND
from simulations.scenarios.cluster import Cluster
from simulations.scenarios.scenario import Scenario

PATIENCE: Final = QUARANTINE + BOOK_WAIT + 10 * SECOND
"""After this an owner that hears nobody takes bookings again."""


def _opens(cluster: Cluster, owner: str) -> None:
    def is_open() -> bool:
        return cluster.host(owner).alive.ledger.standing[0] == OPEN

    cluster.wait_for("V1", f"{owner} is open", is_open, PATIENCE)


def only_one(cluster: Cluster) -> None:
    only, *others = cluster.names
    for name in others:
        cluster.retire(name)
    cluster.meet()
    kept = [cluster.book(only, only, 2)]
    for _ in cluster.moments(cluster.duration):
        cluster.kill(only, power=True)
        cluster.switch_on([only])
        soon = cluster.ask_for(only, 1, only, wait=False)
        cluster.settle([soon])
        cluster.must(not soon.ok, "I10", f"{only} granted in its quarantine")
        _opens(cluster, only)
        kept.append(cluster.book(only, only, 1))
    cluster.calm()
    cluster.must_keep(kept)
    cluster.give_back(kept)
    cluster.settle_down()


def late_copy(cluster: Cluster) -> None:
    cluster.meet()
    owner, asker, *_ = cluster.names
    backup = cluster.host(owner).disk.snapshot()
    early = cluster.book(asker, owner, 6)
    cluster.wait(5 * SECOND)
    cluster.kill(owner, power=True)
    cluster.fault("set-back")
    cluster.host(owner).disk.set_back(backup)
    cluster.world.network.cut([owner], [name for name in cluster.names if name != owner])
    cluster.switch_on([owner])
    _opens(cluster, owner)
    kept = [cluster.book(owner, owner, 6)]
    cluster.wait(cluster.duration)
    cluster.world.network.heal()

    def is_told() -> bool:
        alarms = {one.kind for one in cluster.host(owner).events}
        ended = {one.body.get("hold") for one in cluster.host(asker).events if "ended" in one.kind}
        return "alarm.hold-superseded" in alarms and early.id in ended

    cluster.wait_for("told", f"{owner} and {asker} hear that {early} is over", is_told)
    state = cluster.host(owner).alive.ledger.books.state_of(early.hold)
    cluster.must(state is HoldState.SUPERSEDED, "B13", f"{early} came back late, and is {state}")
    cluster.calm()
    cluster.must_keep(kept)
    cluster.give_back(kept)
    cluster.settle_down()


SCENARIOS: Final = (
    Scenario(
        "only-one", "a machine that never had a peer loses power",
        "it grants nothing in its quarantine, and goes on behind it with all that it had promised",
        only_one, nodes=1, nodes_min=1, duration=10 * SECOND,
    ),
    Scenario(
        "late-copy", "an old copy of a disk is put back, and whoever knows better is cut off for "
        "longer than its owner waits",
        "its room is somebody else's when the booking turns up again: it is closed by name, and "
        "nobody loses what was granted since", late_copy, nodes=4, nodes_min=2, duration=5 * SECOND,
    ),
)  # fmt: skip
