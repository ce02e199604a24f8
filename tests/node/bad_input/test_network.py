"""A port that is taken, no network at all, multicast refused: said, and the agent lives on."""

import socket
import sys

import pytest

from simulations.demo.nodes import Node, until
from tests.node.bad_input.people import House, command, hold, holds, kept, one_sentence, running, up
from tests.node.bad_input.places import needs_network, world

REFUSING = """
import socket, sys
from node.cli.main import main

allowed = socket.socket.setsockopt

def refusing(self, level, name, *rest):
    if level == socket.IPPROTO_IP and name in (socket.IP_ADD_MEMBERSHIP, socket.IP_MULTICAST_IF):
        raise PermissionError(1, "Operation not permitted")
    return allowed(self, level, name, *rest)

socket.socket.setsockopt = refusing
sys.exit(main(sys.argv[2:]))
"""
"""The command on a machine whose policy forbids multicast. argv[1] is the command's own path."""


def test_a_port_that_is_taken_is_named_and_the_next_start_works(home: House) -> None:
    ann = home.node("ann")
    with running(ann, "--first"):
        booking = hold(ann)
    before = kept(ann.state)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as other:
            other.bind(("127.0.0.1", ann.place.port))
            if kind is socket.SOCK_STREAM:
                other.listen()
            one_sentence(up(ann), 1, f"port {ann.place.port} is taken", "name another with --port")
    assert kept(ann.state) == before
    with running(ann):
        assert holds(ann) == [booking]


def test_a_detached_start_says_why_it_did_not_start(home: House) -> None:
    ann = home.node("ann")
    with socket.socket() as other:
        other.bind(("127.0.0.1", ann.place.port))
        other.listen()
        ran = up(ann, "--detach")
        one_sentence(ran, 1, f"port {ann.place.port} is taken", "agent.log")


@needs_network
@pytest.mark.parametrize("setting_up", ["true", "ip link set lo up"])
def test_with_no_network_at_all_the_agent_runs_alone_and_says_so(
    home: House, setting_up: str
) -> None:
    with world("--net", setting_up) as inside:
        ann = home.node("ann", inside, interface="")
        with running(ann, "--first"):
            booking = hold(ann)
            until("it is told", lambda: _warned(ann, "no network interface"), 10)
            doctor = command(ann, "doctor")
            assert doctor.status == 1
            assert "a cable" in doctor.out
            assert command(ann, "where", "--ram", "1MiB").status == 0
            assert holds(ann) == [booking]
            assert command(ann, "release", booking).status == 0


@needs_network
def test_a_network_that_comes_later_is_used_without_a_restart(home: House) -> None:
    with world("--net", "ip link set lo up") as inside:
        ann = home.node("ann", inside, interface="")
        with running(ann, "--first"):
            until("it is told", lambda: _warned(ann, "no network interface"), 10)
            plug = (
                "ip link add wire type veth peer name far && ip address add 10.213.9.1/24 dev wire "
                "&& ip link set far up && ip link set wire up"
            )
            _inside(inside, plug)
            until("it is over", lambda: not _warned(ann, "no network interface"), 10)
            assert "10.213.9.1" in ann.granted(type="invite", ttl_ms=60_000)["addresses"][0]


@needs_network
def test_where_multicast_is_refused_it_is_said_and_broadcast_does(home: House) -> None:
    plug = (
        "ip link set lo up && ip link add wire type veth peer name far && "
        "ip address add 10.213.9.1/24 dev wire && ip link set far up && ip link set wire up"
    )
    with world("--net", plug) as inside:
        ann = home.node("ann", (*inside, sys.executable, "-c", REFUSING), interface="")
        bob = home.node("bob", inside, interface="")
        with running(ann, "--first"):
            until("it is told", lambda: _warned(ann, "multicast refused on wire (EPERM)"), 10)
            assert "join by invite or seed" in command(ann, "doctor").out
            with running(bob, "--first", "--secret-file", str(ann.state / "secret")):
                until("ann knows bob", lambda: ann.granted(type="status")["peers"], 10)
                until("bob knows ann", lambda: bob.granted(type="status")["peers"], 10)


def test_an_interface_that_does_not_exist_is_named_beside_those_that_do(home: House) -> None:
    ann = home.node("ann", interface="nosuch0")
    ran = up(ann)
    assert ran.status == 1
    assert "no interface is called nosuch0; there are: " in ran.err.splitlines()[-1]


@needs_network
def test_an_interface_that_goes_away_is_missed_and_the_agent_goes_on(home: House) -> None:
    plug = (
        "ip link set lo up && ip link add wire type veth peer name far && "
        "ip address add 10.213.9.1/24 dev wire && ip link set far up && ip link set wire up"
    )
    with world("--net", plug) as inside:
        ann = home.node("ann", inside, interface="wire")
        with running(ann, "--first"):
            booking = hold(ann)
            assert not _warned(ann, "wire is not there")
            _inside(inside, "ip link delete wire")
            until("it is told", lambda: _warned(ann, "the interface wire is not there"), 10)
            assert holds(ann) == [booking]


def _warned(node: Node, words: str) -> bool:
    return any(words in warning for warning in node.granted(type="status")["warnings"])


def _inside(prefix: tuple[str, ...], line: str) -> None:
    from tests.node.bad_input.places import run_inside

    run_inside(prefix, "sh", "-ec", line)
