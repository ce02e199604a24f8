"""Real agents and the command: one is revoked while it is off, and comes back."""

from simulations.demo.nodes import Node, until
from simulations.processes import real_mesh
from tests.node.bad_input.people import command, one_sentence

PATIENCE_SECONDS = 20.0


def stands(node: Node) -> str:
    return str(node.granted(type="status")["standing"]["state"])


def heard(node: Node) -> bool:
    return node.answers() and stands(node) == "outcast"


def sees(node: Node, name: str) -> bool:
    peers = node.granted(type="status")["peers"]
    return any((one["name"], one["liveness"]) == (name, "alive") for one in peers)


def test_a_node_that_was_revoked_while_it_was_off_hears_it_and_joins_anew_as_another() -> None:
    with real_mesh(["ann", "bob", "eve"], [64, 64, 64]) as nodes:
        ann, bob, eve = nodes.values()
        ask = {"ram": "8MiB", "node": "eve"}
        kept = eve.granted(type="reserve", ask=ask, term_ms=600_000)["id"]
        eve.stop()
        assert command(ann, "peers", "revoke", "eve", "--reason", "stolen").status == 0
        until("bob has heard it", lambda: not sees(bob, "eve"), PATIENCE_SECONDS)
        ann.stop()
        eve.start()
        until("eve is told by bob", lambda: heard(eve), PATIENCE_SECONDS)
        shown = command(eve, "status").out
        assert "was revoked, says ann: stolen" in " ".join(shown.split()), shown
        refused = eve.ask(type="reserve", ask=ask, term_ms=600_000)["refused"]["sentence"]
        assert "told by bob" in refused
        one_sentence(command(eve, "reserve", "--ram", "8MiB", "--for", "10m"), 1, "--new-identity")
        bob.stop()
        eve.stop()
        eve.start()  # with nobody there to say it again
        until("eve is up", eve.answers, PATIENCE_SECONDS)
        assert stands(eve) == "outcast"
        assert command(eve, "release", kept[:12]).status == 0
        eve.stop()
        bob.start()
        until("bob is up", bob.answers, PATIENCE_SECONDS)
        eve.start("--new-identity", "--first")
        until("eve is somebody new", lambda: eve.answers() and sees(bob, "eve"), PATIENCE_SECONDS)
        assert stands(eve) == "open"
        assert eve.granted(type="reserve", ask=ask, term_ms=600_000)["id"]
