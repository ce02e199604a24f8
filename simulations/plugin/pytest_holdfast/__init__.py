"""pytest_holdfast: a simulated Holdfast cluster in the hand of a test.

The fixture `holdfast_cluster` makes one (`plugin.py`). What it gives is a `Cluster` (`cluster.py`)
of `Node`s (`node.py`) that grant `Hold`s (`holds.py`); whatever goes wrong is an exception of
`errors.py`. They talk to a `holdfast simulate --serve` of whatever environment (`service.py`):
none of Holdfast's own code is imported here, and nothing but pytest is needed. Python 3.9 or later.
"""

from .cluster import Cluster, Cut
from .errors import (
    BadCommand,
    HoldfastError,
    Misuse,
    NoAnswer,
    NodeDown,
    NodeUp,
    NotInstalled,
    PromiseBroken,
    Refused,
    ServiceLost,
    Stalled,
)
from .holds import Hold, Pending, Place
from .node import Node, Process

__all__ = [
    "BadCommand", "Cluster", "Cut", "Hold", "HoldfastError", "Misuse", "NoAnswer", "Node",
    "NodeDown", "NodeUp", "NotInstalled", "Pending", "Place", "Process", "PromiseBroken", "Refused",
    "ServiceLost", "Stalled",
]  # fmt: skip
