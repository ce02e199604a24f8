"""The network hardware: what is plugged in, and how fast it says that it is.

Only what has a device behind it. The pairs and bridges of containers come and go with them, and an
inventory that changed with each would be news all day.
"""

from typing import Final

from node.core.picture.topics import InterfaceFact
from node.probes.addresses import kind_of, read_marks
from node.probes.sources import Roots, exists, names_in, read_integer, read_word

INTERFACES_MAX: Final = 32


def read_interfaces(roots: Roots) -> tuple[InterfaceFact, ...]:
    """Every piece of network hardware, by name."""
    folder = f"{roots.sys}/class/net"
    real = [name for name in names_in(folder) if exists(f"{folder}/{name}/device")]
    return tuple(_fact(roots, name) for name in real[:INTERFACES_MAX])


def _fact(roots: Roots, name: str) -> InterfaceFact:
    folder = f"{roots.sys}/class/net/{name}"
    speed = read_integer(f"{folder}/speed")  # -1 where a driver does not know it
    return InterfaceFact(
        name=name,
        kind=kind_of(name, read_marks(roots, name)),
        up=read_word(f"{folder}/operstate") == "up",
        speed_mbps=speed if speed is not None and speed > 0 else None,
        mtu=read_integer(f"{folder}/mtu"),
    )
