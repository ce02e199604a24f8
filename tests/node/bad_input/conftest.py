"""A house per test, and for what only looks, one agent that a whole file shares."""

from collections.abc import Iterator

import pytest

from simulations.demo.nodes import Node
from tests.node.bad_input.people import House, house, running


@pytest.fixture
def home() -> Iterator[House]:
    with house() as made:
        yield made


@pytest.fixture(scope="module")
def ann() -> Iterator[Node]:
    """An agent that no test may stop or change for good."""
    with house() as made, running(made.node("ann"), "--first") as node:
        yield node
