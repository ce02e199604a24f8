"""Beforehand: what a start would refuse, found out before anything is spent on it.

An invite is good for one machine, once. Whoever brings it should not learn behind its spending that
another agent has that card, or that the port is taken. It is asked, and nothing is taken: what the
start itself finds a moment later still counts.
"""

from collections.abc import Mapping

from node.config import UpOptions
from node.probes.instruments import instruments
from node.probes.offers import Capacity, Offer, ShareRefused, parse_offer
from node.probes.pools import read_capacity
from node.probes.shares import may_claim, registry_folder
from node.shell.datagrams.interfaces import LOOPBACK, scan, unknown
from node.shell.datagrams.sockets import EVERYWHERE
from node.shell.datagrams.udp import check_free
from node.shell.disk.state import StateError

SHARE_HINT = "see --offer and --slots in `holdfast up --help`"


def check_start(options: UpOptions, environment: Mapping[str, str]) -> None:
    """Raises StateError or PortTaken, as a start with `options` would."""
    check_interfaces(options)
    check_free(options.port, host_of(options))
    try:
        offer, capacity = wanted(options)
        slots = tuple(name for name, _ in options.slots)
        may_claim(offer, capacity, options.state, registry_folder(environment), slots)
    except ShareRefused as refused:
        raise share_refused(refused) from None


def check_interfaces(options: UpOptions) -> None:
    """Raises StateError when one that was named is not there."""
    absent, present = unknown(options.interfaces)
    if absent:
        raise StateError(f"no interface is called {absent[0]}", f"there are: {', '.join(present)}")


def host_of(options: UpOptions) -> str:
    """Where to listen. Told to stay on loopback, an agent does not even listen elsewhere. That
    nothing else is up just now is no such word: the cable may be plugged in a minute later."""
    seen = scan(options.interfaces)
    on_loopback = bool(seen) and all(interface.loopback for interface in seen)
    return LOOPBACK if options.interfaces and on_loopback else EVERYWHERE


def wanted(options: UpOptions) -> tuple[Offer | None, Capacity]:
    """What is offered of this machine, and what it has. Raises ShareRefused."""
    offer = None if options.offer is None else parse_offer(options.offer)
    return offer, read_capacity(instruments(), options.system_reserve)


def share_refused(refused: ShareRefused) -> StateError:
    """The same, with what to do."""
    return StateError(str(refused).rstrip("."), SHARE_HINT)
