"""The wirings: how the cables lie, who must find whom, and within what time.

Times are read from the agents' own logs: a join takes from the moment when the last of them is up
to the moment when the last of them says of the last other that it is alive. What is changed by us
is timed from the change. The limits hold on a machine that is busy with other things, so they are
several times what an idle one needs.
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.shell.telling.events import wall_time
from simulations.demo.nodes import StepFailed, until
from simulations.networks.cabling import UP_SECONDS_MAX, Machine, Site

MEET_SECONDS_MAX: Final = 20.0
SOON_SECONDS_MAX: Final = 8.0
AWAY_SECONDS_MAX: Final = 4.0
"""Whoever takes longer to come back may be given up meanwhile: suspicion lasts about so long."""
HELPED_SECONDS_MAX: Final = 20.0
WATCHED_SECONDS: Final = 20.0
KNOWN_SECONDS_MAX: Final = 2.0
"""A twentieth of a second is usual, and one is promised."""
Measured = dict[str, float]


@dataclass(frozen=True, slots=True)
class Wiring:
    """One network, told in a sentence."""

    name: str
    sentence: str
    carry_out: Callable[[Site], Measured]


def two_cables(site: Site) -> Measured:
    """Two machines, two segments between them, and containers' bridges on both."""
    floor, attic = site.segment("floor"), site.segment("attic")
    a, b = site.machine("a"), site.machine("b")
    for number, machine in enumerate((a, b), 1):
        machine.bridge("docker0", "172.17.0.1/16")
        machine.plug(floor, "eth0", f"10.1.0.{number}/24")
        machine.plug(attic, "eth1", f"10.2.0.{number}/24")
    begin(site, a, b)
    took = {"join": met(a, b)}
    used = host_of(b, "a")
    if used.startswith("172."):
        raise StepFailed(f"b talks to a at {used}, which is a bridge of its own machine")
    on_floor = used.startswith("10.1.") or used.endswith("%eth0")
    for machine in (a, b):
        machine.unplug("eth0" if on_floor else "eth1")

    def moved() -> bool:
        now = host_of(b, "a")
        off = ("10.1.", "%eth0") if on_floor else ("10.2.", "%eth1")
        return bool(now) and not (now.startswith(off[0]) or now.endswith(off[1]))

    took["other cable in use"] = until("b talks to a by the other cable", moved, 20)[1]
    no_deaths(a, b)
    return took


def across_a_router(site: Site) -> Measured:
    """Two floors and a router that is no node: one seed, and gossip brings the others."""
    upper, lower = site.segment("upper"), site.segment("lower")
    router = site.machine("r")
    router.plug(upper, "eth0", "10.1.0.254/24", "fd01::fe/64")
    router.plug(lower, "eth1", "10.2.0.254/24", "fd02::fe/64")
    router.route()
    a, b, c, d = (site.machine(name) for name in "abcd")
    for number, machine in enumerate((a, b), 1):
        machine.plug(upper, "eth0", f"10.1.0.{number}/24")
        machine.ip("route add default via 10.1.0.254")
    for number, machine in enumerate((c, d), 1):
        machine.plug(lower, "eth0", f"10.2.0.{number}/24")
        machine.ip("route add default via 10.2.0.254")
    a.start()
    secret = site.secret("a")
    b.start("--secret-file", secret)
    d.start("--secret-file", secret)
    c.start("--secret-file", secret, "--seed", "10.1.0.1")
    return {"join": met(a, b, c, d)}


def ipv6_alone(site: Site) -> Measured:
    """No IPv4 but loopback; an invite with IPv6 addresses, and one machine without any prefix."""
    lan = site.segment("lan")
    a, b, c = (site.machine(name) for name in "abc")
    a.plug(lan, "eth0", "fd01::1/64")
    b.plug(lan, "eth0", "fd01::2/64")
    c.plug(lan, "eth0")
    a.start()
    secret = site.secret("a")
    for machine in (b, c):
        machine.start("--secret-file", secret)
    took = {"join": met(a, b, c)}
    invite = a.node.granted(type="invite", ttl_ms=60_000)
    if "[fd01::1]:4653" not in invite["addresses"]:
        raise StepFailed(f"the invite has no IPv6 address: {invite['addresses']}")
    return took


def link_local_alone(site: Site) -> Measured:
    """A cable between two machines, nobody who gives out addresses, and a third one later."""
    cable = site.segment("cable")
    a, b, c = (site.machine(name) for name in "abc")
    for machine in (a, b):
        machine.plug(cable, "eth0")
    begin(site, a, b, c)
    took = {"join": met(a, b)}
    if not host_of(b, "a").endswith("%eth0"):
        raise StepFailed(f"b talks to a at {host_of(b, 'a')}, and there is only link-local")
    until("c is up", c.node.answers, UP_SECONDS_MAX)
    plugged = now()
    c.plug(cable, "eth0")
    met(a, b, c, seconds=SOON_SECONDS_MAX)
    took["join after the cable"] = since(plugged, (c,), "peer.alive")
    return took


def one_way(site: Site) -> Measured:
    """What a sends to b is lost on one cable of two: the other one is found by itself."""
    a, b = _half_cut(site)
    took = {"join by the other cable": met(a, b)}
    if not host_of(b, "a").startswith("10.2."):
        raise StepFailed(f"b talks to a at {host_of(b, 'a')}, where a cannot answer")
    return took


def one_way_alone(site: Site) -> Measured:
    """What a sends to b is lost on every cable, until one of them is mended."""
    a, b = _half_cut(site)
    met(a, b)
    cut = now()
    a.ip("route add blackhole 10.2.0.2/32")
    until("a has lost b", lambda: peer(a, "b")["liveness"] == "dead", 30)
    lost = since(cut, (a,), "peer.dead")
    mended = now()
    a.ip("route del blackhole 10.1.0.2/32")
    met(a, b, seconds=30)
    return {"dead": lost, "heal": since(mended, (a,), "peer.alive")}


def one_way_with_a_helper(site: Site) -> Measured:
    """What a sends to b is lost, and both are in touch with c: nobody may be given up."""
    lan = site.segment("lan")
    a, b, c = (site.machine(name) for name in "abc")
    for number, machine in enumerate((a, b, c), 1):
        machine.without_ipv6()
        machine.plug(lan, "eth0", f"10.1.0.{number}/24")
    begin(site, a, b, c)
    took = {"join": met(a, b, c)}
    a.ip("route add blackhole 10.1.0.2/32")
    cut = now()
    helped = lambda: peer(a, "b").get("reachable_by") is not None  # noqa: E731 - a look
    until("a says that b is reachable only by c", helped, HELPED_SECONDS_MAX)
    took["said to be reachable only by a helper"] = now() - cut
    while now() - cut < WATCHED_SECONDS:
        time.sleep(0.5)
        no_deaths(a, b, c)
    took["without a death"] = now() - cut
    return took


def _half_cut(site: Site) -> tuple[Machine, Machine]:
    floor, attic = site.segment("floor"), site.segment("attic")
    a, b = site.machine("a"), site.machine("b")
    for number, machine in enumerate((a, b), 1):
        machine.without_ipv6()
        machine.plug(floor, "eth0", f"10.1.0.{number}/24")
        machine.plug(attic, "eth1", f"10.2.0.{number}/24")
    a.ip("route add blackhole 10.1.0.2/32")
    begin(site, a, b)
    return a, b


def by_a_helper_alone(site: Site) -> Measured:
    """What a sends to b is lost, and c hears both: b says who reaches a, c says which way fails."""
    lan = site.segment("lan")
    a, b, c = (site.machine(name) for name in "abc")
    for number, machine in enumerate((a, b, c), 1):
        machine.without_ipv6()
        machine.plug(lan, "eth0", f"10.1.0.{number}/24")
    begin(site, a, b, c)
    took = {"join": met(a, b, c)}
    a.ip("route add blackhole 10.1.0.2/32")

    def helped() -> bool:
        return peer(b, "a").get("reachable_by") == "c" and "b is heard here" in warnings(a)

    took["both say so"] = until("b says that only c reaches a", helped, UP_SECONDS_MAX)[1]
    told = [row["sentence"] for row in c.node.granted(type="doctor")["links"] if row["ok"] is False]
    expected = "a hears b on eth0 but b never hears a: UDP 4653 is blocked inbound on b"
    if not told or not all(sentence.startswith(expected) for sentence in told):
        raise StepFailed(f"c's doctor says {told}")
    no_deaths(a, c)
    return took


def invited(site: Site) -> Measured:
    """An invite that is pasted on the other side of a router, IPv6 alone on one of its sides."""
    upper, lower = site.segment("upper"), site.segment("lower")
    router = site.machine("r")
    router.plug(upper, "eth0", "fd01::fe/64")
    router.plug(lower, "eth1", "fd02::fe/64")
    router.route()
    a, b = site.machine("a"), site.machine("b")
    a.bridge("docker0", "172.17.0.1/16")
    a.plug(upper, "eth0", "10.1.0.1/24", "fd01::1/64")
    a.ip("route add default via fd01::fe")
    b.plug(lower, "eth0", "fd02::1/64")
    b.ip("route add default via fd02::fe")
    a.start()
    site.secret("a")
    b.join(str(a.node.granted(type="invite", ttl_ms=60_000)["invite"]))
    return {"join": met(a, b)}


def plugged_in_later(site: Site) -> Measured:
    """An agent that starts with no network at all, and a cable that comes when it is up."""
    lan = site.segment("lan")
    a, b = site.machine("a"), site.machine("b")
    a.plug(lan, "eth0", "10.1.0.1/24")
    begin(site, a, b)
    until("b is up", b.node.answers, UP_SECONDS_MAX)
    until("b says that it has no network", lambda: "no network" in warnings(b), SOON_SECONDS_MAX)
    plugged = now()
    b.plug(lan, "eth0", "10.1.0.2/24")
    met(a, b, seconds=SOON_SECONDS_MAX)
    return {"join after the cable": since(plugged, (a, b), "peer.alive")}


def new_address(site: Site) -> Measured:
    """A machine changes its address while its agent runs, and again across a restart."""
    lan = site.segment("lan")
    a, b, c = (site.machine(name) for name in "abc")
    for number, machine in enumerate((a, b, c), 1):
        machine.without_ipv6()
        machine.plug(lan, "eth0", f"10.1.0.{number}/24")
    begin(site, a, b, c)
    took = {"join": met(a, b, c)}

    def at(address: str) -> Callable[[], bool]:
        return lambda: all(host_of(one, "b") == address for one in (a, c))

    b.address("eth0", "10.1.0.2/24", "del")
    b.address("eth0", "10.1.0.20/24")
    took["new address known"] = until("b is known at .20", at("10.1.0.20"), 8)[1]
    no_deaths(a, c)
    b.node.stop()
    b.address("eth0", "10.1.0.20/24", "del")
    b.address("eth0", "10.1.0.30/24")
    b.start()
    until("b is known at .30", at("10.1.0.30"), UP_SECONDS_MAX)
    took["restart known"] = since(said(b, "up")[-1], (a, c), "peer.restarted")
    if max(took["new address known"], took["restart known"]) > KNOWN_SECONDS_MAX:
        raise StepFailed(f"known too late: {took}")
    if said(b, "up")[-1] - said(b, "down")[-1] < AWAY_SECONDS_MAX:
        no_deaths(a, c)
    return took


WIRINGS: Final = tuple(
    Wiring(made.__name__.replace("_", "-"), (made.__doc__ or "").strip(), made)
    for made in (
        two_cables, across_a_router, invited, ipv6_alone, link_local_alone, one_way, one_way_alone,
        one_way_with_a_helper, by_a_helper_alone, plugged_in_later, new_address,
    )
)  # fmt: skip


# What wirings share ----------------------------------------------------------------------------


def begin(site: Site, first: Machine, *others: Machine) -> None:
    """The first begins a mesh, the others are given its secret."""
    first.start()
    secret = site.secret(first.name)
    for machine in others:
        machine.start("--secret-file", secret)


def met(*machines: Machine, seconds: float = MEET_SECONDS_MAX) -> float:
    """Until everyone lists everyone as alive; the seconds since all were up. Raises StepFailed."""
    for machine in machines:
        until(f"{machine.name} is up", machine.node.answers, UP_SECONDS_MAX)
    names = " ".join(machine.name for machine in machines)
    until(f"{names} know each other", lambda: _all_alive(machines), seconds)
    up = max(said(machine, "up")[-1] for machine in machines)
    return max(0.0, max(said(machine, "peer.alive")[-1] for machine in machines) - up)


def now() -> float:
    """What the logs' clock says."""
    return wall_time().timestamp()


def since(change: float, machines: Sequence[Machine], kind: str) -> float:
    """From `change` to the moment when the last of `machines` said `kind`."""
    return max(said(machine, kind)[-1] for machine in machines) - change


def said(machine: Machine, *kinds: str) -> list[float]:
    """When its log has an event of these kinds, in seconds of the wall clock."""
    moments = []
    for line in machine.node.log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            if event["kind"] in kinds:
                moments.append(dt.datetime.fromisoformat(event["at"]).timestamp())
    return moments


def peer(machine: Machine, name: str) -> dict[str, Any]:
    """What `machine` says of its peer `name`."""
    peers = machine.node.granted(type="status")["peers"]
    found: list[dict[str, Any]] = [one for one in peers if one["name"] == name]
    return found[0] if found else {"liveness": "unknown", "address": None}


def warnings(machine: Machine) -> str:
    """All that it warns of."""
    return "; ".join(machine.node.granted(type="status")["warnings"])


def host_of(machine: Machine, name: str) -> str:
    """The host of the address at which `machine` talks to `name`."""
    address = peer(machine, name)["address"] or ""
    return address.rpartition(":")[0].strip("[]")


def no_deaths(*machines: Machine) -> None:
    """Raises StepFailed if any of them ever gave anybody up."""
    for machine in machines:
        if said(machine, "peer.dead", "peer.left"):
            raise StepFailed(f"{machine.name} gave somebody up; its log says whom")


def _all_alive(machines: Iterable[Machine]) -> bool:
    machines = tuple(machines)
    return all(
        peer(here, there.name)["liveness"] == "alive"
        for here in machines
        for there in machines
        if there is not here
    )
