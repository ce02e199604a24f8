"""Two real agents that offer more than their machine has, and see nothing of each other's locks."""

import os
from functools import partial

from simulations.demo.nodes import Node, until
from simulations.processes import MIB, real_mesh

PATIENCE_SECONDS = 20.0


def test_shares_that_are_more_than_the_machine_grant_nothing_of_it_and_say_so() -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MIB
    with real_mesh(["ann", "bob"], [machine * 6 // 10] * 2, apart=True) as nodes:
        for name, other in (("ann", "bob"), ("bob", "ann")):
            sentence, _ = until("it says so", partial(warned, nodes[name]), PATIENCE_SECONDS)
            assert sentence.startswith(f"{other} says the same ram is theirs")
            assert sentence.endswith("offer more than the machine has: `up --offer` less")
            ask = {"ram": "1MiB", "node": name}
            no = nodes[name].ask(type="reserve", ask=ask, term_ms=60_000)
            assert no["refused"]["code"] == "not_possible"


def warned(node: Node) -> str:
    told = node.granted(type="status")["warnings"]
    return next((sentence for sentence in told if "is theirs" in sentence), "")
